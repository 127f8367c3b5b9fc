//! What can be asked of history, as it is written in a query.

use std::{collections::BTreeSet, time::Duration};

use jiff::{SignedDuration, Timestamp};
use probity_core::{health::Health, rollup::Level};
use serde::Deserialize;

use super::super::{parts::listed, problem::Problem};
use crate::store::Asked;

/// How many entries a page has unless told otherwise: what people read in one go.
const LIMIT: usize = 100;
/// How many it has at most: all that is usually kept of a check.
const MOST: usize = 1_000;
/// The windows of an uptime unless told otherwise.
const WINDOWS: &str = "1h,24h,7d,30d,90d";
/// The window of everything else.
const DAY: &str = "24h";
/// More windows than this are rather a series.
const MOST_WINDOWS: usize = 10;

/// Of the results of a check.
#[derive(Deserialize)]
pub(in crate::http) struct HistoryAsked {
    from: Option<String>,
    to: Option<String>,
    status: Option<String>,
    limit: Option<String>,
    cursor: Option<String>,
}

impl HistoryAsked {
    pub(super) fn read(self) -> Result<(Asked, BTreeSet<&'static str>), Problem> {
        let known = Health::ALL.map(Health::as_str);
        let statuses = listed(self.status.as_deref()).map(|status| {
            known.into_iter().find(|known| *known == status).ok_or_else(|| {
                let detail = format!("there is no status `{status}`; there are {}", known.join(", "));
                Problem::invalid_value("status", detail)
            })
        });
        let statuses = statuses.collect::<Result<_, _>>()?;
        let asked = IncidentsAsked { from: self.from, to: self.to, limit: self.limit, cursor: self.cursor };
        Ok((asked.read()?, statuses))
    }
}

/// Of the incidents of a check.
#[derive(Deserialize)]
pub(in crate::http) struct IncidentsAsked {
    from: Option<String>,
    to: Option<String>,
    limit: Option<String>,
    cursor: Option<String>,
}

impl IncidentsAsked {
    pub(super) fn read(self) -> Result<Asked, Problem> {
        let from = time("from", self.from.as_deref())?.unwrap_or(Timestamp::MIN);
        let to = time("to", self.to.as_deref())?.unwrap_or(Timestamp::MAX);
        let limit = match self.limit.as_deref() {
            None => LIMIT,
            Some(text) => text.parse().ok().filter(|limit| (1..=MOST).contains(limit)).ok_or_else(|| {
                Problem::invalid_value("limit", format!("must be a number from 1 to {MOST}, not `{text}`"))
            })?,
        };
        let cursor = |text: &str| {
            let detail = "must be `next` of the page before, as it was given";
            text.parse().map_err(|_| Problem::invalid_value("cursor", detail))
        };
        let before = self.cursor.as_deref().map(cursor).transpose()?;
        Ok(Asked { times: from..to, before, limit })
    }
}

/// Of the uptime of a check.
#[derive(Deserialize)]
pub(in crate::http) struct UptimeAsked {
    window: Option<String>,
    days: Option<String>,
}

impl UptimeAsked {
    pub(super) fn read(self) -> Result<(Vec<Window>, Days), Problem> {
        Ok((windows(self.window.as_deref().unwrap_or(WINDOWS))?, Days::read(self.days.as_deref())?))
    }
}

/// Of the uptime of all checks.
#[derive(Deserialize)]
pub(in crate::http) struct UptimesAsked {
    window: Option<String>,
    days: Option<String>,
    group: Option<String>,
}

impl UptimesAsked {
    pub(super) fn read(self) -> Result<(Vec<Window>, Days, BTreeSet<String>), Problem> {
        let windows = windows(self.window.as_deref().unwrap_or(DAY))?;
        let groups = listed(self.group.as_deref()).map(str::to_owned).collect();
        Ok((windows, Days::read(self.days.as_deref())?, groups))
    }
}

/// Of the latency of a check.
#[derive(Deserialize)]
pub(in crate::http) struct LatencyAsked {
    window: Option<String>,
}

impl LatencyAsked {
    pub(super) fn read(self) -> Result<Window, Problem> {
        Window::read(self.window.as_deref().unwrap_or(DAY))
    }
}

/// How many days to tell of one by one.
#[derive(Clone, Copy)]
pub(in crate::http) struct Days(pub(in crate::http) u32);

impl Days {
    fn read(text: Option<&str>) -> Result<Days, Problem> {
        let Some(text) = text else {
            return Ok(Days(0));
        };
        let most = Level::Day.kept() - 1;
        let days = text.parse().ok().filter(|days| i64::from(*days) <= most);
        let problem = || Problem::invalid_value("days", format!("must be a number from 0 to {most}, not `{text}`"));
        days.map(Days).ok_or_else(problem)
    }
}

/// So much time up to now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::http) struct Window {
    /// As it was asked for.
    pub(super) text: String,
    span: Duration,
    /// The shortest stretches that are kept for so long.
    pub(in crate::http) level: Level,
}

impl Window {
    pub(in crate::http) fn read(text: &str) -> Result<Window, Problem> {
        let problem = || {
            let detail = format!(
                "must be a number of minutes, hours or days up to 732d, such as `90m`, `24h` or `7d`; not `{text}`"
            );
            Problem::invalid_value("window", detail)
        };
        let (number, unit) = text.split_at_checked(text.len().saturating_sub(1)).ok_or_else(problem)?;
        let unit = match unit {
            "m" => 60,
            "h" => 3_600,
            "d" => 86_400,
            _ => return Err(problem()),
        };
        let digits = !number.is_empty() && number.len() <= 6 && number.bytes().all(|byte| byte.is_ascii_digit());
        let number: u64 = number.parse().ok().filter(|_| digits).ok_or_else(problem)?;
        let span = Duration::from_secs(number * unit);
        let fits = |level: &Level| span.as_millis() <= u128::from((level.length() * (level.kept() - 1)).unsigned_abs());
        let level = Level::ALL.into_iter().find(fits).filter(|_| number > 0).ok_or_else(problem)?;
        Ok(Window { text: text.to_owned(), span, level })
    }

    /// When it begins, if it ends now.
    pub(in crate::http) fn from(&self, now: Timestamp) -> Timestamp {
        SignedDuration::try_from(self.span).ok().and_then(|span| now.checked_sub(span).ok()).unwrap_or(Timestamp::MIN)
    }
}

fn windows(text: &str) -> Result<Vec<Window>, Problem> {
    let windows: Vec<Window> = listed(Some(text)).map(Window::read).collect::<Result<_, _>>()?;
    if windows.is_empty() || windows.len() > MOST_WINDOWS {
        let detail = format!("must be 1 to {MOST_WINDOWS} windows, separated by commas, such as `24h,7d`");
        return Err(Problem::invalid_value("window", detail));
    }
    Ok(windows)
}

fn time(field: &'static str, text: Option<&str>) -> Result<Option<Timestamp>, Problem> {
    let read = |text: &str| {
        text.parse().map_err(|_| {
            let detail = format!("must be a time as RFC 3339 has it, such as `2026-03-01T12:00:00Z`, not `{text}`");
            Problem::invalid_value(field, detail)
        })
    };
    text.map(read).transpose()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_is_told_in_the_shortest_stretches_that_are_kept_for_so_long() {
        let table = [
            ("1m", Some((60, Level::Minute))),
            ("1h", Some((3_600, Level::Minute))),
            ("61m", Some((3_660, Level::Hour))),
            ("24h", Some((86_400, Level::Hour))),
            ("30d", Some((2_592_000, Level::Hour))),
            ("721h", Some((2_595_600, Level::Day))),
            ("732d", Some((63_244_800, Level::Day))),
            ("733d", None),
            ("0h", None),
            ("h", None),
            ("", None),
            ("1y", None),
            ("-1h", None),
            ("+1h", None),
            ("1.5h", None),
            ("99999999999999999999d", None),
            ("1ä", None),
        ];
        for (text, expected) in table {
            let read = Window::read(text).ok().map(|window| (window.span.as_secs(), window.level));
            assert_eq!(read, expected, "{text}");
        }
    }
}
