//! Which pages of the web may read the answers (CORS, as WHATWG Fetch has it): none, unless the operator names their origins.

use std::sync::Arc;

use axum::http::{HeaderMap, HeaderValue, Method, header};

/// What a page of one of the origins may do.
const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, POST, PUT");
/// What it may send along beyond what any page may.
const SENT: HeaderValue = HeaderValue::from_static("authorization, content-type, if-none-match, last-event-id");
/// What it may read of an answer's headers beyond what any page may.
const SHOWN: HeaderValue = HeaderValue::from_static("etag, retry-after");
/// For how long a browser need not ask again, in seconds: what changes takes a restart.
const MAX_AGE: HeaderValue = HeaderValue::from_static("600");
/// The answer depends on who asks.
const ORIGIN: HeaderValue = HeaderValue::from_static("origin");

/// The origins whose pages may read the answers.
#[derive(Clone, Debug, Default)]
pub struct Origins(Arc<[HeaderValue]>);

impl Origins {
    /// Takes them as they are written in the config.
    #[must_use]
    pub fn new(origins: &[String]) -> Origins {
        Origins(origins.iter().filter_map(|origin| HeaderValue::try_from(origin).ok()).collect())
    }

    /// Whether there are none.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether this is one of them.
    pub(super) fn have(&self, origin: &[u8]) -> bool {
        self.0.iter().any(|known| known.as_bytes() == origin)
    }

    /// The origin of the page that made a request, if it may read.
    pub(super) fn of(&self, headers: &HeaderMap) -> Option<HeaderValue> {
        headers.get(header::ORIGIN).filter(|origin| self.have(origin.as_bytes())).cloned()
    }

    /// Says in an answer that the page of this origin may read it; without one, that others might.
    pub(super) fn admit(page: Option<HeaderValue>, told: &mut HeaderMap) {
        told.append(header::VARY, ORIGIN);
        if let Some(origin) = page {
            told.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
            told.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, SHOWN);
        }
    }

    /// Says in an answer what a page may ask for.
    pub(super) fn allow(told: &mut HeaderMap) {
        told.insert(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS);
        told.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, SENT);
        told.insert(header::ACCESS_CONTROL_MAX_AGE, MAX_AGE);
    }
}

/// Whether a browser asks what a page may ask for.
pub(super) fn is_preflight(method: &Method, headers: &HeaderMap) -> bool {
    *method == Method::OPTIONS && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}
