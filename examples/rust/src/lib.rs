//! Connects to a TCP port, and expects a banner. Everything that a probe consists of is in this file.

use probity_guest::{Attempt, Failure, Settings, Verdict, Wire, checker, settings::Port, text::excerpt};
use serde::Deserialize;

/// Bytes in which the banner must be.
const MOST_BANNER: usize = 4096;
/// Characters of the banner that a message shows.
const SHOWN: usize = 120;

/// What the operator can configure.
#[derive(Deserialize, Settings)]
#[serde(deny_unknown_fields)]
pub struct Banner {
    /// A name or an address.
    #[setting(min_length = 1)]
    host: String,
    port: Port,
    /// What the banner must have in it.
    #[serde(default)]
    expect: String,
}

/// What the runner calls at each run, in a fresh instance.
#[checker(interval = "30s", timeout = "5s", grants = ["tcp:{host}:{port}"])]
fn check(settings: &Banner, attempt: &mut Attempt) -> Result<Verdict, Failure> {
    // TODO: this is where your own examination goes. Here: resolve, connect, and wait for the banner.
    let mut wire = Wire::dial(attempt, &settings.host, settings.port.0, false)?;
    let (remote, expect) = (wire.remote(), settings.expect.as_bytes());
    let shown = |text: &[u8]| excerpt(text, SHOWN);
    let banner = attempt.phase("banner", |deadline| {
        let mut banner = Vec::new();
        while banner.is_empty() || !is_in(expect, &banner) {
            if banner.len() >= MOST_BANNER {
                let (sent, expected) = (shown(&banner), shown(expect));
                return Err(Failure::Unhealthy(format!("{remote} sent {sent}, and not {expected}")));
            }
            let more = wire.read(MOST_BANNER - banner.len(), deadline)?;
            if more.is_empty() {
                let sent = shown(&banner);
                return Err(Failure::Unhealthy(format!("{remote} closed the connection after {sent}")));
            }
            banner.extend(more);
        }
        Ok(banner)
    })?;
    Ok(Verdict::healthy(format!("{remote} greets with {}", shown(&banner))))
}

fn is_in(needle: &[u8], text: &[u8]) -> bool {
    needle.is_empty() || text.windows(needle.len()).any(|window| window == needle)
}

#[cfg(test)]
mod tests {
    use probity_guest::{Status, testing};

    use super::*;

    #[test]
    fn a_banner_is_found_however_it_is_cut() {
        let settings = r#"{ "host": "db", "port": 22, "expect": "hello" }"#;
        let verdict = testing::check::<check_probe>(settings, &[b"he", b"llo\r\n"]).came.unwrap();
        assert_eq!(verdict.status, Status::Healthy);
        assert!(verdict.message.starts_with("192.0.2.1:22 greets with "), "{}", verdict.message);
        let verdict = testing::check::<check_probe>(settings, &[b"good day\r\n"]).came.unwrap();
        assert_eq!(verdict.status, Status::Unhealthy);
    }
}
