//! Asking a server: by UDP, and by TCP when the answer is too long for that.

use std::net::SocketAddr;

use probity_guest::{
    Cause, Error,
    clock::{Deadline, Instant},
    tcp, udp,
};

use crate::message::{Answer, Question};

/// How often a question is sent by UDP, which loses datagrams: as often as most resolvers do.
const TRIES: usize = 3;

/// Asks a server.
///
/// # Errors
///
/// Those of sending and receiving; [`Cause::Protocol`] if all that came was no answer to the question.
pub(crate) fn ask(question: &Question, server: SocketAddr, deadline: Deadline) -> Result<Answer, Error> {
    let answer = ask_by_udp(question, server, deadline)?;
    if answer.truncated { ask_by_tcp(question, server, deadline) } else { Ok(answer) }
}

fn ask_by_udp(question: &Question, server: SocketAddr, deadline: Deadline) -> Result<Answer, Error> {
    let begun = Instant::now();
    let mut socket = udp::Socket::connect(server, deadline)?;
    let mut strays = 0;
    for left in (1..=TRIES).rev() {
        let patience = deadline.share(left);
        socket.send(question.bytes(), patience)?;
        loop {
            let datagram = match socket.receive(patience) {
                Ok(datagram) => datagram,
                Err(Error { cause: Cause::TimedOut(_), .. }) => break,
                Err(error) => return Err(error),
            };
            match question.read(&datagram) {
                Some(answer) => return Ok(answer),
                // It may be late, forged or garbage; the answer may still come.
                None => strays += 1,
            }
        }
    }
    let cause = match strays {
        0 => Cause::TimedOut(begun.elapsed()),
        strays => Cause::Protocol(format!("{strays} datagrams came, and none answered the question")),
    };
    Err(Error::new(format!("asking {server} by UDP"), cause))
}

fn ask_by_tcp(question: &Question, server: SocketAddr, deadline: Deadline) -> Result<Answer, Error> {
    let mut stream = tcp::Stream::connect(server, deadline)?;
    // A message has its length before it (RFC 1035, section 4.2.2), sent with it in one go (RFC 7766, section 8).
    let length = question.bytes().len() as u16;
    stream.write(&[&length.to_be_bytes(), question.bytes()].concat(), deadline)?;
    let length = stream.read_exact(2, deadline)?;
    let length = length.iter().fold(0, |length, byte| length << 8 | usize::from(*byte));
    let message = stream.read_exact(length, deadline)?;
    let answer = question.read(&message).filter(|answer| !answer.truncated);
    answer.ok_or_else(|| {
        let cause = Cause::Protocol("what came does not answer the question".to_owned());
        Error::new(format!("asking {server} by TCP"), cause)
    })
}
