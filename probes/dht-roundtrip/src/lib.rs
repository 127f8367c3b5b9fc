//! `dht-roundtrip`: puts a value into a store that keeps values on several nodes, and gets it back. What store that is, is up to
//! the adapter that it is composed with. The session stays open from run to run.

mod settings;

use probity_guest::{
    Attempt, Connector, Description, Failure, Findings, Verdict,
    clock::Deadline,
    generic::{
        self, Shared,
        dht::{self, Found, Placement, Session},
    },
    random,
    text::excerpt,
};

pub use crate::settings::Settings;

/// Characters of a value that are shown.
const SHOWN: usize = 80;

/// The probe, with its session.
pub struct DhtRoundtrip {
    session: Session,
    settings: Settings,
    /// The session was opened in this very run, and knows of it.
    is_new: bool,
}

impl Connector for DhtRoundtrip {
    type Settings = Shared<Settings>;

    fn describe() -> Description {
        generic::describe::<Settings>(dht::describe())
    }

    fn open(settings: Shared<Settings>, attempt: &mut Attempt) -> Result<Self, Failure> {
        let session = Session::open(&settings.adapters, attempt.run())?;
        Ok(Self { session, settings: settings.own, is_new: true })
    }

    fn check(&mut self, attempt: &mut Attempt) -> Result<Verdict, Failure> {
        let (session, settings) = (&self.session, &self.settings);
        if !std::mem::take(&mut self.is_new) {
            session.begin(attempt.run());
        }
        let value = value(settings.value_bytes);
        let Placement { key, nodes } = attempt.phase("put", |_| session.put(&value))?;
        let got = attempt.phase("get", |_| session.get(&key));
        // It was to be removed in any case; how that went is of less interest than what was got.
        let removed = attempt.phase("remove", |_| session.remove(&key));
        let got = got?;

        let mut findings = Findings::default();
        judge(&value, nodes, &got, settings, &mut findings);
        if findings.is_empty() {
            removed?;
        }
        let verdict = generic::verdict(findings, session.examine(), |findings| {
            findings.verdict(attempt, settings.degraded_after, &session.peer(), "kept a value and gave it back")
        })?;
        Ok(verdict.measurement("nodes", "1", f64::from(nodes)).measurement("copies", "1", got.len() as f64))
    }

    fn close(&mut self, _: Deadline) {
        self.session.close();
    }
}

/// A value of hexadecimal digits that nobody else puts.
fn value(bytes: usize) -> Vec<u8> {
    let random = random::get_random_bytes(bytes.div_ceil(2) as u64);
    let mut digits: Vec<u8> = random.iter().flat_map(|byte| format!("{byte:02x}").into_bytes()).collect();
    digits.truncate(bytes);
    digits
}

/// What speaks against a store that took a value, and gave this for it.
fn judge(value: &[u8], nodes: u32, got: &[Found], settings: &Settings, findings: &mut Findings) {
    if let Some(other) = got.iter().find(|found| found.value != value) {
        let (seen, put) = (excerpt(&other.value, SHOWN), excerpt(value, SHOWN));
        findings.unhealthy(format!("it corrupted a value: {} gave {seen}, and {put} was put", other.source));
    }
    let copies = got.iter().filter(|found| found.value == value).count();
    if got.is_empty() {
        findings.unhealthy(match nodes {
            1 => "it lost a value that it had just taken".to_owned(),
            _ => format!("it lost a value that {nodes} nodes had just taken"),
        });
    } else if copies < settings.min_copies {
        findings.degraded(format!("{copies} nodes gave the value back, expected {}", settings.min_copies));
    }
    if (nodes as usize) < settings.min_nodes {
        findings.degraded(format!("{nodes} nodes took the value, expected {}", settings.min_nodes));
    }
}

probity_guest::export_connector!(DhtRoundtrip);

#[cfg(test)]
mod tests {
    use probity_guest::{Finding, Status};

    use super::*;

    fn found(nodes: u32, got: &[&str]) -> Vec<(Status, String)> {
        let settings = probity_guest::settings::parse(r#"{ "min_nodes": 2, "min_copies": 2 }"#).unwrap();
        let give = |value: &&str| Found { value: value.as_bytes().to_vec(), source: "a".to_owned() };
        let got: Vec<Found> = got.iter().map(give).collect();
        let mut findings = Findings::default();
        judge(b"good", nodes, &got, &settings, &mut findings);
        Vec::from(findings).into_iter().map(|Finding { status, text }| (status, text)).collect()
    }

    #[test]
    fn troubles_are_told_apart() {
        let unhealthy = |text: &str| (Status::Unhealthy, text.to_owned());
        let degraded = |text: &str| (Status::Degraded, text.to_owned());
        assert_eq!(found(2, &["good", "good"]), []);
        assert_eq!(found(2, &["good"]), [degraded("1 nodes gave the value back, expected 2")]);
        assert_eq!(found(1, &["good", "good"]), [degraded("1 nodes took the value, expected 2")]);
        assert_eq!(found(3, &[]), [unhealthy("it lost a value that 3 nodes had just taken")]);
        let corrupted = unhealthy(r#"it corrupted a value: a gave "bad", and "good" was put"#);
        assert_eq!(found(2, &["good", "good", "bad"]), [corrupted]);
    }
}
