//! Showing what a target said without what it was told in confidence.

use crate::{
    cut::reach,
    text::{blot, excerpt, first_line, line},
    url::Url,
};

/// Characters of a text of the target's that are shown.
const SHOWN: usize = 120;

/// Parts of the names of headers and of parameters that hold secrets.
const TELLING: [&str; 8] = ["auth", "cookie", "key", "pass", "secret", "session", "sig", "token"];

/// What is never shown, even if the target repeats it.
#[derive(Clone, Debug, Default)]
pub struct Secrets(Vec<String>);

impl Secrets {
    /// The secrets of a request: the values of headers and of parameters whose names say that they are. What else is one should be
    /// filled in by the runner, which knows it for one.
    pub fn of_request<'a>(url: &Url, headers: impl IntoIterator<Item = (&'a String, &'a String)>) -> Self {
        let mut secrets = Self::default();
        for (_, value) in headers.into_iter().filter(|(name, _)| is_telling(name)) {
            secrets.hide(value);
            parts(value).for_each(|part| secrets.hide(part));
        }
        let query = url.path_with_query().split_once('?').map_or("", |(_, query)| query);
        let parameters = query.split('&').filter_map(|parameter| parameter.split_once('='));
        parameters.filter(|(name, _)| is_telling(name)).for_each(|(_, value)| secrets.hide(value));
        secrets
    }

    /// From now on this is blotted out as well, also as JSON writes it. An empty text is no secret.
    pub fn hide(&mut self, secret: impl Into<String>) {
        let secret = secret.into();
        let escaped = secret.replace('\\', "\\\\").replace('"', "\\\"");
        if escaped != secret {
            self.0.push(escaped);
        }
        self.0.push(secret);
    }

    /// What the target said, whole, but without secrets.
    pub fn blot(&self, said: &[u8]) -> Vec<u8> {
        blot(said, &self.0)
    }

    /// What the target said, quoted: made printable, cut, and without secrets.
    pub fn quote(&self, said: &[u8]) -> String {
        self.excerpt(said, SHOWN)
    }

    /// The same, cut after about `most` characters.
    pub fn excerpt(&self, said: &[u8], most: usize) -> String {
        excerpt(&self.blotted(said, most), most)
    }

    /// What the target said, as a word or a few: made printable, cut, and without secrets.
    pub fn word(&self, said: &str) -> String {
        first_line(&String::from_utf8_lossy(&self.blotted(said.as_bytes(), SHOWN)), SHOWN)
    }

    /// What the target said, in one line: made printable, cut, and without secrets.
    pub fn line(&self, said: &str) -> String {
        line(&String::from_utf8_lossy(&self.blotted(said.as_bytes(), SHOWN)), SHOWN)
    }

    /// As much of what was said as so many characters can need, without secrets.
    fn blotted(&self, said: &[u8], most: usize) -> Vec<u8> {
        // A secret of which the cut leaves the first part must lie beyond what is shown; a blot may be shorter than what it hides.
        let longest = self.0.iter().map(String::len).max().unwrap_or_default().max(1);
        let enough = (reach(most) + 1).saturating_mul(longest.max(4)).saturating_add(longest);
        self.blot(&said[..said.len().min(enough)])
    }
}

/// What is a secret by itself: the token of `Bearer 1234`, the values of `a=1; b=2`.
fn parts(value: &str) -> impl Iterator<Item = &str> {
    let words = value.split([' ', ';', ',']).enumerate();
    words.filter_map(|(index, word)| match word.split_once('=') {
        // Base 64 may end so.
        Some((_, rest)) if !rest.trim_matches('=').is_empty() => Some(rest.trim_matches('"')),
        Some(_) => Some(word),
        // The first says of what kind the others are.
        None => Some(word).filter(|_| index > 0),
    })
}

fn is_telling(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    TELLING.iter().any(|part| name.contains(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_has_secrets() {
        let headers =
            [("X-Api-Key", "k1"), ("Authorization", "Basic dTpw=="), ("cookie", "a=c1; b=c2"), ("accept", "text/html")]
                .map(|(name, value)| (name.to_owned(), value.to_owned()));
        let url = "https://a/?page=visible&access_token=query-secret".parse().unwrap();
        let secrets = Secrets::of_request(&url, headers.iter().map(|(name, value)| (name, value)));
        for secret in ["k1", "Basic dTpw==", "dTpw==", "c1", "c2", "query-secret"] {
            assert_eq!(secrets.quote(secret.as_bytes()), "\"***\"", "{secret}");
        }
        assert_eq!(secrets.quote(b"visible text/html"), "\"visible text/html\"");
    }

    #[test]
    fn a_secret_is_known_as_json_writes_it() {
        let mut secrets = Secrets::default();
        secrets.hide(r#"pass"word\"#);
        assert_eq!(secrets.line(r#"["pass\"word\\"]"#), r#"["***"]"#);
        assert_eq!(secrets.line(r#"pass"word\"#), "***");
    }

    #[test]
    fn a_secret_is_not_shown_not_even_in_part() {
        let mut secrets = Secrets::default();
        secrets.hide("hunter2");
        secrets.hide("");
        assert_eq!(secrets.quote(b"no hunter2 here"), r#""no *** here""#);
        assert_eq!(secrets.word("hunter2\nsecond line"), "***");
        for most in 0..12 {
            let shown = secrets.excerpt(b"hunter2hunter2hunter2 hunter2", most);
            assert!(!shown.contains("hu"), "{shown}");
        }
    }

    #[test]
    fn no_more_is_looked_at_than_is_shown() {
        let mut secrets = Secrets::default();
        secrets.hide("hunter2");
        let long = b"x".repeat(10_000);
        assert_eq!(secrets.blotted(&long, 10).len(), 154);
        assert_eq!(secrets.excerpt(&long, 3), "\"xxx\"…");
    }
}
