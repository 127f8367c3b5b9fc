//! A target that is examined now, for Prometheus, in the manner of its blackbox exporter: with the same names for what is told.
//!
//! It makes the runner dial what others name. So there is nothing to be dialled unless the operator says what targets may be, which
//! the sandbox then holds the run to; and only whoever may have checks run may ask.

use std::{fmt::Write, sync::Arc, time::Duration};

use axum::{
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use jiff::{Timestamp, civil::Date, tz::TimeZone};
use probity_core::outcome::{Detail, Fault, FaultKind, Measurement, Outcome, Status, Value, Verdict};
use serde::Deserialize;

use super::{
    App,
    auth::Runs,
    door::NO_STORE,
    exposition::{Exposition, Format, Kind::Gauge, Labels, TEXT},
    parts::Asked,
    problem::{PROBLEM, Problem},
};
use crate::probing::{Probed, Unprobed};

/// The module that is meant where none is named, as in the blackbox exporter.
const USUAL: &str = "http_2xx";
/// What Prometheus says of how long it waits.
const SCRAPE_TIMEOUT: &str = "x-prometheus-scrape-timeout-seconds";
/// How much less a run may take, so that its answer comes in time; the blackbox exporter keeps as much back.
const OFFSET: Duration = Duration::from_millis(500);
/// How long a run may take at the most for those who do not say.
const MOST: Duration = Duration::from_secs(120);
/// The longest target: a URL that is longer is none that anybody would examine.
const TARGET: usize = 2_048;

/// What is asked.
#[derive(Deserialize)]
pub(super) struct Wanted {
    target: Option<String>,
    module: Option<String>,
    debug: Option<String>,
}

/// Examines a target now, and tells what came of it by the names of the blackbox exporter.
///
/// It takes a token with the scope `control`; as long as the runner has no token at all, requests from its own machine may do so. And
/// it takes `[probe]` in the configuration, which says what targets may be.
#[utoipa::path(get, path = "/probe", tag = "metrics",
    params(
        ("target" = String, Query, description = "What to examine: a host, with or without a port, or a URL"),
        ("module" = Option<String>, Query, description = "How; `http_2xx` unless said"),
        ("debug" = Option<bool>, Query, description = "Whether to tell of the run at length, as text"),
    ),
    responses(
        (status = 200, description = "What came of it, good or bad", body = String,
            content_type = "text/plain; version=0.0.4; charset=utf-8"),
        (status = 400, description = "There is no such module, or it can't examine this", body = Problem,
            content_type = PROBLEM),
        (status = 401, description = "The token is wrong or missing", body = Problem, content_type = PROBLEM),
        (status = 403, description = "Not from here, or `/probe` is off", body = Problem, content_type = PROBLEM),
        (status = 503, description = "There are too many runs, or the module's probe is not ready", body = Problem,
            content_type = PROBLEM),
    ),
    security((), ("token" = ["control"]))
)]
pub(super) async fn probe(
    State(app): State<Arc<App>>,
    _: Runs,
    Asked(wanted): Asked<Wanted>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let target = wanted.target.filter(|target| !target.is_empty() && target.len() <= TARGET);
    let target = target.ok_or_else(|| {
        Problem::invalid_value(
            "target",
            format!("must be a host or a URL of 1 to {TARGET} bytes: /probe?target=example.org"),
        )
    })?;
    let debug = match wanted.debug.as_deref() {
        None | Some("false" | "0") => false,
        Some("" | "true" | "1") => true,
        Some(_) => return Err(Problem::invalid_value("debug", "must be true or false")),
    };
    let module = wanted.module.as_deref().unwrap_or(USUAL);
    let probed = app.prober.probe(&target, module, patience(&headers)).await.map_err(|why| refused(why, module))?;
    let metrics = metrics(&probed, app.board.wall());
    let (kind, body) =
        if debug { ("text/plain; charset=utf-8", told(&probed, module, &target, &metrics)) } else { (TEXT, metrics) };
    let kind = (header::CONTENT_TYPE, HeaderValue::from_static(kind));
    Ok((StatusCode::OK, [kind, (header::CACHE_CONTROL, NO_STORE)], body).into_response())
}

/// How long whoever asks waits, if they say so.
fn patience(headers: &HeaderMap) -> Duration {
    let said = headers.get(SCRAPE_TIMEOUT).and_then(|value| value.to_str().ok()?.parse().ok());
    let waits = said.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    // Whoever waits for less than what is kept back waits in vain, but is answered.
    waits.map_or(MOST, |waits| waits.saturating_sub(OFFSET).clamp(Duration::from_millis(1), MOST))
}

fn refused(why: Unprobed, module: &str) -> Problem {
    match why {
        Unprobed::Off(remedy) => Problem::forbidden(remedy),
        Unprobed::NoModule(names) => {
            Problem::invalid_value("module", format!("there is no module `{module}`; there are {}", names.join(", ")))
        }
        Unprobed::Target(why) => Problem::invalid_value("target", why),
        Unprobed::NotReady(why) => Problem::too_many(1, format!("the module `{module}` is not ready: {why}")),
        Unprobed::Busy => Problem::too_many(1, "there are as many runs as `probe.max_runs` lets be at a time"),
    }
}

/// What came of a run, in the text format of Prometheus.
fn metrics(probed: &Probed, now: Timestamp) -> String {
    let mut out = Exposition::text(Format::Prometheus);
    let verdict = match &probed.run.outcome {
        Outcome::Verdict(verdict) => Some(verdict),
        Outcome::Fault(_) => None,
    };
    let up = verdict.is_some_and(|verdict| verdict.status.is_up());
    out.family("probe_success", Gauge, "Displays whether or not the probe was a success.").sample(&[], u64::from(up));
    let help = "Returns how long the probe took to complete in seconds.";
    out.family("probe_duration_seconds", Gauge, help).sample(&[], probed.run.took.as_secs_f64());
    let help = "Whether the run of Probity gave no verdict, by why; of the target nothing is known then.";
    let fault = match &probed.run.outcome {
        Outcome::Fault(Fault { kind, .. }) => Some(*kind),
        Outcome::Verdict(_) => None,
    };
    if let Some(kind) = fault.filter(|kind: &FaultKind| kind.is_failure()) {
        out.family("probe_fault", Gauge, help).sample(&[("kind", kind.as_str())], 1);
    }
    let Some(verdict) = verdict else { return out.into_text() };
    let help = "Whether the target works, but not as well as it should.";
    out.family("probe_degraded", Gauge, help).sample(&[], u64::from(verdict.status == Status::Degraded));
    Told { out: &mut out, verdict, now }.write(&probed.probe);
    let help = "What the run measured, by UCUM unit.";
    out.family("probe_measurement", Gauge, help).measurements(&Labels::NONE, &verdict.measurements, |_| true);
    out.into_text()
}

/// A verdict that is told by the names of the blackbox exporter.
struct Told<'a> {
    out: &'a mut Exposition,
    verdict: &'a Verdict,
    now: Timestamp,
}

impl Told<'_> {
    fn write(mut self, probe: &str) {
        if let Some(seconds) = self.measured("resolve") {
            let help = "Returns the time taken for probe dns lookup in seconds.";
            self.gauge("probe_dns_lookup_time_seconds", help, seconds);
        }
        self.address();
        match probe {
            "http" => self.http(),
            "ping" => self.icmp(),
            "dns" => self.dns(),
            "grpc" => self.grpc(),
            _ => {}
        }
        self.certificate();
    }

    fn http(&mut self) {
        let phases = [
            ("resolve", "resolve"),
            ("connect", "connect"),
            ("tls", "tls"),
            ("processing", "wait"),
            ("transfer", "body"),
        ];
        self.phases(
            "probe_http_duration_seconds",
            "Duration of http request by phase, summed over all redirects.",
            phases,
        );
        if let Some(status) = self.number("status") {
            self.gauge("probe_http_status_code", "Response HTTP status code.", status);
        }
        let version = self.text("http-version").and_then(|version| version.strip_prefix("HTTP/")?.parse::<f64>().ok());
        if let Some(version) = version {
            self.gauge("probe_http_version", "Returns the version of HTTP of the probe response.", version);
        }
        let redirects = self.number("redirects").unwrap_or(0.0);
        self.gauge("probe_http_redirects", "The number of redirects.", redirects);
        let secure = self.text("url").map(|url| url.starts_with("https://"));
        if let Some(secure) = secure {
            let help = "Indicates if SSL was used for the final redirect.";
            self.gauge("probe_http_ssl", help, f64::from(u8::from(secure)));
        }
        if let Some(size) = self.measured("body-size") {
            let help = "Length of uncompressed response body.";
            self.gauge("probe_http_uncompressed_body_length", help, size);
        }
    }

    fn icmp(&mut self) {
        let phases = [("resolve", "resolve"), ("rtt", "rtt-avg")];
        self.phases("probe_icmp_duration_seconds", "Duration of icmp request by phase.", phases);
        if let Some(ttl) = self.number("ttl") {
            let help = "Replied packet hop limit (TTL for ipv4).";
            self.gauge("probe_icmp_reply_hop_limit", help, ttl);
        }
    }

    fn dns(&mut self) {
        let phases = [("resolve", "resolve"), ("request", "answer")];
        self.phases("probe_dns_duration_seconds", "Duration of DNS request by phase.", phases);
        let help = "Displays whether or not the query was executed successfully.";
        let answered = self.text("rcode").is_some();
        self.gauge("probe_dns_query_succeeded", help, f64::from(u8::from(answered)));
        if let Some(records) = self.measured("records") {
            self.gauge(
                "probe_dns_answer_rrs",
                "Returns number of entries in the answer resource record list.",
                records,
            );
        }
    }

    fn grpc(&mut self) {
        let phases = [("check", "first-byte"), ("transfer", "answer")];
        self.phases("probe_grpc_duration_seconds", "Duration of gRPC request by phase.", phases);
        if let Some(status) = self.text("status").map(str::to_owned) {
            let words = ["SERVING", "NOT_SERVING", "UNKNOWN", "SERVICE_UNKNOWN"];
            let help = "Response HealthCheck response.";
            let mut response =
                self.out.family("probe_grpc_healthcheck_response", Gauge, help).by("serving_status", words);
            response.one_hot(&Labels::NONE, &status);
        }
    }

    fn certificate(&mut self) {
        let day = self.text("certificate-not-after").and_then(|day| day.parse::<Date>().ok());
        let left = self.measured("certificate-days-left");
        // A day is what is told, and how many are left tells when of that day.
        let at = match (left, day.and_then(|day| TimeZone::UTC.to_timestamp(day.at(0, 0, 0, 0)).ok())) {
            (Some(left), _) => Some(self.now.as_second() as f64 + left * 86_400.0),
            (None, Some(day)) => Some(day.as_second() as f64),
            (None, None) => None,
        };
        if let Some(at) = at {
            let help = "Returns earliest SSL cert expiry in unixtime.";
            self.gauge("probe_ssl_earliest_cert_expiry", help, at.round());
        }
    }

    fn address(&mut self) {
        let address = self.text("address").or(self.text("server"));
        let ip = address.and_then(|address| {
            let socket = address.parse::<std::net::SocketAddr>().map(|address| address.ip());
            socket.or_else(|_| address.parse()).ok()
        });
        if let Some(ip) = ip {
            let help = "Specifies whether probe ip protocol is IP4 or IP6.";
            self.gauge("probe_ip_protocol", help, if ip.is_ipv6() { 6.0 } else { 4.0 });
        }
    }

    /// Durations by phase, of those that there are: each by its name there, and the one of the measurement.
    fn phases<const N: usize>(&mut self, name: &'static str, help: &'static str, phases: [(&str, &str); N]) {
        let told = phases.map(|(phase, measurement)| (phase, self.measured(measurement).unwrap_or(0.0)));
        let mut family = self.out.family(name, Gauge, help);
        for (phase, seconds) in told {
            family.sample(&[("phase", phase)], seconds);
        }
    }

    fn gauge(&mut self, name: &'static str, help: &'static str, value: f64) {
        self.out.family(name, Gauge, help).sample(&[], value);
    }

    fn measured(&self, name: &str) -> Option<f64> {
        self.verdict.measurements.iter().rev().find(|figure| figure.name == name).map(|figure| figure.value)
    }

    fn detail(&self, key: &str) -> Option<&Value> {
        self.verdict.details.iter().rev().find(|detail| detail.key == key).map(|detail| &detail.value)
    }

    fn text(&self, key: &str) -> Option<&str> {
        match self.detail(key)? {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    fn number(&self, key: &str) -> Option<f64> {
        match self.detail(key)? {
            Value::Integer(number) => Some(*number as f64),
            Value::Number(number) => Some(*number),
            Value::Text(text) => text.parse().ok(),
            Value::Boolean(_) => None,
        }
    }
}

/// All that is known of a run, for a person.
fn told(probed: &Probed, module: &str, target: &str, metrics: &str) -> String {
    let Probed { run, calls, probe, settings, timeout, log } = probed;
    let mut out = format!("Logs for the probe:\n{} info the module {module} examines {target}\n", run.started);
    let mut line = |text: std::fmt::Arguments<'_>| {
        // A text takes whatever is written to it.
        let _ = writeln!(out, "{text}");
    };
    log.iter().for_each(|logged| line(format_args!("{logged}")));
    let asked = format!(
        "{} look-ups, {} connections, {} requests, {} bytes sent, {} bytes received",
        calls.lookups, calls.connections, calls.requests, calls.bytes_sent, calls.bytes_received
    );
    line(format_args!("info it asked for {asked}"));
    calls.missing.iter().for_each(|grant| line(format_args!("warn it was not allowed {grant}")));
    calls.denied.iter().for_each(|address| line(format_args!("warn it was denied {address}")));
    match &run.outcome {
        Outcome::Verdict(Verdict { status, message, details, measurements, .. }) => {
            line(format_args!("info after {:?}: {}: {message}", run.took, status.as_str()));
            for Detail { key, value } in details {
                line(format_args!("info {key} = {value:?}"));
            }
            for Measurement { name, unit, value } in measurements {
                line(format_args!("info {name} = {value} {unit}"));
            }
        }
        Outcome::Fault(Fault { kind, message }) => line(format_args!("error after {:?}: {kind}: {message}", run.took)),
    }
    let configuration = format!("probe: {probe}\nsettings: {settings}\ntimeout: {timeout:?}\n");
    out + "\n\n\nMetrics that would have been returned:\n" + metrics + "\n\n\nModule configuration:\n" + &configuration
}
