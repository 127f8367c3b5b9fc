//! Who may change something: whoever holds the token, and for some of it whoever is at this machine.

use std::{net::SocketAddr, sync::Arc};

use axum::{
    extract::{ConnectInfo, FromRequestParts},
    http::{HeaderMap, HeaderName, HeaderValue, header, request::Parts, uri::Authority},
};
use subtle::ConstantTimeEq;

use super::{App, problem::Problem};
use crate::config::Secret;

/// What a browser says of where a request comes from (W3C Fetch Metadata, section 2.3).
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// What is said of a token that is not the runner's.
const WRONG: &str = "this is not the token of this runner";

/// What proxies add to what they pass on. The proxy runs at this machine, but whoever uses it need not.
const PROXIED: [HeaderName; 5] = [
    header::FORWARDED,
    header::VIA,
    HeaderName::from_static("x-forwarded-for"),
    HeaderName::from_static("x-forwarded-host"),
    HeaderName::from_static("x-real-ip"),
];

/// Who may change something. Reading is open to all who can connect.
#[derive(Debug, Default)]
pub struct Auth {
    /// Whoever sends it may change everything.
    pub token: Option<Secret>,
    /// Whether requests from the runner's own machine may change everything without it. They may have a check run in any
    /// case. The runner must not be reachable from other machines then.
    pub anonymous_control: bool,
}

impl Auth {
    /// Whoever may control connections: whoever holds the token, and if the operator says so, whoever is at this machine.
    fn admit_to_control(&self, parts: &Parts) -> Result<Controls, Problem> {
        if self.anonymous_control {
            return self.admit(parts).map(|Admitted| Controls);
        }
        match (&self.token, bearer(&parts.headers)) {
            (Some(token), Some(given)) if is_same(token, given) => Ok(Controls),
            (Some(_), Some(_)) => Err(Problem::unauthorized(WRONG)),
            (Some(_), None) => {
                Err(Problem::unauthorized(format!("whoever changes something must show the token; {}", self.remedy())))
            }
            (None, _) => Err(Problem::forbidden(format!(
                "nobody may do this, as the runner has no token; {}. If the runner listens on a loopback address only, \
                 `http.auth.allow_anonymous_control = true` allows it to everybody on its machine",
                self.remedy()
            ))),
        }
    }

    /// Whoever may have a check run: whoever holds the token, and whoever is at this machine.
    fn admit(&self, parts: &Parts) -> Result<Admitted, Problem> {
        match (&self.token, bearer(&parts.headers)) {
            (Some(token), Some(given)) if is_same(token, given) => Ok(Admitted),
            (Some(_), Some(_)) => Err(Problem::unauthorized(WRONG)),
            (_, None) | (None, Some(_)) if is_local(parts) => match astray(parts) {
                Some(why) => Err(Problem::forbidden(format!("{why}; {}", self.remedy()))),
                None => Ok(Admitted),
            },
            (Some(_), None) => Err(Problem::unauthorized(format!(
                "only requests from the runner's own machine need no token; {}",
                self.remedy()
            ))),
            (None, _) => Err(Problem::forbidden(format!(
                "only requests from the runner's own machine may do this; {}",
                self.remedy()
            ))),
        }
    }

    fn remedy(&self) -> &'static str {
        match self.token {
            Some(_) => "send its token as `Authorization: Bearer TOKEN`",
            None => {
                "to allow it, set `http.auth.token = \"${env:PROBITY_TOKEN}\"` in probity.toml, and send it \
                 as `Authorization: Bearer TOKEN`"
            }
        }
    }
}

/// A request that may have a check run.
pub(super) struct Admitted;

impl FromRequestParts<Arc<App>> for Admitted {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Admitted, Problem> {
        app.auth.admit(parts)
    }
}

/// A request that may change whatever can be changed.
pub(super) struct Controls;

impl FromRequestParts<Arc<App>> for Controls {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Controls, Problem> {
        app.auth.admit_to_control(parts)
    }
}

/// A request that no page of another origin made: browsers keep pages from reading what they may not, but for WebSockets.
pub(super) struct OwnPage;

impl<S: Send + Sync> FromRequestParts<S> for OwnPage {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<OwnPage, Problem> {
        let text = |name| parts.headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
        let Some(origin) = text(header::ORIGIN) else {
            return Ok(OwnPage);
        };
        let asked = origin.split_once("://").map(|(_, host)| host);
        if asked.is_some() && asked == text(header::HOST) {
            return Ok(OwnPage);
        }
        Err(Problem::forbidden(format!("pages of {origin} may not read this")))
    }
}

/// Whether a token is the right one. How long it takes tells no more than the token's length.
fn is_same(token: &Secret, given: &str) -> bool {
    token.expose().as_bytes().ct_eq(given.as_bytes()).into()
}

/// The token that came with a request (RFC 6750, section 2.1).
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    // An empty token is none, whatever the runner's own may be.
    Some(token.trim()).filter(|token| scheme.eq_ignore_ascii_case("bearer") && !token.is_empty())
}

/// Whether the connection comes from this machine. One whose peer is not known does not.
fn is_local(parts: &Parts) -> bool {
    let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
    peer.is_some_and(|ConnectInfo(peer)| peer.ip().to_canonical().is_loopback())
}

/// Why a request from this machine may be the will of somebody elsewhere.
fn astray(parts: &Parts) -> Option<&'static str> {
    let headers = &parts.headers;
    let elsewhere = |site: &[u8]| !matches!(site, b"same-origin" | b"none");
    if headers.contains_key(header::ORIGIN)
        || headers.get(SEC_FETCH_SITE).is_some_and(|site| elsewhere(site.as_bytes()))
    {
        return Some("this request was sent by a page in a browser");
    }
    if PROXIED.iter().any(|name| headers.contains_key(name)) {
        return Some("this request came through a proxy");
    }
    // A name that anybody owns can be made to resolve to this machine (DNS rebinding).
    let mut hosts = headers.get_all(header::HOST).iter().map(|host| Authority::try_from(host.as_bytes()).ok());
    let named = hosts.next().is_some_and(|first| std::iter::once(first).chain(hosts).all(is_loopback));
    (!named).then_some("this request's Host header does not name this machine as localhost, 127.0.0.1 or [::1]")
}

fn is_loopback(host: Option<Authority>) -> bool {
    let host = host.as_ref().map_or("", Authority::host).to_ascii_lowercase();
    // All names below `localhost` are this machine (RFC 6761, section 6.3).
    let name = host.strip_suffix('.').unwrap_or(&host);
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>();
    name == "localhost"
        || name.ends_with(".localhost")
        || address.is_ok_and(|address| address.to_canonical().is_loopback())
}
