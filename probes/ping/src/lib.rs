//! `ping`: sends echo requests, and tells what is lost and how long the rest take.

mod settings;
mod tally;
mod words;

use std::{net::IpAddr, time::Duration};

use probity_guest::{
    Attempt, Cause, Description, Error, Failure, Findings, Probe, SettingProblem, Verdict,
    clock::{Deadline, Instant},
    icmp::Echo,
    net,
};

pub use crate::settings::Settings;
use crate::tally::Tally;

/// Addresses of one name that are tried until there is one that requests can be sent to.
const MOST_TRIED: usize = 8;

/// The probe.
pub struct Ping;

impl Probe for Ping {
    type Settings = Settings;

    fn describe() -> Description {
        let schema = include_str!("settings.schema.json");
        let about = "Sends echo requests, and tells what is lost and how long the rest take.";
        Description::new("ping", env!("CARGO_PKG_VERSION"), about, schema)
            .interval(Duration::from_secs(30))
            .timeout(Duration::from_secs(5))
            .grant("icmp:{host}")
    }

    fn validate(settings: &Settings) -> Vec<SettingProblem> {
        settings.problems()
    }

    fn check(settings: &Settings, attempt: &mut Attempt) -> Result<Verdict, Failure> {
        let addresses = attempt.phase("resolve", |deadline| addresses(settings, deadline))?;
        let (echo, address) = open(&addresses)?;
        let tally = ask(&echo, settings, address, attempt.deadline())?;
        let mut findings = Findings::default();
        tally.judge(settings, &mut findings);
        let verdict = findings.verdict(attempt, None, &address.to_string(), &tally.praise());
        Ok(tally.tell(verdict))
    }
}

/// The host's addresses that will do.
fn addresses(settings: &Settings, deadline: Deadline) -> Result<Vec<IpAddr>, Failure> {
    let mut addresses = net::resolve(&settings.host, deadline)?;
    addresses.retain(|address| settings.family.has(*address));
    if addresses.is_empty() {
        return Err(Failure::Unhealthy(format!("{} has no address of {}", settings.host, settings.family.name())));
    }
    Ok(addresses)
}

/// The first of the addresses that this machine knows a way to.
fn open(addresses: &[IpAddr]) -> Result<(Echo, IpAddr), Error> {
    let mut last = None;
    for address in addresses.iter().take(MOST_TRIED) {
        match Echo::open(*address) {
            Ok(echo) => return Ok((echo, *address)),
            Err(error) if error.cause == Cause::Unreachable => last = Some(error),
            Err(error) => return Err(error),
        }
    }
    Err(last.unwrap_or_else(|| Error::new("sending an echo request", Cause::Unresolvable)))
}

/// Sends the requests, each in its time, and hears what comes back meanwhile and after.
fn ask(echo: &Echo, settings: &Settings, address: IpAddr, deadline: Deadline) -> Result<Tally, Error> {
    let reply_timeout = settings.reply_timeout.0.min(deadline.remaining());
    let begun = Instant::now();
    let mut tally = Tally::new(settings, address, reply_timeout);
    for number in 0..u32::from(settings.count) {
        let due = settings.interval.0.saturating_mul(number);
        let pause = due.saturating_sub(begun.elapsed());
        // A reply that there is no time for would count as lost.
        if number > 0 && deadline.remaining() < pause.saturating_add(reply_timeout) {
            tally.cut_short = true;
            break;
        }
        while begun.elapsed() < due {
            hear(echo, &mut tally, deadline.within(due.saturating_sub(begun.elapsed())))?;
        }
        let sequence = tally.next_sequence();
        tally.sent();
        echo.send(sequence, settings.payload_size)?;
    }
    let end = deadline.within(reply_timeout);
    while tally.is_open() && !end.remaining().is_zero() {
        hear(echo, &mut tally, end)?;
    }
    Ok(tally)
}

/// Waits for an answer until then.
fn hear(echo: &Echo, tally: &mut Tally, until: Deadline) -> Result<(), Error> {
    if let Some(answer) = echo.receive(until)? {
        tally.take(answer);
    }
    Ok(())
}

probity_guest::export!(Ping);

#[cfg(test)]
mod tests {
    #[test]
    fn the_schema_describes_the_settings() {
        assert_eq!(probity_guest::schema::disagreements::<super::Ping>(), Ok(Vec::new()));
    }
}
