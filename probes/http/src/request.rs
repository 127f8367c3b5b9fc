//! The request that a check sends, and the one that a redirect makes of it.

use probity_guest::{
    http,
    url::{NoUrl, Url},
};

use crate::settings::Settings;

/// Sent unless the operator names another: some servers refuse requests that do not say whose they are.
const USER_AGENT: &str = concat!("probity/", env!("CARGO_PKG_VERSION"));

/// Headers that are meant for one server alone, in lower case.
const SECRETS: [&str; 4] = ["authorization", "cookie", "host", "proxy-authorization"];

/// A request that can be sent on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Request<'a> {
    pub(crate) url: Url,
    method: &'a str,
    headers: Vec<(String, String)>,
    body: &'a str,
}

impl<'a> Request<'a> {
    /// The first request. `traceparent` is empty if the run is not traced.
    pub(crate) fn new(settings: &'a Settings, traceparent: &str) -> Self {
        let mut headers: Vec<_> =
            settings.headers.iter().map(|(name, value)| (name.to_ascii_lowercase(), value.clone())).collect();
        for (name, value) in [("user-agent", USER_AGENT), ("traceparent", traceparent)] {
            if !value.is_empty() && !headers.iter().any(|(known, _)| known == name) {
                headers.push((name.to_owned(), value.to_owned()));
            }
        }
        Self { url: settings.url.clone(), method: &settings.method, headers, body: &settings.body }
    }

    pub(crate) fn as_http(&self) -> http::Request<'_> {
        http::Request { method: self.method, url: &self.url, headers: &self.headers, body: self.body.as_bytes() }
    }

    /// The request that an answer with `status` and this `location` asks for (RFC 9110, section 15.4).
    pub(crate) fn redirected(mut self, status: u16, location: &str) -> Result<Self, NoUrl> {
        let url = self.url.join(location)?;
        if !url.same_origin(&self.url) {
            self.headers.retain(|(name, _)| !SECRETS.contains(&name.as_str()));
        }
        let becomes_get = match status {
            303 => self.method != "HEAD",
            // What the standard allows and everybody does.
            301 | 302 => self.method == "POST",
            _ => false,
        };
        if becomes_get {
            self.method = "GET";
            self.body = "";
            self.headers.retain(|(name, _)| !name.starts_with("content-"));
        }
        Ok(Self { url, ..self })
    }
}

#[cfg(test)]
mod tests {
    use probity_guest::settings::parse;

    use super::*;

    fn settings() -> Settings {
        parse(
            r#"{
                "url": "https://a/form", "method": "POST", "body": "x=1",
                "headers": { "Authorization": "secret", "Content-Type": "text/plain", "X-Team": "orders" }
            }"#,
        )
        .unwrap()
    }

    fn names<'a>(request: &'a Request<'_>) -> Vec<&'a str> {
        request.headers.iter().map(|(name, _)| name.as_str()).collect()
    }

    #[test]
    fn a_request_says_whose_it_is() {
        let settings = settings();
        let request = Request::new(&settings, "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
        assert_eq!(names(&request), ["authorization", "content-type", "x-team", "user-agent", "traceparent"]);

        let settings: Settings = parse(r#"{ "url": "http://a/", "headers": { "User-Agent": "mine" } }"#).unwrap();
        assert_eq!(Request::new(&settings, "").headers, [("user-agent".to_owned(), "mine".to_owned())]);
    }

    #[test]
    fn a_redirect_keeps_method_and_body_or_becomes_a_get() {
        let settings = settings();
        let redirected = |status| Request::new(&settings, "").redirected(status, "/done").unwrap();
        for status in [307, 308] {
            assert_eq!((redirected(status).method, redirected(status).body), ("POST", "x=1"), "{status}");
        }
        for status in [301, 302, 303] {
            assert_eq!((redirected(status).method, redirected(status).body), ("GET", ""), "{status}");
            assert_eq!(names(&redirected(status)), ["authorization", "x-team", "user-agent"], "{status}");
        }
        assert_eq!(redirected(303).url, "https://a/done".parse().unwrap());
    }

    #[test]
    fn another_server_is_told_no_secrets() {
        let settings = settings();
        let redirected = |location| Request::new(&settings, "").redirected(308, location).unwrap();
        assert!(names(&redirected("https://a:443/b")).contains(&"authorization"));
        for location in ["http://a/form", "https://b/form", "https://a:8443/form"] {
            assert_eq!(names(&redirected(location)), ["content-type", "x-team", "user-agent"], "{location}");
        }
        assert!(Request::new(&settings, "").redirected(302, "mailto:a@b").is_err());
    }
}
