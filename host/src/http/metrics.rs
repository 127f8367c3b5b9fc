//! The board, as Prometheus reads it.

mod checks;
mod notifications;
mod runner;
mod store;

use std::sync::Arc;

use axum::{
    extract::State,
    http::{HeaderValue, StatusCode},
    response::Response,
};

use super::{
    App,
    accept::preferred,
    auth::Reads,
    exposition::{Exposition, Format, Metric, OPEN_METRICS, TEXT},
    headers::Headers,
    rendered::{Document, Drawn},
    view::View,
};
use crate::board::Board;

/// What can be asked for; the first is for those who do not care. The second is asked for by the version before it as well.
const OFFERED: [&str; 3] = [
    "text/plain;version=0.0.4",
    "application/openmetrics-text;version=1.0.0",
    "application/openmetrics-text;version=0.0.1",
];

/// What the metrics of the runner itself take as a text, and a little more: what is not used of it costs nothing.
const BYTES: usize = 128 * 1024;
/// What those of a check take, with a name, a probe and some measurements as most have them (3.5 KB), and a little more.
const BYTES_OF_A_CHECK: usize = 4 * 1024;

/// `/metrics` in the text format of Prometheus.
pub(super) const METRICS: Document =
    Document { media_type: HeaderValue::from_static(TEXT), tagged: false, mark: "", draw: draw_prometheus };
/// `/metrics` in the format of OpenMetrics.
pub(super) const OPEN: Document =
    Document { media_type: HeaderValue::from_static(OPEN_METRICS), tagged: false, mark: "", draw: draw_open_metrics };

/// Everything that can be counted, in the text format of Prometheus or in that of OpenMetrics, if that is asked for.
#[utoipa::path(get, path = "/metrics", tag = "metrics", responses(
    (status = 200, description = "Metrics", content(
        (String = "text/plain; version=0.0.4; charset=utf-8"),
        (String = "application/openmetrics-text; version=1.0.0; charset=utf-8"),
    )),
))]
pub(super) async fn metrics(State(app): State<Arc<App>>, _: Reads, Headers(headers): Headers) -> Response {
    match preferred(&headers, &OFFERED) {
        None | Some(0) => app.metrics.answer(&headers).await,
        Some(_) => app.open_metrics.answer(&headers).await,
    }
}

fn draw_prometheus(view: &View<'_>) -> Drawn {
    draw(view, Format::Prometheus)
}

fn draw_open_metrics(view: &View<'_>) -> Drawn {
    draw(view, Format::OpenMetrics)
}

fn draw(view: &View<'_>, format: Format) -> Drawn {
    let named = view.checks.len().min(view.board.metric_limits().checks);
    let mut out = Exposition::text_with_room(format, BYTES + named * BYTES_OF_A_CHECK);
    write(&mut out, view);
    Ok((StatusCode::OK, out.into_text().into_bytes()))
}

/// All metrics as values, for whoever sends them.
pub(crate) fn values(board: &Board) -> Vec<Metric> {
    let view = View::of(board);
    let mut of_checks = Exposition::values(board.counted_since());
    checks::write(&mut of_checks, &view);
    let mut of_the_runner = Exposition::values(board.started);
    write_of_the_runner(&mut of_the_runner, &view);
    let mut values = of_checks.into_values();
    values.extend(of_the_runner.into_values());
    values
}

fn write(out: &mut Exposition, view: &View<'_>) {
    checks::write(out, view);
    write_of_the_runner(out, view);
}

/// What begins anew with each runner.
fn write_of_the_runner(out: &mut Exposition, view: &View<'_>) {
    runner::write(out, view);
    store::write(out, view);
    notifications::write(out, view);
}

/// Unix time, to the millisecond.
fn seconds(time: jiff::Timestamp) -> f64 {
    time.as_millisecond() as f64 / 1e3
}
