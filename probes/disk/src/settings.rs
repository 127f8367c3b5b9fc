//! What the operator configures; settings.schema.json says what each setting means.

use std::ops::RangeInclusive;

use probity_guest::{
    SettingProblem,
    limits::{Limits, Room},
    settings::{Share, Size, Span},
};
use serde::Deserialize;

/// Paths of one check: each has five time series, of which a verdict has 64.
const PATHS: RangeInclusive<usize> = 1..=10;

/// The settings of a check.
#[derive(Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    pub(crate) paths: Vec<String>,
    degraded_available: Option<Share>,
    unhealthy_available: Option<Share>,
    degraded_available_bytes: Option<Size>,
    unhealthy_available_bytes: Option<Size>,
    degraded_inodes: Option<Share>,
    unhealthy_inodes: Option<Share>,
    #[serde(default)]
    pub(crate) unhealthy_read_only: bool,
    pub(crate) degraded_after: Option<Span>,
}

impl Settings {
    pub(crate) fn room(&self) -> Room {
        self.own_room().or_usual()
    }

    fn own_room(&self) -> Room {
        Room {
            share: Limits { degraded: self.degraded_available, unhealthy: self.unhealthy_available },
            bytes: Limits { degraded: self.degraded_available_bytes, unhealthy: self.unhealthy_available_bytes },
        }
    }

    pub(crate) fn inodes(&self) -> Limits<Share> {
        Room { share: self.own_inodes(), ..Room::default() }.or_usual().share
    }

    fn own_inodes(&self) -> Limits<Share> {
        Limits { degraded: self.degraded_inodes, unhealthy: self.unhealthy_inodes }
    }

    /// What the figures of each path are called by: its words, joined by `-`. No two are the same.
    pub(crate) fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for path in &self.paths {
            let name = name(path);
            let mut unused = name.clone();
            let mut number = 1;
            while names.contains(&unused) {
                number += 1;
                unused = format!("{name}-{number}");
            }
            names.push(unused);
        }
        names
    }

    /// All that is wrong with them beside their form.
    pub(crate) fn problems(&self) -> Vec<SettingProblem> {
        let mut problems = Vec::new();
        if !PATHS.contains(&self.paths.len()) {
            let message = format!("there must be from {} to {} paths", PATHS.start(), PATHS.end());
            problems.push(SettingProblem::new("/paths", message));
        }
        for (at, path) in self.paths.iter().enumerate() {
            if !path.starts_with('/') {
                let message = "not an absolute path; write one such as `/var/lib`";
                problems.push(SettingProblem::new(format!("/paths/{at}"), message));
            } else if self.paths[..at].contains(path) {
                problems.push(SettingProblem::new(format!("/paths/{at}"), "given twice; leave it out"));
            }
        }
        problems.extend(self.own_room().problems());
        problems.extend(self.own_inodes().problem_up("inodes"));
        problems
    }
}

fn name(path: &str) -> String {
    let words = path.split(|character: char| !character.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let name = words.collect::<Vec<_>>().join("-").to_ascii_lowercase();
    if name.is_empty() { "root".to_owned() } else { name }
}

#[cfg(test)]
mod tests {
    use probity_guest::settings::parse;

    use super::*;

    fn pointers(json: &str) -> Vec<String> {
        probity_guest::settings::pointers(json, Settings::problems)
    }

    #[test]
    fn every_wrong_setting_is_pointed_at() {
        let limits = r#""degraded_available": 0.2, "unhealthy_available": 0.1, "degraded_available_bytes": "10GiB""#;
        assert_eq!(pointers(&format!(r#"{{ "paths": ["/", "/var"], {limits} }}"#)), Vec::<String>::new());
        assert_eq!(pointers(r#"{ "paths": [] }"#), ["/paths"]);
        assert_eq!(pointers(r#"{ "paths": ["/", "var", "", "/"] }"#), ["/paths/1", "/paths/2", "/paths/3"]);
        for (wrong, pointer) in [
            (r#""degraded_available": 10"#, "/degraded_available"),
            (r#""degraded_available": 0.1, "unhealthy_available": 0.2"#, "/degraded_available"),
            (r#""degraded_available_bytes": "10G""#, "/degraded_available_bytes"),
            (r#""degraded_available_bytes": 1, "unhealthy_available_bytes": 2"#, "/degraded_available_bytes"),
            (r#""degraded_inodes": 0.1, "unhealthy_inodes": 0.2"#, "/degraded_inodes"),
            (r#""unhealthy_read_only": "yes""#, "/unhealthy_read_only"),
        ] {
            assert_eq!(pointers(&format!(r#"{{ "paths": ["/"], {wrong} }}"#)), [pointer], "{wrong}");
        }
    }

    #[test]
    fn each_path_has_a_name_of_its_own() {
        let paths = ["/", "/var/lib", "/var-lib", "/Var/lib/", "/å", "/var-lib-2"];
        let settings = Settings { paths: paths.map(str::to_owned).to_vec(), ..parse(r#"{ "paths": [] }"#).unwrap() };
        assert_eq!(settings.names(), ["root", "var-lib", "var-lib-2", "var-lib-3", "root-2", "var-lib-2-2"]);
    }
}
