//! What every request passes on its way in, and every answer on its way out: the limits of its address and of its body, and
//! the headers that all answers have.

use std::{convert::Infallible, net::SocketAddr, sync::Arc, time::Instant};

use axum::{
    Router,
    body::Body,
    extract::ConnectInfo,
    http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode, header},
    response::IntoResponse,
};
use hyper::body::{Body as _, Incoming};
use tower::Service;

use super::{
    assets::IMMUTABLE,
    body::{Rest, Watched},
    origins::{Origins, is_preflight},
    problem::Problem,
    pulse::{Pulse, Told},
    serve::Terms,
    visitors::Visit,
};

/// What every answer says: no browser is to guess at what a body is, or to tell others where it was.
const TOLD: [(HeaderName, HeaderValue); 2] = [
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
];
/// What holds for all but our own pages, which say for themselves what they load: nothing is loaded, and no other page may show
/// one in a frame.
const POLICY: HeaderValue = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");
/// What is for nobody but those who asked is kept by nobody, not even their browser.
pub(super) const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

/// The door of one connection.
pub(super) struct Door {
    pub(super) router: Router,
    pub(super) peer: SocketAddr,
    pub(super) terms: Arc<Terms>,
    pub(super) visit: Arc<Visit>,
    pub(super) pulse: Arc<Pulse>,
}

impl Door {
    /// Answers a request.
    pub(super) async fn answer(
        self: Arc<Door>,
        request: Request<Incoming>,
    ) -> Result<Response<Told<Body>>, Infallible> {
        self.pulse.answer();
        let method = request.method().clone();
        let origins = &self.terms.origins;
        let page = if origins.is_empty() { None } else { origins.of(request.headers()) };
        let mut response = match self.refuse(&request) {
            Some(problem) => problem.into_response(),
            None if page.is_some() && is_preflight(&method, request.headers()) => {
                let mut response = StatusCode::NO_CONTENT.into_response();
                Origins::allow(response.headers_mut());
                response
            }
            None => {
                // Whoever waits to be told to send a body has not, and need not any more.
                let waits = request.headers().contains_key(header::EXPECT);
                let (request, rest) = self.take_in(request);
                let Ok(response) = self.router.clone().call(request).await;
                if let Some(rest) = rest.filter(|_| !waits) {
                    rest.pass_over().await;
                }
                response
            }
        };
        let status = response.status();
        let told = response.headers_mut();
        for (name, value) in TOLD {
            told.insert(name, value);
        }
        told.entry(header::CONTENT_SECURITY_POLICY).or_insert(POLICY);
        // What is part of every binary is no secret of this one.
        let is_for_all = || told.get(header::CACHE_CONTROL) == Some(&IMMUTABLE);
        if is_for_one(&method, status) || (self.terms.auth.load().protects_reads && !is_for_all()) {
            told.insert(header::CACHE_CONTROL, NO_STORE);
        }
        if !origins.is_empty() {
            Origins::admit(page, told);
        }
        Ok(response.map(|body| Told::new(body, Arc::clone(&self.pulse))))
    }

    /// Why a request is not taken in.
    fn refuse(&self, request: &Request<Incoming>) -> Option<Problem> {
        if let Err(seconds) = self.visit.ask(Instant::now()) {
            return Some(Problem::too_fast(seconds));
        }
        let most = self.terms.limits.body_size;
        (request.body().size_hint().lower() > most).then(|| Problem::too_large(most))
    }

    /// What the routes get to see of a request, and what they leave unread of its body.
    fn take_in(&self, request: Request<Incoming>) -> (Request<Body>, Option<Rest>) {
        let mut rest = None;
        let mut request = request.map(|body| {
            if body.is_end_stream() {
                return Body::empty();
            }
            let (body, unread) = Watched::new(body, self.terms.limits.body_size, self.terms.timeouts.body);
            rest = Some(unread);
            Body::new(body)
        });
        // HTTP/2 has the host in another place (RFC 9113, section 8.3.1).
        if !request.headers().contains_key(header::HOST)
            && let Some(host) = request.uri().authority().and_then(|host| HeaderValue::from_str(host.as_str()).ok())
        {
            request.headers_mut().insert(header::HOST, host);
        }
        request.extensions_mut().insert(ConnectInfo(self.peer));
        (request, rest)
    }
}

/// Whether an answer depends on who asked, or tells what came of a command.
fn is_for_one(method: &Method, status: StatusCode) -> bool {
    !matches!(*method, Method::GET | Method::HEAD)
        || matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::TOO_MANY_REQUESTS)
}
