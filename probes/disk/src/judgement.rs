//! What was seen of a file system, and what it comes to.

use probity_guest::{
    Findings, Verdict,
    limits::share,
    settings::{Share, Size},
    system::Disk,
};

use crate::settings::Settings;

/// A file system that answered.
pub(crate) struct Seen<'a> {
    pub(crate) path: &'a str,
    /// What its figures are called by.
    pub(crate) name: String,
    pub(crate) disk: Disk,
}

impl Seen<'_> {
    /// Holds it to its limits; messages call it `who`.
    pub(crate) fn judge(&self, settings: &Settings, who: &str, findings: &mut Findings) {
        let disk = &self.disk;
        settings.room().hold(disk.available, self.usable(), who, findings);
        if let (Some(inodes), Some(left)) = (&disk.inodes, self.inodes_left()) {
            let told = format!("{who} has {} of {} inodes available, {left}", inodes.available, inodes.total);
            settings.inodes().hold_up(left, &told, findings);
        }
        if disk.read_only && settings.unhealthy_read_only {
            findings.unhealthy(format!("{who} is mounted read-only"));
        }
    }

    /// All that is not kept back for root, as `df` counts it too.
    fn usable(&self) -> u64 {
        let used = self.disk.total.saturating_sub(self.disk.free);
        used.saturating_add(self.disk.available)
    }

    fn share_left(&self) -> Share {
        share(self.disk.available, self.usable())
    }

    /// `None` if it makes inodes as it needs them.
    fn inodes_left(&self) -> Option<Share> {
        let inodes = self.disk.inodes?;
        let used = inodes.total.saturating_sub(inodes.free);
        Some(share(inodes.available, used.saturating_add(inodes.available)))
    }

    /// How much of it is left, in words.
    pub(crate) fn left(&self) -> String {
        format!("{} of {} available, {}", Size(self.disk.available), Size(self.usable()), self.share_left())
    }

    /// Adds what was seen to a verdict.
    pub(crate) fn tell(&self, verdict: Verdict) -> Verdict {
        let Self { name, disk, .. } = self;
        let kind = if disk.kind.is_empty() { "a file system" } else { &disk.kind };
        let place = if disk.mount_point.is_empty() { self.path } else { &disk.mount_point };
        let state = if disk.read_only { ", read-only" } else { "" };
        let verdict = verdict
            .detail(name, format!("{kind} at {place}{state}"))
            .measurement(&format!("{name}-total"), "By", disk.total as f64)
            .measurement(&format!("{name}-available"), "By", disk.available as f64)
            .measurement(&format!("{name}-available-share"), "1", self.share_left().0);
        match self.inodes_left() {
            Some(left) => verdict.measurement(&format!("{name}-inodes-available-share"), "1", left.0),
            None => verdict,
        }
    }
}

/// What to say if nothing speaks against them.
pub(crate) fn praise(all: &[Seen<'_>]) -> String {
    let fullest = all.iter().min_by(|one, other| one.share_left().0.total_cmp(&other.share_left().0));
    match fullest {
        Some(only) if all.len() == 1 => format!("has {}", only.left()),
        Some(fullest) => format!("have room: the fullest, {}, has {}", fullest.path, fullest.left()),
        None => "answered".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use probity_guest::{settings::parse, system::Inodes};

    use super::*;

    /// A hundred bytes, of which ten are kept back for root.
    fn seen(path: &str, available: u64, inodes_left: Option<u64>) -> Seen<'_> {
        let inodes = inodes_left.map(|left| Inodes { total: 1000, free: left, available: left });
        let (kind, mount_point) = ("ext4".to_owned(), "/mnt".to_owned());
        let free = available + 10;
        let disk = Disk { total: 100, free, available, inodes, kind, mount_point, read_only: false };
        Seen { path, name: "var".to_owned(), disk }
    }

    fn judged(seen: &Seen<'_>, more: &str) -> Findings {
        let settings = parse(&format!(r#"{{ "paths": ["/var"]{more} }}"#)).unwrap();
        let mut findings = Findings::default();
        seen.judge(&settings, "it", &mut findings);
        findings
    }

    fn unhealthy(text: &str) -> Findings {
        let mut findings = Findings::default();
        findings.unhealthy(text);
        findings
    }

    fn degraded(text: &str) -> Findings {
        let mut findings = Findings::default();
        findings.degraded(text);
        findings
    }

    #[test]
    fn what_is_kept_back_for_root_does_not_count() {
        let one = seen("/var", 45, None);
        assert_eq!((one.usable(), one.share_left()), (90, Share(0.5)));
        assert_eq!(one.left(), "45 B of 90 B available, 50%");
        // Root has begun with what was kept back.
        let mut over = seen("/var", 0, None);
        over.disk.free = 3;
        assert_eq!((over.usable(), over.share_left()), (97, Share(0.0)));
    }

    #[test]
    fn it_is_held_to_all_of_its_limits() {
        assert_eq!(judged(&seen("/var", 10, Some(900)), ""), Findings::default());
        assert_eq!(judged(&seen("/var", 9, None), ""), degraded("it has 9 B of 90 B available, 10%: 10% or less"));
        assert_eq!(judged(&seen("/var", 4, None), ""), unhealthy("it has 4 B of 90 B available, 4%: 5% or less"));
        assert_eq!(judged(&seen("/var", 4, None), r#", "unhealthy_available_bytes": 3"#), Findings::default());
        assert_eq!(
            judged(&seen("/var", 90, Some(50)), ""),
            unhealthy("it has 50 of 1000 inodes available, 5%: 5% or less")
        );
        assert_eq!(judged(&seen("/var", 90, Some(50)), r#", "unhealthy_inodes": 0.01"#), Findings::default());
        let mut frozen = seen("/var", 90, None);
        frozen.disk.read_only = true;
        assert_eq!(judged(&frozen, ""), Findings::default());
        assert_eq!(judged(&frozen, r#", "unhealthy_read_only": true"#), unhealthy("it is mounted read-only"));
    }

    #[test]
    fn the_fullest_speaks_for_all() {
        let all = [seen("/", 80, None), seen("/var", 20, None), seen("/home", 50, None)];
        assert_eq!(praise(&all), "have room: the fullest, /var, has 20 B of 90 B available, 22%");
        assert_eq!(praise(&all[..1]), "has 80 B of 90 B available, 89%");
    }
}
