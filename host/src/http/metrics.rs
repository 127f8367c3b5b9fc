//! The board, as Prometheus reads it.

use std::sync::Arc;

use axum::{
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode},
    response::Response,
};
use probity_core::{
    circuit, connection,
    health::{Health, Mode, Overall},
    outcome::{FaultKind, Outcome, Run, Status},
    report,
};

use super::{
    App,
    auth::Reads,
    exposition::{
        Exposition,
        Kind::{self, Counter, Gauge, Histogram, Summary},
        MEDIA_TYPE, Number,
    },
    probes,
    process::Process,
    rendered::{Document, Drawn},
    view::View,
};
use crate::board::{CheckState, LAG_BUCKETS, Notifications, SinkFigures};

/// `/metrics`
pub(super) const METRICS: Document = Document { media_type: HeaderValue::from_static(MEDIA_TYPE), tagged: false, draw };

/// Everything that can be counted, in the text format of Prometheus.
#[utoipa::path(get, path = "/metrics", tag = "metrics", responses(
    (status = 200, description = "Metrics, in the text format 0.0.4", body = String, content_type = MEDIA_TYPE),
))]
pub(super) async fn metrics(State(app): State<Arc<App>>, _: Reads, headers: HeaderMap) -> Response {
    app.metrics.answer(&headers).await
}

fn draw(view: &View<'_>) -> Drawn {
    let mut out = Exposition::default();
    health(&mut out, view);
    runs(&mut out, view);
    last_run(&mut out, view);
    runner(&mut out, view);
    notifications(&mut out, view);
    process(&mut out, view);
    Ok((StatusCode::OK, out.into_text().into_bytes()))
}

/// Who was told of what.
fn notifications(out: &mut Exposition, view: &View<'_>) {
    let Some(Notifications { alerts, silences, sinks }) = view.board.notifications() else { return };
    out.family("probity_alerts", Gauge, "Checks whose trouble is not over.").sample(&[], alerts);
    out.family("probity_silences", Gauge, "Silences that are not over.").sample(&[], silences);
    type Count = fn(&SinkFigures) -> u64;
    let families: [(&str, Kind, &str, Count); 4] = [
        ("probity_notifications_sent_total", Counter, "Messages that the sink took.", |sink| sink.sent),
        ("probity_notifications_failed_total", Counter, "Attempts that failed.", |sink| sink.failed),
        ("probity_notifications_dropped_total", Counter, "Messages that were given up.", |sink| sink.dropped),
        ("probity_notifications_queued", Gauge, "Messages that wait for the sink.", |sink| sink.queued),
    ];
    for (name, kind, help, count) in families {
        let mut family = out.family(name, kind, help);
        for sink in &sinks {
            family.sample(&[("sink", &sink.sink)], count(sink));
        }
    }
}

/// How each target is.
fn health(out: &mut Exposition, view: &View<'_>) {
    let mut status = out.family("probity_check_status", Gauge, "What is known of the target: 1 for the status it has.");
    for check in &view.checks {
        let info = &check.info;
        let group = info.group.as_deref().unwrap_or_default();
        let labels = [("check", &*info.name), ("probe", &info.probe), ("group", group)];
        status.one_hot(&labels, "status", Health::ALL.map(Health::as_str), check.snapshot.health.as_str());
    }
    let help = "Whether the target is of use, healthy or degraded. Absent while that is not known.";
    let mut up = out.family("probity_check_up", Gauge, help);
    for check in &view.checks {
        if !matches!(check.snapshot.health, Health::Pending | Health::Unknown) {
            up.sample(&[("check", &check.info.name)], u64::from(check.snapshot.health.is_up()));
        }
    }
    let help = "Where the connection to the target stands: 1 for the state it is in.";
    let mut state = out.family("probity_connection_state", Gauge, help);
    for check in &view.checks {
        let labels = [("check", &*check.info.name)];
        let words = connection::State::ALL.map(connection::State::as_str);
        state.one_hot(&labels, "state", words, check.snapshot.connection.state().as_str());
    }
    let help = "Whether calls to the target are let through: 1 for the state of its circuit.";
    let mut circuit = out.family("probity_circuit_state", Gauge, help);
    for check in &view.checks {
        let words = circuit::State::ALL.map(circuit::State::as_str);
        circuit.one_hot(&[("check", &*check.info.name)], "state", words, check.snapshot.circuit.state().as_str());
    }
    let help = "What the operator decreed: 1 for the mode it is in.";
    let mut mode = out.family("probity_check_mode", Gauge, help);
    for check in &view.checks {
        let words = Mode::ALL.map(Mode::as_str);
        mode.one_hot(&[("check", &*check.info.name)], "mode", words, check.snapshot.mode.as_str());
    }
    let help = "Whether the target changes its mind too often.";
    each(out, view, "probity_check_flapping", Gauge, help, |check| Some(u64::from(check.snapshot.flapping)));
    let help = "How often the connection to the target was made.";
    each(out, view, "probity_connections_total", Counter, help, |check| {
        Some(check.snapshot.connection.totals().connections)
    });
    let help = "How often the connection to the target was made again after it had been lost.";
    each(out, view, "probity_reconnections_total", Counter, help, |check| {
        Some(check.snapshot.connection.totals().reconnections)
    });
    let help = "How often the target was found down, each failed attempt included.";
    each(out, view, "probity_connection_failures_total", Counter, help, |check| {
        Some(check.snapshot.connection.totals().failures)
    });
}

/// What each check has done.
fn runs(out: &mut Exposition, view: &View<'_>) {
    let mut runs = out.family("probity_check_runs_total", Counter, "Runs that ended in a verdict.");
    for CheckState { info, snapshot } in view.checks.iter().map(|check| &**check) {
        let stats = &snapshot.stats;
        let verdicts = [
            (Status::Healthy, stats.healthy),
            (Status::Degraded, stats.degraded),
            (Status::Unhealthy, stats.unhealthy),
        ];
        for (outcome, count) in verdicts {
            runs.sample(&[("check", &info.name), ("outcome", outcome.as_str())], count);
        }
    }
    let mut faults = out.family("probity_check_faults_total", Counter, "Runs in which the probe failed.");
    for check in &view.checks {
        // Those that never happened are there as well: from nothing to one is no rise that Prometheus would notice.
        for kind in FaultKind::ALL.into_iter().filter(|kind| kind.is_failure()) {
            let count = check.snapshot.stats.faults[kind.index()];
            faults.sample(&[("check", &check.info.name), ("kind", kind.as_str())], count);
        }
    }
    let help = "What others reported of the target, of those checks whose probe wants to know.";
    let mut reports = out.family("probity_check_reports_total", Counter, help);
    for (check, counts) in view.board.checks().iter().filter_map(|(name, slot)| Some((name, slot.reported()?))) {
        for kind in report::Kind::ALL {
            reports.sample(&[("check", check), ("kind", kind.as_str())], counts[kind.index()]);
        }
    }
    let help = "Time that runs took, from start to outcome.";
    let mut durations = out.family("probity_check_duration_seconds", Summary, help);
    for check in &view.checks {
        let labels = [("check", &*check.info.name)];
        durations.part("_sum", &labels, check.snapshot.stats.took.as_secs_f64());
        durations.part("_count", &labels, check.snapshot.stats.runs());
    }
    each(out, view, "probity_check_fuel_total", Counter, "Fuel used by all runs.", |check| {
        Some(check.snapshot.stats.fuel)
    });
    let help = "Scheduled ticks that passed while the run before was still going.";
    each(out, view, "probity_check_missed_ticks_total", Counter, help, |check| Some(check.snapshot.stats.missed_ticks));
    let help = "Failures in a row, of the target, up to the last verdict.";
    each(out, view, "probity_check_consecutive_failures", Gauge, help, |check| {
        Some(check.snapshot.stats.consecutive_failures)
    });
    let help = "Faults in a row, of the probe, up to the last run.";
    each(out, view, "probity_check_consecutive_faults", Gauge, help, |check| {
        Some(check.snapshot.stats.consecutive_faults)
    });
}

/// What the last run of each check was like.
fn last_run(out: &mut Exposition, view: &View<'_>) {
    fn last(check: &CheckState) -> Option<&Run> {
        check.snapshot.last.as_deref()
    }
    let help = "When the last run ended.";
    each(out, view, "probity_check_last_run_timestamp_seconds", Gauge, help, |check| {
        last(check).map(|run| seconds(run.ended()))
    });
    let help = "Time that the last run took, from start to outcome.";
    each(out, view, "probity_check_last_duration_seconds", Gauge, help, |check| {
        last(check).map(|run| run.took.as_secs_f64())
    });
    let help = "The largest total size of the probe's memories in the last run.";
    each(out, view, "probity_check_peak_memory_bytes", Gauge, help, |check| {
        last(check).map(|run| run.usage.peak_memory)
    });
    let help = "What the last run measured, by UCUM unit.";
    let mut family = out.family("probity_check_measurement", Gauge, help);
    for check in &view.checks {
        if let Some(Run { outcome: Outcome::Verdict(verdict), .. }) = last(check) {
            family.measurements(&check.info.name, &verdict.measurements);
        }
    }
}

/// The runner as a whole.
fn runner(out: &mut Exposition, view: &View<'_>) {
    out.family("probity_health_status", Gauge, "The health of everything: 1 for the status it has.").one_hot(
        &[],
        "status",
        Overall::ALL.map(Overall::as_str),
        view.overall.as_str(),
    );
    let inventory = view.board.inventory();
    let mut family = out.family("probity_probes", Gauge, "How many probes there are, by how far they have come.");
    for state in probes::STATES {
        let count = inventory.probes.iter().filter(|probe| probes::state_word(&probe.state) == state).count();
        family.sample(&[("state", state)], count as u64);
    }
    let failed = inventory.sources.iter().filter(|source| source.error.is_some()).count();
    let help = "How many files of configuration and folders there are, by whether they are in force.";
    let mut family = out.family("probity_sources", Gauge, help);
    family.sample(&[("state", "ok")], (inventory.sources.len() - failed) as u64);
    family.sample(&[("state", "failed")], failed as u64);
    let help = "Changed probes and configurations that were taken into use, or rejected.";
    let mut family = out.family("probity_reloads_total", Counter, help);
    family.sample(&[("result", "ok")], inventory.reloads_ok);
    family.sample(&[("result", "failed")], inventory.reloads_failed);
    lag(out, view);
    store(out, view);
    out.family("probity_runs_in_flight", Gauge, "Runs that are under way.").sample(&[], view.board.in_flight());
    out.family("probity_live_connections", Gauge, "Connections that are kept open between runs.")
        .sample(&[], view.board.live() as u64);
    out.family("probity_uptime_seconds", Gauge, "How long the runner has been up.")
        .sample(&[], view.uptime.as_secs_f64());
    out.family("probity_build_info", Gauge, "The runner's version; always 1.")
        .sample(&[("version", env!("CARGO_PKG_VERSION"))], 1);
}

/// What keeps history, if anything does.
fn store(out: &mut Exposition, view: &View<'_>) {
    let Some(store) = view.board.store() else {
        return;
    };
    let figures = store.figures();
    out.family("probity_store_up", Gauge, "Whether history is kept.").sample(&[], u64::from(store.standing().keeps));
    let counts = [
        ("probity_store_queue", Gauge, "What waits to be kept.", figures.queued),
        ("probity_store_dropped_total", Counter, "Results and events that could not be kept.", figures.dropped),
        ("probity_store_written_total", Counter, "Records that were written.", figures.written),
        ("probity_store_size_bytes", Gauge, "What history takes of the disk.", figures.size),
        ("probity_store_errors_total", Counter, "How often history could not be written or read.", figures.errors),
        (
            "probity_store_damaged_total",
            Counter,
            "How often history was found damaged, and begun anew.",
            figures.damaged,
        ),
    ];
    for (name, kind, help, value) in counts {
        out.family(name, kind, help).sample(&[], value);
    }
    let mut flushes = out.family("probity_store_flush_seconds", Summary, "Time that it took to write what there was.");
    flushes.part("_sum", &[], figures.flush_time.as_secs_f64());
    flushes.part("_count", &[], figures.flushes);
}

fn lag(out: &mut Exposition, view: &View<'_>) {
    let (counts, sum) = view.board.lag.read();
    let mut lag = out.family("probity_schedule_lag_seconds", Histogram, "How late runs started.");
    let mut total = 0;
    for (count, bound) in counts.into_iter().zip(LAG_BUCKETS.into_iter().chain([f64::INFINITY])) {
        total += count;
        let mut le = String::new();
        // A text takes whatever is written to it.
        let _ = bound.write(&mut le);
        lag.part("_bucket", &[("le", &le)], total);
    }
    lag.part("_sum", &[], sum);
    lag.part("_count", &[], total);
}

/// What the runner takes, by the names that all exporters share.
fn process(out: &mut Exposition, view: &View<'_>) {
    let Process { cpu, resident, open_files } = Process::of_this();
    out.family("process_start_time_seconds", Gauge, "When the process started, in Unix time.")
        .sample(&[], seconds(view.board.started));
    out.family("process_cpu_seconds_total", Counter, "Time on all processors together.").sample(&[], cpu.as_secs_f64());
    if let Some(bytes) = resident {
        out.family("process_resident_memory_bytes", Gauge, "Memory that is in RAM.").sample(&[], bytes);
    }
    if let Some(files) = open_files {
        out.family("process_open_fds", Gauge, "Open files, connections among them.").sample(&[], files);
    }
}

/// A family with at most one sample for each check.
fn each<N: Number>(
    out: &mut Exposition,
    view: &View<'_>,
    name: &'static str,
    kind: Kind,
    help: &str,
    value: impl Fn(&CheckState) -> Option<N>,
) {
    let mut family = out.family(name, kind, help);
    for check in &view.checks {
        if let Some(value) = value(check) {
            family.sample(&[("check", &check.info.name)], value);
        }
    }
}

/// Unix time, to the millisecond.
fn seconds(time: jiff::Timestamp) -> f64 {
    time.as_millisecond() as f64 / 1e3
}
