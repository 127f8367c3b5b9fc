//! Which checks go by which others, as far as their settings tell: what can't come to a verdict is found before it runs.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::examiner::implied;
use crate::{config::Check, engine::Manifest};

/// What is wrong with how checks go by each other: the check, and what it goes by in vain. `others` are the names of checks
/// that nobody wrote down: those of dropped components.
#[must_use]
pub fn flaws(checks: &[(Arc<Check>, Option<Manifest>)], others: &BTreeSet<String>) -> Vec<(Arc<Check>, String)> {
    let named: BTreeMap<&str, &Arc<Check>> = checks.iter().map(|(check, _)| (&*check.name, check)).collect();
    let mut flaws = Vec::new();
    let mut reads: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (check, manifest) in checks.iter().filter(|(check, _)| check.enabled) {
        let mut flaw = |message: String| flaws.push((Arc::clone(check), message));
        let grants = manifest.as_ref().map(|manifest| implied(check, manifest)).unwrap_or_default();
        for name in grants.iter().filter_map(|grant| grant.check()) {
            match named.get(name) {
                _ if name == check.name => flaw("it goes by itself; leave it out".to_owned()),
                Some(other) if other.enabled => {
                    reads.entry(&check.name).or_default().insert(&other.name);
                }
                Some(_) => flaw(format!("it goes by the check `{name}`, which is not enabled")),
                None if others.contains(name) => {}
                None => flaw(format!("it goes by the check `{name}`, and there is none")),
            }
        }
        for group in grants.iter().filter_map(|grant| grant.group()) {
            let is_member = |other: &&&Arc<Check>| {
                other.enabled && other.name != check.name && other.group.as_deref() == Some(group)
            };
            let members: BTreeSet<&str> = named.values().filter(is_member).map(|other| &*other.name).collect();
            if members.is_empty() {
                flaw(format!("it goes by the other checks of the group `{group}`, and there are none"));
            }
            reads.entry(&check.name).or_default().extend(members);
        }
    }
    for (check, _) in checks {
        if let Some(way) = circle(&reads, &check.name) {
            flaws.push((Arc::clone(check), format!("it goes by itself ({}); break the circle", way.join(" -> "))));
        }
    }
    flaws
}

/// The way from a check over others back to itself.
fn circle<'c>(reads: &BTreeMap<&'c str, BTreeSet<&'c str>>, from: &'c str) -> Option<Vec<&'c str>> {
    let ahead = |name: &str| reads.get(name).into_iter().flatten().copied().collect::<Vec<_>>();
    let mut seen = BTreeSet::new();
    let mut way = vec![(from, ahead(from))];
    while let Some((_, left)) = way.last_mut() {
        match left.pop() {
            Some(next) if next == from => {
                return Some(way.into_iter().map(|(name, _)| name).chain([from]).collect());
            }
            Some(next) if seen.insert(next) => way.push((next, ahead(next))),
            Some(_) => {}
            None => {
                way.pop();
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::{Config, Overrides, Surroundings};

    /// What is wrong with checks, each with its name; those of the probe `composite` go by others.
    fn found(text: &str) -> Vec<String> {
        let overrides = Overrides { data_dir: Some("state".into()), ..Overrides::default() };
        let surroundings = Surroundings::of_process(None, jiff::Timestamp::UNIX_EPOCH);
        let config = Config::parse(Path::new("probity.toml"), text, &overrides, surroundings).unwrap();
        let manifest = Manifest {
            grants: vec!["check:{checks}".to_owned(), "check:group/{group}".to_owned()],
            ..Manifest::default()
        };
        let of = |check: &Arc<Check>| (check.probe == "composite").then(|| manifest.clone());
        let checks: Vec<_> = config.checks.iter().map(|check| (Arc::clone(check), of(check))).collect();
        let flaws = flaws(&checks, &["dropped".to_owned()].into());
        flaws.into_iter().map(|(check, flaw)| format!("{}: {flaw}", check.name)).collect()
    }

    fn check(name: &str, more: &str) -> String {
        format!("[[check]]\nname = \"{name}\"\nprobe = \"composite\"\n{more}\n")
    }

    #[test]
    fn sound_checks_have_no_flaws() {
        let text = check("all", "group = \"g\"\nsettings = { checks = [\"a\", \"dropped\"], group = \"g\" }")
            + &check("top", "settings = { checks = [\"all\", \"a\"] }")
            + "[[check]]\nname = \"a\"\nprobe = \"tcp\"\ngroup = \"g\"\n"
            + &check("off", "enabled = false\nsettings = { checks = [\"nobody\"] }");
        assert_eq!(found(&text), [""; 0]);
    }

    #[test]
    fn whoever_goes_by_nobody_or_by_himself_is_found() {
        assert_eq!(found(&check("a", "settings.checks = [\"a\"]")), ["a: it goes by itself; leave it out"]);
        assert_eq!(found(&check("a", "settings.checks = [\"b\"]")), ["a: it goes by the check `b`, and there is none"]);
        assert_eq!(
            found(&(check("a", "settings.checks = [\"b\"]") + &check("b", "enabled = false"))),
            ["a: it goes by the check `b`, which is not enabled"]
        );
        assert_eq!(
            found(&check("a", "group = \"g\"\nsettings.group = \"g\"")),
            ["a: it goes by the other checks of the group `g`, and there are none"]
        );
        let granted = check("a", "allow = [\"check:a\", \"check:nobody\"]");
        assert_eq!(found(&granted), [""; 0], "what it may read it need not read");
    }

    #[test]
    fn circles_are_found_over_others_and_over_groups() {
        let text = check("a", "settings.checks = [\"b\"]") + &check("b", "settings.checks = [\"c\"]");
        let text =
            text + &check("c", "group = \"g\"\nsettings.checks = [\"d\"]") + &check("d", "settings.group = \"g\"");
        assert_eq!(
            found(&text),
            [
                "c: it goes by itself (c -> d -> c); break the circle",
                "d: it goes by itself (d -> c -> d); break the circle"
            ]
        );
    }
}
