//! What comes back of a request.

use std::time::Duration;

use http::{HeaderMap, StatusCode, header};
use jiff::{Timestamp, fmt::rfc2822};

use super::Failure;

/// Characters of an answer that are told.
const TOLD: usize = 200;
/// The longest that a server can ask to be left alone: what it says beyond is a slip, or worse.
const LONGEST_WAIT: Duration = Duration::from_secs(3600);

/// What comes back of a request.
#[derive(Clone, Debug)]
pub struct Answer {
    /// How it went.
    pub status: StatusCode,
    /// What is said with it.
    pub headers: HeaderMap,
    /// As much of its body as was read.
    pub body: Vec<u8>,
    /// Why that is not all of it.
    pub flaw: Option<Failure>,
}

impl Answer {
    /// The body.
    ///
    /// # Errors
    ///
    /// It did not come whole.
    pub fn whole(self) -> Result<Vec<u8>, Failure> {
        self.flaw.map_or(Ok(self.body), Err)
    }

    /// The status, and the first line of what is said with it: `503 Service Unavailable: try again later`.
    #[must_use]
    pub fn in_words(&self) -> String {
        let text = String::from_utf8_lossy(&self.body);
        let line = text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
        let said: String = line.chars().filter(|letter| !letter.is_control()).take(TOLD).collect();
        if said.is_empty() { self.status.to_string() } else { format!("{}: {said}", self.status) }
    }

    /// How long the server wants to be left alone, in either form of `Retry-After` (RFC 9110, section 10.2.3).
    #[must_use]
    pub fn retry_after(&self, now: Timestamp) -> Option<Duration> {
        let said = self.headers.get(header::RETRY_AFTER)?.to_str().ok()?;
        let wait = match said.parse() {
            Ok(seconds) => Duration::from_secs(seconds),
            Err(_) => {
                let until = rfc2822::parse(said).ok()?.timestamp();
                Duration::try_from(until.duration_since(now)).unwrap_or_default()
            }
        };
        Some(wait.min(LONGEST_WAIT))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn answer(retry_after: &str, body: &str) -> Answer {
        let headers = [(header::RETRY_AFTER, retry_after.parse().unwrap())].into_iter().collect();
        Answer { status: StatusCode::SERVICE_UNAVAILABLE, headers, body: body.into(), flaw: None }
    }

    #[test]
    fn a_server_may_say_when_to_come_again() {
        let now = "1994-11-06T08:49:07Z".parse().unwrap();
        let table = [
            ("0", Some(0)),
            ("120", Some(120)),
            ("86400", Some(3_600)),
            // The example of RFC 9110, section 5.6.7, thirty seconds ahead.
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(30)),
            ("Sun, 06 Nov 1994 08:48:37 GMT", Some(0)),
            ("Sat, 06 Nov 2094 08:49:37 GMT", Some(3_600)),
            ("soon", None),
            ("-1", None),
        ];
        for (said, seconds) in table {
            assert_eq!(answer(said, "").retry_after(now), seconds.map(Duration::from_secs), "{said}");
        }
    }

    #[test]
    fn the_first_line_of_a_body_is_told_as_far_as_it_can_be() {
        let long = "ä".repeat(1_000);
        let table = [
            ("", "503 Service Unavailable"),
            (" \r\n", "503 Service Unavailable"),
            ("\n as told\nand no more", "503 Service Unavailable: as told"),
            ("a\x1b[2Jb", "503 Service Unavailable: a[2Jb"),
            (&long, &format!("503 Service Unavailable: {}", "ä".repeat(TOLD))),
        ];
        for (body, words) in table {
            assert_eq!(answer("", body).in_words(), words, "{body:?}");
        }
    }
}
