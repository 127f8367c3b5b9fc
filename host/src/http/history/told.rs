//! History, as JSON tells it.

use std::collections::BTreeMap;

use jiff::{Timestamp, tz::Offset};
use probity_core::{
    account::Incident as OfCore,
    health::Health,
    outcome::Outcome,
    rollup::{Latencies as Histogram, Rollup},
    time::nanoseconds,
};
use serde::{Serialize, Serializer};
use utoipa::ToSchema;

use super::{super::schema, asked};
use crate::store::{Page, Recorded, Stretches};

/// A millisecond, in nanoseconds.
const MILLISECOND: u64 = 1_000_000;

/// The results of a check.
#[derive(Serialize, ToSchema)]
#[schema(as = History)]
pub(in crate::http) struct Results<'a> {
    /// Its name.
    check: &'a str,
    /// The newest first.
    results: Vec<KeptResult<'a>>,
    /// What to ask with as `cursor` for those before; null if there are none.
    #[schema(required)]
    next: Option<String>,
}

impl<'a> Results<'a> {
    pub(super) fn of(check: &'a str, page: Option<&'a Page<Recorded>>) -> Results<'a> {
        Results {
            check,
            results: page.into_iter().flat_map(|page| &page.entries).map(KeptResult::of).collect(),
            next: page.and_then(|page| page.next).map(|next| next.to_string()),
        }
    }
}

/// A run of the past, or somebody else's call that was reported.
#[derive(Serialize, ToSchema)]
pub(crate) struct KeptResult<'a> {
    /// Counts those of the check, from 1.
    number: u64,
    /// When it started.
    #[schema(value_type = String, format = DateTime)]
    started: Timestamp,
    /// How long it took from start to outcome, in nanoseconds.
    took: u64,
    /// How long the target took, in nanoseconds.
    latency: u64,
    /// The verdict; `unknown` after a fault, and `pending` if there was nothing to judge.
    #[schema(schema_with = schema::health)]
    status: &'static str,
    /// What was known of the target after it.
    #[schema(schema_with = schema::health)]
    health: &'static str,
    /// Why there was no verdict, if there was none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = schema::fault_kind, required = false)]
    fault: Option<&'static str>,
    /// What was said.
    message: &'a str,
    /// Counts the replacements of the check's probe or configuration, from 1 at each start of the runner.
    generation: u64,
    /// Whether it was somebody else's call.
    reported: bool,
    /// Units of fuel: about one an instruction.
    fuel: u64,
    /// The largest total size of the probe's memories, in bytes.
    peak_memory: u64,
    /// How long each phase took, in nanoseconds.
    phases: BTreeMap<&'a str, u64>,
}

impl<'a> KeptResult<'a> {
    /// As it is kept.
    pub(crate) fn of(recorded: &'a Recorded) -> KeptResult<'a> {
        let run = &recorded.run;
        let fault = match &run.outcome {
            Outcome::Verdict(_) => None,
            Outcome::Fault(fault) => Some(fault.kind.as_str()),
        };
        let phases = recorded.phases.iter().map(|(name, took)| (&**name, nanoseconds(*took)));
        KeptResult {
            number: recorded.number,
            started: run.started,
            took: nanoseconds(run.took),
            latency: nanoseconds(run.latency()),
            status: recorded.status.as_str(),
            health: recorded.health.as_str(),
            fault,
            message: run.outcome.message(),
            generation: recorded.generation,
            reported: recorded.reported,
            fuel: run.usage.fuel,
            peak_memory: run.usage.peak_memory,
            phases: phases.collect(),
        }
    }
}

/// How much of the time the target of a check was of use.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct Uptime<'a> {
    /// Its name.
    pub(super) check: &'a str,
    /// When the windows end.
    #[schema(value_type = String, format = DateTime)]
    pub(super) timestamp: Timestamp,
    #[serde(flatten)]
    pub(super) uptime: UptimeOf,
}

/// The same for several checks.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct Uptimes<'a> {
    /// When the windows end.
    #[schema(value_type = String, format = DateTime)]
    pub(super) timestamp: Timestamp,
    /// Each check, by name.
    #[schema(value_type = HashMap<String, UptimeOf>)]
    pub(super) checks: BTreeMap<&'a str, UptimeOf>,
}

/// How much of the time a target was of use, in windows and by the day.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct UptimeOf {
    /// As asked for.
    pub(in crate::http) windows: Vec<Window>,
    /// The oldest first, in UTC; today is the last. As many as asked for.
    pub(in crate::http) days: Vec<Day>,
}

/// So much time up to now.
#[derive(Serialize, ToSchema)]
#[schema(as = UptimeWindow)]
pub(in crate::http) struct Window {
    /// As it was asked for.
    #[schema(example = "24h")]
    window: String,
    /// When it begins: with the minute, the hour or the day that this time lies in, as finely as is still known of it.
    #[schema(value_type = String, format = DateTime)]
    from: Timestamp,
    /// When it ends.
    #[schema(value_type = String, format = DateTime)]
    to: Timestamp,
    /// Percent of the known time in which the target was of use, healthy or degraded; null if nothing was known.
    #[schema(required)]
    pub(in crate::http) availability: Option<f64>,
    /// Percent of the watched time in which nothing was known: the probe failed, or there was no runner. Null if nobody watched.
    #[schema(required)]
    unknown: Option<f64>,
    time: Time,
    /// Runs that came to an end.
    results: u64,
    /// Those whose verdict was unhealthy.
    failures: u64,
    /// Those in which the probe failed.
    faults: u64,
    /// Incidents that began.
    pub(in crate::http) incidents: u64,
    /// The mean time to repair, of incidents that ended, in nanoseconds; null if none did.
    #[schema(required)]
    mttr: Option<u64>,
    /// The mean time between failures: how long the target was of use for each incident that began, in nanoseconds; null if none
    /// did.
    #[schema(required)]
    mtbf: Option<u64>,
    latency: Latency,
}

impl Window {
    pub(super) fn of(window: &asked::Window, stretches: Option<Stretches>, from: Timestamp, to: Timestamp) -> Window {
        let (from, total) = stretches.map_or((from, Rollup::default()), |found| (found.from, found.total));
        Window {
            window: window.text.clone(),
            from,
            to,
            availability: percent(total.availability()),
            unknown: percent(total.unknown_share()),
            time: Time::of(&total),
            results: total.results,
            failures: total.failures,
            faults: total.faults,
            incidents: total.incidents,
            mttr: total.mttr().map(nanoseconds),
            mtbf: total.mtbf().map(nanoseconds),
            latency: Latency::of(&total.latencies),
        }
    }
}

/// How long the target was how, in nanoseconds. What is missing to the whole is the time in which nobody watched it.
#[derive(Serialize, ToSchema)]
#[schema(as = TimeSpent)]
pub(in crate::http) struct Time {
    /// Healthy.
    pub(in crate::http) up: u64,
    /// Degraded.
    pub(in crate::http) degraded: u64,
    /// Unhealthy.
    pub(in crate::http) down: u64,
    /// Nothing was known.
    pub(in crate::http) unknown: u64,
}

impl Time {
    fn of(rollup: &Rollup) -> Time {
        let nanos = |milliseconds: u64| milliseconds.saturating_mul(MILLISECOND);
        Time {
            up: nanos(rollup.up),
            degraded: nanos(rollup.degraded),
            down: nanos(rollup.down),
            unknown: nanos(rollup.unknown),
        }
    }
}

/// How long the target took, in nanoseconds, over runs with a verdict; null if there was none. Quantiles are right to a sixteenth.
#[derive(Serialize, ToSchema)]
#[schema(as = Latency)]
struct Latency {
    #[schema(required)]
    p50: Option<u64>,
    #[schema(required)]
    p90: Option<u64>,
    #[schema(required)]
    p99: Option<u64>,
    #[schema(required)]
    min: Option<u64>,
    #[schema(required)]
    max: Option<u64>,
    #[schema(required)]
    mean: Option<u64>,
}

impl Latency {
    fn of(latencies: &Histogram) -> Latency {
        let quantile = |share| latencies.quantile(share).map(nanoseconds);
        Latency {
            p50: quantile(0.5),
            p90: quantile(0.9),
            p99: quantile(0.99),
            min: latencies.min().map(nanoseconds),
            max: latencies.max().map(nanoseconds),
            mean: latencies.mean().map(nanoseconds),
        }
    }
}

/// One day of a check's life.
#[derive(Serialize, ToSchema)]
#[schema(as = UptimeDay)]
pub(in crate::http) struct Day {
    /// Of UTC.
    #[schema(example = "2026-03-01")]
    pub(in crate::http) date: String,
    /// As of a window.
    #[schema(required)]
    pub(in crate::http) availability: Option<f64>,
    /// As of a window.
    #[schema(required)]
    unknown: Option<f64>,
    /// The worst that was known of it; null if nobody watched.
    #[serde(serialize_with = "write_status")]
    #[schema(required, value_type = Option<String>)]
    pub(in crate::http) status: Option<Health>,
    /// Incidents that began.
    pub(in crate::http) incidents: u64,
    pub(in crate::http) time: Time,
}

impl Day {
    pub(super) fn of(begins: i64, rollup: Option<&Rollup>) -> Day {
        let nothing = Rollup::default();
        let rollup = rollup.unwrap_or(&nothing);
        let begins = Timestamp::from_millisecond(begins).unwrap_or_default();
        Day {
            date: Offset::UTC.to_datetime(begins).date().to_string(),
            availability: percent(rollup.availability()),
            unknown: percent(rollup.unknown_share()),
            status: rollup.worst(),
            incidents: rollup.incidents,
            time: Time::of(rollup),
        }
    }
}

fn write_status<S: Serializer>(status: &Option<Health>, serializer: S) -> Result<S::Ok, S::Error> {
    status.map(Health::as_str).serialize(serializer)
}

/// How fast the target of a check answered, step by step.
#[derive(Serialize, ToSchema)]
#[schema(as = LatencySeries)]
pub(in crate::http) struct Latencies<'a> {
    /// Its name.
    check: &'a str,
    /// As it was asked for.
    window: &'a str,
    /// When the first step begins.
    #[schema(value_type = String, format = DateTime)]
    from: Timestamp,
    /// When the last one ends.
    #[schema(value_type = String, format = DateTime)]
    to: Timestamp,
    /// How long a step is, in nanoseconds.
    step: u64,
    /// The oldest first. Those without a run are left out.
    points: Vec<Point>,
}

/// One step.
#[derive(Serialize, ToSchema)]
#[schema(as = LatencyPoint)]
struct Point {
    /// When it begins.
    #[schema(value_type = String, format = DateTime)]
    time: Timestamp,
    /// Runs with a verdict.
    count: u64,
    /// Those whose verdict was unhealthy.
    failures: u64,
    #[serde(flatten)]
    latency: Latency,
}

impl<'a> Latencies<'a> {
    pub(super) fn of(
        check: &'a str,
        window: &'a asked::Window,
        stretches: Option<Stretches>,
        to: Timestamp,
    ) -> Latencies<'a> {
        let from = stretches.as_ref().map_or_else(|| window.from(to), |found| found.from);
        let points = stretches.into_iter().flat_map(|found| found.stretches).filter_map(|(begins, rollup)| {
            let count = rollup.latencies.count();
            let time = Timestamp::from_millisecond(begins).ok().filter(|_| count > 0)?;
            Some(Point { time, count, failures: rollup.failures, latency: Latency::of(&rollup.latencies) })
        });
        let step = window.level.length().unsigned_abs().saturating_mul(MILLISECOND);
        Latencies { check, window: &window.text, from, to, step, points: points.collect() }
    }
}

/// When the target of a check was down.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct Incidents<'a> {
    /// Its name.
    check: &'a str,
    /// The newest first.
    incidents: Vec<Incident<'a>>,
    /// What to ask with as `cursor` for those before; null if there are none.
    #[schema(required)]
    next: Option<String>,
}

/// From when the target counted as unhealthy until it counted as of use again, or nobody watched it any more.
#[derive(Serialize, ToSchema)]
struct Incident<'a> {
    /// Counts those of the check, from 1.
    number: u64,
    /// When it began.
    #[schema(value_type = String, format = DateTime)]
    began: Timestamp,
    /// When it ended; null while it goes on.
    #[schema(required, value_type = Option<String>, format = DateTime)]
    ended: Option<Timestamp>,
    /// How long it lasted, or has lasted so far, in nanoseconds.
    duration: u64,
    /// What was said when it began.
    message: &'a str,
}

impl<'a> Incidents<'a> {
    pub(super) fn of(check: &'a str, page: Option<&'a Page<OfCore>>, now: Timestamp) -> Incidents<'a> {
        let time = |milliseconds| Timestamp::from_millisecond(milliseconds).unwrap_or_default();
        let incident = |incident: &'a OfCore| Incident {
            number: incident.number,
            began: time(incident.began),
            ended: incident.ended.map(time),
            // What a clock told that was wrong may lie ahead, and has not lasted yet.
            duration: u64::try_from(incident.ended.unwrap_or(now.as_millisecond()) - incident.began)
                .unwrap_or(0)
                .saturating_mul(MILLISECOND),
            message: &incident.message,
        };
        Incidents {
            check,
            incidents: page.into_iter().flat_map(|page| &page.entries).map(incident).collect(),
            next: page.and_then(|page| page.next).map(|next| next.to_string()),
        }
    }
}

/// A share in percent, to a millionth of the whole.
fn percent(share: Option<f64>) -> Option<f64> {
    share.map(|share| (share * 1e6).round() / 1e4)
}
