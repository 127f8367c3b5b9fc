//! Whether checks that read each other do so in a circle: then none of them can be judged.

use std::{collections::HashSet, sync::Arc};

use super::Slots;

/// The way from `from` to a check that reads `reader`, by what the probes of each have read; the first and the last are the
/// same if `from` does so itself. `None` if there is no such way.
pub(super) fn find(slots: &Slots, from: &Arc<str>, reader: &str) -> Option<Vec<Arc<str>>> {
    let mut seen = HashSet::from([Arc::clone(from)]);
    // A stack of its own: how long the way is, is up to those who configure checks.
    let mut way: Vec<(Arc<str>, Vec<Arc<str>>)> = vec![(Arc::clone(from), reads(slots, from))];
    while let Some((_, ahead)) = way.last_mut() {
        match ahead.pop() {
            Some(next) if *next == *reader => return Some(way.into_iter().map(|(name, _)| name).collect()),
            Some(next) if seen.insert(Arc::clone(&next)) => {
                let ahead = reads(slots, &next);
                way.push((next, ahead));
            }
            Some(_) => {}
            None => {
                way.pop();
            }
        }
    }
    None
}

fn reads(slots: &Slots, name: &str) -> Vec<Arc<str>> {
    slots.get(name).map(|slot| slot.reads()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use probity_core::{
        machine::{Machine, Policy},
        schedule::{Every, Schedule},
        time::Now,
    };

    use super::*;
    use crate::board::{CheckInfo, CheckState, Slot};

    /// Checks, each with those that it has read.
    fn slots(reads: &[(&str, &[&str])]) -> Slots {
        let start = Now { elapsed: Duration::ZERO, wall: jiff::Timestamp::UNIX_EPOCH };
        let schedule = Schedule::Every(Every::new(Duration::from_secs(1), 0.0, "a").unwrap());
        let policy = Arc::new(Policy::usual(schedule));
        let slot = |(name, others): &(&str, &[&str])| {
            let info = CheckInfo {
                name: Arc::from(*name),
                probe: String::new(),
                description: String::new(),
                critical: false,
                group: None,
                labels: Default::default(),
                policy: Arc::clone(&policy),
                timeout: Duration::ZERO,
                limits: None,
                grants: vec![],
                generation: 1,
                digest: None,
            };
            let snapshot = Machine::new(Arc::clone(&policy), start, 0.0).snapshot();
            let slot = Slot::new(CheckState { info: Arc::new(info), snapshot });
            slot.has_read(others.iter().map(|other| Arc::from(*other)), true);
            (Arc::from(*name), Arc::new(slot))
        };
        reads.iter().map(slot).collect()
    }

    #[test]
    fn a_way_back_is_found_over_others_and_names_them() {
        let slots = slots(&[("a", &["b", "c"]), ("b", &["d"]), ("c", &["d", "e"]), ("d", &[]), ("e", &["a", "gone"])]);
        let way = |from: &str, reader: &str| {
            let way = find(&slots, &from.into(), reader)?;
            Some(way.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "))
        };
        assert_eq!(way("e", "a").as_deref(), Some("e"));
        assert_eq!(way("c", "a").as_deref(), Some("c e"));
        assert_eq!(way("a", "e").as_deref(), Some("a c"));
        assert_eq!(way("d", "a"), None);
        assert_eq!(way("b", "a"), None);
        assert_eq!(way("a", "nobody"), None, "a circle among others is theirs");
        assert_eq!(way("gone", "a"), None);
    }

    #[test]
    fn what_was_read_is_of_the_latest_run_and_forgotten_with_the_probe() {
        let slots = slots(&[("a", &["b"]), ("b", &["a"])]);
        let a = &slots["a"];
        assert!(find(&slots, &"a".into(), "b").is_some());
        a.has_read(["c".into()], false);
        assert!(find(&slots, &"a".into(), "c").is_some() && find(&slots, &"a".into(), "b").is_some());
        a.has_read(["c".into()], true);
        assert!(find(&slots, &"a".into(), "b").is_none());
        a.forget_reads();
        assert!(find(&slots, &"a".into(), "c").is_none());
    }

    #[test]
    fn no_length_of_a_way_is_too_much() {
        let names: Vec<String> = (0..20_000).map(|number| number.to_string()).collect();
        let next: Vec<[&str; 1]> = names[1..].iter().map(|name| [name.as_str()]).collect();
        let reads: Vec<(&str, &[&str])> = names.iter().zip(&next).map(|(name, next)| (&**name, &next[..])).collect();
        assert_eq!(find(&slots(&reads), &"0".into(), "19999").map(|way| way.len()), Some(19_999));
    }
}
