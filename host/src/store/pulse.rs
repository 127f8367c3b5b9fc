//! Whether time went on as it should between one look at the clocks and the next.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use probity_core::time::Now;

/// How long nobody may have looked, or how far the clock may have gone ahead in between, before the runner counts as having stood
/// still: some looks, each a second after the one before. A machine with much to do is late by less.
const STILL: SignedDuration = SignedDuration::from_secs(5);
/// How far the clock may have been set back before that counts: further than it is slowed down to be set right. Less is waited for.
const BACK: SignedDuration = SignedDuration::from_secs(1);

/// Time did not go on from the first to the second: the runner stood still, or the clock was set, ahead or back.
pub(super) type Leap = (Timestamp, Timestamp);

/// The latest look at the clocks.
#[derive(Default)]
pub(super) struct Pulse(Option<Now>);

impl Pulse {
    /// Looks now, and will again within a second.
    pub(super) fn beat(&mut self, now: Now) -> Option<Leap> {
        let leap = self.look(now);
        self.0.get_or_insert(now);
        leap
    }

    /// Looks now, if anybody does so regularly.
    pub(super) fn look(&mut self, now: Now) -> Option<Leap> {
        // Somebody else may have looked since this was read.
        let before = self.0.as_mut().filter(|before| before.elapsed <= now.elapsed)?;
        let passed = span(now.elapsed.saturating_sub(before.elapsed));
        let shown = now.wall.duration_since(before.wall);
        let leap = (before.wall, now.wall);
        *before = now;
        // Where the machine itself stood still, its steady clock may have as well.
        (passed > STILL || shown > STILL || shown < passed - BACK).then_some(leap)
    }
}

fn span(span: Duration) -> SignedDuration {
    SignedDuration::try_from(span).unwrap_or(SignedDuration::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now(elapsed: u64, wall: i64) -> Now {
        Now { elapsed: Duration::from_millis(elapsed), wall: at(wall) }
    }

    fn at(milliseconds: i64) -> Timestamp {
        Timestamp::from_millisecond(1_772_452_800_000 + milliseconds).unwrap()
    }

    #[test]
    fn a_leap_is_seen_and_what_is_merely_late_is_none() {
        let mut pulse = Pulse::default();
        assert_eq!(pulse.look(now(0, 0)), None, "nobody looks regularly");
        assert_eq!(pulse.look(now(100_000, 100_000)), None);
        assert_eq!(pulse.beat(now(100_000, 100_000)), None);
        assert_eq!(pulse.beat(now(104_900, 104_900)), None, "late");
        assert_eq!(pulse.look(now(125_000, 125_000)), Some((at(104_900), at(125_000))), "stopped");
        assert_eq!(pulse.beat(now(125_000, 125_000)), None, "it is told once");
        assert_eq!(pulse.beat(now(126_000, 186_000)), Some((at(125_000), at(186_000))), "asleep, or set ahead");
        assert_eq!(pulse.beat(now(127_000, 186_200)), None, "slowed down");
        assert_eq!(pulse.beat(now(128_000, 127_200)), Some((at(186_200), at(127_200))), "set back");
        assert_eq!(pulse.look(now(126_000, 125_200)), None, "read before the latest look");
        assert_eq!(
            pulse.beat(now(138_000, 128_000)),
            Some((at(127_200), at(128_000))),
            "set back while it stood still"
        );
    }
}
