//! Runs that others ask for: of a target that they name, by a module that the operator or this program describes.

use std::{
    collections::BTreeMap,
    net::IpAddr,
    path::Path,
    sync::{Arc, OnceLock},
    time::Duration,
};

use arc_swap::ArcSwap;
use futures_util::future::BoxFuture;
use jiff::Timestamp;
use probity_core::outcome::{Attempt, Run};
use serde_json::Value;
use tokio::{
    sync::Semaphore,
    time::{Instant, timeout},
};

use super::{checks::suggestions, examiner::Examiner};
use crate::{
    config::{Check, Config, Probing, Surroundings},
    engine::{Engine, Lines, Prepared},
    grant::Granter,
    probing::{Probe, Probed, Unprobed},
    worker::Examine,
};

/// The modules that are built in: those of the blackbox exporter's example that have a probe here, and do the same.
const BUILT_IN: &str = r#"
[[check]]
name = "http_2xx"
probe = "http"
settings = { url = "{url}", follow_redirects = 20 }
[[check]]
name = "http_post_2xx"
probe = "http"
settings = { url = "{url}", method = "POST", follow_redirects = 20 }
[[check]]
name = "tcp_connect"
probe = "tcp"
settings = { host = "{host}", port = "{port}" }
[[check]]
name = "tcp_connect_tls"
probe = "tls"
settings = { host = "{host}", port = "{port:443}" }
[[check]]
name = "icmp"
probe = "ping"
settings = { host = "{host}", count = 1 }
[[check]]
name = "dns"
probe = "dns"
settings = { name = ".", type = "NS", server = "{host}", port = "{port:53}" }
[[check]]
name = "grpc"
probe = "grpc"
settings = { host = "{host}", port = "{port}", tls = true }
[[check]]
name = "grpc_plain"
probe = "grpc"
settings = { host = "{host}", port = "{port}" }
[[check]]
name = "ssh_banner"
probe = "ssh"
settings = { host = "{host}", port = "{port:22}" }
"#;

/// What is said where nothing is allowed.
const OFF: &str = "/probe is off, as it makes the runner dial what others name; to turn it on, say what targets may be: \
                   [probe] allow = [\"https:*.example.org:443\", \"icmp:10.0.0.0/8\"]";

/// Runs what others ask for.
pub struct Prober {
    engine: Arc<Engine>,
    modules: ArcSwap<Modules>,
    room: OnceLock<Semaphore>,
}

/// A module, and its probe or why there is none.
pub(super) type Found = (Arc<Check>, Result<Arc<Prepared>, String>);

/// The modules, as the configuration has them now.
#[derive(Default)]
struct Modules {
    /// Whether anything may be examined at all.
    on: bool,
    by_name: BTreeMap<String, Found>,
}

impl Prober {
    /// One without any module.
    #[must_use]
    pub fn new(engine: Arc<Engine>) -> Prober {
        Prober { engine, modules: ArcSwap::default(), room: OnceLock::new() }
    }

    /// The modules of a configuration: its own, and those built in whose names it does not have.
    pub(super) fn wanted(config: &Config) -> Vec<Arc<Check>> {
        let Probing { allow, modules, .. } = &config.probing;
        if allow.is_empty() {
            return Vec::new();
        }
        let surroundings = Surroundings::of_process(None, Timestamp::now());
        // It is right, as a test sees to; what is wrong would be missing.
        let built_in = config.sidecar(Path::new("built in"), BUILT_IN, "", surroundings).unwrap_or_default();
        let is_new = |module: &&Arc<Check>| modules.iter().all(|own| own.name != module.name);
        let built_in = built_in.iter().filter(is_new).map(|module| Arc::new(config.probing.confine(module)));
        modules.iter().cloned().chain(built_in).collect()
    }

    /// Takes in what there is for each module.
    pub(super) fn publish(&self, config: &Config, found: Vec<Found>) {
        self.room.get_or_init(|| Semaphore::new(config.probing.max_runs));
        let by_name = found.into_iter().map(|(check, prepared)| (check.name.clone(), (check, prepared))).collect();
        self.modules.store(Arc::new(Modules { on: !config.probing.allow.is_empty(), by_name }));
    }

    async fn run(&self, target: &str, module: &str, most: Duration) -> Result<Probed, Unprobed> {
        let modules = self.modules.load_full();
        if !modules.on {
            return Err(Unprobed::Off(OFF));
        }
        let Some((check, prepared)) = modules.by_name.get(module) else {
            let names = modules.by_name.keys().cloned().collect();
            return Err(Unprobed::NoModule(names));
        };
        let prepared = prepared.clone().map_err(Unprobed::NotReady)?;
        let target = Target::of(target);
        let settings = check.settings.replace(&|text| target.fill(text)).map_err(Unprobed::Target)?;
        let mut check = Check::clone(check);
        check.settings = settings;
        let plan = check
            .plan(suggestions(&prepared), Duration::ZERO)
            .map_err(|error| Unprobed::NotReady(error.to_string()))?;
        check.timeout = Some(plan.timeout.min(most));
        let plan = check
            .plan(suggestions(&prepared), Duration::ZERO)
            .map_err(|error| Unprobed::NotReady(error.to_string()))?;
        let room = self.room.get().ok_or(Unprobed::Busy)?;
        let Ok(Ok(_room)) = timeout(plan.timeout, room.acquire()).await else {
            return Err(Unprobed::Busy);
        };
        let (check, lines) = (Arc::new(check), Lines::default());
        let examiner =
            Examiner::new(Arc::clone(&self.engine), Arc::clone(&prepared), module.into(), &check, &plan, None)
                .granted_in(Granter::Probing)
                .heard_by(lines.clone());
        let (started, begun) = (Timestamp::now(), Instant::now());
        let Attempt { outcome, usage, calls, .. } = examiner.attempt(&[]).await;
        let took = begun.elapsed();
        examiner.close().await;
        Ok(Probed {
            run: Run { started, took, outcome, usage },
            calls,
            address: target.address(),
            probe: check.probe.clone(),
            settings: check.settings.redact(&check.settings.filled().to_string()).into_owned(),
            timeout: plan.timeout,
            log: lines.take(),
        })
    }
}

impl Probe for Prober {
    fn probe<'a>(
        &'a self,
        target: &'a str,
        module: &'a str,
        most: Duration,
    ) -> BoxFuture<'a, Result<Probed, Unprobed>> {
        Box::pin(self.run(target, module, most))
    }
}

/// What was named, and its parts.
struct Target<'a> {
    whole: &'a str,
    host: &'a str,
    port: Option<u16>,
}

impl Target<'_> {
    /// The parts of `host`, `host:port`, `[::1]:port`, or a URL.
    fn of(whole: &str) -> Target<'_> {
        let authority = whole.split_once("://").map_or(whole, |(_, rest)| rest);
        let authority = authority.split(['/', '?', '#']).next().unwrap_or(authority);
        let bare = authority.parse::<std::net::Ipv6Addr>().is_ok();
        let split = authority.rsplit_once(':').filter(|_| !bare);
        match split.and_then(|(host, port)| Some((host, port.parse().ok()?))) {
            Some((host, port)) => Target { whole, host, port: Some(port) },
            None => Target { whole, host: authority, port: None },
        }
    }

    /// The address that it is named by, if it is by one.
    fn address(&self) -> Option<IpAddr> {
        self.host.trim_start_matches('[').trim_end_matches(']').parse().ok()
    }

    /// A setting, with the parts of the target filled in.
    fn fill(&self, text: &str) -> Result<Value, String> {
        let mut filled = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            filled.push_str(before);
            let Some((name, after)) = after.split_once('}') else {
                filled.push('{');
                rest = after;
                continue;
            };
            rest = after;
            match name.split_once(':').unwrap_or((name, "")) {
                ("target", "") => filled.push_str(self.whole),
                ("host", "") => filled.push_str(self.host),
                ("url", "") if self.whole.contains("://") => filled.push_str(self.whole),
                // As the blackbox exporter does.
                ("url", "") => filled.extend(["http://", self.whole]),
                ("port", usual) => {
                    let usual = || {
                        usual.parse().map_err(|_| format!("`{}` names no port, and this module needs one", self.whole))
                    };
                    let port = self.port.map_or_else(usual, Ok)?;
                    if text == format!("{{{name}}}") {
                        return Ok(port.into());
                    }
                    filled.push_str(&port.to_string());
                }
                // It is the probe's own.
                _ => filled.extend(["{", name, "}"]),
            }
        }
        filled.push_str(rest);
        Ok(filled.into())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::config::Overrides;

    #[test]
    fn targets_have_parts() {
        for (whole, host, port) in [
            ("example.org", "example.org", None),
            ("example.org:443", "example.org", Some(443)),
            ("https://example.org:8443/a:1?b", "example.org", Some(8443)),
            ("http://example.org/", "example.org", None),
            ("10.0.0.1:53", "10.0.0.1", Some(53)),
            ("[::1]:53", "[::1]", Some(53)),
            ("::1", "::1", None),
            ("2001:db8::53", "2001:db8::53", None),
            ("host:no-port", "host:no-port", None),
        ] {
            let target = Target::of(whole);
            assert_eq!((target.host, target.port), (host, port), "{whole}");
        }
        assert_eq!(Target::of("https://[::1]:53/").address(), Some(IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1])));
        assert_eq!(Target::of("example.org:53").address(), None);
    }

    #[test]
    fn settings_are_filled_in() {
        let target = Target::of("example.org:25");
        for (text, expected) in [
            ("{target}", Value::from("example.org:25")),
            ("{port}", 25.into()),
            ("{port:53}", 25.into()),
            ("smtp://{host}:{port}/{other}", "smtp://example.org:25/{other}".into()),
            ("{url}", "http://example.org:25".into()),
            ("a { b", "a { b".into()),
        ] {
            assert_eq!(target.fill(text).unwrap(), expected, "{text}");
        }
        let target = Target::of("https://example.org/a");
        assert_eq!(target.fill("{url}").unwrap(), "https://example.org/a");
        assert_eq!(target.fill("{port:53}").unwrap(), 53);
        assert!(target.fill("{port}").unwrap_err().contains("names no port"));
    }

    #[test]
    fn what_is_built_in_is_right() {
        let overrides = Overrides { data_dir: Some("/tmp".into()), ..Overrides::default() };
        let surroundings = || Surroundings::of_process(None, Timestamp::now());
        let parse = |text| Config::parse(Path::new("test"), text, &overrides, surroundings()).unwrap();
        let config = parse(
            "[probe]\nallow = [\"tcp:*:*\"]\n[[probe.module]]\nname = \"icmp\"\nprobe = \"tcp\"\nallow = [\"udp:a:1\"]",
        );
        let wanted = Prober::wanted(&config);
        let names: std::collections::BTreeSet<_> = wanted.iter().map(|module| &*module.name).collect();
        assert_eq!((names.len(), wanted.len()), (BUILT_IN.matches("[[check]]").count(), names.len()));
        let own = wanted.iter().find(|module| module.name == "icmp").unwrap();
        assert_eq!((&*own.probe, own.allow.len()), ("tcp", 2), "the operator's come first");
        assert!(wanted.iter().all(|module| !module.policy.implicit_grants && !module.allow.is_empty()));
        assert!(wanted.iter().all(|module| crate::supervisor::standard::find(&module.probe).is_some()));
        assert!(Prober::wanted(&parse("")).is_empty(), "and nothing is, unless something is allowed");
    }
}
