//! A target that is examined now, for Prometheus, in the manner of its blackbox exporter: with the same names for what is told.
//!
//! It makes the runner dial what others name. So there is nothing to be dialled unless the operator says what targets may be, which
//! the sandbox then holds the run to; and only whoever may have checks run may ask.

mod blackbox;

use std::{fmt::Write, sync::Arc, time::Duration};

use axum::{
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use jiff::Timestamp;
use probity_core::outcome::{Detail, Fault, FaultKind, Measurement, Outcome, Status, Verdict};
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
        Unprobed::NotReady(why) => Problem::not_ready(1, format!("the module `{module}` is not ready: {why}")),
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
    blackbox::write(probed, now, &mut out);
    let Some(verdict) = verdict else { return out.into_text() };
    let help = "Whether the target works, but not as well as it should.";
    out.family("probe_degraded", Gauge, help).sample(&[], u64::from(verdict.status == Status::Degraded));
    let help = "What the run measured, by UCUM unit.";
    out.family("probe_measurement", Gauge, help).measurements(&Labels::NONE, &verdict.measurements, |_| true);
    out.into_text()
}

/// All that is known of a run, for a person.
fn told(probed: &Probed, module: &str, target: &str, metrics: &str) -> String {
    let Probed { run, calls, probe, settings, timeout, log, .. } = probed;
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
                line(format_args!("info {key} = {value}"));
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
