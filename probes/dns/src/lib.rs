//! `dns`: asks a name server, or the resolver of the system.

mod exchange;
mod expectation;
mod message;
mod settings;

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use probity_guest::{
    Attempt, Description, Failure, Probe, Problem, SettingProblem, Verdict, clock::Deadline, net, random,
    text::first_line,
};

pub use crate::settings::Settings;
use crate::{
    expectation::shortcomings,
    message::{Answer, Rcode, RecordType},
};

/// Characters of the records that a verdict shows.
const SHOWN: usize = 200;

/// The probe.
pub struct Dns;

impl Probe for Dns {
    type Settings = Settings;

    fn describe() -> Description {
        let schema = include_str!("settings.schema.json");
        Description::new("dns", env!("CARGO_PKG_VERSION"), "Asks a name server, or the resolver of the system.", schema)
            .interval(Duration::from_secs(30))
            .timeout(Duration::from_secs(5))
            .grant("udp:{server}:{port}")
            .grant("tcp:{server}:{port}")
            .grant("resolve:{name}")
    }

    fn validate(settings: &Settings) -> Vec<SettingProblem> {
        settings.problems()
    }

    fn check(settings: &Settings, attempt: &mut Attempt) -> Result<Verdict, Failure> {
        match &settings.server {
            Some(server) => {
                let addresses = attempt.phase("resolve", |deadline| net::resolve(server, deadline))?;
                let (asked, answer) =
                    attempt.phase("answer", |deadline| ask_server(settings, server, &addresses, deadline))?;
                let verdict = judge(settings, attempt, &asked.to_string(), &answer);
                Ok(verdict
                    .detail("server", asked.to_string())
                    .detail("rcode", answer.rcode.to_string())
                    .detail("authoritative", answer.authoritative))
            }
            None => {
                let answer = attempt.phase("answer", |deadline| ask_system(settings, deadline))?;
                Ok(judge(settings, attempt, "the system's resolver", &answer))
            }
        }
    }
}

/// Asks the server at one address after another until one answers; says which.
fn ask_server(
    settings: &Settings,
    server: &str,
    addresses: &[IpAddr],
    deadline: Deadline,
) -> Result<(SocketAddr, Answer), Failure> {
    // A forger would have to guess it.
    let id = random::get_random_u64() as u16;
    let question = settings.question(id).ok_or_else(|| Problem::InvalidSettings(settings.problems()))?;
    let ask_at = |address, deadline| Ok((address, exchange::ask(&question, address, deadline)?));
    Ok(net::in_turn(server, addresses, settings.port.0, deadline, ask_at)?)
}

fn ask_system(settings: &Settings, deadline: Deadline) -> Result<Answer, Failure> {
    let wanted = |address: &IpAddr| address.is_ipv4() == (settings.record_type == RecordType::A);
    let addresses = net::resolve(&settings.name, deadline)?;
    Ok(Answer {
        rcode: Rcode::NoError,
        authoritative: false,
        truncated: false,
        records: addresses.iter().filter(|address| wanted(address)).map(ToString::to_string).collect(),
        ttl: None,
    })
}

fn judge(settings: &Settings, attempt: &Attempt, asked: &str, answer: &Answer) -> Verdict {
    let question = format!("{} {}", settings.name, settings.record_type);
    let records = first_line(&answer.records.join(", "), SHOWN);
    let shortcomings = shortcomings(settings, answer);
    let verdict = if shortcomings.is_empty() {
        let seen = if answer.rcode == Rcode::NoError { &records } else { &answer.rcode.to_string() };
        attempt.healthy_within(settings.degraded_after, format!("{asked} answered {question}: {seen}"))
    } else {
        let seen = if records.is_empty() { String::new() } else { format!("; it has {records}") };
        Verdict::unhealthy(format!("{asked} answered {question}, but the answer {}{seen}", shortcomings.join(" and ")))
    };
    let verdict = verdict.measurement("records", "1", answer.records.len() as f64);
    let verdict = if records.is_empty() { verdict } else { verdict.detail("records", records) };
    match answer.ttl {
        Some(ttl) => verdict.measurement("ttl", "s", ttl.into()),
        None => verdict,
    }
}

probity_guest::export!(Dns);

#[cfg(test)]
mod tests {
    #[test]
    fn the_schema_describes_the_settings() {
        assert_eq!(probity_guest::schema::disagreements::<super::Dns>(), Ok(Vec::new()));
    }
}
