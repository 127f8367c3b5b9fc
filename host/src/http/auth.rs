//! Who may ask for what: whoever holds a token with the scope for it, and for some of it whoever is at this machine.

use std::{net::SocketAddr, sync::Arc};

use axum::{
    extract::{ConnectInfo, FromRequestParts},
    http::{HeaderMap, HeaderName, HeaderValue, header, request::Parts, uri::Authority},
};

use super::{App, origins::Origins, problem::Problem};
use crate::config::{self, AuthInForce, KnownToken, Scope, Scopes, TokenDigest};

/// What a browser says of where a request comes from (W3C Fetch Metadata, section 2.3).
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// What is said of a token that is not one of the runner's.
const WRONG: &str = "this is not a token of this runner";

/// What proxies add to what they pass on. The proxy runs at this machine, but whoever uses it need not.
const PROXIED: [HeaderName; 5] = [
    header::FORWARDED,
    header::VIA,
    HeaderName::from_static("x-forwarded-for"),
    HeaderName::from_static("x-forwarded-host"),
    HeaderName::from_static("x-real-ip"),
];

/// Who may ask for what.
#[derive(Debug, Default)]
pub struct Auth {
    /// What the operator says of it now.
    pub rules: AuthInForce,
    /// Whether no other machine reaches the runner.
    pub local: bool,
    /// The origins whose pages may read.
    pub origins: Origins,
}

/// What the operator says at one moment, and what comes of it.
struct Rules<'a> {
    auth: &'a config::Auth,
    /// Whether requests from the runner's own machine may do everything without a token.
    anonymous: bool,
}

impl Rules<'_> {
    /// Whoever holds a token with this scope, and if the operator says so, whoever is at this machine.
    fn admit(&self, parts: &Parts, scope: Scope) -> Result<(), Problem> {
        match self.shown(&parts.headers)? {
            Some(scopes) if scopes.allow(scope) => Ok(()),
            Some(_) => Err(Problem::forbidden(format!(
                "this token lacks the scope `{}`; send one that has it, or add it to the `scopes` of this one",
                scope.as_str()
            ))),
            None if self.anonymous => self.admit_local(parts),
            None if self.auth.tokens.is_empty() => Err(Problem::forbidden(format!(
                "nobody may do this, as the runner has no token; {}. If the runner listens on a loopback address only, \
                 `http.auth.allow_anonymous_control = true` allows it to everybody on its machine",
                self.remedy()
            ))),
            None => Err(Problem::unauthorized(format!(
                "this takes a token with the scope `{}`; {}",
                scope.as_str(),
                self.remedy()
            ))),
        }
    }

    /// Whoever may have a check run: whoever may control, and as long as there are no tokens, whoever is at this machine.
    fn admit_run(&self, parts: &Parts) -> Result<(), Problem> {
        if self.auth.tokens.is_empty() { self.admit_local(parts) } else { self.admit(parts, Scope::Control) }
    }

    /// Whoever is at this machine, and acts of their own will.
    fn admit_local(&self, parts: &Parts) -> Result<(), Problem> {
        if !is_local(parts) {
            let only = "only requests from the runner's own machine";
            return Err(if self.auth.tokens.is_empty() {
                Problem::forbidden(format!("{only} may do this; {}", self.remedy()))
            } else {
                Problem::unauthorized(format!("{only} need no token; {}", self.remedy()))
            });
        }
        match astray(parts) {
            Some(why) => Err(Problem::forbidden(format!("{why}; {}", self.remedy()))),
            None => Ok(()),
        }
    }

    /// What the token that came with a request is good for; `None`: none came, or the runner has none. It is compared with
    /// all there are, each in constant time, so that how long that takes tells nothing of them.
    fn shown(&self, headers: &HeaderMap) -> Result<Option<Scopes>, Problem> {
        Ok(self.known(headers)?.map(|token| token.scopes))
    }

    /// The token that came with a request, likewise.
    fn known(&self, headers: &HeaderMap) -> Result<Option<&KnownToken>, Problem> {
        let Some(given) = bearer(headers).filter(|_| !self.auth.tokens.is_empty()) else {
            return Ok(None);
        };
        let digest = TokenDigest::of(given);
        let found = self
            .auth
            .tokens
            .iter()
            .fold(None, |found, token| if token.digest.is(&digest) { Some(token) } else { found });
        found.map_or_else(|| Err(Problem::unauthorized(WRONG)), |token| Ok(Some(token)))
    }

    fn remedy(&self) -> &'static str {
        if self.auth.tokens.is_empty() {
            "to allow it, set `http.auth.token = \"${env:PROBITY_TOKEN}\"` in probity.toml, or add a token as `probity \
             hash-token` writes it, and send it as `Authorization: Bearer TOKEN`"
        } else {
            "send it as `Authorization: Bearer TOKEN`"
        }
    }
}

/// Declares a proof that a request may do something.
macro_rules! proof {
    ($(#[doc = $doc:literal])+ $name:ident, $admit:expr) => {
        $(#[doc = $doc])+
        pub(super) struct $name;

        impl FromRequestParts<Arc<App>> for $name {
            type Rejection = Problem;

            async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<$name, Problem> {
                let admit: fn(&Rules<'_>, &Parts) -> Result<(), Problem> = $admit;
                let auth = app.auth.rules.load();
                let anonymous = auth.allow_anonymous_control && app.auth.local;
                admit(&Rules { auth: &auth, anonymous }, parts).map(|()| $name)
            }
        }
    };
}

proof! {
    /// A request that may read what everybody may who may read at all.
    Reads, |rules, parts| if rules.auth.protects_reads { rules.admit(parts, Scope::Read) } else { Ok(()) }
}
proof! {
    /// A request that may read what others wrote, which always takes a token.
    ReadsReports, |rules, parts| rules.admit(parts, Scope::Read)
}
proof! {
    /// A request that may report what happened to a target.
    Reporting, |rules, parts| rules.admit(parts, Scope::Report)
}
proof! {
    /// A request that may have a check run.
    Runs, |rules, parts| rules.admit_run(parts)
}
proof! {
    /// A request that may change whatever can be changed.
    Controls, |rules, parts| rules.admit(parts, Scope::Control)
}

/// Who sees the status page and its badges: everybody, where the operator says so, and otherwise those who may read.
pub(super) enum SeesStatus {
    /// Whoever may read, and so see any check.
    Everything,
    /// Anybody, who sees what the page shows.
    WhatIsPublic,
}

impl FromRequestParts<Arc<App>> for SeesStatus {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<SeesStatus, Problem> {
        let is_public = app.auth.rules.load().status_page.public;
        match Reads::from_request_parts(parts, app).await {
            Ok(Reads) => Ok(SeesStatus::Everything),
            Err(_) if is_public => Ok(SeesStatus::WhatIsPublic),
            Err(problem) => Err(problem),
        }
    }
}

/// What is said of whoever asks.
pub(super) struct Caller {
    /// The name of the token that came along.
    pub(super) token: Option<String>,
    /// Whether the runner has any.
    pub(super) tokens: bool,
    /// What a request like this one may ask for, of [`POWERS`].
    pub(super) may: Vec<&'static str>,
}

impl Caller {
    /// Who it is by the token that came along; empty if none did.
    pub(super) fn name(&self) -> &str {
        self.token.as_deref().unwrap_or_default()
    }
}

/// What somebody may do.
pub(super) const POWERS: [&str; 4] = ["read", "report", "run", "control"];

impl FromRequestParts<Arc<App>> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Caller, Problem> {
        let auth = app.auth.rules.load();
        let rules = Rules { auth: &auth, anonymous: auth.allow_anonymous_control && app.auth.local };
        let token = rules.known(&parts.headers)?.map(|token| token.name.clone());
        let [read, report, run, control] = POWERS;
        let granted = [
            (read, !auth.protects_reads || rules.admit(parts, Scope::Read).is_ok()),
            (report, rules.admit(parts, Scope::Report).is_ok()),
            (run, rules.admit_run(parts).is_ok()),
            (control, rules.admit(parts, Scope::Control).is_ok()),
        ];
        let may = granted.into_iter().filter_map(|(power, is_granted)| is_granted.then_some(power)).collect();
        Ok(Caller { token, tokens: !auth.tokens.is_empty(), may })
    }
}

/// A request that no page of a strange origin made: browsers keep pages from reading what they may not, but for WebSockets.
pub(super) struct KnownPage;

impl FromRequestParts<Arc<App>> for KnownPage {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<KnownPage, Problem> {
        let Some(origin) = text(&parts.headers, header::ORIGIN) else {
            return Ok(KnownPage);
        };
        if is_own(origin, &parts.headers) || app.auth.origins.have(origin.as_bytes()) {
            return Ok(KnownPage);
        }
        Err(Problem::forbidden(format!(
            "pages of {origin} may not read this; `http.cors_origins` lists those that may"
        )))
    }
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

/// Whether pages of this origin came from where this request goes to.
fn is_own(origin: &str, headers: &HeaderMap) -> bool {
    let host = origin.split_once("://").map(|(_, host)| host);
    host.is_some() && host == text(headers, header::HOST)
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
    // The dashboard is a page of this runner's own, and does what whoever looks at it wants. What the runner itself is called, is
    // looked at below.
    let strange = |origin: &HeaderValue| !origin.to_str().is_ok_and(|origin| is_own(origin, headers));
    if headers.get_all(header::ORIGIN).iter().any(strange)
        || headers.get(SEC_FETCH_SITE).is_some_and(|site| elsewhere(site.as_bytes()))
    {
        return Some("this request was sent by a page in a browser that is not the runner's own");
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
