//! Who may have a check run: whoever holds the token, and whoever is at this machine.

use std::{net::SocketAddr, sync::Arc};

use axum::{
    extract::{ConnectInfo, FromRequestParts},
    http::{HeaderMap, HeaderName, header, request::Parts, uri::Authority},
};
use subtle::ConstantTimeEq;

use super::{App, problem::Problem};
use crate::config::Secret;

/// What a browser says of where a request comes from (W3C Fetch Metadata, section 2.3).
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// What proxies add to what they pass on. The proxy runs at this machine, but whoever uses it need not.
const PROXIED: [HeaderName; 5] = [
    header::FORWARDED,
    header::VIA,
    HeaderName::from_static("x-forwarded-for"),
    HeaderName::from_static("x-forwarded-host"),
    HeaderName::from_static("x-real-ip"),
];

/// Who may have a check run. Reading is open to all who can connect.
#[derive(Debug, Default)]
pub struct Auth {
    /// Whoever sends it may. Without one, only requests from the runner's own machine may.
    pub token: Option<Secret>,
}

impl Auth {
    fn admit(&self, parts: &Parts) -> Result<Admitted, Problem> {
        match (&self.token, bearer(&parts.headers)) {
            // How long it takes tells no more than the token's length.
            (Some(token), Some(given)) if token.expose().as_bytes().ct_eq(given.as_bytes()).into() => Ok(Admitted),
            (Some(_), Some(_)) => Err(Problem::unauthorized("this is not the token of this runner")),
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
                "to allow it for others, set `http.auth.token = \"${env:PROBITY_TOKEN}\"` in probity.toml, and send it \
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
