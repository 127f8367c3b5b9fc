//! What the operator expects of an answer, and what of it was not met.

use probity_guest::{
    Findings, Secrets,
    comparison::{Alone, Comparison, Judge},
    json::{self, Pointer, Value},
};

use crate::settings::Settings;

/// What is examined of an answer.
pub(crate) struct Answer<'a> {
    pub(crate) status: u16,
    /// Names are in lower case.
    pub(crate) headers: &'a [(String, Vec<u8>)],
    /// As much of the body as is allowed.
    pub(crate) body: &'a [u8],
    /// Whether the body is longer than is allowed.
    pub(crate) cut: bool,
    /// Where it redirects to, if it does.
    pub(crate) location: Option<&'a str>,
    /// Whether the request said who asks.
    pub(crate) is_answer_to_credentials: bool,
}

impl Answer<'_> {
    /// Whether it is about credentials, and nobody expects that.
    pub(crate) fn refuses_credentials(&self, settings: &Settings) -> bool {
        self.status == 401 && !self.has_status_of(settings)
    }

    fn has_status_of(&self, settings: &Settings) -> bool {
        settings.expect_status.iter().any(|statuses| statuses.contain(self.status))
    }

    /// All values of a header.
    fn values(&self, name: &str) -> Vec<Value<'_>> {
        let named = self.headers.iter().filter(|(known, _)| known.eq_ignore_ascii_case(name));
        named.map(|(_, value)| Value::Text(value.into())).collect()
    }

    /// In what the body is coded, if it is not sent as it is (RFC 9110, section 8.4).
    fn coding(&self) -> Option<&[u8]> {
        let (_, coding) = self.headers.iter().find(|(name, _)| name == "content-encoding")?;
        (!coding.is_empty() && !coding.eq_ignore_ascii_case(b"identity")).then_some(coding)
    }
}

/// Finds how an answer falls short of what is expected.
pub(crate) fn examine(settings: &Settings, answer: &Answer<'_>, secrets: &Secrets, findings: &mut Findings) {
    if !answer.has_status_of(settings) {
        findings.unhealthy(status(settings, answer, secrets));
    }
    let comparisons = settings.expect_header.values().chain(&settings.expect_body).chain(settings.expect_json.values());
    let judge = Judge::new(comparisons, secrets);
    for (name, comparison) in &settings.expect_header {
        let (who, values) = (format!("the header {name}"), answer.values(name));
        if let Err(clause) = judge.hold(&who, &values, comparison, Alone::Contains) {
            findings.unhealthy(clause);
        }
    }
    if answer.cut {
        // Nothing is known of the part that was not read.
        return findings.unhealthy(format!("has a body of more than max_body, {} bytes", settings.max_body));
    }
    if settings.expect_body.is_empty() && settings.reject_body.is_empty() && settings.expect_json.is_empty() {
        return;
    }
    if let Some(coding) = answer.coding() {
        let coding = secrets.word(&String::from_utf8_lossy(coding));
        return findings.unhealthy(format!("sent its body as {coding}, in which nothing can be found"));
    }
    let body = [Value::Text(answer.body.into())];
    let mut hold = |comparison: &Comparison| {
        if let Err(clause) = judge.hold("the body", &body, comparison, Alone::Contains) {
            findings.unhealthy(clause);
        }
    };
    settings.expect_body.iter().for_each(&mut hold);
    settings.reject_body.iter().for_each(|text| hold(&Comparison::without(text)));
    if !settings.expect_json.is_empty() {
        examine_json(settings, answer.body, &judge, findings);
    }
}

/// What is to be said of a status that is not expected.
fn status(settings: &Settings, answer: &Answer<'_>, secrets: &Secrets) -> String {
    let expected: Vec<String> = settings.expect_status.iter().map(ToString::to_string).collect();
    let clause = format!("answered {}, expected {}", answer.status, expected.join(" or "));
    if let Some(location) = answer.location {
        let clause = format!("{clause}; it redirects to {}", secrets.quote(location.as_bytes()));
        return match settings.follow_redirects {
            0 => clause,
            most => format!("{clause}, and follow_redirects, {most}, is used up"),
        };
    }
    if !answer.refuses_credentials(settings) {
        return clause;
    }
    let asks = if answer.is_answer_to_credentials { "does not take the credentials" } else { "asks for credentials" };
    let challenge = answer.headers.iter().find(|(name, _)| name == "www-authenticate");
    let challenge = challenge.map(|(_, value)| format!(" ({})", secrets.word(&String::from_utf8_lossy(value))));
    format!("{clause}; it {asks}{}", challenge.unwrap_or_default())
}

fn examine_json(settings: &Settings, body: &[u8], judge: &Judge<'_>, findings: &mut Findings) {
    // They are sound: the settings were examined.
    let pointers: Vec<_> = settings.expect_json.keys().filter_map(|pointer| Pointer::parse(pointer)).collect();
    let found = str::from_utf8(body).map_err(|_| "it is no UTF-8".to_owned());
    let found = match found.and_then(|document| json::find(document, &pointers.iter().collect::<Vec<_>>())) {
        Ok(found) => found,
        Err(why) => return findings.unhealthy(format!("the body is no JSON: {why}")),
    };
    for ((pointer, value), comparison) in pointers.iter().zip(found).zip(settings.expect_json.values()) {
        if let Err(clause) = judge.hold(&pointer.to_string(), value.as_slice(), comparison, Alone::Equals) {
            findings.unhealthy(clause);
        }
    }
}

#[cfg(test)]
mod tests {
    use probity_guest::settings::parse;

    use super::*;

    /// What is said of an answer, whose body is `body`.
    fn of(more: &str, status: u16, body: &[u8], cut: bool) -> Findings {
        let settings: Settings = parse(&format!(r#"{{ "url": "http://a/", {more} "degraded_after": "5s" }}"#)).unwrap();
        let headers = [
            ("set-cookie".to_owned(), b"a=1".to_vec()),
            ("set-cookie".to_owned(), b"b=2".to_vec()),
            ("content-type".to_owned(), b"text/html".to_vec()),
            ("age".to_owned(), b"60".to_vec()),
        ];
        let answer = Answer { status, headers: &headers, body, cut, location: None, is_answer_to_credentials: false };
        let mut findings = Findings::default();
        examine(&settings, &answer, &Secrets::default(), &mut findings);
        findings
    }

    fn found(more: &str, status: u16) -> Findings {
        of(more, status, b"all is well", false)
    }

    /// Findings that make a target unhealthy.
    fn unhealthy<const N: usize>(clauses: [&str; N]) -> Findings {
        let mut findings = Findings::default();
        clauses.into_iter().for_each(|clause| findings.unhealthy(clause));
        findings
    }

    #[test]
    fn any_success_will_do_by_default() {
        assert_eq!(found("", 200), unhealthy([]));
        assert_eq!(found("", 299), unhealthy([]));
        assert_eq!(found("", 302), unhealthy(["answered 302, expected 200-299"]));
    }

    #[test]
    fn statuses_can_be_chosen() {
        let more = r#""expect_status": [401, "3xx"],"#;
        assert_eq!(found(more, 401), unhealthy([]));
        assert_eq!(found(more, 200), unhealthy(["answered 200, expected 401 or 300-399"]));
    }

    #[test]
    fn a_redirect_too_many_is_told_as_one() {
        let clause = |more: &str| {
            let settings: Settings = parse(&format!(r#"{{ "url": "http://a/"{more} }}"#)).unwrap();
            let location = Some("/login");
            let answer =
                Answer { status: 302, headers: &[], body: b"", cut: false, location, is_answer_to_credentials: false };
            status(&settings, &answer, &Secrets::default())
        };
        let told = r#"answered 302, expected 200-299; it redirects to "/login""#;
        assert_eq!(clause(""), told);
        assert_eq!(clause(r#", "follow_redirects": 5"#), format!("{told}, and follow_redirects, 5, is used up"));
    }

    #[test]
    fn a_refusal_of_credentials_is_told_apart() {
        let answer = |is_answer_to_credentials| {
            let settings: Settings = parse(r#"{ "url": "http://a/" }"#).unwrap();
            let headers = [("www-authenticate".to_owned(), b"Basic realm=\"shop\"".to_vec())];
            let answer = Answer {
                status: 401,
                headers: &headers,
                body: b"",
                cut: false,
                location: None,
                is_answer_to_credentials,
            };
            assert!(answer.refuses_credentials(&settings));
            status(&settings, &answer, &Secrets::default())
        };
        let clause = "answered 401, expected 200-299; it does not take the credentials (Basic realm=\"shop\")";
        assert_eq!(answer(true), clause);
        assert_eq!(answer(false), clause.replace("does not take the", "asks for"));
    }

    #[test]
    fn headers_are_compared_by_part_of_any_value() {
        assert_eq!(found(r#""expect_header": { "Set-Cookie": "b=", "content-type": "" },"#, 200), unhealthy([]));
        assert_eq!(
            found(r#""expect_header": { "content-type": "json", "etag": "" },"#, 200),
            unhealthy([
                r#"the header content-type is "text/html", expected to contain "json""#,
                r#"the header etag is missing, expected to contain """#
            ])
        );
    }

    #[test]
    fn headers_are_compared_by_operators() {
        let more = r#""expect_header": {
            "Content-Type": { "==": "text/html" }, "age": { "<=": 60 }, "set-cookie": { "matches": "^b=\\d$", "!=": "c" },
            "server": { "exists": false }
        },"#;
        assert_eq!(found(more, 200), unhealthy([]));
        let more = r#""expect_header": { "age": { ">": 60 }, "set-cookie": { "!=": "b=2" } },"#;
        assert_eq!(
            found(more, 200),
            unhealthy([
                r#"the header age is "60", expected > 60"#,
                r#"the header set-cookie is "a=1" and "b=2", expected != "b=2""#
            ])
        );
    }

    #[test]
    fn bodies_are_searched() {
        let well = r#""expect_body": ["well", { "matches": "^all", "not_matches": "^is" }], "reject_body": ["ill"],"#;
        assert_eq!(found(&well.replace("\"ill\"", "\"sick\""), 200), unhealthy([]));
        assert_eq!(
            found(r#""expect_body": ["good", { "matches": "^is" }], "reject_body": ["all"],"#, 200),
            unhealthy([
                r#"the body is "all is well", expected to contain "good""#,
                r#"the body is "all is well", expected to match "^is""#,
                r#"the body is "all is well", expected not to contain "all""#
            ])
        );
        assert_eq!(of(r#""reject_body": ["all"],"#, 200, b"", false), unhealthy([]));
    }

    #[test]
    fn json_is_looked_into() {
        let json = br#"{"status": "UP", "raft": {"peers": [1, 2]}, "error": null}"#;
        let good = r#""expect_json": {
            "/status": "UP", "/raft/peers": { ">=": 2, "contains": 1 }, "/error": { "exists": false }
        },"#;
        assert_eq!(of(good, 200, json, false), unhealthy([]));
        assert_eq!(
            of(
                r#""expect_json": { "/status": { "!=": "UP" }, "/raft/peers": 3, "/raft/leader": "n1" },"#,
                200,
                json,
                false
            ),
            unhealthy([
                r#"/raft/leader is missing, expected "n1""#,
                "/raft/peers is [1, 2], expected 3",
                r#"/status is "UP", expected != "UP""#
            ])
        );
        assert_eq!(found(good, 200), unhealthy(["the body is no JSON: expected value at line 1 column 1"]));
        assert_eq!(of(good, 200, b"{\"\xff\": 1}", false), unhealthy(["the body is no JSON: it is no UTF-8"]));
    }

    #[test]
    fn a_body_that_is_too_long_is_not_searched() {
        assert_eq!(
            of(r#""expect_body": ["good"], "max_body": 11,"#, 200, b"all is well", true),
            unhealthy(["has a body of more than max_body, 11 bytes"])
        );
    }

    #[test]
    fn a_body_that_is_coded_is_not_searched() {
        let coded = |more: &str| {
            let settings: Settings = parse(&format!(r#"{{ "url": "http://a/"{more} }}"#)).unwrap();
            let headers = [("content-encoding".to_owned(), b"gzip".to_vec())];
            let answer = Answer {
                status: 200,
                headers: &headers,
                body: b"\x1f\x8b",
                cut: false,
                location: None,
                is_answer_to_credentials: false,
            };
            let mut findings = Findings::default();
            examine(&settings, &answer, &Secrets::default(), &mut findings);
            findings
        };
        assert_eq!(coded(""), unhealthy([]));
        for more in [r#", "expect_body": ["a"]"#, r#", "reject_body": ["a"]"#, r#", "expect_json": { "/a": 1 }"#] {
            assert_eq!(coded(more), unhealthy(["sent its body as gzip, in which nothing can be found"]));
        }
    }
}
