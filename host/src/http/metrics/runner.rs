//! What is told of the runner as a whole.

use probity_core::health::Overall;

use super::seconds;
use crate::{
    board::{Figures, LAG_BUCKETS, Part},
    http::{
        exposition::{
            Exposition,
            Kind::{Counter, Gauge, Histogram, Summary},
            Labels,
        },
        probes,
        process::Process,
        view::View,
    },
};

pub(super) fn write(out: &mut Exposition, view: &View<'_>) {
    whole(out, view);
    inventory(out, view);
    work(out, view);
    process(out, view);
}

fn whole(out: &mut Exposition, view: &View<'_>) {
    let help = "The health of everything: 1 for the status it has.";
    let words = Overall::ALL.map(Overall::as_str);
    out.family("probity_health_status", Gauge, help).by("status", words).one_hot(&Labels::NONE, view.overall.as_str());
    let help = "Whether the parts of the runner move that must.";
    let moving = Part::ALL.map(|part| u64::from(view.board.vitals.still(part).is_none()));
    out.family("probity_part_moving", Gauge, help).by("part", Part::ALL.map(Part::as_str)).put(&Labels::NONE, moving);
    out.family("probity_uptime_seconds", Gauge, "How long the runner has been up.")
        .sample(&[], view.uptime.as_secs_f64());
    out.family("probity_build_info", Gauge, "The runner's version; always 1.")
        .sample(&[("version", env!("CARGO_PKG_VERSION"))], 1);
}

/// Probes and configuration.
fn inventory(out: &mut Exposition, view: &View<'_>) {
    let inventory = view.board.inventory();
    let mut family = out.family("probity_probes", Gauge, "How many probes there are, by how far they have come.");
    for state in probes::STATES {
        let count = inventory.probes.iter().filter(|probe| probes::state_word(&probe.state) == state).count();
        family.sample(&[("state", state)], count as u64);
    }
    let failed = inventory.sources.iter().filter(|source| source.error.is_some()).count();
    let help = "How many files of configuration and folders there are, by whether they are in force.";
    let counts = [(inventory.sources.len() - failed) as u64, failed as u64];
    out.family("probity_sources", Gauge, help).by("state", ["ok", "failed"]).put(&Labels::NONE, counts);
    let help = "Changed probes and configurations that were taken into use, or rejected.";
    let counts = [inventory.reloads_ok, inventory.reloads_failed];
    out.family("probity_reloads_total", Counter, help).by("result", ["ok", "failed"]).put(&Labels::NONE, counts);
    let help = "When a changed probe or configuration was taken into use last, or rejected. Absent before the first.";
    let mut family = out.family("probity_last_reload_timestamp_seconds", Gauge, help);
    for (result, time) in [("ok", inventory.last_reload_ok), ("failed", inventory.last_reload_failed)] {
        if let Some(time) = time {
            family.sample(&[("result", result)], seconds(time));
        }
    }
    let Figures { cached, compiled, compile_failures, compile_time, .. } = view.board.figures();
    let help =
        "Components that were made ready: compiled, taken from compiled code that was kept, or found to be no good.";
    let results = ["compiled", "cached", "failed"];
    let counts = [compiled, cached, compile_failures];
    out.family("probity_compilations_total", Counter, help).by("result", results).put(&Labels::NONE, counts);
    let help = "Time that it took to make components ready.";
    let all = compiled + cached + compile_failures;
    out.family("probity_compile_seconds", Summary, help).summary(&Labels::NONE, compile_time.as_secs_f64(), all);
}

/// What is under way.
fn work(out: &mut Exposition, view: &View<'_>) {
    let (counts, sum) = view.board.lag.read();
    out.family("probity_schedule_lag_seconds", Histogram, "How late runs started.").histogram(&LAG_BUCKETS).put(
        &Labels::NONE,
        &counts,
        sum,
    );
    out.family("probity_runs_in_flight", Gauge, "Runs that are under way.").sample(&[], view.board.in_flight());
    let help = "Runs that are due, and wait for room among all that are under way.";
    out.family("probity_runs_queued", Gauge, help).sample(&[], view.board.queued());
    let Figures { live, events, events_kept, followers, spans_sent, spans_dropped, export_failures, .. } =
        view.board.figures();
    out.family("probity_live_connections", Gauge, "Connections that are kept open between runs.")
        .sample(&[], live as u64);
    out.family("probity_events_total", Counter, "Events that were told.").sample(&[], events);
    out.family("probity_events_kept", Gauge, "Events that are still in the log.").sample(&[], events_kept as u64);
    let help = "Runs that were sent to a collector as spans, by OTLP, or were dropped.";
    let counts = [spans_sent, spans_dropped];
    out.family("probity_otlp_spans_total", Counter, help).by("result", ["sent", "dropped"]).put(&Labels::NONE, counts);
    let help = "Requests to a collector that failed.";
    out.family("probity_otlp_failures_total", Counter, help).sample(&[], export_failures);
    let help = "Who follows the events, the runner itself included.";
    out.family("probity_event_followers", Gauge, help).sample(&[], followers as u64);
}

/// What the runner takes, by the names that all exporters share.
fn process(out: &mut Exposition, view: &View<'_>) {
    let Process { cpu, resident, virtual_memory, threads, open_files, most_files } = Process::of_this();
    out.family("process_start_time_seconds", Gauge, "When the process started, in Unix time.")
        .sample(&[], seconds(view.board.started));
    out.family("process_cpu_seconds_total", Counter, "Time on all processors together.").sample(&[], cpu.as_secs_f64());
    for (name, help, figure) in [
        ("process_resident_memory_bytes", "Memory that is in RAM.", resident),
        ("process_virtual_memory_bytes", "Memory that is mapped.", virtual_memory),
        ("process_threads", "Threads of the operating system.", threads),
        ("process_open_fds", "Open files, connections among them.", open_files),
        ("process_max_fds", "Files that may be open.", most_files),
    ] {
        if let Some(figure) = figure {
            out.family(name, Gauge, help).sample(&[], figure);
        }
    }
}
