//! `probity:probe/calendar`: cron, as the schedules of checks have it.

use jiff::Timestamp;
use probity_core::schedule::{Cron, CronError};

use super::{super::bindings::calendar, House};

/// How often a call may ask: a check expects one thing, and each answer can take milliseconds that no fuel is charged for.
const QUESTIONS: u32 = 10;
/// Bytes of an expression, as the configuration has it: longer than any sensible list of times.
const LONGEST: usize = 1_000;
/// Bytes of a time zone's name, as the configuration has it.
const LONGEST_ZONE: usize = 100;

impl calendar::Host for House {
    fn next_tick(
        &mut self,
        cron: String,
        timezone: Option<String>,
        after: i64,
    ) -> wasmtime::Result<Result<Option<i64>, String>> {
        self.asked += 1;
        if self.asked > QUESTIONS {
            return Ok(Err(format!("the calendar was asked more than {QUESTIONS} times in one call")));
        }
        if cron.len() > LONGEST {
            return Ok(Err(format!("the expression has {} bytes, and may have {LONGEST}", cron.len())));
        }
        let zone = timezone.as_ref().map_or(0, String::len);
        if zone > LONGEST_ZONE {
            return Ok(Err(format!("the name of the time zone has {zone} bytes, and may have {LONGEST_ZONE}")));
        }
        Ok(next_tick(&cron, timezone.as_deref(), after))
    }
}

fn next_tick(cron: &str, timezone: Option<&str>, after: i64) -> Result<Option<i64>, String> {
    let after = Timestamp::from_second(after).map_err(|error| error.to_string())?;
    match Cron::parse(cron, timezone, after) {
        Ok(cron) => Ok(cron.next(after).map(Timestamp::as_second)),
        Err(CronError::Past { .. }) => Ok(None),
        Err(error) => Err(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_tick_follows_the_zone_and_an_error_says_what_is_wrong() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap().as_second();
        let after = at("2026-03-28T12:00:00Z");
        assert_eq!(next_tick("0 3 * * *", None, after), Ok(Some(at("2026-03-29T03:00:00Z"))));
        assert_eq!(next_tick("0 3 * * *", Some("Europe/Stockholm"), after), Ok(Some(at("2026-03-29T01:00:00Z"))));
        assert_eq!(next_tick("0 0 0 1 1 * 2020", None, after), Ok(None), "its time is over");
        assert!(next_tick("0 3 * *", None, after).unwrap_err().contains("has 4 fields"));
        assert!(next_tick("@daily", Some("Mars"), after).unwrap_err().contains("not an IANA time zone"));
        assert!(next_tick("@daily", None, i64::MAX).is_err());
    }
}
