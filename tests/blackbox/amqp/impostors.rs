//! Targets that only look like a broker of AMQP, and what the probe says of them.

use std::{
    io::{Read, Write},
    net::TcpStream,
};

use super::{PASSWORD, check};
use crate::{
    probes::try_out,
    runner::{BRISK, EAGER, Home},
    target::{Target, freeze},
};

/// The kinds of frames: a method, the header of a message, and its body.
const METHOD: u8 = 1;
const HEADER: u8 = 2;
const BODY: u8 = 3;

fn frame(kind: u8, channel: u16, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&[kind], channel.to_be_bytes().as_slice(), &length, payload, &[0xce]].concat()
}

fn method(channel: u16, class: u16, method: u16, arguments: &[u8]) -> Vec<u8> {
    frame(METHOD, channel, &[&class.to_be_bytes(), method.to_be_bytes().as_slice(), arguments].concat())
}

/// What a broker begins with that takes these mechanisms.
fn start(mechanisms: &str) -> Vec<u8> {
    let length = u32::try_from(mechanisms.len()).unwrap().to_be_bytes();
    method(0, 10, 10, &[b"\0\x09\0\0\0\0", length.as_slice(), mechanisms.as_bytes(), b"\0\0\0\x05en_US"].concat())
}

/// A code and words, and two numbers that mean nothing here.
fn reason(code: u16, words: &str) -> Vec<u8> {
    [&code.to_be_bytes(), [u8::try_from(words.len()).unwrap()].as_slice(), words.as_bytes(), &[0; 4]].concat()
}

/// The next frame of a client's: its kind, and its payload.
fn next(stream: &mut TcpStream) -> Option<(u8, Vec<u8>)> {
    let mut head = [0; 7];
    stream.read_exact(&mut head).ok()?;
    let length = u32::from_be_bytes([head[3], head[4], head[5], head[6]]);
    let mut payload = vec![0; length as usize + 1];
    stream.read_exact(&mut payload).ok()?;
    payload.pop();
    Some((head[0], payload))
}

/// A broker that sends heartbeats on the side, and does with a message as `take` says, after the header of its protocol and
/// the start were exchanged.
fn broker(take: impl Fn(&[u8]) -> Vec<u8> + Send + Sync + 'static) -> Target {
    Target::tcp(move |mut stream| {
        let mut hello = [0; 8];
        let _ = stream.read_exact(&mut hello).and_then(|()| stream.write_all(&start("PLAIN")));
        while let Some((kind, payload)) = next(&mut stream) {
            let mut answer = frame(8, 0, b"");
            answer.extend(match (kind, payload.get(1).copied(), payload.get(3).copied()) {
                (BODY, ..) => take(&payload),
                (METHOD, Some(10), Some(11)) => method(0, 10, 30, b"\0\0\0\0\0\0\0\0"),
                (METHOD, Some(10), Some(40)) => method(0, 10, 41, b"\0"),
                (METHOD, Some(20), Some(10)) => method(1, 20, 11, b"\0\0\0\0"),
                (METHOD, Some(85), Some(10)) => method(1, 85, 11, b""),
                (METHOD, Some(50), Some(10)) => method(1, 50, 11, b"\x01q\0\0\0\0\0\0\0\0"),
                (METHOD, Some(60), Some(20)) => method(1, 60, 21, b"\x01c"),
                _ => vec![],
            });
            // Whoever connected may leave at any time.
            let _ = stream.write_all(&answer);
        }
    })
}

/// A delivery of a message that is told to have so many bytes.
fn delivery(length: u64, payload: &[u8]) -> Vec<u8> {
    let header = [b"\0\x3c\0\0".as_slice(), &length.to_be_bytes(), &[0, 0]].concat();
    [delivered(), frame(HEADER, 1, &header), frame(BODY, 1, payload)].concat()
}

fn delivered() -> Vec<u8> {
    method(1, 60, 60, b"\x01c\0\0\0\0\0\0\0\x01\0\0\x01q")
}

fn ack() -> Vec<u8> {
    method(1, 60, 80, b"\0\0\0\0\0\0\0\x01\0")
}

fn whole(payload: &[u8]) -> Vec<u8> {
    delivery(payload.len() as u64, payload)
}

/// Answers the header of the protocol with these bytes.
fn beginning(bytes: Vec<u8>) -> Target {
    Target::tcp(move |mut stream| {
        let mut hello = [0; 8];
        let _ = stream.read_exact(&mut hello).and_then(|()| stream.write_all(&bytes));
        freeze(stream);
    })
}

/// Sends this without end, after the start.
fn flooding(bytes: Vec<u8>) -> Target {
    Target::tcp(move |mut stream| {
        let _ = stream.write_all(&start("PLAIN"));
        while stream.write_all(&bytes).is_ok() {}
    })
}

#[test]
fn what_only_looks_like_a_broker_gets_a_verdict() {
    let well = broker(|payload| [ack(), whole(payload)].concat());
    let early = broker(|payload| [whole(payload), ack()].concat());
    let corrupting = broker(|payload| [ack(), whole(&[b"x", &payload[1..]].concat())].concat());
    let doubling = broker(|payload| [ack(), whole(payload), whole(payload)].concat());
    let swallowing = broker(|_| ack());
    let deaf = broker(|_| vec![]);
    let refusing = broker(|_| method(1, 60, 120, b"\0\0\0\0\0\0\0\x01\0"));
    let returning = broker(|_| method(1, 60, 50, &reason(312, "NO_ROUTE")));
    let blocked = broker(|_| method(0, 10, 60, b"\x0dlow on memory"));
    let cancelling = broker(|_| method(1, 60, 30, b"\x01c\0"));
    let closing = broker(|_| method(0, 10, 50, &reason(320, "CONNECTION_FORCED - shutdown")));
    let too_long = broker(|payload| delivery(1 << 40, payload));
    let uneven = broker(|payload| delivery(3, payload));
    let headless = broker(|payload| [delivered(), frame(BODY, 1, payload)].concat());
    let stray = broker(|payload| frame(BODY, 1, payload));
    let cut = broker(|payload| [ack(), whole(payload)[..60].to_vec()].concat());
    let endless_frame = beginning(b"\x01\0\0\xff\xff\xff\xff".to_vec());
    let endless_end = beginning([&start("PLAIN")[..start("PLAIN").len() - 1], b"x"].concat());
    let other_version = beginning(b"AMQP\0\x01\0\0".to_vec());
    let malformed = beginning(method(0, 10, 10, b"\0\x09\xff\xff\xff\xff"));
    let external = beginning(start("EXTERNAL AMQPLAIN"));
    let babbling = flooding(frame(8, 0, b"").repeat(1024));
    let rambling = flooding(frame(8, 0, &[b'x'; 100_000]));
    let endless = Target::endless("", b"x");
    let endless_later = flooding(vec![b'x'; 1024]);
    let mail = Target::greeting("220 mail.example ESMTP\r\n");
    let web = Target::reciting("", &["HTTP/1.1 400 Bad Request\r\n\r\n"]);
    let noise = Target::greeting("\x00\x01\x7f\r\n\x00\x00");
    let frozen = Target::tcp(freeze);
    let rude = Target::tcp(drop);
    let dribble = Target::dribbling(b"\x01\0\0\0\0\0\x08\0\x0a\0\x0a\0\x09\0\0");
    let at = |target: &Target, more: &str| {
        format!("settings = {{ host = \"127.0.0.1\", port = {}{more} }}\n{EAGER}", target.port())
    };
    let nowhere = at(&mail, "").replace("127.0.0.1", "nowhere.invalid");
    let on_and_on = "goes on and on, and the answer to Connection.Start-Ok is not in what it says";
    let foreign = "does not speak AMQP 0-9-1: it answered";
    let unhealthy = "unhealthy";
    try_out(
        "amqp",
        &[
            ("well", at(&well, ""), "healthy", "delivered a message"),
            ("early", at(&early, ""), "healthy", "delivered a message"),
            ("corrupting", at(&corrupting, ""), unhealthy, "corrupted a message: it delivered \"x"),
            ("doubling", at(&doubling, ""), "degraded", "it delivered the message 2 times"),
            ("swallowing", at(&swallowing, ""), unhealthy, "it did not deliver the message"),
            ("deaf", at(&deaf, ""), unhealthy, &format!("waiting for the answer of {} to Basic.Pub", deaf.address)),
            ("refusing", at(&refusing, ""), unhealthy, "did not take the message: it said nack"),
            ("returning", at(&returning, ""), unhealthy, "gave it back (312): it said \"NO_ROUTE\""),
            ("blocked", at(&blocked, ""), unhealthy, "takes no messages for now: it said \"low on memory\""),
            ("cancelling", at(&cancelling, ""), unhealthy, "ended the delivery of messages"),
            ("closing", at(&closing, ""), unhealthy, "ended the connection (320): it said \"CONNECTION_FORCED"),
            ("too-long", at(&too_long, ""), unhealthy, "a message of 1099511627776 bytes, expected 262144 at most"),
            ("uneven", at(&uneven, ""), unhealthy, foreign),
            ("headless", at(&headless, ""), unhealthy, foreign),
            ("stray", at(&stray, ""), unhealthy, foreign),
            ("cut", at(&cut, ""), unhealthy, "it did not deliver the message"),
            (
                "endless-frame",
                at(&endless_frame, ""),
                unhealthy,
                "a frame of 4294967295 bytes, expected 131072 at most",
            ),
            ("endless-end", at(&endless_end, ""), unhealthy, foreign),
            ("other-version", at(&other_version, ""), unhealthy, "it answered the protocol header with \"AMQP"),
            ("malformed", at(&malformed, ""), unhealthy, foreign),
            (
                "external",
                at(&external, ""),
                unhealthy,
                "does not take a user and a password (PLAIN), but EXTERNAL AMQPLAIN",
            ),
            ("babbling", at(&babbling, ""), unhealthy, on_and_on),
            ("rambling", at(&rambling, ""), unhealthy, on_and_on),
            ("endless", at(&endless, ""), unhealthy, "it answered the protocol header with \"xxx"),
            ("endless-later", at(&endless_later, ""), unhealthy, "it answered Connection.Start-Ok with \"xxx"),
            ("mail", at(&mail, ""), unhealthy, "it answered the protocol header with \"220 mail"),
            ("mail-tls", at(&mail, ", tls = true"), unhealthy, "the answer is not TLS"),
            ("web", at(&web, ""), unhealthy, "it answered the protocol header with \"HTTP/1.1"),
            ("noise", at(&noise, ""), unhealthy, foreign),
            ("frozen", at(&frozen, ""), unhealthy, "no answer within"),
            ("rude", at(&rude, ""), unhealthy, "while waiting for the answer of 127.0.0.1:"),
            ("dribble", at(&dribble, ""), unhealthy, "no answer within"),
            ("nowhere", nowhere, unhealthy, "while resolving nowhere.invalid"),
        ],
    );
}

#[test]
fn a_password_that_the_broker_repeats_is_not_shown() {
    let echo = Target::tcp(|mut stream| {
        let mut hello = [0; 8];
        let _ = stream.read_exact(&mut hello).and_then(|()| stream.write_all(&start("PLAIN")));
        let Some((_, login)) = next(&mut stream) else { return };
        assert!(login.windows(PASSWORD.len()).any(|window| window == PASSWORD.as_bytes()));
        // Whoever connected may leave at any time.
        let _ = stream.write_all(&method(0, 10, 50, &reason(403, &format!("no {PASSWORD} here"))));
        freeze(stream);
    });
    // Written out, so that the runner does not know it for a secret.
    let settings = format!(r#", user = "u", password = "{PASSWORD}""#);
    let runner = Home::new(&format!("{BRISK}{}", check("echo", echo.port(), &settings))).start();
    let seen = runner.wait_for_check("echo", "is refused", |check| check.status() == "unhealthy");
    assert!(seen.message().ends_with("refused the credentials (403): it said \"no *** here\""), "{seen:?}");
    assert!(!runner.stop_and_tell_all().contains(PASSWORD));
}
