//! Connects to all addresses of a host at once, and expects a banner of the first that answers. Everything that the probe consists
//! of is in this file; `bindings.rs` is what `world/probe.wit` generates.
//!
//! All that waits is an `async fn` of WASI 0.3, so several things are waited for at once without a thread or a poll: the
//! addresses for each other, and everything for the clock.

#[rustfmt::skip]
#[allow(unsafe_code, clippy::all)]
mod bindings;

use std::{net::IpAddr, pin::pin};

use futures_util::future::{Either, select, select_ok};
use serde::Deserialize;

use bindings::{
    exports::probity::{
        experimental::async_checker::{Guest as Checker, Problem, Run, Verdict},
        probe::manifest::{Description, Guest as Manifest, SettingProblem},
    },
    probity::probe::types::{Measurement, Status},
    wasi::{
        clocks0_3_0::monotonic_clock::{now, wait_for},
        sockets0_3_0::{
            ip_name_lookup::{self, resolve_addresses},
            types::{
                ErrorCode, IpAddress, IpAddressFamily, IpSocketAddress, Ipv4SocketAddress, Ipv6SocketAddress, TcpSocket,
            },
        },
    },
};

/// Bytes in which the banner must be.
const MOST_BANNER: usize = 4096;
/// What is kept back of the time, for the verdict: a twenty-fifth.
const KEPT_BACK: u64 = 25;
/// What the operator can configure.
const SCHEMA: &str = r#"{
  "type": "object",
  "required": ["host", "port"],
  "additionalProperties": false,
  "properties": {
    "host": { "type": "string", "minLength": 1, "description": "A name or an address." },
    "port": { "type": "integer", "minimum": 1, "maximum": 65535 },
    "expect": { "type": "string", "description": "What the banner must have in it." }
  }
}"#;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    host: String,
    port: std::num::NonZeroU16,
    #[serde(default)]
    expect: String,
}

struct Probe;

bindings::export!(Probe with_types_in bindings);

impl Manifest for Probe {
    fn describe() -> Description {
        Description {
            name: "async-banner-probe".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            description: "Connects to all addresses of a host at once, and expects a banner.".into(),
            settings_schema: SCHEMA.into(),
            default_interval: Some(30_000_000_000),
            default_timeout: Some(5_000_000_000),
            memory: None,
            critical: false,
            passive: false,
            grants: vec!["tcp:{host}:{port}".into()],
        }
    }

    fn validate(settings: String) -> Vec<SettingProblem> {
        read(&settings).err().into_iter().collect()
    }
}

impl Checker for Probe {
    async fn check(settings: String, run: Run) -> Result<Verdict, Problem> {
        let settings = read(&settings).map_err(|problem| Problem::InvalidSettings(vec![problem]))?;
        let time = run.time_left - run.time_left / KEPT_BACK;
        let mut phases = Phases { began: now(), measurements: Vec::new() };
        let examined = {
            let (examination, clock) = (pin!(examine(&settings, &mut phases)), pin!(wait_for(time)));
            match select(examination, clock).await {
                Either::Left((examined, _)) => examined,
                Either::Right(((), _)) => Err(Flaw::Unhealthy(format!("no banner within {} ms", time / 1_000_000))),
            }
        };
        let (status, message) = match examined {
            Ok(message) => (Status::Healthy, message),
            Err(Flaw::Unhealthy(message)) => (Status::Unhealthy, message),
            Err(Flaw::Denied(what)) => return Err(Problem::Denied(what)),
        };
        Ok(Verdict {
            status,
            message,
            details: Vec::new(),
            measurements: phases.measurements,
            latency: None,
            permanent: false,
            state: Vec::new(),
        })
    }
}

/// Why there is no banner.
enum Flaw {
    /// For what the target did.
    Unhealthy(String),
    /// For what the sandbox refused.
    Denied(String),
}

/// How long each part took.
struct Phases {
    began: u64,
    measurements: Vec<Measurement>,
}

impl Phases {
    fn end(&mut self, name: &str) {
        let (began, ended) = (self.began, now());
        self.began = ended;
        let value = (ended - began) as f64 / 1e9;
        self.measurements.push(Measurement { name: name.into(), unit: "s".into(), value });
    }
}

fn read(settings: &str) -> Result<Settings, SettingProblem> {
    serde_json::from_str(settings)
        .map_err(|error| SettingProblem { pointer: String::new(), message: error.to_string() })
}

async fn examine(settings: &Settings, phases: &mut Phases) -> Result<String, Flaw> {
    let (host, port) = (&settings.host, settings.port.get());
    let addresses = resolve_addresses(host.clone()).await.map_err(|error| match error {
        ip_name_lookup::ErrorCode::AccessDenied => Flaw::Denied(format!("looking {host} up")),
        error => Flaw::Unhealthy(format!("{host} can't be looked up: {error}")),
    })?;
    phases.end("resolve");
    // All of them at once: whichever answers first is it, and the others are given up.
    let dials = addresses.into_iter().map(|address| Box::pin(dial(address, port)));
    let ((socket, remote), _) = select_ok(dials).await?;
    phases.end("connect");
    // TODO: this is where your own examination goes. Here: wait for the banner.
    let (mut incoming, _) = socket.receive();
    let mut banner = Vec::new();
    while banner.is_empty() || !contains(&banner, settings.expect.as_bytes()) {
        if banner.len() >= MOST_BANNER {
            let (sent, expected) = (shown(&banner), &settings.expect);
            return Err(Flaw::Unhealthy(format!("{remote} sent {sent}, and not {expected:?}")));
        }
        let (_, more) = incoming.read(Vec::with_capacity(MOST_BANNER - banner.len())).await;
        if more.is_empty() {
            return Err(Flaw::Unhealthy(format!("{remote} closed the connection after {}", shown(&banner))));
        }
        banner.extend(more);
    }
    phases.end("banner");
    Ok(format!("{remote} greets with {}", shown(&banner)))
}

/// Connects to one address; says which.
async fn dial(address: IpAddress, port: u16) -> Result<(TcpSocket, String), Flaw> {
    let (family, to, ip) = match address {
        IpAddress::Ipv4(address) => {
            let (a, b, c, d) = address;
            let to = IpSocketAddress::Ipv4(Ipv4SocketAddress { port, address });
            (IpAddressFamily::Ipv4, to, IpAddr::from([a, b, c, d]))
        }
        IpAddress::Ipv6(address) => {
            let (a, b, c, d, e, f, g, h) = address;
            let to = IpSocketAddress::Ipv6(Ipv6SocketAddress { port, flow_info: 0, address, scope_id: 0 });
            (IpAddressFamily::Ipv6, to, IpAddr::from([a, b, c, d, e, f, g, h]))
        }
    };
    let remote = std::net::SocketAddr::new(ip, port).to_string();
    let failed = |error: ErrorCode| match error {
        ErrorCode::AccessDenied => Flaw::Denied(format!("connecting to {remote}")),
        error => Flaw::Unhealthy(format!("can't connect to {remote}: {}", words(&error))),
    };
    let socket = TcpSocket::create(family).map_err(failed)?;
    socket.connect(to).await.map_err(failed)?;
    Ok((socket, remote))
}

/// What the interface calls it, in words.
fn words(error: &ErrorCode) -> String {
    match error {
        ErrorCode::ConnectionRefused => "connection refused".into(),
        ErrorCode::RemoteUnreachable => "the network is unreachable".into(),
        ErrorCode::Timeout => "timed out".into(),
        error => error.to_string(),
    }
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    part.is_empty() || text.windows(part.len()).any(|window| window == part)
}

/// As much of what came as a message shows.
fn shown(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    format!("{:?}", text.chars().take(120).collect::<String>())
}
