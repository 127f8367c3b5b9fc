//! What was seen of the memory, and what it comes to.

use probity_guest::{
    Findings, Verdict,
    limits::share,
    settings::Size,
    system::{Memory, MemoryGroup},
};

use crate::settings::{Settings, Whose};

/// The memory that a check is about.
pub(crate) struct Looked<'a> {
    /// The machine's, unless the check is about something else.
    machine: Option<&'a Memory>,
    /// That of a control group, if it counts.
    group: Option<&'a MemoryGroup>,
}

impl<'a> Looked<'a> {
    /// `None` if it is to be that of a control group, and there is none.
    pub(crate) fn at(memory: &'a Memory, settings: &Settings) -> Option<Self> {
        let group = memory.control_group.as_ref();
        match settings.of {
            Whose::Machine => Some(Self { machine: Some(memory), group: None }),
            Whose::ControlGroup => group.map(|group| Self { machine: None, group: Some(group) }),
            // A limit of more than there is limits nothing.
            Whose::Both => {
                Some(Self { machine: Some(memory), group: group.filter(|group| group.limit < memory.total) })
            }
        }
    }

    /// What a message is about.
    pub(crate) fn target(&self) -> String {
        match (self.machine, self.group) {
            (None, Some(group)) => name(group),
            _ => "the machine".to_owned(),
        }
    }

    /// Holds it to its limits.
    pub(crate) fn judge(&self, settings: &Settings, findings: &mut Findings) {
        let room = settings.room();
        if let Some(memory) = self.machine {
            room.hold(memory.available, memory.total, "it", findings);
            let used = memory.swap_total.saturating_sub(memory.swap_free);
            if memory.swap_total > 0 {
                let (used, total, part) = (Size(used), Size(memory.swap_total), share(used, memory.swap_total));
                let told = format!("it has {used} of {total} of swap in use, {part}");
                settings.swap_used().hold_down(part, &told, findings);
            }
        }
        if let Some(group) = self.group {
            let who = if self.machine.is_some() { name(group) } else { "it".to_owned() };
            room.hold(available(group), group.limit, &who, findings);
        }
    }

    /// What to say if nothing speaks against it.
    pub(crate) fn praise(&self) -> String {
        let left =
            |available, total| format!("{} of {} available, {}", Size(available), Size(total), share(available, total));
        let machine = self.machine.map(|memory| left(memory.available, memory.total));
        let group = self.group.map(|group| (left(available(group), group.limit), name(group)));
        match (machine, group) {
            (Some(machine), Some((left, name))) => format!("has {machine}, and {name} has {left}"),
            (Some(left), None) | (None, Some((left, _))) => format!("has {left}"),
            (None, None) => "has memory".to_owned(),
        }
    }
}

fn name(group: &MemoryGroup) -> String {
    format!("the runner's control group {}", group.path)
}

/// What is left to a group: what it has in memory of files goes before anybody has to do without.
fn available(group: &MemoryGroup) -> u64 {
    group.limit.saturating_sub(group.used.saturating_sub(group.reclaimable))
}

/// Adds what was seen to a verdict.
pub(crate) fn tell(verdict: Verdict, memory: &Memory) -> Verdict {
    let swap_used = memory.swap_total.saturating_sub(memory.swap_free);
    let mut verdict = verdict
        .measurement("memory-total", "By", memory.total as f64)
        .measurement("memory-available", "By", memory.available as f64)
        .measurement("memory-available-share", "1", share(memory.available, memory.total).0)
        .measurement("swap-total", "By", memory.swap_total as f64)
        .measurement("swap-used", "By", swap_used as f64);
    if memory.swap_total > 0 {
        verdict = verdict.measurement("swap-used-share", "1", share(swap_used, memory.swap_total).0);
    }
    let Some(group) = &memory.control_group else { return verdict };
    verdict
        .detail("control-group", group.path.as_str())
        .measurement("control-group-limit", "By", group.limit as f64)
        .measurement("control-group-used", "By", group.used as f64)
        .measurement("control-group-available", "By", available(group) as f64)
        .measurement("control-group-available-share", "1", share(available(group), group.limit).0)
}

#[cfg(test)]
mod tests {
    use probity_guest::settings::parse;

    use super::*;

    fn machine(available: u64) -> Memory {
        Memory { total: 1000, available, swap_total: 0, swap_free: 0, control_group: None }
    }

    fn in_group(limit: u64, used: u64, reclaimable: u64) -> Memory {
        let control_group = Some(MemoryGroup { path: "/a".to_owned(), limit, used, reclaimable });
        Memory { control_group, ..machine(500) }
    }

    /// The message of a verdict, if something speaks against the target.
    fn judged(memory: &Memory, settings: &str) -> Findings {
        let settings: Settings = parse(settings).unwrap();
        let mut findings = Findings::default();
        Looked::at(memory, &settings).unwrap().judge(&settings, &mut findings);
        findings
    }

    fn findings(unhealthy: &[&str], degraded: &[&str]) -> Findings {
        let mut findings = Findings::default();
        unhealthy.iter().for_each(|text| findings.unhealthy(*text));
        degraded.iter().for_each(|text| findings.degraded(*text));
        findings
    }

    #[test]
    fn the_machine_is_held_to_its_limits() {
        assert_eq!(judged(&machine(101), "{}"), Findings::default());
        assert_eq!(judged(&machine(100), "{}"), findings(&[], &["it has 100 B of 1000 B available, 10%: 10% or less"]));
        assert_eq!(judged(&machine(50), "{}"), findings(&["it has 50 B of 1000 B available, 5%: 5% or less"], &[]));
        assert_eq!(
            judged(&machine(500), r#"{ "degraded_available_bytes": 512 }"#),
            findings(&[], &["it has 500 B of 1000 B available, 50%: 512 B or less"])
        );
    }

    #[test]
    fn swap_counts_where_there_is_any() {
        let limits = r#"{ "degraded_swap_used": 0.5, "unhealthy_swap_used": 0.9 }"#;
        let swapping = Memory { swap_total: 200, swap_free: 100, ..machine(500) };
        assert_eq!(
            judged(&swapping, limits),
            findings(&[], &["it has 100 B of 200 B of swap in use, 50%: 50% or more"])
        );
        assert_eq!(judged(&swapping, "{}"), Findings::default());
        assert_eq!(judged(&machine(500), limits), Findings::default());
    }

    #[test]
    fn a_group_counts_where_it_has_less() {
        let tight = in_group(200, 195, 5);
        let told = "the runner's control group /a has 10 B of 200 B available, 5%: 5% or less";
        assert_eq!(judged(&tight, "{}"), findings(&[told], &[]));
        assert_eq!(judged(&tight, r#"{ "of": "machine" }"#), Findings::default());
        let told = "it has 10 B of 200 B available, 5%: 5% or less";
        assert_eq!(judged(&tight, r#"{ "of": "control-group" }"#), findings(&[told], &[]));
        assert_eq!(judged(&in_group(1000, 999, 0), "{}"), Findings::default(), "it limits nothing");

        let settings: Settings = parse(r#"{ "of": "control-group" }"#).unwrap();
        assert!(Looked::at(&machine(500), &settings).is_none());
    }

    #[test]
    fn what_is_left_is_told() {
        let praise = |memory: &Memory, settings: &str| {
            let looked = Looked::at(memory, &parse(settings).unwrap()).unwrap();
            format!("{} {}", looked.target(), looked.praise())
        };
        assert_eq!(praise(&machine(500), "{}"), "the machine has 500 B of 1000 B available, 50%");
        let group = in_group(200, 60, 10);
        let told = "the runner's control group /a has 150 B of 200 B available, 75%";
        assert_eq!(praise(&group, "{}"), format!("the machine has 500 B of 1000 B available, 50%, and {told}"));
        assert_eq!(praise(&group, r#"{ "of": "control-group" }"#), told);
    }
}
