//! A body that is kept, and how it is handed to those who ask: whole, compressed, or not at all because they have it.

use std::{
    hash::{DefaultHasher, Hasher},
    io::Write,
    sync::OnceLock,
};

use axum::{
    body::Body,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::Response,
};
use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use serde::Serialize;

use super::problem::Problem;

/// Bodies shorter than this are not compressed: they fit one Ethernet frame as they are.
const WORTH_COMPRESSING: usize = 1_400;
/// Headers of an answer at the most, those included that are added at the door and by hyper: a map that has to grow for them is a
/// good part of what such an answer costs.
const HEADERS: usize = 12;

/// Bodies that are longer than this take more than a millisecond to compress.
const BRIEFLY_COMPRESSED: usize = 128 * 1024;

/// Everything may be kept by whoever asks, if they ask again before using it: what was true may no longer be.
pub(super) const REVALIDATE: (HeaderName, HeaderValue) = (header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));

/// What an answer depends on beside what was asked for: what kind of it was welcome, and whether it might be compressed.
const VARY: &str = "accept, accept-encoding";

/// The media type of most bodies.
pub(super) const JSON: HeaderValue = HeaderValue::from_static("application/json");
/// The media type of pages.
pub(super) const HTML: HeaderValue = HeaderValue::from_static("text/html; charset=utf-8");
/// The media type of what is written for a terminal.
pub(super) const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");

/// One body and what is said with it.
pub(super) struct Page {
    status: StatusCode,
    media_type: HeaderValue,
    tag: Option<HeaderValue>,
    body: Bytes,
    /// The same, compressed, if that is worth it; made when it is first asked for, as it takes longer than what it compresses did.
    gzip: OnceLock<Option<Bytes>>,
    /// What is said beside that, or in place of what is usual.
    more: Vec<(HeaderName, HeaderValue)>,
}

impl Page {
    /// Keeps a body. Its tag names what it tells; without one, nobody can ask whether it is still so.
    pub(super) fn new(status: StatusCode, media_type: HeaderValue, tag: Option<HeaderValue>, body: Vec<u8>) -> Page {
        Page { status, media_type, tag, gzip: OnceLock::new(), body: body.into(), more: Vec::new() }
    }

    /// Keeps a body that does not change. Its tag is made from what it says, so it stays the same when the runner starts again.
    pub(super) fn fixed(media_type: HeaderValue, body: Vec<u8>) -> Page {
        let tag = tag_of(&body);
        let gzip = compress(&body, Compression::best()).into();
        Page { status: StatusCode::OK, media_type, tag, gzip, body: body.into(), more: Vec::new() }
    }

    /// Says this as well, in place of what it said of the same.
    pub(super) fn telling(mut self, name: HeaderName, value: HeaderValue) -> Page {
        self.more.push((name, value));
        self
    }

    /// Bytes that are sent to whoever takes it compressed.
    #[cfg(test)]
    pub(super) fn length(&self) -> usize {
        self.compressed().unwrap_or(&self.body).len()
    }

    /// Whether it would have to be compressed first for a request with these headers, and that takes a while.
    pub(super) fn is_to_be_compressed(&self, headers: &HeaderMap) -> bool {
        self.body.len() > BRIEFLY_COMPRESSED && self.gzip.get().is_none() && accepts_gzip(headers)
    }

    /// Compresses it, unless that was done; `None` if that is not worth it.
    pub(super) fn compressed(&self) -> Option<&Bytes> {
        self.gzip.get_or_init(|| compress(&self.body, Compression::fast())).as_ref()
    }

    /// Answers a request that came with these headers.
    pub(super) fn answer(&self, headers: &HeaderMap) -> Response {
        if let Some(unchanged) = self.unchanged(headers) {
            return unchanged;
        }
        let mut response = self.untold();
        let told = response.headers_mut();
        told.insert(header::CONTENT_TYPE, self.media_type.clone());
        let gzip = if accepts_gzip(headers) { self.compressed() } else { None };
        let body = match gzip {
            Some(gzip) => {
                told.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
                gzip
            }
            None => &self.body,
        };
        *response.body_mut() = Body::from(body.clone());
        *response.status_mut() = self.status;
        response
    }

    /// The answer to a request with these headers, if whoever asks has the body already. What is not well must be seen in the status,
    /// so it is always told in full (RFC 9110, section 13.2.1).
    pub(super) fn unchanged(&self, headers: &HeaderMap) -> Option<Response> {
        let tag = self.tag.as_ref().filter(|_| self.status.is_success())?;
        has_already(headers, tag).then(|| {
            let mut response = self.untold();
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            response
        })
    }

    /// What is said whether or not the body is.
    fn untold(&self) -> Response {
        let mut response = empty();
        let told = response.headers_mut();
        told.insert(REVALIDATE.0, REVALIDATE.1);
        told.insert(header::VARY, HeaderValue::from_static(VARY));
        for (name, value) in &self.more {
            told.insert(name, value.clone());
        }
        if let Some(tag) = &self.tag {
            told.insert(header::ETAG, tag.clone());
        }
        response
    }
}

/// A body that is made for one request.
pub(super) fn json(body: &impl Serialize) -> Result<Response, Problem> {
    let body = serde_json::to_vec(body)?;
    let mut response = empty();
    response.headers_mut().insert(REVALIDATE.0, REVALIDATE.1);
    response.headers_mut().insert(header::CONTENT_TYPE, JSON);
    *response.body_mut() = Body::from(body);
    Ok(response)
}

/// An answer that has room for what it is going to say.
fn empty() -> Response {
    let mut response = Response::new(Body::empty());
    *response.headers_mut() = HeaderMap::with_capacity(HEADERS);
    response
}

/// Whether a compressed answer is welcome (RFC 9110, section 12.5.3).
fn accepts_gzip(headers: &HeaderMap) -> bool {
    let mut any = false;
    for coding in members(headers, header::ACCEPT_ENCODING) {
        let (name, weight) = coding.split_once(';').map_or((coding, ""), |(name, weight)| (name.trim(), weight));
        let weight = weight.trim().strip_prefix("q=").map_or(Ok(1.0), str::parse::<f32>);
        let welcome = weight.is_ok_and(|weight| weight > 0.0);
        if name.eq_ignore_ascii_case("gzip") || name.eq_ignore_ascii_case("x-gzip") {
            return welcome;
        }
        any |= name == "*" && welcome;
    }
    any
}

/// Whether what is named so is what they have (RFC 9110, section 13.1.2: by weak comparison).
fn has_already(headers: &HeaderMap, tag: &HeaderValue) -> bool {
    let tag = tag.to_str().map(opaque).unwrap_or_default();
    members(headers, header::IF_NONE_MATCH).any(|known| known == "*" || opaque(known) == tag)
}

/// A tag without the mark of being weak.
fn opaque(tag: &str) -> &str {
    tag.strip_prefix("W/").unwrap_or(tag)
}

/// The members of a header that is a list, and may be given as several. None that we look for has a comma in it.
pub(super) fn members(headers: &HeaderMap, name: HeaderName) -> impl Iterator<Item = &str> {
    let lines = headers.get_all(name).into_iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(',')).map(str::trim)
}

/// A tag that is made from what a body says.
pub(super) fn tag_of(body: &[u8]) -> Option<HeaderValue> {
    let mut hasher = DefaultHasher::new();
    hasher.write(body);
    HeaderValue::try_from(format!("W/\"{:x}\"", hasher.finish())).ok()
}

/// The fastest level adds a third to the time of rendering, and a thousand checks shrink twenty-fold. The usual level is ten
/// times slower for a quarter less: what is sent as it is, again and again, is worth the best.
fn compress(body: &[u8], level: Compression) -> Option<Bytes> {
    if body.len() < WORTH_COMPRESSING {
        return None;
    }
    let mut encoder = GzEncoder::new(Vec::with_capacity(body.len() / 8), level);
    // Memory takes whatever is written to it; if it did not, the body would go out as it is.
    encoder.write_all(body).ok()?;
    encoder.finish().ok().map(Bytes::from)
}
