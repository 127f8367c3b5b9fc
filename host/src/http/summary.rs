//! How well everything does, in a few numbers. `probity_core::score` says how they come about.

use std::{collections::BTreeMap, sync::Arc};

use axum::{extract::State, http::StatusCode, response::Response};
use jiff::Timestamp;
use probity_core::{health::Health, outcome::Run, score::Sum, stats::Stats, time::nanoseconds};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    App,
    auth::Reads,
    forms::{self, ours},
    headers::Headers,
    problem::{PROBLEM, Problem},
    rendered::{Document, Drawn},
    schema,
    selection::Selection,
    view::View,
};

/// How well everything does.
#[derive(Serialize, ToSchema)]
struct Summary<'a> {
    /// The one word for all: what the score comes to, and never better than at `/health`.
    #[schema(schema_with = schema::overall)]
    status: &'static str,
    /// From 0 to 1: healthy from 0.95 on, degraded from 0.75 on, unless the operator says otherwise.
    overall_score: f64,
    /// When the latest result came in; null before the first.
    #[schema(required, value_type = Option<String>, format = DateTime)]
    last_check: Option<Timestamp>,
    /// How many checks there are.
    total_checks: usize,
    /// The score of each check, from 0 to 1; null while it is pending.
    component_scores: BTreeMap<&'a str, Option<f64>>,
    /// What else is worth a look.
    key_metrics: KeyMetrics,
}

/// A few figures of all checks together.
#[derive(Serialize, ToSchema)]
struct KeyMetrics {
    /// Checks whose target is healthy, or decreed to be.
    healthy_checks: usize,
    /// Checks whose target is degraded.
    degraded_checks: usize,
    /// Checks whose target is unhealthy.
    unhealthy_checks: usize,
    /// Checks of which nothing is known, as their probe fails.
    unknown_checks: usize,
    /// Checks that were not examined yet, or are not.
    pending_checks: usize,
    /// Critical checks whose target is unhealthy.
    critical_failures: usize,
    /// Runs of all checks that came to an end.
    total_runs: u64,
    /// The share of runs with a verdict whose target was of use, from 0 to 1; null before the first.
    #[schema(required)]
    success_rate: Option<f64>,
    /// How many of the runs ended in a fault.
    total_faults: u64,
    /// The mean time that the targets took in their last runs, in nanoseconds; null before the first.
    #[schema(required)]
    mean_latency: Option<u64>,
    /// Scheduled ticks that passed while the run before was still going.
    missed_ticks: u64,
    /// Runs that are under way.
    runs_in_flight: u64,
    /// How long the runner has been up, in nanoseconds.
    uptime: u64,
}

/// `/health/summary`
pub(super) const SUMMARY: Document = ours(draw);

/// How well everything does: one score from 0 to 1, those that it is made of, and a few figures.
///
/// The score of a check is 0.6 times the mean of its latest 20 verdicts (healthy 1, degraded 0.75, unhealthy 0), and 0.25 times the
/// share of `fall` that is left of failures in a row, and 0.15 times how fast it is beside its own median: 1 up to twice that, 0
/// from ten times on. A check of which nothing is known has 0.5. In the score of all, critical checks count three times. With `exclude`
/// or `group` it is as if there were no other checks; only `runs_in_flight` is of all.
#[utoipa::path(get, path = "/health/summary", tag = "health",
    params(
        ("exclude" = Option<Vec<String>>, Query, description = "The name of a check that is to be left out of account"),
        ("group" = Option<String>, Query, description = "The only group whose checks are of interest"),
    ),
    responses(
        (status = 200, description = "The summary, however all is", body = Summary),
        (status = 304, description = "Nothing changed since the response that had this ETag"),
        (status = 400, description = "The query is not as described", body = Problem, content_type = PROBLEM),
        (status = 404, description = "There is no such group", body = Problem, content_type = PROBLEM),
    )
)]
pub(super) async fn summary(
    State(app): State<Arc<App>>,
    _: Reads,
    selection: Selection,
    Headers(headers): Headers,
) -> Response {
    forms::told(&app, &app.summary, &headers, selection).await
}

fn draw(view: &View<'_>) -> Drawn {
    let slots = view.board.checks();
    let mut sum = Sum::default();
    let mut scores = BTreeMap::new();
    for check in &view.checks {
        let score = slots.get(&check.info.name).and_then(|slot| slot.score());
        if let Some(score) = score {
            sum.count(score, check.info.critical);
        }
        scores.insert(&*check.info.name, score.map(rounded));
    }
    let stats = |of: fn(&Stats) -> u64| view.checks.iter().map(|check| of(&check.snapshot.stats)).sum::<u64>();
    let (up, down) = (stats(Stats::successes), stats(|stats| stats.unhealthy));
    let last = || view.checks.iter().filter_map(|check| check.snapshot.last.as_deref());
    let tally = &view.tally;
    let healthy = view.checks.iter().filter(|check| check.snapshot.counts_as() == Health::Healthy).count();
    let latencies: u128 = last().map(|run| run.latency().as_nanos()).sum();
    let body = serde_json::to_vec(&Summary {
        status: sum.word(view.board.score_limits(), tally, view.phase).as_str(),
        overall_score: rounded(sum.overall()),
        last_check: last().map(Run::ended).max(),
        total_checks: tally.total,
        component_scores: scores,
        key_metrics: KeyMetrics {
            healthy_checks: healthy,
            degraded_checks: tally.degraded,
            unhealthy_checks: tally.critical + tally.failing,
            unknown_checks: tally.unknown,
            pending_checks: tally.pending,
            critical_failures: tally.critical,
            total_runs: stats(Stats::runs),
            success_rate: (up + down > 0).then(|| rounded(up as f64 / (up + down) as f64)),
            total_faults: stats(Stats::failed),
            mean_latency: latencies.checked_div(last().count() as u128).and_then(|mean| u64::try_from(mean).ok()),
            missed_ticks: stats(|stats| stats.missed_ticks),
            runs_in_flight: view.board.in_flight(),
            uptime: nanoseconds(view.uptime),
        },
    })?;
    Ok((StatusCode::OK, body))
}

/// To a ten-thousandth: what is beyond is noise.
pub(super) fn rounded(share: f64) -> f64 {
    (share * 1e4).round() / 1e4
}
