//! The page for everybody: how the checks are that the operator wants to be seen, and how they have been. It is whole without a
//! script, and has nothing in it of how the checks are made: no settings, addresses, grants or labels, and what probes say only if
//! the operator wants that too.

use std::{
    collections::BTreeMap,
    fmt::{self, Write as _},
    sync::Arc,
    time::Duration,
};

use axum::{
    extract::{Path, State, rejection::PathRejection},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::Response,
};
use jiff::Timestamp;
use probity_core::health::{Health, Overall, Tally};
use tokio::sync::Mutex;

use super::{
    App, assets,
    auth::SeesStatus,
    badge::in_percent,
    history::{Day, Time, UptimeOf},
    markup::Escaped,
    page::{HTML, Page, tag_of},
    past::{self, DAYS},
    problem::Problem,
    problem_page,
    signs::sign,
    view::View,
};
use crate::{board::CheckState, config::StatusPage};

/// A page is used for this long though something changed: it is read by people, and its address may be known to many.
const FRESH: Duration = Duration::from_secs(2);
/// A page is used for this long if nothing changed: how it has been is then as old.
const CURRENT: Duration = Duration::from_secs(30);
/// Pages that are kept: of each group one, and no more than this, so that nothing grows for ever.
const MOST: usize = 1_000;

/// A browser keeps none of it: the time on a page that it kept would be that of the first look.
const UNKEPT: HeaderValue = HeaderValue::from_static("no-store");

/// The pages that were made last, by group. Whoever makes one has the others wait: it is made once for all of them.
#[derive(Default)]
pub(super) struct Kept(Arc<Mutex<BTreeMap<Option<String>, Made>>>);

/// A page, and what it was made from.
struct Made {
    page: Arc<Page>,
    version: u64,
    rules: StatusPage,
    /// Since the runner's start.
    at: Duration,
}

/// How the checks are that the operator wants to be seen, for people.
#[utoipa::path(get, path = "/status", tag = "status page",
    responses(
        (status = 200, description = "The page, however they are", body = String, content_type = "text/html; charset=utf-8"),
        (status = 304, description = "The same as in the response that had this ETag"),
    )
)]
pub(super) async fn status_page(
    State(app): State<Arc<App>>,
    sees: Result<SeesStatus, Problem>,
    headers: HeaderMap,
) -> Response {
    answer(&app, sees, Ok(None), &headers).await
}

/// The same of one group.
#[utoipa::path(get, path = "/status/{group}", tag = "status page",
    params(("group" = String, Path, description = "The group of the checks")),
    responses(
        (status = 200, description = "The page, however they are", body = String, content_type = "text/html; charset=utf-8"),
        (status = 304, description = "The same as in the response that had this ETag"),
        (status = 400, description = "This can't be a group", content(
            (Problem = "application/problem+json"), (String = "text/html; charset=utf-8"),
        )),
        (status = 404, description = "The page shows no such group", content(
            (Problem = "application/problem+json"), (String = "text/html; charset=utf-8"),
        )),
    )
)]
pub(super) async fn status_page_of_group(
    State(app): State<Arc<App>>,
    sees: Result<SeesStatus, Problem>,
    group: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
) -> Response {
    let group = group.map(|Path(group)| Some(group));
    let group = group.map_err(|rejection| Problem::invalid_value("group", rejection.body_text()));
    answer(&app, sees, group, &headers).await
}

async fn answer(
    app: &Arc<App>,
    sees: Result<SeesStatus, Problem>,
    group: Result<Option<String>, Problem>,
    headers: &HeaderMap,
) -> Response {
    let page = match sees.and(group) {
        Ok(group) => page(app, group).await,
        Err(problem) => Err(problem),
    };
    page.map_or_else(|problem| problem_page::answer(problem, headers), |page| page.answer(headers))
}

/// The page, made anew if it is not good any more.
async fn page(app: &Arc<App>, group: Option<String>) -> Result<Arc<Page>, Problem> {
    let rules = app.auth.rules.load().status_page.clone();
    let mut kept = Arc::clone(&app.status_pages.0).lock_owned().await;
    let (version, now) = (app.board.version(), app.board.uptime());
    if let Some(made) = kept.get(&group) {
        let age = now.saturating_sub(made.at);
        if made.rules == rules && (age < FRESH || (made.version == version && age < CURRENT)) {
            return Ok(Arc::clone(&made.page));
        }
    }
    let app = Arc::clone(app);
    // It is made to its end though nobody waits for it any more, and nobody makes another one meanwhile.
    let work = move || {
        let page = Arc::new(make(&app, group.as_deref(), &rules)?);
        if kept.len() >= MOST {
            kept.clear();
        }
        kept.insert(group, Made { page: Arc::clone(&page), version, rules, at: now });
        Ok(page)
    };
    tokio::task::spawn_blocking(work).await.map_err(|error| Problem::internal(&error))?
}

fn make(app: &App, group: Option<&str>, rules: &StatusPage) -> Result<Page, Problem> {
    let view = View::of(&app.board);
    let shown: Vec<&CheckState> = view
        .checks
        .iter()
        .map(|check| &**check)
        .filter(|check| rules.shows(check.info.group.as_deref()))
        .filter(|check| group.is_none() || check.info.group.as_deref() == group)
        .collect();
    if let Some(group) = group.filter(|_| shown.is_empty()) {
        return Err(Problem::no_such_group(group));
    }
    let mut body = String::new();
    let past = past::of_days(app, shown.iter().map(|check| &*check.info.name));
    let told = Told { view: &view, shown: &shown, past: &past, group, rules };
    // A text takes whatever is written to it.
    let _ = told.write_head(&mut body);
    let place = body.len();
    let _ = told.write_rest(&mut body);
    // Two pages that differ in nothing but their time tell the same, and have the same tag.
    let tag = tag_of(body.as_bytes());
    body.insert_str(place, &as_of(view.now, tag.as_ref()));
    let page = Page::new(StatusCode::OK, HTML, tag, body.into_bytes());
    Ok(page.telling(header::CONTENT_SECURITY_POLICY, assets::POLICY).telling(header::CACHE_CONTROL, UNKEPT))
}

/// When the page was true, and by which tag the script that looks after it finds out whether it still is.
fn as_of(now: Timestamp, tag: Option<&HeaderValue>) -> String {
    let tag = tag.and_then(|tag| tag.to_str().ok()).unwrap_or_default();
    format!(
        "<p class=\"as-of\" data-tag=\"{}\">As of <time datetime=\"{now:.0}\">{}</time></p>\n",
        Escaped(tag),
        now.strftime("%Y-%m-%d %H:%M:%S UTC"),
    )
}

/// What the page tells.
struct Told<'a> {
    view: &'a View<'a>,
    shown: &'a [&'a CheckState],
    /// How they have been, where that is known.
    past: &'a BTreeMap<&'a str, UptimeOf>,
    group: Option<&'a str>,
    rules: &'a StatusPage,
}

impl Told<'_> {
    /// All down to what there is to say of the whole.
    fn write_head(&self, page: &mut String) -> fmt::Result {
        let title = self.rules.title.as_deref().unwrap_or(&self.view.board.node_id);
        let place = assets::place();
        let overall = self.overall();
        let words = in_words(overall);
        write!(
            page,
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta name=\"color-scheme\" content=\"light dark\">\n<title>{words} · {title}</title>\n\
             <link rel=\"icon\" href=\"{place}/icon.svg\" type=\"image/svg+xml\">\n\
             <link rel=\"stylesheet\" href=\"{place}/style.css\">\n\
             <link rel=\"modulepreload\" href=\"{place}/days.js\">\n<link rel=\"modulepreload\" href=\"{place}/dom.js\">\n\
             <link rel=\"modulepreload\" href=\"{place}/words.js\">\n\
             <script type=\"module\" src=\"{place}/status.js\"></script>\n</head>\n<body>\n\
             <main class=\"public\">\n<header>\n<h1>{title}</h1>\n",
            title = Escaped(title),
        )?;
        if let Some(group) = self.group {
            writeln!(page, "<p class=\"crumbs\"><a href=\"/status\">All</a> / {}</p>", Escaped(group))?;
        }
        let status = overall.as_str();
        writeln!(page, "<p class=\"overall {status}\" role=\"status\">{}<strong>{words}</strong></p>", sign(status))
    }

    /// The checks, and the end of the page.
    fn write_rest(&self, page: &mut String) -> fmt::Result {
        page.push_str("</header>\n");
        for (group, members) in self.grouped() {
            self.write_group(page, group, &members)?;
        }
        page.push_str("<footer><p>Kept by Probity.</p></footer>\n</main>\n</body>\n</html>\n");
        Ok(())
    }

    /// The one word for what is shown.
    fn overall(&self) -> Overall {
        let mut tally = Tally::default();
        for check in self.shown {
            tally.count(check.snapshot.counts_as(), check.info.critical);
        }
        tally.overall(self.view.phase)
    }

    /// The checks of each group: in the order of the operator, or by name, and those of none at the end.
    fn grouped(&self) -> Vec<(Option<&str>, Vec<&CheckState>)> {
        let mut groups: BTreeMap<(usize, Option<&str>), Vec<&CheckState>> = BTreeMap::new();
        for check in self.shown {
            let group = check.info.group.as_deref();
            let wanted = self.rules.groups.iter().flatten().position(|wanted| Some(wanted.as_str()) == group);
            let place = if group.is_none() { usize::MAX } else { wanted.unwrap_or(0) };
            groups.entry((place, group)).or_default().push(check);
        }
        groups.into_iter().map(|((_, group), members)| (group, members)).collect()
    }

    fn write_group(&self, page: &mut String, group: Option<&str>, members: &[&CheckState]) -> fmt::Result {
        page.push_str("<section>\n");
        match group {
            Some(group) if self.group.is_none() => {
                writeln!(page, "<h2><a href=\"/status/{}\">{}</a></h2>", Escaped(&in_path(group)), Escaped(group))?
            }
            Some(group) => writeln!(page, "<h2>{}</h2>", Escaped(group))?,
            None if members.len() < self.shown.len() => page.push_str("<h2>Others</h2>\n"),
            None => page.push_str("<h2>Checks</h2>\n"),
        }
        page.push_str("<ul>\n");
        for check in members {
            self.write_check(page, check)?;
        }
        page.push_str("</ul>\n</section>\n");
        Ok(())
    }

    fn write_check(&self, page: &mut String, check: &CheckState) -> fmt::Result {
        let (info, health) = (&check.info, check.snapshot.counts_as());
        let (status, word) = (health.as_str(), word(health));
        write!(
            page,
            "<li class=\"{status}\"><div class=\"line {status}\">{}<h3>{}</h3><span class=\"word\">{word}</span></div>",
            sign(status),
            Escaped(&info.name)
        )?;
        if !info.description.is_empty() {
            write!(page, "<p class=\"muted\">{}</p>", Escaped(&info.description))?;
        }
        if let Some(run) = check.snapshot.last.as_deref().filter(|_| self.rules.messages && !health.is_up()) {
            write!(page, "<p>{}</p>", Escaped(run.outcome.message()))?;
        }
        if let Some(past) = self.past.get(&*info.name) {
            write_days(page, past)?;
        }
        page.push_str("</li>\n");
        Ok(())
    }
}

/// The height of a day's bar, in units of its own.
const BAR: u32 = 30;
/// How far it is from one to the next; a third of that is a gap.
const DAY: u32 = 3;

/// How a target has been: a bar for each day, as full as it was of use, and in words.
fn write_days(page: &mut String, past: &UptimeOf) -> fmt::Result {
    let (availability, incidents) = past.windows.first().map_or((None, 0), |all| (all.availability, all.incidents));
    let words = match (availability, incidents) {
        (None, _) => "nothing known yet".to_owned(),
        (Some(percent), 0) => format!("{} uptime", in_percent(percent)),
        (Some(percent), 1) => format!("{} uptime, 1 incident", in_percent(percent)),
        (Some(percent), many) => format!("{} uptime, {many} incidents", in_percent(percent)),
    };
    let width = DAY * u32::try_from(past.days.len()).unwrap_or(DAYS);
    let last = past.days.last().map_or("", |day| &day.date);
    write!(
        page,
        "<figure class=\"uptime\"><svg class=\"bars\" viewBox=\"0 0 {width} {BAR}\" preserveAspectRatio=\"none\" role=\"img\" \
         aria-label=\"The last {DAYS} days: {words}\" data-last=\"{last}\" data-days=\"{}\">",
        in_short(&past.days)
    )?;
    // One outline for all days of a kind: there may be a thousand checks.
    let mut paths: [(&str, String); 5] =
        ["nothing", "healthy", "degraded", "unhealthy", "unknown"].map(|kind| (kind, String::new()));
    for (at, day) in (0..).zip(&past.days) {
        for (kind, (top, height)) in parts(day).into_iter().enumerate().filter(|(_, (_, height))| *height > 0) {
            write!(paths[kind].1, "M{} {top}h{}v{height}h-{}z", at * DAY, DAY - 1, DAY - 1)?;
        }
    }
    for (kind, path) in paths.iter().filter(|(_, path)| !path.is_empty()) {
        write!(page, "<path class=\"{kind}\" d=\"{path}\"/>")?;
    }
    write!(
        page,
        "</svg><figcaption><span>{DAYS} days ago</span><span>{words}</span><span>today</span></figcaption></figure>"
    )
}

/// What each day came to, for the script that tells it in words (`days.js` says how to read it). Most days are like the one before, and
/// there may be a thousand checks.
fn in_short(days: &[Day]) -> String {
    let token = |day: &Day| {
        let share = match (day.availability, day.status) {
            (Some(percent), _) => in_percent(percent).trim_end_matches('%').to_owned(),
            (None, Some(_)) => "?".to_owned(),
            (None, None) => "-".to_owned(),
        };
        if day.incidents == 0 { share } else { format!("{share}/{}", day.incidents) }
    };
    let tokens: Vec<String> = days.iter().map(token).collect();
    let runs = tokens.chunk_by(|one, next| one == next).map(|run| match run {
        [one] => one.clone(),
        run => format!("{}x{}", run.len(), run[0]),
    });
    runs.collect::<Vec<_>>().join(" ")
}

/// Where the parts of a day's bar begin, and how high they are: nobody watched, healthy, degraded, unhealthy, unknown.
fn parts(day: &Day) -> [(u32, u32); 5] {
    let Time { up, degraded, down, unknown } = day.time;
    let watched = up + degraded + down + unknown;
    if watched == 0 {
        return [(BAR - BAR / 10, BAR / 10), (0, 0), (0, 0), (0, 0), (0, 0)];
    }
    // What went wrong for a minute must be seen: any part that there is has a tenth of the bar.
    let share =
        |part: u64| if part == 0 { 0 } else { ((part as f64 / watched as f64 * f64::from(BAR)) as u32).max(BAR / 10) };
    let mut bottom = BAR;
    let mut place = |part: u64| {
        let height = share(part).min(bottom);
        bottom -= height;
        (bottom, height)
    };
    let (down, degraded, unknown) = (place(down), place(degraded), place(unknown));
    [(0, 0), (0, bottom), degraded, down, unknown]
}

/// How all of them are, for people.
fn in_words(overall: Overall) -> &'static str {
    match overall {
        Overall::Healthy => "All is well",
        Overall::Degraded => "Not all is well",
        Overall::Unhealthy => "Something critical is down",
        Overall::Starting => "Starting",
        Overall::Stopping => "Stopping",
    }
}

/// What is known of a target, for people.
pub(super) fn word(health: Health) -> &'static str {
    match health {
        Health::Healthy => "Healthy",
        Health::Degraded => "Degraded",
        Health::Unhealthy => "Down",
        Health::Unknown => "Unknown",
        Health::Pending => "Not watched",
    }
}

/// A text as one segment of a path (RFC 3986, section 3.3).
fn in_path(text: &str) -> String {
    let mut path = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => path.push(byte.into()),
            // A text takes whatever is written to it.
            _ => drop(write!(path, "%{byte:02X}")),
        }
    }
    path
}
