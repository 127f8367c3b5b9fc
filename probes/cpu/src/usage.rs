//! What the processors did between two looks at what they have done since the machine was started.

use std::time::Duration;

use probity_guest::{limits::share, settings::Share, system::Cpu};

/// What the kernel had counted when it was looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Counters {
    /// Nanoseconds: busy, idle, waiting for disks, kept from working.
    times: [u64; 4],
    /// Of the control group: periods, and those in which it was held back. Zero if there is none.
    periods: [u64; 2],
}

/// Bytes that counters are kept as, from one run to the next.
const KEPT: usize = 6 * size_of::<u64>();

impl Counters {
    pub(crate) fn of(cpu: &Cpu) -> Self {
        let periods = cpu.control_group.as_ref().map(|group| [group.periods, group.throttled_periods]);
        Self { times: [cpu.busy, cpu.idle, cpu.iowait, cpu.steal], periods: periods.unwrap_or_default() }
    }

    /// As they are kept.
    pub(crate) fn to_bytes(self) -> Vec<u8> {
        self.times.into_iter().chain(self.periods).flat_map(u64::to_le_bytes).collect()
    }

    /// From what was kept; `None` if it is something else.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (words, rest) = bytes.as_chunks::<8>();
        let kept = (bytes.len() == KEPT && rest.is_empty()).then_some(words)?;
        let [busy, idle, iowait, steal, periods, throttled] = *kept else { return None };
        let number = u64::from_le_bytes;
        Some(Self {
            times: [number(busy), number(idle), number(iowait), number(steal)],
            periods: [number(periods), number(throttled)],
        })
    }
}

/// What they did meanwhile, as shares of the time of all cores.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Usage {
    /// How long that was.
    pub(crate) over: Duration,
    pub(crate) busy: Share,
    pub(crate) idle: Share,
    pub(crate) iowait: Share,
    pub(crate) steal: Share,
    /// The share of the control group's periods in which it was held back; `None` if it did not run, or there is none.
    pub(crate) throttled: Option<Share>,
}

impl Usage {
    /// `None` if the machine was started anew meanwhile: the counters began again. The one of waiting for disks is known to
    /// shrink at times, and then stands still here.
    pub(crate) fn between(before: &Counters, after: &Counters, cores: u32) -> Option<Self> {
        let [busy, idle, _, steal] = after.times;
        let [busy_before, idle_before, _, steal_before] = before.times;
        if busy < busy_before || idle < idle_before || steal < steal_before {
            return None;
        }
        let [busy, idle, iowait, steal] = grown(after.times, before.times);
        let total = busy.saturating_add(idle).saturating_add(iowait).saturating_add(steal);
        if total == 0 {
            return None;
        }
        let [periods, throttled] = grown(after.periods, before.periods);
        Some(Self {
            over: Duration::from_nanos(total / u64::from(cores.max(1))),
            busy: share(busy, total),
            idle: share(idle, total),
            iowait: share(iowait, total),
            steal: share(steal, total),
            throttled: (periods > 0).then(|| share(throttled, periods)),
        })
    }
}

fn grown<const COUNT: usize>(after: [u64; COUNT], before: [u64; COUNT]) -> [u64; COUNT] {
    std::array::from_fn(|at| after[at].saturating_sub(before[at]))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEFORE: Counters = Counters { times: [100, 1000, 50, 7], periods: [10, 1] };

    fn after(times: [u64; 4], periods: [u64; 2]) -> Counters {
        let [busy, idle, iowait, steal] = BEFORE.times;
        let [all, throttled] = BEFORE.periods;
        Counters {
            times: [busy + times[0], idle + times[1], iowait + times[2], steal + times[3]],
            periods: [all + periods[0], throttled + periods[1]],
        }
    }

    #[test]
    fn shares_are_those_of_the_time_between() {
        let usage = Usage::between(&BEFORE, &after([50, 30, 15, 5], [8, 2]), 2).unwrap();
        assert_eq!(usage.over, Duration::from_nanos(50));
        assert_eq!([usage.busy, usage.idle, usage.iowait, usage.steal], [0.5, 0.3, 0.15, 0.05].map(Share));
        assert_eq!(usage.throttled, Some(Share(0.25)));
        let idle = Usage::between(&BEFORE, &after([0, 10, 0, 0], [0, 0]), 1).unwrap();
        assert_eq!((idle.busy, idle.throttled), (Share(0.0), None));
    }

    #[test]
    fn counters_that_began_again_tell_nothing() {
        let mut anew = after([50, 30, 15, 5], [8, 2]);
        anew.times[0] = 3;
        assert_eq!(Usage::between(&BEFORE, &anew, 2), None);
        assert_eq!(Usage::between(&BEFORE, &BEFORE, 2), None, "no time has passed");
        let mut shrunk = after([50, 50, 0, 0], [0, 0]);
        shrunk.times[2] = 1;
        assert_eq!(Usage::between(&BEFORE, &shrunk, 1).unwrap().iowait, Share(0.0));
    }

    #[test]
    fn counters_are_kept() {
        let kept = BEFORE.to_bytes();
        assert_eq!((kept.len(), Counters::from_bytes(&kept)), (KEPT, Some(BEFORE)));
        for other in [&kept[1..], &[&kept[..], &[0; 8]].concat(), b"", b"{}"] {
            assert_eq!(Counters::from_bytes(other), None);
        }
    }
}
