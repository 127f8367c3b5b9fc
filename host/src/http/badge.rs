//! Badges: one fact of a check as a small picture, to be shown elsewhere.

use std::{
    fmt::{self, Write as _},
    sync::Arc,
};

use axum::{
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode},
    response::Response,
};
use probity_core::health::Health;
use serde::Deserialize;

use super::{
    App,
    auth::SeesStatus,
    markup::Escaped,
    page::{Page, tag_of},
    parts::{Asked, Name},
    past,
    problem::{PROBLEM, Problem},
};
use crate::board::CheckState;

/// The media type of pictures.
const SVG: HeaderValue = HeaderValue::from_static("image/svg+xml");
/// The most characters that a label may have: a line of a page.
const LONGEST: usize = 60;
/// Units of room on each side of a text; the badge is 20 high.
const ROOM: f32 = 6.0;

/// Backgrounds on which white text of this size is legible (WCAG 2.2, 1.4.3: at least 4.5 to 1).
const GREEN: &str = "#1a7a4c";
const AMBER: &str = "#8f5e00";
const RED: &str = "#c02a2a";
const PURPLE: &str = "#6846b5";
const GREY: &str = "#5b6470";
/// Behind the label.
const DARK: &str = "#3d444d";

/// What somebody wants to read on a badge.
#[derive(Deserialize)]
pub(super) struct Wanted {
    label: Option<String>,
}

/// How far the badge of uptime looks back unless somebody says so: what agreements on service count by.
const USUAL_WINDOW: &str = "30d";
/// Percent of uptime from which a badge is green: seven hours a month, which most would notice, are 99.
const GOOD: f64 = 99.0;
/// Percent of uptime from which a badge is amber: a day and a half a month.
const FAIR: f64 = 95.0;

/// What somebody wants to read on a badge of uptime.
#[derive(Deserialize)]
pub(super) struct WantedUptime {
    window: Option<String>,
    label: Option<String>,
}

/// How the target of a check is, as a picture.
#[utoipa::path(get, path = "/badge/{check}/status.svg", tag = "badges",
    params(
        ("check" = String, Path, description = "The name of the check"),
        ("label" = Option<String>, Query, description = "What stands before it; unless given, the name of the check"),
    ),
    responses(
        (status = 200, description = "The badge", body = String, content_type = "image/svg+xml"),
        (status = 304, description = "The same as in the response that had this ETag"),
        (status = 400, description = "The name or the label can't be used", body = Problem, content_type = PROBLEM),
        (status = 404, description = "There is no such check", body = Problem, content_type = PROBLEM),
    )
)]
pub(super) async fn status_badge(
    State(app): State<Arc<App>>,
    sees: SeesStatus,
    Name(name): Name,
    Asked(wanted): Asked<Wanted>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let check = seen(&app, &sees, &name)?;
    let health = check.snapshot.counts_as();
    let (word, colour) = match health {
        Health::Healthy => ("healthy", GREEN),
        Health::Degraded => ("degraded", AMBER),
        Health::Unhealthy => ("down", RED),
        Health::Unknown => ("unknown", PURPLE),
        Health::Pending => ("not watched", GREY),
    };
    answer(&wanted, &name, word, colour, &headers)
}

/// How long the target of a check took the last time, as a picture.
#[utoipa::path(get, path = "/badge/{check}/latency.svg", tag = "badges",
    params(
        ("check" = String, Path, description = "The name of the check"),
        ("label" = Option<String>, Query, description = "What stands before it; unless given, `latency`"),
    ),
    responses(
        (status = 200, description = "The badge", body = String, content_type = "image/svg+xml"),
        (status = 304, description = "The same as in the response that had this ETag"),
        (status = 400, description = "The name or the label can't be used", body = Problem, content_type = PROBLEM),
        (status = 404, description = "There is no such check", body = Problem, content_type = PROBLEM),
    )
)]
pub(super) async fn latency_badge(
    State(app): State<Arc<App>>,
    sees: SeesStatus,
    Name(name): Name,
    Asked(wanted): Asked<Wanted>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let check = seen(&app, &sees, &name)?;
    let word = check.snapshot.last.as_deref().map(|run| format!("{:.1?}", run.latency()).replace('µ', "u"));
    let colour = if check.snapshot.counts_as().is_up() { GREEN } else { GREY };
    match word {
        Some(word) => answer(&wanted, "latency", &word, colour, &headers),
        None => answer(&wanted, "latency", "not run yet", GREY, &headers),
    }
}

/// The share of the known time in which the target of a check was of use, as a picture.
#[utoipa::path(get, path = "/badge/{check}/uptime.svg", tag = "badges",
    params(
        ("check" = String, Path, description = "The name of the check"),
        ("window" = Option<String>, Query, description = "How far to look back, such as `24h`, `7d`, `30d` or `90d`; unless given, 30 days"),
        ("label" = Option<String>, Query, description = "What stands before it; unless given, `uptime` and the window"),
    ),
    responses(
        (status = 200, description = "The badge; it says so if there is no history", body = String, content_type = "image/svg+xml"),
        (status = 304, description = "The same as in the response that had this ETag"),
        (status = 400, description = "The name, the window or the label can't be used", body = Problem, content_type = PROBLEM),
        (status = 404, description = "There is no such check", body = Problem, content_type = PROBLEM),
    )
)]
pub(super) async fn uptime_badge(
    State(app): State<Arc<App>>,
    sees: SeesStatus,
    Name(name): Name,
    Asked(wanted): Asked<WantedUptime>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    seen(&app, &sees, &name)?;
    let window = wanted.window.as_deref().unwrap_or(USUAL_WINDOW);
    let usual = format!("uptime {window}");
    let (word, colour) = match past::availability(&app, &name, window).await? {
        None => ("no history".to_owned(), GREY),
        Some(None) => ("nothing known".to_owned(), GREY),
        Some(Some(percent)) => (in_percent(percent), colour_of(percent)),
    };
    answer(&Wanted { label: wanted.label }, &usual, &word, colour, &headers)
}

fn colour_of(percent: f64) -> &'static str {
    match percent {
        GOOD.. => GREEN,
        FAIR.. => AMBER,
        _ => RED,
    }
}

/// A share in percent that is never rounded up to all.
pub(super) fn in_percent(percent: f64) -> String {
    if percent >= 100.0 {
        return "100%".into();
    }
    let floor = (percent * 1000.0).floor() / 1000.0;
    let text = format!("{floor:.3}");
    format!("{}%", text.trim_end_matches('0').trim_end_matches('.'))
}

/// The check, if whoever asks may see it; to others it is as if there were none.
fn seen(app: &App, sees: &SeesStatus, name: &str) -> Result<Arc<CheckState>, Problem> {
    let check = app.board.check(name).map(|slot| slot.state());
    let is_shown = |check: &CheckState| match sees {
        SeesStatus::Everything => true,
        SeesStatus::WhatIsPublic => app.auth.rules.load().status_page.shows(check.info.group.as_deref()),
    };
    match (check.filter(|check| is_shown(check)), sees) {
        (Some(check), _) => Ok(check),
        (None, SeesStatus::Everything) => Err(Problem::unknown_check(name, &app.board)),
        // The names that are like it may be of others that are not to be seen.
        (None, SeesStatus::WhatIsPublic) => Err(Problem::no_such_badge(name)),
    }
}

fn answer(wanted: &Wanted, usual: &str, word: &str, colour: &str, headers: &HeaderMap) -> Result<Response, Problem> {
    let label = wanted.label.as_deref().unwrap_or(usual);
    if label.chars().count() > LONGEST || label.chars().any(char::is_control) {
        return Err(Problem::invalid_value("label", format!("must be one line of at most {LONGEST} characters")));
    }
    let svg = Badge { label, word, colour }.to_string().into_bytes();
    Ok(Page::new(StatusCode::OK, SVG, tag_of(&svg), svg).answer(headers))
}

/// A label, and what it says.
struct Badge<'a> {
    label: &'a str,
    word: &'a str,
    colour: &'a str,
}

impl fmt::Display for Badge<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Badge { label, word, colour } = self;
        // Without a label there is nothing before the word.
        let (left, right) = (if label.is_empty() { 0.0 } else { width(label) + 2.0 * ROOM }, width(word) + 2.0 * ROOM);
        let (whole, label_text, word_text) = (left + right, Escaped(label), Escaped(word));
        let mut told = String::new();
        write!(told, "{}{}{word_text}", label_text, if label.is_empty() { "" } else { ": " })?;
        write!(
            f,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{whole}\" height=\"20\" role=\"img\" aria-label=\"{told}\">\
             <title>{told}</title><clipPath id=\"r\"><rect width=\"{whole}\" height=\"20\" rx=\"4\"/></clipPath>\
             <g clip-path=\"url(#r)\"><rect width=\"{left}\" height=\"20\" fill=\"{DARK}\"/>\
             <rect x=\"{left}\" width=\"{right}\" height=\"20\" fill=\"{colour}\"/></g>\
             <g fill=\"#fff\" font-family=\"Verdana,DejaVu Sans,Geneva,sans-serif\" font-size=\"11\">",
        )?;
        for (text, x, length) in [(label, ROOM, left), (word, left + ROOM, right)] {
            if !text.is_empty() {
                let length = length - 2.0 * ROOM;
                write!(f, "<text x=\"{x}\" y=\"14\" textLength=\"{length}\">{}</text>", Escaped(text))?;
            }
        }
        f.write_str("</g></svg>")
    }
}

/// About how wide a text is in Verdana at 11 units; whoever draws it stretches it to just this.
fn width(text: &str) -> f32 {
    let of = |letter: char| match letter {
        'i' | 'j' | 'l' | 'I' | '.' | ',' | ':' | ';' | '\'' | '|' | '!' | ' ' | 'f' | 't' | 'r' | '(' | ')' | '['
        | ']' => 4.2,
        'm' | 'w' | 'M' | 'W' | '%' | '@' => 10.6,
        'A'..='Z' => 7.9,
        '\0'..='\x7f' => 7.0,
        '\u{1100}'.. => 11.0,
        _ => 7.2,
    };
    text.chars().map(of).sum::<f32>().round()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_never_rounded_up() {
        let table = [
            (100.0, "100%"),
            (99.99996, "99.999%"),
            (99.95, "99.95%"),
            (99.0, "99%"),
            (0.0, "0%"),
            (12.3456, "12.345%"),
        ];
        for (percent, text) in table {
            assert_eq!(in_percent(percent), text);
        }
    }

    #[test]
    fn texts_are_escaped_and_fit() {
        let badge = Badge { label: "<a&b>", word: "\"down\"", colour: RED }.to_string();
        assert!(badge.contains("<title>&lt;a&amp;b&gt;: &quot;down&quot;</title>"), "{badge}");
        assert!(badge.contains("aria-label=\"&lt;a&amp;b&gt;: &quot;down&quot;\""), "{badge}");
        assert!(!badge.contains("<a&"), "{badge}");
        assert!(width("mmmm") > width("iiii"));
        let bare = Badge { label: "", word: "up", colour: GREEN }.to_string();
        assert!(bare.contains("<title>up</title>") && bare.matches("<text").count() == 1, "{bare}");
    }
}
