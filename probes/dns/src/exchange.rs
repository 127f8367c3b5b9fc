//! Asking a server: by UDP, and by TCP when the answer is too long for that.

use std::net::SocketAddr;

use probity_guest::{Cause, Error, clock::Deadline, tcp, udp};

use crate::message::{Answer, Question};

/// Asks a server.
///
/// # Errors
///
/// Those of sending and receiving; [`Cause::Protocol`] if all that came was no answer to the question.
pub(crate) fn ask(question: &Question, server: SocketAddr, deadline: Deadline) -> Result<Answer, Error> {
    let answer = udp::ask(server, question.bytes(), deadline, |datagram| question.read(datagram))?;
    if answer.truncated { ask_by_tcp(question, server, deadline) } else { Ok(answer) }
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
