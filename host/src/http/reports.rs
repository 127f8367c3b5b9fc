//! What others report of a check's target by themselves: that a job began, went well or failed. It is for checks whose probe
//! goes by it; the simple forms are those of healthchecks.io.

use std::{sync::Arc, time::Duration};

use axum::{
    body::{Body, Bytes},
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use http_body_util::BodyExt;
use jiff::Timestamp;
use probity_core::{
    report::{Kind, Report, Reports, TEXT},
    time::nanoseconds,
};
use serde::{Deserialize, Serialize, Serializer};
use utoipa::{IntoResponses, ToSchema};

use super::{
    App,
    auth::{ReadsReports, Reporting},
    body::problem as body_problem,
    door::NO_STORE,
    page::json,
    parts::{Name, NameAnd, read_json, whole_or_none},
    problem::Problem,
    schema,
};
use crate::{board::Slot, worker::Ask};

/// Bytes of a body in JSON, whose message may be as long as that. Of others, what is past the text that is kept is read and
/// dropped, up to `http.limits.body_size`: a job whose output is long has still run.
const JSON: usize = 1024 * 1024;
/// How long whoever reports waits for the verdict. A probe that goes by reports takes milliseconds, but it may have to wait for
/// its turn, and the job that reports has other things to do.
const PATIENCE: Duration = Duration::from_secs(5);

/// What may go wrong with a report.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "it describes responses, and is never made")]
pub(super) enum NotTaken {
    /// The name, the kind or the body can't be used; `field` says which
    #[response(status = 400, content_type = "application/problem+json")]
    Invalid(Problem),
    /// The token is wrong or missing
    #[response(status = 401, content_type = "application/problem+json")]
    Unauthorized(Problem),
    /// There is no token, so nobody may
    #[response(status = 403, content_type = "application/problem+json")]
    Forbidden(Problem),
    /// There is no such check
    #[response(status = 404, content_type = "application/problem+json")]
    Unknown(Problem),
    /// The check's probe takes no reports
    #[response(status = 409, content_type = "application/problem+json")]
    TakesNone(Problem),
    /// The body is too large
    #[response(status = 413, content_type = "application/problem+json")]
    TooLarge(Problem),
    /// The runner is stopping
    #[response(status = 503, content_type = "application/problem+json")]
    Stopping(Problem),
}

/// What is reported. Something must be: `{}` tells nothing.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Told {
    /// What happened; without it, what `exit_code` says.
    #[schema(inline)]
    kind: Option<ToldKind>,
    /// The exit code of the job, from 0 to 255.
    #[schema(minimum = 0, maximum = 255)]
    exit_code: Option<i64>,
    /// What else there is to say: a line, or the end of the job's output. Its first 10 KiB are kept.
    message: Option<String>,
    /// How long the job took, in nanoseconds; without it, the time since it reported its start.
    #[serde(default, deserialize_with = "whole_or_none")]
    #[schema(format = "uint64")]
    duration: Option<u64>,
}

#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
enum ToldKind {
    Start,
    Success,
    Fail,
    Log,
}

/// A report that was taken, and what came of it.
#[derive(Serialize, ToSchema)]
struct Taken<'a> {
    /// The name of the check.
    name: &'a str,
    /// What the report told.
    #[schema(schema_with = schema::report_kind)]
    kind: &'static str,
    /// When it came.
    #[schema(value_type = String, format = DateTime)]
    received: Timestamp,
    /// What is known of the target now. With 202, it is not judged yet.
    #[schema(schema_with = schema::health)]
    status: &'static str,
    /// What the check says now.
    message: &'a str,
}

/// Reports what happened to a check's target; answered when the check has taken it into account.
///
/// The body is JSON as described, or else the text that goes with a success: the output of a job, say, or nothing at all. What
/// begins with `{` is JSON.
#[utoipa::path(post, path = "/health/checks/{name}/report", tag = "reports",
    params(("name" = String, Path, description = "The name of the check")),
    request_body(content((Told = "application/json"), (String = "text/plain"))),
    responses(
        (status = 200, description = "It was taken, and the check judged anew", body = Taken),
        (status = 202, description = "It was taken, and the check will be judged anew", body = Taken),
        NotTaken,
    ),
    security(("token" = ["report"]))
)]
pub(super) async fn report(
    State(app): State<Arc<App>>,
    _: Reporting,
    Name(name): Name,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let slot = listening(&app, &name)?;
    let sent = read(body).await?;
    let report = if is_json(&headers, &sent.begin) {
        if sent.length > JSON {
            return Err(Problem::too_large(JSON as u64));
        }
        read_json::<Told>(&sent.begin)?.report(&app)?
    } else {
        sent.text_of(Report::new(Kind::Success, app.board.now()))
    };
    take(&app, &name, &slot, report).await
}

/// Reports what the last part of the path says: `start`, `success`, `fail`, `log`, or the exit code of a job, from 0 to 255. The
/// body is the text that goes with it; answered when the check has taken it into account.
#[utoipa::path(post, path = "/health/checks/{name}/report/{kind}", tag = "reports",
    params(
        ("name" = String, Path, description = "The name of the check"),
        ("kind" = String, Path, description = "`start`, `success`, `fail`, `log`, or an exit code from 0 to 255")
    ),
    request_body(content = String, content_type = "text/plain"),
    responses(
        (status = 200, description = "It was taken, and the check judged anew", body = Taken),
        (status = 202, description = "It was taken, and the check will be judged anew", body = Taken),
        NotTaken,
    ),
    security(("token" = ["report"]))
)]
pub(super) async fn report_kind(
    State(app): State<Arc<App>>,
    _: Reporting,
    NameAnd(Name(name), kind): NameAnd,
    body: Body,
) -> Result<Response, Problem> {
    let slot = listening(&app, &name)?;
    let (kind, exit_code) = parse_kind(&kind)?;
    let report = Report { exit_code, ..Report::new(kind, app.board.now()) };
    let report = read(body).await?.text_of(report);
    take(&app, &name, &slot, report).await
}

/// One report, as it is kept.
#[derive(Serialize, ToSchema)]
#[schema(as = KeptReport)]
struct Kept<'a> {
    /// What it told.
    #[schema(schema_with = schema::report_kind)]
    kind: &'static str,
    /// The exit code of the job, if it told one.
    #[serde(skip_serializing_if = "Option::is_none")]
    exit_code: Option<u8>,
    /// How long the job took, in nanoseconds, if it told so.
    #[serde(skip_serializing_if = "Option::is_none")]
    duration: Option<u64>,
    /// When it came.
    #[schema(value_type = String, format = DateTime)]
    received: Timestamp,
    /// The first 10 KiB of the text that came with it; empty too if newer texts have taken its room.
    text: &'a str,
    /// How many bytes came with it.
    length: usize,
}

/// What others reported of a check's target.
#[derive(Serialize, ToSchema)]
struct Heard<'a> {
    /// The name of the check.
    name: &'a str,
    /// When reports began to be taken.
    #[schema(value_type = String, format = DateTime)]
    since: Timestamp,
    /// How many there were since then, by kind.
    #[serde(serialize_with = "write_each")]
    #[schema(value_type = std::collections::BTreeMap<String, u64>)]
    counts: [u64; Kind::ALL.len()],
    /// The latest of them, newest first: 32 at most.
    reports: Vec<Kept<'a>>,
}

/// What others reported of a check's target, with the texts that came with it. It is kept while the check has its name and its probe.
///
/// Unlike all else that can be read, it is what others wrote: it takes a token with the scope `read` in any case.
#[utoipa::path(get, path = "/health/checks/{name}/reports", tag = "reports",
    params(("name" = String, Path, description = "The name of the check")),
    responses(
        (status = 200, description = "The latest reports", body = Heard),
        (status = 400, description = "This can't be a name", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "The token is wrong or missing", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "There is no token, so nobody may", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "There is no such check", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "The check's probe takes no reports", body = Problem, content_type = "application/problem+json"),
    ),
    security(("token" = ["read"]))
)]
pub(super) async fn reports(
    State(app): State<Arc<App>>,
    _: ReadsReports,
    Name(name): Name,
) -> Result<Response, Problem> {
    let slot = listening(&app, &name)?;
    let now = app.board.now();
    let reports = slot.reports().unwrap_or_else(|| Reports::new(now));
    let mut response = json(&Heard {
        name: &name,
        since: reports.since().wall,
        counts: reports.counts(),
        reports: reports.latest().map(|report| kept(report)).collect(),
    })?;
    response.headers_mut().insert(header::CACHE_CONTROL, NO_STORE);
    Ok(response)
}

fn kept(report: &Report) -> Kept<'_> {
    Kept {
        kind: report.kind.as_str(),
        exit_code: report.exit_code,
        duration: report.duration.map(nanoseconds),
        received: report.received.wall,
        text: &report.text,
        length: report.length,
    }
}

/// The place of a check that takes reports.
fn listening(app: &App, name: &str) -> Result<Arc<Slot>, Problem> {
    let slot = app.board.check(name).ok_or_else(|| Problem::unknown_check(name, &app.board))?;
    if slot.reported().is_none() {
        return Err(Problem::takes_no_reports(name, &slot.state().info.probe));
    }
    Ok(slot)
}

/// Takes a report, and has the check take it into account.
async fn take(app: &App, name: &str, slot: &Slot, report: Report) -> Result<Response, Problem> {
    let (kind, received) = (report.kind.as_str(), report.received.wall);
    if !app.board.report(slot, report) {
        return Err(Problem::takes_no_reports(name, &slot.state().info.probe));
    }
    tracing::debug!(check = name, kind, "a report");
    let status = match tokio::time::timeout(PATIENCE, app.ask(name, Ask::Run)).await {
        Ok(answer) => answer.map(|_| StatusCode::OK)?,
        Err(_) => StatusCode::ACCEPTED,
    };
    let state = slot.state();
    let last = state.snapshot.last.as_deref();
    let taken = Taken {
        name,
        kind,
        received,
        status: state.snapshot.health.as_str(),
        message: last.map_or("", |run| run.outcome.message()),
    };
    Ok((status, json(&taken)?).into_response())
}

/// A body that came whole.
struct Sent {
    /// As much of it as anybody looks at.
    begin: Vec<u8>,
    /// Bytes of all of it.
    length: usize,
}

async fn read(mut body: Body) -> Result<Sent, Problem> {
    let mut sent = Sent { begin: Vec::new(), length: 0 };
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| body_problem(&error, JSON))?;
        let data = frame.data_ref().map(Bytes::as_ref).unwrap_or_default();
        sent.length += data.len();
        let room = JSON.saturating_sub(sent.begin.len());
        sent.begin.extend_from_slice(&data[..data.len().min(room)]);
    }
    Ok(sent)
}

impl Sent {
    /// A report with the body as its text.
    fn text_of(&self, report: Report) -> Report {
        let begin = &self.begin[..self.begin.len().min(TEXT)];
        report.text(String::from_utf8_lossy(begin.trim_ascii_end()).into_owned(), self.length)
    }
}

/// Whether a body is JSON: it says so, or begins as our JSON does. What was meant to tell of a failure must not be taken for
/// the text of a success because a header was forgotten.
fn is_json(headers: &HeaderMap, body: &[u8]) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    kind == "application/json" || kind.ends_with("+json") || body.trim_ascii_start().starts_with(b"{")
}

/// What the last part of the path tells.
fn parse_kind(text: &str) -> Result<(Kind, Option<u8>), Problem> {
    match text {
        "start" => Ok((Kind::Start, None)),
        "success" => Ok((Kind::Success, None)),
        "fail" => Ok((Kind::Fail, None)),
        "log" => Ok((Kind::Log, None)),
        code => {
            let is_number = code.bytes().all(|byte| byte.is_ascii_digit());
            let number = code.parse().ok().filter(|_| is_number);
            number.map(|number| (Kind::Exit, Some(number))).ok_or_else(|| {
                let detail = format!(
                    "`{code}` is no kind of report; write start, success, fail, log, or an exit code from 0 to 255"
                );
                Problem::invalid_value("kind", detail)
            })
        }
    }
}

impl Told {
    fn report(self, app: &App) -> Result<Report, Problem> {
        let code = self.exit_code.map(u8::try_from).transpose();
        let exit_code = code.map_err(|_| Problem::invalid_value("exit_code", "must be from 0 to 255"))?;
        let kind = match (self.kind, exit_code) {
            (Some(ToldKind::Start), None) => Kind::Start,
            (Some(ToldKind::Log), None) => Kind::Log,
            (Some(ToldKind::Start | ToldKind::Log), Some(_)) => {
                return Err(Problem::invalid_value("exit_code", "only a job that has ended has one"));
            }
            (Some(ToldKind::Success), None | Some(0)) => Kind::Success,
            (Some(ToldKind::Success), Some(_)) => {
                let detail = "a success has the exit code 0; leave `kind` out, and the exit code decides";
                return Err(Problem::invalid_value("exit_code", detail));
            }
            (Some(ToldKind::Fail), _) => Kind::Fail,
            (None, Some(_)) => Kind::Exit,
            (None, None) => {
                let detail = "nothing is reported; give a `kind` (start, success, fail, log) or an `exit_code`";
                return Err(Problem::invalid_value("kind", detail));
            }
        };
        if self.duration.is_some() && matches!(kind, Kind::Start | Kind::Log) {
            return Err(Problem::invalid_value("duration", "only a job that has ended has one"));
        }
        let message = self.message.unwrap_or_default();
        let length = message.len();
        let duration = self.duration.map(Duration::from_nanos);
        Ok(Report { exit_code, duration, ..Report::new(kind, app.board.now()) }.text(message, length))
    }
}

/// Writes the counts, if there are any.
pub(super) fn write_counts<S: Serializer>(
    counts: &Option<[u64; Kind::ALL.len()]>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match counts {
        Some(counts) => write_each(counts, serializer),
        None => serializer.serialize_none(),
    }
}

fn write_each<S: Serializer>(counts: &[u64; Kind::ALL.len()], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(Kind::ALL.iter().map(|kind| (kind.as_str(), counts[kind.index()])))
}
