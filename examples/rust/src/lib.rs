//! Connects to a TCP port, and expects a banner. Everything that a probe consists of is in this file.

use std::time::Duration;

use probity_guest::{Attempt, Description, Failure, Probe, SettingProblem, Verdict, Wire, settings::Port, text::excerpt};
use serde::Deserialize;

/// Bytes in which the banner must be.
const MOST_BANNER: usize = 4096;
/// Characters of the banner that a message shows.
const SHOWN: usize = 120;

const SCHEMA: &str = r#"{
    "type": "object", "additionalProperties": false, "required": ["host", "port"],
    "properties": {
        "host": { "type": "string", "minLength": 1, "description": "A name or an address." },
        "port": { "type": "integer", "minimum": 1, "maximum": 65535 },
        "expect": { "type": "string", "default": "", "description": "What the banner must have in it." }
    }
}"#;

/// What the operator can configure.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    host: String,
    port: Port,
    #[serde(default)]
    expect: String,
}

/// The probe.
pub struct Banner;

impl Probe for Banner {
    type Settings = Settings;

    fn describe() -> Description {
        let about = "Connects to a TCP port, and expects a banner.";
        Description::new("banner-probe", env!("CARGO_PKG_VERSION"), about, SCHEMA)
            .interval(Duration::from_secs(30))
            .timeout(Duration::from_secs(5))
            .grant("tcp:{host}:{port}")
    }

    fn validate(settings: &Settings) -> Vec<SettingProblem> {
        let message = "missing; give a name or an address such as `db.internal`";
        if settings.host.is_empty() { vec![SettingProblem::new("/host", message)] } else { vec![] }
    }

    fn check(settings: &Settings, attempt: &mut Attempt) -> Result<Verdict, Failure> {
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
}

fn is_in(needle: &[u8], text: &[u8]) -> bool {
    needle.is_empty() || text.windows(needle.len()).any(|window| window == needle)
}

probity_guest::export!(Banner);
