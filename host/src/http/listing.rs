//! Health as Kubernetes tells it of its own parts: a line each, and `ok` if that is all there is to say.

use std::fmt::Write;

use axum::http::StatusCode;
use probity_core::health::{Health, Phase};

use super::{
    forms::other,
    health::{message, status},
    rendered::{Document, Drawn},
    view::View,
};
use crate::board::CheckState;

/// The media type of text.
const TEXT: &str = "text/plain; charset=utf-8";
/// `ok`, or each check if it is not.
pub(super) const BRIEF: Document = other(TEXT, "-b", draw_brief);
/// Each check.
pub(super) const LISTING: Document = other(TEXT, "-l", draw_listing);

/// A line for something that is as it should be, or not.
pub(super) fn line(out: &mut String, good: bool, name: &str, what: &str) {
    // A message is of one line wherever it is shown.
    let what = what.replace(|letter: char| letter.is_control(), " ");
    // A text takes whatever is written to it.
    let _ = writeln!(out, "[{}]{name} {what}", if good { '+' } else { '-' });
}

/// The last line.
pub(super) fn verdict(out: &mut String, route: &str, good: bool) {
    let _ = writeln!(out, "{route} check {}", if good { "passed" } else { "failed" });
}

fn draw_brief(view: &View<'_>) -> Drawn {
    if view.overall.is_serving() { Ok((StatusCode::OK, b"ok".to_vec())) } else { draw_listing(view) }
}

fn draw_listing(view: &View<'_>) -> Drawn {
    let mut out = String::new();
    match view.phase {
        Phase::Starting => line(&mut out, false, "startup", &format!("failed: {}", message(view))),
        Phase::Running | Phase::Stopping => line(&mut out, true, "startup", "ok"),
    }
    match view.phase {
        Phase::Stopping => line(&mut out, false, "shutdown", &format!("failed: {}", message(view))),
        Phase::Running | Phase::Starting => line(&mut out, true, "shutdown", "ok"),
    }
    for (name, component) in view.board.components().iter() {
        let what = if component.healthy { "ok".to_owned() } else { format!("degraded: {}", component.message) };
        line(&mut out, true, name, &what);
    }
    for check in &view.checks {
        let (good, what) = told(check);
        line(&mut out, good, &check.info.name, &what);
    }
    for name in &view.excluded {
        line(&mut out, true, name, "excluded: ok");
    }
    verdict(&mut out, "readyz", view.overall.is_serving());
    Ok((status(view.overall), out.into_bytes()))
}

fn told(check: &CheckState) -> (bool, String) {
    let said = check.snapshot.last.as_deref().map_or(super::entry::NOT_RUN, |run| run.outcome.message());
    match check.snapshot.counts_as() {
        Health::Healthy => (true, "ok".to_owned()),
        Health::Degraded => (true, format!("degraded: {said}")),
        Health::Pending => (true, format!("pending: {said}")),
        Health::Unknown => (true, format!("unknown: {said}")),
        Health::Unhealthy if check.info.critical => (false, format!("failed: {said}")),
        Health::Unhealthy => (false, format!("failed, but is not critical: {said}")),
    }
}
