//! The requests of one socket that wait for an answer, and which of them something that arrived is about.

use std::{
    collections::VecDeque,
    net::IpAddr,
    time::{Duration, Instant},
};

use super::{
    contract::{Answer, Complaint, Reply},
    packet::{self, Echo, Family, Mark, NONCE},
};

/// Requests that are remembered. Who sends more without hearing an answer has nothing to hope for from the first of them.
const MOST: usize = 1024;

/// Something that arrived at a socket.
#[derive(Debug)]
pub(super) enum Arrival<'a> {
    /// A message.
    Message {
        sender: IpAddr,
        ttl: u8,
        /// How long ago the system had it.
        age: Duration,
        message: &'a [u8],
    },
    /// What somebody says of a message that was sent.
    Complaint {
        sender: IpAddr,
        kind: u8,
        code: u8,
        /// As much as he repeats of that message.
        about: &'a [u8],
    },
}

struct Sent {
    mark: Mark,
    payload_size: usize,
    at: Instant,
}

/// The requests.
pub(super) struct Requests {
    remote: IpAddr,
    identifier: u16,
    /// From the oldest.
    unanswered: VecDeque<Sent>,
}

impl Requests {
    pub(super) fn new(remote: IpAddr, identifier: u16) -> Requests {
        Requests { remote, identifier, unanswered: VecDeque::new() }
    }

    /// The next request to send, which is remembered as sent now.
    pub(super) fn next(&mut self, sequence: u16, payload_size: usize, nonce: [u8; NONCE]) -> Vec<u8> {
        let mark = Mark { identifier: self.identifier, sequence, nonce };
        self.unanswered.retain(|sent| sent.mark.sequence != sequence);
        if self.unanswered.len() == MOST {
            self.unanswered.pop_front();
        }
        let packet = packet::request(self.family(), &mark, payload_size);
        self.unanswered.push_back(Sent { mark, payload_size, at: Instant::now() });
        packet
    }

    /// The answer that something amounts to, at `now`; `None` if it is nothing to us. Each request has one answer.
    pub(super) fn take(&mut self, arrival: &Arrival<'_>, now: Instant) -> Option<Answer> {
        match *arrival {
            Arrival::Message { sender, ttl, age, message } => {
                // A raw socket hears everybody, and one of another kind at least all who know its number.
                let echo = Echo::reply(self.family(), message).filter(|_| sender == self.remote)?;
                let sent = self.settle(&echo)?;
                let took = now.saturating_duration_since(sent.at);
                Some(Answer::Reply(Reply {
                    sequence: echo.sequence,
                    // It can't have lain there for longer than it took, unless somebody set the clock meanwhile.
                    round_trip: nanoseconds(took.checked_sub(age).unwrap_or(took)),
                    ttl,
                    payload_size: u32::try_from(echo.payload.len()).unwrap_or(u32::MAX),
                    intact: echo.is_intact(&sent.mark, sent.payload_size),
                }))
            }
            Arrival::Complaint { sender, kind, code, about } => {
                let answer = match kind {
                    kind if kind == self.family().unreachable() => Answer::DestinationUnreachable,
                    kind if kind == self.family().time_exceeded() => Answer::TimeExceeded,
                    _ => return None,
                };
                let echo = Echo::request(self.family(), about)?;
                self.settle(&echo)?;
                Some(answer(Complaint { sequence: echo.sequence, sender: sender.into(), code }))
            }
        }
    }

    fn settle(&mut self, echo: &Echo<'_>) -> Option<Sent> {
        let at = self.unanswered.iter().position(|sent| echo.is_of(&sent.mark))?;
        self.unanswered.remove(at)
    }

    fn family(&self) -> Family {
        Family::of(self.remote)
    }
}

/// Saturates after 584 years.
fn nanoseconds(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use std::net::Ipv4Addr;

    use wasmtime_wasi::p2::bindings::sockets::network::IpAddress;

    use super::*;

    const TARGET: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7));
    const ROUTER: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
    const NONCE: [u8; 8] = *b"nonsense";

    fn requests() -> Requests {
        Requests::new(TARGET, 42)
    }

    fn message(sender: IpAddr, message: &[u8]) -> Arrival<'_> {
        Arrival::Message { sender, ttl: 63, age: Duration::ZERO, message }
    }

    fn reply(request: &[u8]) -> Vec<u8> {
        [&[Family::V4.reply()], &request[1..]].concat()
    }

    #[test]
    fn a_reply_counts_once_and_from_the_target_alone() {
        let mut requests = requests();
        let sent = reply(&requests.next(3, 56, NONCE));
        let now = Instant::now();
        assert!(requests.take(&message(ROUTER, &sent), now).is_none(), "somebody else");
        let Some(Answer::Reply(reply)) = requests.take(&message(TARGET, &sent), now) else { panic!("a reply") };
        assert_eq!((reply.sequence, reply.ttl, reply.payload_size, reply.intact), (3, 63, 56, true));
        assert!(requests.take(&message(TARGET, &sent), now).is_none(), "a second one is a copy");
    }

    #[test]
    fn time_in_the_queue_is_not_the_targets() {
        let mut requests = requests();
        let after = Duration::from_millis(300);
        // A message can't have lain there for longer than it was on its way: then somebody has set the clock.
        for (age, expected) in [(290, 10), (3_600_000, 300)]
            .map(|(age, expected)| (Duration::from_millis(age), Duration::from_millis(expected)))
        {
            let before = Instant::now();
            let sent = reply(&requests.next(1, 56, NONCE));
            let now = Instant::now() + after;
            let late = Arrival::Message { sender: TARGET, ttl: 1, age, message: &sent };
            let Some(Answer::Reply(reply)) = requests.take(&late, now) else { panic!("a reply") };
            let round_trip = Duration::from_nanos(reply.round_trip);
            let this_test_took = now - before - after;
            assert!(
                round_trip >= expected && round_trip <= expected + this_test_took,
                "{round_trip:?} of {expected:?}"
            );
        }
    }

    #[test]
    fn a_forged_reply_is_no_answer() {
        let mut requests = requests();
        let sent = reply(&requests.next(1, 56, NONCE));
        let mut forged = sent.clone();
        forged[12] ^= 1;
        assert!(requests.take(&message(TARGET, &forged), Instant::now()).is_none(), "another nonce");
        let mut others = sent.clone();
        others[5] ^= 1;
        assert!(requests.take(&message(TARGET, &others), Instant::now()).is_none(), "another process");
        assert!(requests.take(&message(TARGET, &sent), Instant::now()).is_some());
    }

    #[test]
    fn a_complaint_is_about_one_request() {
        let mut requests = requests();
        let first = requests.next(1, 56, NONCE);
        let second = requests.next(2, 56, NONCE);
        let complain = |kind, about| Arrival::Complaint { sender: ROUTER, kind, code: 1, about };
        assert!(requests.take(&complain(4, &first[..8]), Instant::now()).is_none(), "of another kind");
        let Some(Answer::DestinationUnreachable(complaint)) = requests.take(&complain(3, &second[..8]), Instant::now())
        else {
            panic!("unreachable")
        };
        assert_eq!((complaint.sequence, complaint.code), (2, 1));
        assert!(matches!(complaint.sender, IpAddress::Ipv4((192, 0, 2, 1))));
        let Some(Answer::TimeExceeded(complaint)) = requests.take(&complain(11, &first[..]), Instant::now()) else {
            panic!("time exceeded")
        };
        assert_eq!(complaint.sequence, 1);
    }

    #[test]
    fn so_many_are_remembered_and_no_more() {
        let mut requests = requests();
        let first = reply(&requests.next(0, 8, NONCE));
        let second = reply(&requests.next(1, 8, NONCE));
        // The same number again is the same request, sent anew.
        requests.next(1, 8, *b"otherone");
        assert!(requests.take(&message(TARGET, &second), Instant::now()).is_none());
        for sequence in 1..=1024 {
            requests.next(sequence, 8, NONCE);
        }
        assert_eq!(requests.unanswered.len(), MOST);
        assert!(requests.take(&message(TARGET, &first), Instant::now()).is_none(), "the oldest is forgotten");
    }
}
