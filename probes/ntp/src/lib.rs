//! `ntp`: asks a time server for the time, and compares.

mod packet;

use std::{net::SocketAddr, time::Duration};

use probity_guest::{
    Attempt, Cause, Description, Error, Failure, Probe, SettingProblem, Verdict,
    clock::{Deadline, since_epoch},
    net, random,
    settings::{Host, Port, Span},
    udp,
};
use serde::Deserialize;

use crate::packet::{Answer, Time, question};

/// The port of NTP (RFC 5905, section 7.2).
const PORT: Port = Port(123);
/// A stratum from which no time can be had (RFC 5905, figure 11).
const NONE: u8 = 16;
/// Beyond a tenth of a second logs of two machines can't be put in order.
const OFFSET_WARN: Span = Span(Duration::from_millis(100));
/// A second is where certificates, tokens and leases begin to fail.
const OFFSET_CRITICAL: Span = Span(Duration::from_secs(1));

/// The probe.
pub struct Ntp;

/// What the operator configures; settings.schema.json says what each means.
#[derive(Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    host: Host,
    #[serde(default = "port")]
    port: Port,
    #[serde(default = "offset_warn")]
    offset_warn: Span,
    #[serde(default = "offset_critical")]
    offset_critical: Span,
    #[serde(default = "max_stratum")]
    max_stratum: u8,
    degraded_after: Option<Span>,
}

fn port() -> Port {
    PORT
}

fn offset_warn() -> Span {
    OFFSET_WARN
}

fn offset_critical() -> Span {
    OFFSET_CRITICAL
}

fn max_stratum() -> u8 {
    NONE - 1
}

impl Probe for Ntp {
    type Settings = Settings;

    fn describe() -> Description {
        let schema = include_str!("settings.schema.json");
        Description::new("ntp", env!("CARGO_PKG_VERSION"), "Asks a time server for the time, and compares.", schema)
            .interval(Duration::from_secs(60))
            .timeout(Duration::from_secs(5))
            .grant("udp:{host}:{port}")
    }

    fn validate(settings: &Settings) -> Vec<SettingProblem> {
        let mut problems = Vec::new();
        if !(1..NONE).contains(&settings.max_stratum) {
            problems.push(SettingProblem::new("/max_stratum", "must be from 1 to 15"));
        }
        if settings.offset_warn > settings.offset_critical {
            problems.push(SettingProblem::new("/offset_warn", "must not be more than `offset_critical`"));
        }
        problems
    }

    fn check(settings: &Settings, attempt: &mut Attempt) -> Result<Verdict, Failure> {
        let addresses = attempt.phase("resolve", |deadline| net::resolve(&settings.host, deadline))?;
        let (server, answer, offset) = attempt.phase("answer", |deadline| {
            net::in_turn(&settings.host, &addresses, settings.port.0, deadline, |server, deadline| {
                ask(server, deadline).map(|(answer, offset)| (server, answer, offset))
            })
        })?;
        Ok(judge(settings, attempt, &server.to_string(), &answer, offset)
            .detail("server", server.to_string())
            .detail("stratum", i64::from(answer.stratum))
            .detail("reference", answer.reference)
            .measurement("offset", "s", offset)
            .measurement("stratum", "1", answer.stratum.into())
            .measurement("root-delay", "s", answer.root_delay))
    }
}

/// Asks a server; its answer, and how far its clock is ahead of this machine's, in seconds.
fn ask(server: SocketAddr, deadline: Deadline) -> Result<(Answer, f64), Error> {
    let cookie = random::get_random_u64();
    let asked = Time::of_unix(since_epoch());
    let mut answered = asked;
    let read = |datagram: &[u8]| {
        answered = Time::of_unix(since_epoch());
        Answer::read(datagram, cookie)
    };
    let answer = udp::ask(server, &question(cookie), deadline, read)?;
    let offset = answer.offset(asked, answered);
    if !offset.is_finite() {
        return Err(Error::new(format!("asking {server}"), Cause::Protocol("it answered with no time".to_owned())));
    }
    Ok((answer, offset))
}

fn judge(settings: &Settings, attempt: &Attempt, server: &str, answer: &Answer, offset: f64) -> Verdict {
    if answer.stratum == 0 {
        return Verdict::unhealthy(format!("{server} gives no time, but says `{}`", answer.reference));
    }
    if answer.unsynchronised || answer.stratum >= NONE {
        return Verdict::unhealthy(format!("{server} has no time to give: its own clock is not set"));
    }
    if answer.stratum > settings.max_stratum {
        let message = format!("{server} is of stratum {}, more than {}", answer.stratum, settings.max_stratum);
        return Verdict::unhealthy(message);
    }
    let apart = Span(Duration::try_from_secs_f64(offset.abs()).unwrap_or(Duration::MAX));
    let which = if offset < 0.0 { "behind" } else { "ahead of" };
    let message = format!("the clock of {server} is {apart} {which} this machine's");
    if apart > settings.offset_critical {
        Verdict::unhealthy(format!("{message}: more than {}", settings.offset_critical))
    } else if apart > settings.offset_warn {
        Verdict::degraded(format!("{message}: more than {}", settings.offset_warn))
    } else {
        attempt.healthy_within(settings.degraded_after, message)
    }
}

probity_guest::export!(Ntp);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_describes_the_settings() {
        assert_eq!(probity_guest::schema::disagreements::<Ntp>(), Ok(Vec::new()));
    }

    #[test]
    fn settings_are_sound_or_said_to_be_not() {
        let problems = |json| probity_guest::settings::pointers(json, Ntp::validate);
        assert_eq!(problems(r#"{"host": "a"}"#), Vec::<String>::new());
        assert_eq!(problems(r#"{"host": "a", "max_stratum": 16}"#), ["/max_stratum"]);
        assert_eq!(problems(r#"{"host": "a", "offset_warn": "2s"}"#), ["/offset_warn"]);
    }
}
