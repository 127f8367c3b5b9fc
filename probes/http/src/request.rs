//! The request that a check sends, and the one that a redirect makes of it.

use probity_guest::{Secrets, base64, http, url::Url};

use crate::settings::Settings;

/// Headers that are meant for one server alone, in lower case.
const PRIVATE: [&str; 4] = ["authorization", "cookie", "host", "proxy-authorization"];

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
        let mut headers = http::headers_of(&settings.headers);
        if let Some(credentials) = credentials(settings) {
            headers.push(("authorization".to_owned(), format!("Basic {credentials}")));
        }
        if !traceparent.is_empty() && !headers.iter().any(|(known, _)| known == "traceparent") {
            headers.push(("traceparent".to_owned(), traceparent.to_owned()));
        }
        Self { url: settings.url.clone(), method: &settings.method, headers, body: &settings.body }
    }

    pub(crate) fn as_http(&self) -> http::Request<'_> {
        http::Request { method: self.method, url: &self.url, headers: &self.headers, body: self.body.as_bytes() }
    }

    /// Whether it says who asks.
    pub(crate) fn has_credentials(&self) -> bool {
        self.headers.iter().any(|(name, _)| name == "authorization")
    }

    /// The request that an answer with `status` and this `location` asks for (RFC 9110, section 15.4).
    ///
    /// # Errors
    ///
    /// Why there is none, as it goes on after the location.
    pub(crate) fn redirected(mut self, status: u16, location: &str) -> Result<Self, String> {
        let url = self.url.join(location).map_err(|no_url| format!("but {no_url}"))?;
        if self.url.secure() && !url.secure() {
            // Whoever sits on the way could answer in the server's place.
            return Err("which is not secure, and so is not followed".to_owned());
        }
        if !url.same_origin(&self.url) {
            self.headers.retain(|(name, _)| !PRIVATE.contains(&name.as_str()));
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

/// What must not be told of what is sent, though the target may repeat it.
pub(crate) fn secrets(settings: &Settings) -> Secrets {
    let mut secrets = Secrets::of_request(&settings.url, &settings.headers);
    credentials(settings).into_iter().chain(settings.password.clone()).for_each(|secret| secrets.hide(secret));
    secrets
}

/// What follows the word `Basic` (RFC 7617, section 2), if the operator gives a password.
fn credentials(settings: &Settings) -> Option<String> {
    let (username, password) = settings.username.as_ref().zip(settings.password.as_ref())?;
    Some(base64::encode(format!("{username}:{password}").as_bytes()))
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
        assert!(request.has_credentials());

        let settings: Settings = parse(r#"{ "url": "http://a/", "headers": { "User-Agent": "mine" } }"#).unwrap();
        let request = Request::new(&settings, "");
        assert_eq!(request.headers, [("user-agent".to_owned(), "mine".to_owned())]);
        assert!(!request.has_credentials());
    }

    /// The example of RFC 7617, section 2.
    #[test]
    fn a_user_is_told_with_the_password() {
        let json = r#"{ "url": "http://a/", "username": "Aladdin", "password": "open sesame" }"#;
        let settings: Settings = parse(json).unwrap();
        let request = Request::new(&settings, "");
        assert_eq!(request.headers[1], ("authorization".to_owned(), "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==".to_owned()));
        let said = b"open sesame, and QWxhZGRpbjpvcGVuIHNlc2FtZQ==, of Aladdin";
        assert_eq!(secrets(&settings).quote(said), r#""***, and ***, of Aladdin""#);
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
        for location in ["https://b/form", "https://a:8443/form"] {
            assert_eq!(names(&redirected(location)), ["content-type", "x-team", "user-agent"], "{location}");
        }
    }

    #[test]
    fn some_redirects_are_not_followed() {
        let settings = settings();
        let refusal = |location| Request::new(&settings, "").redirected(302, location).unwrap_err();
        assert_eq!(refusal("mailto:a@b"), "but the URL must begin with http:// or https://");
        assert_eq!(refusal("http://a/form"), "which is not secure, and so is not followed");
        let plain: Settings = parse(r#"{ "url": "http://a/" }"#).unwrap();
        assert!(Request::new(&plain, "").redirected(301, "https://a/").is_ok());
        assert!(Request::new(&plain, "").redirected(301, "http://b/").is_ok());
    }
}
