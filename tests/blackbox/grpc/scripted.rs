//! Servers of HTTP/2 that say what a test has written down, frame by frame (RFC 9113).

use std::{
    io::{Read, Write},
    net::TcpStream,
};

use crate::target::{Target, freeze};

/// The kinds of frames (section 6).
pub const DATA: u8 = 0;
pub const HEADERS: u8 = 1;
pub const RST_STREAM: u8 = 3;
pub const SETTINGS: u8 = 4;
pub const PING: u8 = 6;
pub const GOAWAY: u8 = 7;

/// The flags of those that make up an answer.
pub const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// The stream that a client opens first.
const FIRST: u32 = 1;

/// A frame of the connection, or of the first stream.
pub fn frame(kind: u8, flags: u8, payload: &[u8]) -> Vec<u8> {
    let stream = if matches!(kind, SETTINGS | PING | GOAWAY) { 0 } else { FIRST };
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// Headers or trailers. Each field is written out (RFC 7541, section 6.2.2).
pub fn fields(fields: &[(&str, &str)], flags: u8) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in fields {
        block.push(0);
        for text in [name, value] {
            integer(&mut block, text.len());
            block.extend(text.as_bytes());
        }
    }
    frame(HEADERS, flags | END_HEADERS, &block)
}

/// With seven bits in its first byte (section 5.1).
fn integer(block: &mut Vec<u8>, number: usize) {
    if number < 127 {
        block.push(number as u8);
        return;
    }
    block.push(127);
    let mut rest = number - 127;
    while rest >= 128 {
        block.push((rest % 128) as u8 | 0x80);
        rest /= 128;
    }
    block.push(rest as u8);
}

/// The head of an answer that is gRPC.
pub fn head() -> Vec<u8> {
    fields(&[(":status", "200"), ("content-type", "application/grpc")], 0)
}

/// The end of an answer that is well.
pub fn end() -> Vec<u8> {
    fields(&[("grpc-status", "0")], END_STREAM)
}

/// An answer with this in it, whose call ended well.
pub fn answer(data: &[u8]) -> Vec<u8> {
    [head(), frame(DATA, 0, data), end()].concat()
}

/// Hears a whole request, answers with these frames, and waits for the other side to leave.
pub fn target(frames: Vec<u8>) -> Target {
    then(frames, freeze)
}

/// Hears a whole request, answers with these frames, and goes on as told.
pub fn then(frames: Vec<u8>, go_on: impl Fn(TcpStream) + Send + Sync + 'static) -> Target {
    Target::tcp(move |mut stream| {
        let settings = frame(SETTINGS, 0, &[]);
        // Whoever asked may be gone.
        if stream.write_all(&settings).is_ok() && hear(&mut stream).is_ok() && stream.write_all(&frames).is_ok() {
            go_on(stream);
        }
    })
}

/// Hears what a client says, to the end of its request.
fn hear(stream: &mut TcpStream) -> std::io::Result<()> {
    stream.read_exact(&mut [0; 24])?;
    loop {
        let mut head = [0; 9];
        stream.read_exact(&mut head)?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        stream.read_exact(&mut vec![0; length as usize])?;
        if matches!(head[3], DATA | HEADERS) && head[4] & END_STREAM > 0 {
            return Ok(());
        }
    }
}
