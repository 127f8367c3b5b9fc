//! Who is connected, by address: how many connections each has, and how many requests it has made of late.
//!
//! An address is looked up once a connection. A request then costs one atomic step.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use crate::config::{HttpLimits, Pace};

/// How many addresses are remembered before those that left are looked for. Afterwards it is twice as many as are left, so
/// that looking costs next to nothing per connection.
const FORGET_AT: usize = 1_024;
/// How much of an IPv6 address tells who it is: whoever has one usually has all of its /64.
const PREFIX: u128 = u128::MAX << 64;
/// Nanoseconds of a second.
const SECOND: u64 = 1_000_000_000;

/// Everybody who is connected, or was a moment ago.
pub(super) struct Visitors {
    most: usize,
    pace: Option<Steps>,
    began: Instant,
    known: Mutex<Known>,
}

struct Known {
    by_address: HashMap<IpAddr, Arc<Visitor>>,
    forget_at: usize,
}

/// One address.
#[derive(Default)]
struct Visitor {
    connections: AtomicUsize,
    /// The moment, since the beginning, at which its allowance is whole again, in nanoseconds: the "theoretical arrival time"
    /// of the generic cell rate algorithm (ITU-T I.371).
    whole_at: AtomicU64,
}

/// A pace, in nanoseconds.
#[derive(Clone, Copy)]
struct Steps {
    /// What one request takes of the allowance.
    one: u64,
    /// The whole allowance.
    all: u64,
}

impl Steps {
    fn of(pace: Pace) -> Steps {
        let one = SECOND / u64::from(pace.per_second.get());
        Steps { one, all: one * u64::from(pace.burst.get()) }
    }
}

/// A connection of an address. It counts until it is dropped.
pub(super) struct Visit {
    visitor: Arc<Visitor>,
    pace: Option<Steps>,
    began: Instant,
}

impl Visitors {
    pub(super) fn new(limits: &HttpLimits) -> Visitors {
        Visitors {
            most: limits.connections_per_address.unwrap_or(usize::MAX),
            pace: limits.pace.map(Steps::of),
            began: Instant::now(),
            known: Mutex::new(Known { by_address: HashMap::new(), forget_at: FORGET_AT }),
        }
    }

    /// Takes in a connection; `None`: its address has as many as it may.
    pub(super) fn admit(&self, peer: IpAddr) -> Option<Visit> {
        // What is kept is whole after each step, so a thread that failed in between did no harm.
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.by_address.len() >= known.forget_at {
            let now = nanoseconds(self.began.elapsed());
            known
                .by_address
                .retain(|_, visitor| visitor.connections.load(Relaxed) > 0 || visitor.whole_at.load(Relaxed) > now);
            known.forget_at = FORGET_AT.max(2 * known.by_address.len());
        }
        let visitor = Arc::clone(known.by_address.entry(who(peer)).or_default());
        if visitor.connections.load(Relaxed) >= self.most {
            return None;
        }
        visitor.connections.fetch_add(1, Relaxed);
        Some(Visit { visitor, pace: self.pace, began: self.began })
    }
}

impl Visit {
    /// Takes in a request.
    ///
    /// # Errors
    ///
    /// It is one too many; after so many seconds there will be room again.
    pub(super) fn ask(&self, now: Instant) -> Result<(), u32> {
        let Some(Steps { one, all }) = self.pace else {
            return Ok(());
        };
        let now = nanoseconds(now.duration_since(self.began));
        let take = |whole_at: u64| Some(whole_at.max(now) + one).filter(|next| next - now <= all);
        self.visitor.whole_at.fetch_update(Relaxed, Relaxed, take).map(drop).map_err(|whole_at| {
            let wait = (whole_at.max(now) + one).saturating_sub(now + all);
            u32::try_from(wait.div_ceil(SECOND)).unwrap_or(u32::MAX).max(1)
        })
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        self.visitor.connections.fetch_sub(1, Relaxed);
    }
}

/// Whom an address stands for.
fn who(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & PREFIX).into(),
        address => address,
    }
}

fn nanoseconds(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::num::NonZeroU32;

    use super::*;

    fn visitors(per_second: u32, burst: u32) -> Visitors {
        let count = |number| NonZeroU32::new(number).unwrap();
        let pace = Some(Pace { per_second: count(per_second), burst: count(burst) });
        Visitors::new(&HttpLimits { connections_per_address: Some(2), pace, ..HttpLimits::default() })
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn an_address_has_its_connections_and_no_more() {
        let visitors = visitors(1, 1);
        let (first, _second) =
            (visitors.admit(ip("192.0.2.1")).unwrap(), visitors.admit(ip("::ffff:192.0.2.1")).unwrap());
        assert!(visitors.admit(ip("192.0.2.1")).is_none());
        assert!(visitors.admit(ip("192.0.2.2")).is_some());
        drop(first);
        assert!(visitors.admit(ip("192.0.2.1")).is_some());
        let _one = visitors.admit(ip("2001:db8::1")).unwrap();
        let _two = visitors.admit(ip("2001:db8::ffff")).unwrap();
        assert!(visitors.admit(ip("2001:db8::2:0:0:1")).is_none(), "the same /64");
        assert!(visitors.admit(ip("2001:db8:0:1::1")).is_some());
    }

    #[test]
    fn an_address_asks_at_its_pace_after_a_burst() {
        let visitors = visitors(2, 3);
        let (one, other) = (visitors.admit(ip("192.0.2.1")).unwrap(), visitors.admit(ip("192.0.2.1")).unwrap());
        let at = |milliseconds| visitors.began + Duration::from_millis(milliseconds);
        assert_eq!([one.ask(at(0)), other.ask(at(0)), one.ask(at(0))], [Ok(()); 3]);
        assert_eq!([other.ask(at(0)), one.ask(at(499))], [Err(1); 2], "the address counts, not the connection");
        assert_eq!([one.ask(at(500)), one.ask(at(501)), one.ask(at(1_000))], [Ok(()), Err(1), Ok(())]);
        assert_eq!([one.ask(at(60_000)); 1], [Ok(())]);
        assert!(visitors.admit(ip("192.0.2.2")).unwrap().ask(at(0)).is_ok());
    }

    #[test]
    fn those_that_left_are_forgotten() {
        let visitors = visitors(1_000_000, 1);
        let stays = visitors.admit(ip("198.51.100.1")).unwrap();
        for number in 0..5_000_u32 {
            visitors.admit(IpAddr::from(number.to_be_bytes())).unwrap();
        }
        assert!(visitors.known.lock().unwrap().by_address.len() <= FORGET_AT);
        assert_eq!(stays.visitor.connections.load(Relaxed), 1);
    }
}
