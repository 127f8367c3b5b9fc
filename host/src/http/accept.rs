//! What kind of answer is welcome (RFC 9110, section 12.5.1).

use axum::http::{HeaderMap, header};

use super::page::members;

/// The place among the media types on offer of the one that is most welcome; of those that are equally so, the first. `None` if
/// none of them is, or nothing was said.
///
/// A type on offer may have parameters, all of which must be asked for: `application/openmetrics-text;version=1.0.0`.
pub(super) fn preferred(headers: &HeaderMap, offered: &[&str]) -> Option<usize> {
    let ranges: Vec<Range<'_>> = members(headers, header::ACCEPT).filter_map(Range::of).collect();
    if ranges.is_empty() {
        return None;
    }
    let welcome = |offer: &str| {
        let matching = ranges.iter().filter_map(|range| Some((range.closeness(offer)?, range.weight)));
        // The closest range says how welcome it is; of those that are equally close, the kindest.
        matching.max_by(|a, b| a.partial_cmp(b).unwrap_or(std::cmp::Ordering::Equal)).map_or(0.0, |(_, weight)| weight)
    };
    let mut best: Option<(usize, f32)> = None;
    for (at, offer) in offered.iter().enumerate() {
        let weight = welcome(offer);
        if weight > best.map_or(0.0, |(_, weight)| weight) {
            best = Some((at, weight));
        }
    }
    best.map(|(at, _)| at)
}

/// What may be asked for and is the same in all that we have: the encoding of characters is UTF-8, and no name of a metric has
/// anything in it that would have to be escaped.
const OF_NO_ACCOUNT: [&str; 2] = ["charset", "escaping"];

/// One of the ranges that were asked for.
struct Range<'a> {
    kind: &'a str,
    subtype: &'a str,
    parameters: Vec<(&'a str, &'a str)>,
    weight: f32,
}

impl<'a> Range<'a> {
    fn of(text: &'a str) -> Option<Range<'a>> {
        let mut parts = text.split(';').map(str::trim);
        let (kind, subtype) = parts.next()?.split_once('/')?;
        let mut range = Range { kind, subtype, parameters: Vec::new(), weight: 1.0 };
        for (name, value) in parts.filter_map(|part| part.split_once('=')) {
            let value = value.trim_matches('"');
            if name.eq_ignore_ascii_case("q") {
                // A weight that is none makes a wish that can't be read.
                range.weight = value.parse().ok().filter(|weight| (0.0..=1.0).contains(weight))?;
                // What follows it is of no meaning any more.
                break;
            }
            range.parameters.push((name, value));
        }
        Some(range)
    }

    /// How closely it describes an offer, if it does.
    fn closeness(&self, offer: &str) -> Option<usize> {
        let mut parts = offer.split(';').map(str::trim);
        let (kind, subtype) = parts.next()?.split_once('/')?;
        let is = |wanted: &str, offered: &str| wanted == "*" || wanted.eq_ignore_ascii_case(offered);
        if !is(self.kind, kind) || !is(self.subtype, subtype) {
            return None;
        }
        let offered: Vec<_> = parts.filter_map(|part| part.split_once('=')).collect();
        let wanted =
            self.parameters.iter().filter(|(name, _)| !OF_NO_ACCOUNT.iter().any(|no| no.eq_ignore_ascii_case(name)));
        let mut asked = 0;
        for (name, value) in wanted {
            let has = |(own, its): &(&str, &str)| own.eq_ignore_ascii_case(name) && its.eq_ignore_ascii_case(value);
            if !offered.iter().any(has) {
                return None;
            }
            asked += 1;
        }
        let exact = usize::from(self.kind != "*") + usize::from(self.subtype != "*");
        Some(exact + asked)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_welcome_of_what_there_is_is_chosen() {
        const OFFERED: [&str; 4] =
            ["application/json", "application/health+json", "text/html", "text/plain;version=0.0.4"];
        // Chromium 126, curl, and so on.
        let browser = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8";
        let table = [
            ("", None),
            ("*/*", Some(0)),
            (browser, Some(2)),
            ("application/*", Some(0)),
            ("application/health+json", Some(1)),
            ("Application/Health+JSON, application/json;q=0.9", Some(1)),
            ("application/health+json;q=0.5, application/json", Some(0)),
            ("text/*", Some(2)),
            ("text/plain", Some(3)),
            ("text/plain; version=0.0.4; charset=utf-8", Some(3)),
            ("text/plain; version=1.0.0", None),
            ("text/plain;version=1.0.0;q=0.9,text/plain;version=0.0.4;escaping=allow-utf-8;q=0.3", Some(3)),
            // A closer range counts, though it is the less kind one.
            ("*/*, application/json;q=0.1", Some(1)),
            ("application/json;q=0, */*;q=0.1", Some(1)),
            ("image/png", None),
            ("application/json;q=0", None),
            ("application/json;q=nonsense", None),
            ("nonsense, application/json", Some(0)),
        ];
        for (accept, expected) in table {
            let mut headers = HeaderMap::new();
            if !accept.is_empty() {
                headers.insert(header::ACCEPT, accept.parse().unwrap());
            }
            assert_eq!(preferred(&headers, &OFFERED), expected, "{accept}");
        }
    }
}
