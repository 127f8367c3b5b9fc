//! What a server's answer says of it.

use crate::{message, status::Status};

/// Whether a server is well, as the continuation of a sentence about it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) text: String,
    pub(crate) is_well: bool,
    /// Whether it lasts until somebody does something about it.
    pub(crate) is_lasting: bool,
    /// The health that the server tells, or how the call ended.
    pub(crate) status: Option<String>,
}

/// What was asked for, and how to show what comes of it.
pub(crate) struct Question<'a> {
    /// Empty for the server as a whole.
    pub(crate) service: &'a str,
    /// Whether anything was sent along that could be credentials.
    pub(crate) has_credentials: bool,
    /// Makes what the server says fit to be shown: printable, cut, and without secrets.
    pub(crate) quote: &'a dyn Fn(&[u8]) -> String,
}

/// Names and values.
type Fields = [(String, Vec<u8>)];

impl Question<'_> {
    /// What the head of an answer says, if it says all.
    pub(crate) fn head(&self, code: u16, headers: &Fields) -> Option<Finding> {
        let kind = headers.iter().find(|(name, _)| name == "content-type").map(|(_, value)| value.as_slice());
        let is_grpc = kind.is_some_and(is_grpc);
        // An answer without a message may be all headers. What it says counts for more than what HTTP says.
        if let Some(status) = Status::of(headers).filter(|_| is_grpc) {
            return Some(self.ended(&status));
        }
        match (code, kind) {
            (401 | 403, _) => Some(lasting(format!("{}: it answered with HTTP {code}", self.unwelcome()))),
            (200, _) if is_grpc => None,
            (200, Some(kind)) => {
                let kind = (self.quote)(kind);
                Some(unwell(format!("does not speak gRPC: it answered with content-type {kind}")))
            }
            (200, None) => Some(unwell("does not speak gRPC: it answered without a content-type".to_owned())),
            _ => Some(unwell(format!("answered with HTTP {code}, and not as gRPC does"))),
        }
    }

    /// What the rest of it says.
    pub(crate) fn rest(&self, body: &[u8], trailers: &Fields) -> Finding {
        match Status::of(trailers) {
            None => unwell("ended its answer without a grpc-status".to_owned()),
            Some(status) if status.name == Some("OK") => match message::status(body) {
                Ok(health) => self.health(health),
                Err(flaw) => unwell(flaw.to_string()),
            },
            Some(status) => self.ended(&status),
        }
    }

    /// What it says that an answer has no end within reach.
    pub(crate) fn endless(read: usize) -> Finding {
        unwell(format!("answered with more than {read} bytes, where a status has a few"))
    }

    /// What a health says, as grpc.health.v1 numbers them.
    fn health(&self, number: i32) -> Finding {
        let (name, text) = match number {
            0 => ("UNKNOWN", self.of("does not know its own health", "does not know the health of")),
            1 => ("SERVING", self.of("is serving", "serves")),
            2 => ("NOT_SERVING", self.of("is not serving", "does not serve")),
            3 => ("SERVICE_UNKNOWN", self.unknown()),
            _ => return unwell(format!("answered with the health {number}, which grpc.health.v1 does not have")),
        };
        let is_well = name == "SERVING";
        let text = if is_well { text } else { format!("{text}: it answered {name}") };
        Finding { text, is_well, is_lasting: false, status: Some(name.to_owned()) }
    }

    /// What the end of a call says that told no health.
    fn ended(&self, status: &Status<'_>) -> Finding {
        let (text, is_lasting) = match status.name {
            Some("OK") => return unwell(message::Flaw::Missing.to_string()),
            Some("NOT_FOUND") => (self.unknown(), false),
            Some("UNIMPLEMENTED") => ("has no health service (grpc.health.v1.Health)".to_owned(), true),
            Some("UNAUTHENTICATED") => (self.unwelcome().to_owned(), true),
            Some("PERMISSION_DENIED") => ("does not permit this call".to_owned(), true),
            _ => ("failed the call".to_owned(), false),
        };
        let name = status.name.map_or_else(|| (self.quote)(status.code), str::to_owned);
        let said = match status.message.as_slice() {
            [] => String::new(),
            message => format!(" {}", (self.quote)(message)),
        };
        Finding { text: format!("{text}: it answered {name}{said}"), is_well: false, is_lasting, status: Some(name) }
    }

    fn unknown(&self) -> String {
        self.of("tells no health of itself as a whole", "knows no service")
    }

    /// What is said of the server as a whole, or what leads to the service that was asked for.
    fn of(&self, whole: &str, one: &str) -> String {
        if self.service.is_empty() { whole.to_owned() } else { format!("{one} {}", self.service) }
    }

    fn unwelcome(&self) -> &'static str {
        if self.has_credentials { "refused the credentials" } else { "asks for credentials" }
    }
}

/// `application/grpc`, and what it is encoded by (gRPC over HTTP/2, "Content-Type").
fn is_grpc(kind: &[u8]) -> bool {
    const GRPC: &[u8] = b"application/grpc";
    let Some((grpc, rest)) = kind.split_at_checked(GRPC.len()) else { return false };
    grpc.eq_ignore_ascii_case(GRPC) && matches!(rest.first(), None | Some(b'+' | b';'))
}

fn unwell(text: String) -> Finding {
    Finding { text, is_well: false, is_lasting: false, status: None }
}

fn lasting(text: String) -> Finding {
    Finding { is_lasting: true, ..unwell(text) }
}

#[cfg(test)]
mod tests {
    use probity_guest::text::excerpt;

    use super::*;

    fn fields(fields: &[(&str, &str)]) -> Vec<(String, Vec<u8>)> {
        fields.iter().map(|(name, value)| (name.to_string(), value.as_bytes().to_vec())).collect()
    }

    fn ask<T>(service: &str, has_credentials: bool, look: impl FnOnce(&Question<'_>) -> T) -> T {
        look(&Question { service, has_credentials, quote: &|said| excerpt(said, 20) })
    }

    #[test]
    fn the_head_tells_what_is_no_grpc() {
        let head = |code, headers: &[(&str, &str)]| {
            ask("a.B", true, |question| question.head(code, &fields(headers))).map(|it| (it.text, it.is_lasting))
        };
        let grpc = ("content-type", "application/grpc+proto");
        for (code, headers, expected) in [
            (200, &[grpc][..], None),
            (
                200,
                &[("content-type", "text/html")],
                Some(("does not speak gRPC: it answered with content-type \"text/html\"", false)),
            ),
            (
                200,
                &[("content-type", "application/grpc-web")],
                Some(("does not speak gRPC: it answered with content-type \"application/grpc-web\"", false)),
            ),
            (200, &[], Some(("does not speak gRPC: it answered without a content-type", false))),
            (503, &[grpc], Some(("answered with HTTP 503, and not as gRPC does", false))),
            (404, &[("grpc-status", "5")], Some(("answered with HTTP 404, and not as gRPC does", false))),
            (401, &[], Some(("refused the credentials: it answered with HTTP 401", true))),
            (403, &[grpc], Some(("refused the credentials: it answered with HTTP 403", true))),
            (200, &[grpc, ("grpc-status", "5")], Some(("knows no service a.B: it answered NOT_FOUND", false))),
            (503, &[grpc, ("grpc-status", "14")], Some(("failed the call: it answered UNAVAILABLE", false))),
            (200, &[grpc, ("grpc-status", "0")], Some(("answered OK, but without a message", false))),
        ] {
            let expected = expected.map(|(text, is_lasting)| (text.to_owned(), is_lasting));
            assert_eq!(head(code, headers), expected, "{code} {headers:?}");
        }
    }

    #[test]
    fn each_end_of_a_call_has_words_of_its_own() {
        let ended = |service: &str, has_credentials, status: &str, message: &str| {
            let trailers = fields(&[("grpc-status", status), ("grpc-message", message)]);
            ask(service, has_credentials, |question| question.rest(b"", &trailers))
        };
        for (service, status, text, is_lasting) in [
            ("a.B", "5", "knows no service a.B: it answered NOT_FOUND \"why\"", false),
            ("", "5", "tells no health of itself as a whole: it answered NOT_FOUND \"why\"", false),
            ("", "12", "has no health service (grpc.health.v1.Health): it answered UNIMPLEMENTED \"why\"", true),
            ("", "16", "refused the credentials: it answered UNAUTHENTICATED \"why\"", true),
            ("", "7", "does not permit this call: it answered PERMISSION_DENIED \"why\"", true),
            ("", "4", "failed the call: it answered DEADLINE_EXCEEDED \"why\"", false),
            ("", "99", "failed the call: it answered \"99\" \"why\"", false),
            ("", "x", "failed the call: it answered \"x\" \"why\"", false),
        ] {
            let finding = ended(service, true, status, "why");
            assert_eq!((finding.text.as_str(), finding.is_lasting, finding.is_well), (text, is_lasting, false));
        }
        assert_eq!(ended("", false, "16", "").text, "asks for credentials: it answered UNAUTHENTICATED");
        let long = ended("", true, "13", "a message that takes its time");
        assert_eq!(long.text, "failed the call: it answered INTERNAL \"a message that takes\"…");
        let silent = ask("", true, |question| question.rest(b"\0\0\0\0\x02\x08\x01", &[]));
        assert_eq!(silent.text, "ended its answer without a grpc-status");
    }

    #[test]
    fn each_health_has_words_of_its_own() {
        let told = |service: &str, health: u8| {
            let answer = [0, 0, 0, 0, 2, 8, health];
            ask(service, true, |question| question.rest(&answer, &fields(&[("grpc-status", "0")])))
        };
        for (health, whole, one) in [
            (
                0,
                "does not know its own health: it answered UNKNOWN",
                "does not know the health of a.B: it answered UNKNOWN",
            ),
            (1, "is serving", "serves a.B"),
            (2, "is not serving: it answered NOT_SERVING", "does not serve a.B: it answered NOT_SERVING"),
            (
                3,
                "tells no health of itself as a whole: it answered SERVICE_UNKNOWN",
                "knows no service a.B: it answered SERVICE_UNKNOWN",
            ),
            (
                4,
                "answered with the health 4, which grpc.health.v1 does not have",
                "answered with the health 4, which grpc.health.v1 does not have",
            ),
        ] {
            assert_eq!((told("", health).text.as_str(), told("a.B", health).text.as_str()), (whole, one));
            assert_eq!((told("", health).is_well, told("", health).is_lasting), (health == 1, false));
        }
        assert_eq!(told("", 2).status.as_deref(), Some("NOT_SERVING"));
        let flawed = ask("", true, |question| question.rest(b"\x01\0\0\0\0", &fields(&[("grpc-status", "0")])));
        assert_eq!(flawed.text, "answered with a compressed message, which it was asked not to");
    }
}
