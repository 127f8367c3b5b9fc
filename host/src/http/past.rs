//! What pages and badges tell of the past, as far as this runner keeps a history.

use std::time::Duration;

use super::{App, problem::Problem};
use crate::config::parse_duration;

/// The shortest and the longest window.
const WINDOWS: std::ops::RangeInclusive<Duration> = Duration::from_secs(60)..=Duration::from_secs(731 * 86_400);

/// The percentage of the known time of this window in which a target was of use; `None` within: nothing is known of it. `None`:
/// there is no history.
#[expect(clippy::unused_async, reason = "it is read from disk")]
pub(super) async fn availability(_: &App, _: &str, window: &str) -> Result<Option<Option<f64>>, Problem> {
    let days = window.strip_suffix('d').and_then(|days| days.parse::<u32>().ok());
    let span = days.map_or_else(|| parse_duration(window), |days| Some(Duration::from_secs(86_400) * days));
    let is_window = span.is_some_and(|span| WINDOWS.contains(&span));
    if is_window {
        Ok(None)
    } else {
        Err(Problem::invalid_value("window", "must be a span such as `24h`, `7d` or `30d`"))
    }
}
