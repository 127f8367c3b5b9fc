//! Metrics and spans as messages of OTLP 1: the numbers are those of its fields
//! (<https://github.com/open-telemetry/opentelemetry-proto>, `trace.proto` and `metrics.proto`).

use std::time::Duration;

use jiff::Timestamp;
use probity_core::{
    outcome::{Fault, Outcome, Run, Status},
    time,
};

use super::phases::{self, Phase};
use crate::{
    board::Board,
    http::{Kind, Metric, Number, Point, Value},
    protobuf::Message,
    worker::Finished,
};

/// Sums and histograms go on from when they began to be counted (`AGGREGATION_TEMPORALITY_CUMULATIVE`). Those of checks go on over the
/// lives of a runner, and are told with the one beginning that they have: with another they would begin anew (OpenTelemetry's data
/// model, "Resets and Gaps").
const CUMULATIVE: u64 = 2;
/// A span within the runner (`SPAN_KIND_INTERNAL`).
const INTERNAL: u64 = 1;
/// Something went wrong (`STATUS_CODE_ERROR`).
const ERROR: u64 = 2;
/// Points of metrics in one request, a megabyte or so: a collector takes no more than 20 MiB at once unless told to
/// (`max_request_body_size`), and gRPC behind it no more than 4 MiB.
const POINTS: usize = 10_000;

/// An `ExportTraceServiceRequest` with these spans.
pub(super) fn spans(board: &Board, all: &[Finished]) -> Vec<u8> {
    request(board, |scoped| {
        for finished in all {
            scoped.message(2, |message| span(message, finished));
            for phase in phases::of(&finished.run) {
                scoped.message(2, |message| self::phase(message, finished, &phase));
            }
        }
    })
}

/// As many of an `ExportMetricsServiceRequest` with these metrics as it takes.
pub(super) fn metrics(board: &Board, all: &[Metric]) -> Vec<Vec<u8>> {
    let now = nanoseconds(board.wall());
    let part = |part: &Vec<Part<'_>>| {
        request(board, |scoped| {
            for (metric, points) in part {
                scoped.message(2, |message| self::metric(message, metric, points, now));
            }
        })
    };
    parts(all, POINTS).iter().map(part).collect()
}

/// Points of a metric that are in one request.
type Part<'a> = (&'a Metric, &'a [Point]);

/// Metrics by request, each of which has so many points at the most.
fn parts(all: &[Metric], most: usize) -> Vec<Vec<Part<'_>>> {
    let mut requests = Vec::new();
    let (mut request, mut room) = (Vec::new(), most);
    for metric in all {
        let mut left = &metric.points[..];
        while !left.is_empty() {
            let (points, rest) = left.split_at(left.len().min(room));
            request.push((metric, points));
            room -= points.len();
            left = rest;
            if room == 0 {
                requests.push(std::mem::take(&mut request));
                room = most;
            }
        }
    }
    if !request.is_empty() {
        requests.push(request);
    }
    requests
}

/// What requests of both kinds have in common: who sends it.
fn request(board: &Board, write: impl FnOnce(&mut Message)) -> Vec<u8> {
    let mut request = Message::default();
    request.message(1, |of_resource| {
        of_resource.message(1, |resource| {
            text(resource, 1, "service.name", env!("CARGO_PKG_NAME"));
            text(resource, 1, "service.version", env!("CARGO_PKG_VERSION"));
            text(resource, 1, "service.instance.id", &board.node_id);
        });
        of_resource.message(2, |scoped| {
            scoped.message(1, |scope| {
                scope.text(1, env!("CARGO_PKG_NAME")).text(2, env!("CARGO_PKG_VERSION"));
            });
            write(scoped);
        });
    });
    request.into_bytes()
}

fn span(message: &mut Message, Finished { info, run, trace }: &Finished) {
    message.bytes(1, &trace.id.to_be_bytes()).bytes(2, &trace.span.to_be_bytes());
    message.text(5, &info.name).number(6, INTERNAL);
    message.fixed(7, nanoseconds(run.started)).fixed(8, nanoseconds(run.ended()));
    let attribute = |message: &mut Message, key: &str, value: &str| text(message, 9, key, value);
    attribute(message, "probity.check", &info.name);
    attribute(message, "probity.probe", &info.probe);
    if let Some(group) = &info.group {
        attribute(message, "probity.group", group);
    }
    for (name, value) in &info.labels {
        attribute(message, &format!("probity.label.{name}"), value);
    }
    if let Some(digest) = &info.digest {
        attribute(message, "probity.digest", digest);
    }
    whole(message, 9, "probity.generation", info.generation);
    whole(message, 9, "probity.fuel", run.usage.fuel);
    whole(message, 9, "probity.peak_memory", run.usage.peak_memory);
    real(message, 9, "probity.latency", run.latency().as_secs_f64());
    attribute(message, "probity.message", run.outcome.message());
    let (word, went_wrong) = how(run);
    attribute(message, "probity.status", word);
    match &run.outcome {
        Outcome::Verdict(verdict) => {
            for (name, took) in verdict.measurements.iter().filter_map(|it| Some((&it.name, it.duration()?))) {
                real(message, 9, &format!("probity.phase.{name}"), took.as_secs_f64());
            }
        }
        Outcome::Fault(Fault { kind, .. }) => attribute(message, "probity.fault", kind.as_str()),
    }
    if went_wrong {
        message.message(15, |status| {
            status.text(2, run.outcome.message()).number(3, ERROR);
        });
    }
}

/// A phase of a run: a span below that of the run.
fn phase(message: &mut Message, Finished { info, run, trace }: &Finished, Phase { name, begins, ends }: &Phase<'_>) {
    let own = fastrand::u64(1..);
    message.bytes(1, &trace.id.to_be_bytes()).bytes(2, &own.to_be_bytes()).bytes(4, &trace.span.to_be_bytes());
    message.text(5, name).number(6, INTERNAL);
    let at = |since: &Duration| nanoseconds(run.started).saturating_add(time::nanoseconds(*since));
    message.fixed(7, at(begins)).fixed(8, at(ends));
    text(message, 9, "probity.check", &info.name);
}

fn how(run: &Run) -> (&'static str, bool) {
    match &run.outcome {
        Outcome::Verdict(verdict) => (verdict.status.as_str(), verdict.status == Status::Unhealthy),
        Outcome::Fault(fault) => ("unknown", fault.kind.is_failure()),
    }
}

fn metric(message: &mut Message, metric: &Metric, points: &[Point], now: u64) {
    // What is added to the names of counters in Prometheus' formats is no part of the name here.
    let name = metric.name.strip_suffix("_total").unwrap_or(metric.name);
    message.text(1, name).text(2, metric.help);
    let units = [("_seconds", "s"), ("_bytes", "By")];
    if let Some((_, unit)) = units.iter().find(|(suffix, _)| name.ends_with(suffix)) {
        message.text(3, unit);
    }
    let field = match metric.kind {
        Kind::Gauge => 5,
        Kind::Counter => 7,
        Kind::Histogram => 9,
        Kind::Summary => 11,
    };
    message.message(field, |data| {
        for point in points {
            data.message(1, |message| self::point(message, point, (nanoseconds(metric.since), now)));
        }
        match metric.kind {
            Kind::Counter => {
                data.number(2, CUMULATIVE).number(3, 1);
            }
            Kind::Histogram => {
                data.number(2, CUMULATIVE);
            }
            Kind::Gauge | Kind::Summary => {}
        }
    });
}

fn point(message: &mut Message, point: &Point, (since, now): (u64, u64)) {
    message.fixed(2, since).fixed(3, now);
    let attributes = match &point.value {
        Value::Number(Number::Real(number)) => {
            message.double(4, *number);
            7
        }
        Value::Number(Number::Whole(number)) => {
            message.fixed(6, *number);
            7
        }
        Value::Histogram { bounds, counts, sum } => {
            message.count(4, counts.iter().sum()).double(5, *sum);
            message.packed_fixed(6, counts.iter().copied()).packed_fixed(7, bounds.iter().map(|bound| bound.to_bits()));
            9
        }
        Value::Summary { sum, count } => {
            message.count(4, *count);
            // What is 0 is left out, and read as 0.
            if *sum != 0.0 {
                message.double(5, *sum);
            }
            7
        }
    };
    for (name, value) in &point.labels {
        text(message, attributes, name, value);
    }
}

fn text(message: &mut Message, field: u64, key: &str, value: &str) {
    pair(message, field, key, |any| {
        any.text(1, value);
    });
}

fn whole(message: &mut Message, field: u64, key: &str, value: u64) {
    pair(message, field, key, |any| {
        // A number that is left out would be no value at all: zero is written as one of the choices.
        if value == 0 {
            any.zero(3)
        } else {
            any.number(3, value)
        };
    });
}

fn real(message: &mut Message, field: u64, key: &str, value: f64) {
    pair(message, field, key, |any| {
        any.double(4, value);
    });
}

fn pair(message: &mut Message, field: u64, key: &str, value: impl FnOnce(&mut Message)) {
    message.message(field, |pair| {
        pair.text(1, key).message(2, value);
    });
}

fn nanoseconds(time: Timestamp) -> u64 {
    u64::try_from(time.as_nanosecond()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_request_has_more_points_than_it_may() {
        let metric = |name, points: usize| {
            let point = Point { labels: Vec::new(), value: Value::Number(Number::Whole(1)) };
            Metric { name, kind: Kind::Gauge, help: "Help.", since: Timestamp::UNIX_EPOCH, points: vec![point; points] }
        };
        let all = [metric("none", 0), metric("few", 3), metric("many", 12), metric("last", 5)];
        let told: Vec<Vec<(&str, usize)>> = parts(&all, 10)
            .iter()
            .map(|request| request.iter().map(|(metric, points)| (metric.name, points.len())).collect())
            .collect();
        assert_eq!(told, [vec![("few", 3), ("many", 7)], vec![("many", 5), ("last", 5)]]);
        assert_eq!(parts(&all[..1], 10).len(), 0);
    }
}
