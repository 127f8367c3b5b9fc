//! Health as Kubernetes tells it of its own parts: a line each, and `ok` if that is all there is to say.

use std::fmt::Write;

use axum::http::StatusCode;
use probity_core::health::{Health, Mode, Phase};

use super::{
    entry::reason,
    forms::other,
    health::{message, status},
    rendered::{Document, Drawn},
    view::{SHUTDOWN, STARTUP, View},
};
use crate::board::CheckState;

/// What is said of what is left out of account.
pub(super) const EXCLUDED: &str = "excluded: ok";
/// The media type of text.
const TEXT: &str = "text/plain; charset=utf-8";
/// `ok`, or each check if it is not.
pub(super) const BRIEF: Document = other(TEXT, "-b", |view| draw_brief(view, HEALTH));
/// Each check.
pub(super) const LISTING: Document = other(TEXT, "-l", |view| draw_listing(view, HEALTH));
/// The same as `/readyz` has them.
pub(super) const READYZ_BRIEF: Document = other(TEXT, "-zb", |view| draw_brief(view, READYZ));
/// The same as `/readyz` has it.
pub(super) const READYZ_LISTING: Document = other(TEXT, "-zl", |view| draw_listing(view, READYZ));
/// What the last line names where `/health`, or what is below it, was asked.
pub(super) const HEALTH: &str = "health";
/// And where `/readyz` was.
const READYZ: &str = "readyz";

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

/// What Kubernetes says of names that are to be excluded, and are not there.
pub(super) fn warning(out: &mut String, unknown: &[String]) {
    if !unknown.is_empty() {
        let quoted: Vec<_> = unknown.iter().map(|name| format!("{name:?}")).collect();
        let _ = writeln!(out, "warn: some health checks cannot be excluded: no matches for {}", quoted.join(", "));
    }
}

fn draw_brief(view: &View<'_>, route: &str) -> Drawn {
    if view.overall.is_serving() { Ok((StatusCode::OK, b"ok".to_vec())) } else { draw_listing(view, route) }
}

fn draw_listing(view: &View<'_>, route: &str) -> Drawn {
    let mut out = String::new();
    for (part, phase) in [(STARTUP, Phase::Starting), (SHUTDOWN, Phase::Stopping)] {
        if view.excluded.parts.contains(part) {
            line(&mut out, true, part, EXCLUDED);
        } else if view.phase == phase {
            line(&mut out, false, part, &format!("failed: {}", message(view)));
        } else {
            line(&mut out, true, part, "ok");
        }
    }
    for (name, component) in &*view.components {
        let what = match (view.excluded.parts.contains(*name), component.healthy) {
            (true, _) => EXCLUDED.to_owned(),
            (false, true) => "ok".to_owned(),
            (false, false) => format!("degraded: {}", component.message),
        };
        line(&mut out, true, name, &what);
    }
    for check in &view.checks {
        let (good, what) = told(check);
        line(&mut out, good, &check.info.name, &what);
    }
    for name in &view.excluded.checks {
        line(&mut out, true, name, EXCLUDED);
    }
    warning(&mut out, &view.excluded.unknown);
    verdict(&mut out, route, view.overall.is_serving());
    Ok((status(view.overall), out.into_bytes()))
}

fn told(check: &CheckState) -> (bool, String) {
    let said = reason(check);
    match check.snapshot.counts_as() {
        Health::Healthy if check.snapshot.mode == Mode::ForcedUp => (true, format!("ok: {said}")),
        Health::Healthy => (true, "ok".to_owned()),
        Health::Degraded => (true, format!("degraded: {said}")),
        Health::Pending => (true, format!("pending: {said}")),
        Health::Unknown => (true, format!("unknown: {said}")),
        Health::Unhealthy if check.info.critical => (false, format!("failed: {said}")),
        Health::Unhealthy => (false, format!("failed, but is not critical: {said}")),
    }
}
