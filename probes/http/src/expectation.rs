//! What the operator expects of an answer, and what of it was not met.

use probity_guest::text::{contains, excerpt};

use crate::settings::Settings;

/// Characters of a header that a message shows.
const SHOWN: usize = 80;

/// What is examined of an answer.
pub(crate) struct Answer<'a> {
    pub(crate) status: u16,
    /// Names are in lower case.
    pub(crate) headers: &'a [(String, Vec<u8>)],
    /// As much of the body as is allowed.
    pub(crate) body: &'a [u8],
    /// Whether the body is longer than is allowed.
    pub(crate) cut: bool,
}

/// How an answer falls short of what is expected; empty if it does not. Each continues a sentence about the target.
pub(crate) fn shortcomings(settings: &Settings, answer: &Answer<'_>) -> Vec<String> {
    let mut found = Vec::new();

    if !settings.expect_status.iter().any(|statuses| statuses.contain(answer.status)) {
        let expected: Vec<String> = settings.expect_status.iter().map(ToString::to_string).collect();
        found.push(format!("answered {}, expected {}", answer.status, expected.join(" or ")));
    }
    for (name, expected) in &settings.expect_header {
        let values =
            || answer.headers.iter().filter(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value);
        if values().any(|value| contains(value, expected.as_bytes())) {
            continue;
        }
        found.push(match values().next() {
            None => format!("has no header {name}"),
            Some(value) => format!(
                "has the header {name} {}, which does not contain {}",
                excerpt(value, SHOWN),
                excerpt(expected.as_bytes(), SHOWN)
            ),
        });
    }
    if answer.cut {
        // Nothing is known of the part that was not read.
        found.push(format!("has a body of more than max_body, {} bytes", settings.max_body));
        return found;
    }
    for text in settings.expect_body.iter().filter(|text| !contains(answer.body, text.as_bytes())) {
        found.push(format!("has a body without {}", excerpt(text.as_bytes(), SHOWN)));
    }
    for text in settings.reject_body.iter().filter(|text| contains(answer.body, text.as_bytes())) {
        found.push(format!("has a body with {}", excerpt(text.as_bytes(), SHOWN)));
    }
    found
}

#[cfg(test)]
mod tests {
    use probity_guest::settings::parse;

    use super::*;

    fn settings(more: &str) -> Settings {
        parse(&format!(r#"{{ "url": "http://a/", {more} "degraded_after": "5s" }}"#)).unwrap()
    }

    fn found(more: &str, status: u16, cut: bool) -> Vec<String> {
        let headers = [
            ("set-cookie".to_owned(), b"a=1".to_vec()),
            ("set-cookie".to_owned(), b"b=2".to_vec()),
            ("content-type".to_owned(), b"text/html".to_vec()),
        ];
        shortcomings(&settings(more), &Answer { status, headers: &headers, body: b"all is well", cut })
    }

    const NONE: [&str; 0] = [];

    #[test]
    fn any_success_will_do_by_default() {
        assert_eq!(found("", 200, false), NONE);
        assert_eq!(found("", 299, false), NONE);
        assert_eq!(found("", 302, false), ["answered 302, expected 200-299"]);
    }

    #[test]
    fn statuses_can_be_chosen() {
        let more = r#""expect_status": [401, "300-399"],"#;
        assert_eq!(found(more, 401, false), NONE);
        assert_eq!(found(more, 200, false), ["answered 200, expected 401 or 300-399"]);
    }

    #[test]
    fn headers_are_compared_by_part_of_any_value() {
        assert_eq!(found(r#""expect_header": { "Set-Cookie": "b=", "content-type": "" },"#, 200, false), NONE);
        assert_eq!(
            found(r#""expect_header": { "content-type": "json", "etag": "" },"#, 200, false),
            [r#"has the header content-type "text/html", which does not contain "json""#, "has no header etag"]
        );
    }

    #[test]
    fn bodies_are_searched() {
        assert_eq!(found(r#""expect_body": ["well"], "reject_body": ["ill"],"#, 200, false), NONE);
        assert_eq!(
            found(r#""expect_body": ["well", "good"], "reject_body": ["all"],"#, 200, false),
            [r#"has a body without "good""#, r#"has a body with "all""#]
        );
    }

    #[test]
    fn a_body_that_is_too_long_is_not_searched() {
        assert_eq!(
            found(r#""expect_body": ["good"], "max_body": 11,"#, 200, true),
            ["has a body of more than max_body, 11 bytes"]
        );
    }
}
