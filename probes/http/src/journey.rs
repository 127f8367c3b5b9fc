//! The way to the answer that is examined: the request, and the redirects that are followed.

use probity_guest::{
    Attempt, Failure, Secrets,
    certificate::Shown,
    http::{self, Response},
};

use crate::{request::Request, settings::Settings};

/// The end of the way.
pub(crate) struct Journey<'a> {
    pub(crate) request: Request<'a>,
    pub(crate) response: Response,
    /// How many redirects were followed.
    pub(crate) redirects: u8,
    /// Of the certificates that were shown, the one that ends first.
    pub(crate) certificate: Option<Shown>,
}

impl<'a> Journey<'a> {
    /// Asks, and follows as many redirects as it may.
    ///
    /// # Errors
    ///
    /// If a server does not answer, or redirects to where nobody should follow.
    pub(crate) fn make(settings: &'a Settings, attempt: &mut Attempt, secrets: &Secrets) -> Result<Self, Failure> {
        let mut request = Request::new(settings, &attempt.run().traceparent);
        let mut certificate = None;
        let mut response = ask(&request, attempt, &mut certificate)?;
        let mut redirects = 0;
        while redirects < settings.follow_redirects
            && let Some(location) = location(&response)
        {
            let (status, from) = (response.status, request.url.clone());
            request = request.redirected(status, &location).map_err(|why| {
                Failure::Unhealthy(format!("{from} redirects to {}, {why}", secrets.quote(location.as_bytes())))
            })?;
            // The server need not be kept waiting until all of the body was taken.
            drop(response);
            response = ask(&request, attempt, &mut certificate)?;
            redirects += 1;
        }
        Ok(Self { request, response, redirects, certificate })
    }
}

fn ask(request: &Request<'_>, attempt: &mut Attempt, certificate: &mut Option<Shown>) -> Result<Response, Failure> {
    let answer = http::ask(&request.as_http(), attempt);
    match answer {
        Ok(response) => {
            let shown = if request.url.secure() { Shown::latest() } else { None };
            let ends_first = |shown: &Shown| certificate.as_ref().is_none_or(|known| shown.not_after < known.not_after);
            if let Some(shown) = shown.filter(ends_first) {
                *certificate = Some(shown);
            }
            Ok(response)
        }
        Err(error) => Err(http::unanswered(error)),
    }
}

/// Where an answer redirects to, if it does.
pub(crate) fn location(response: &Response) -> Option<String> {
    let location = match response.status {
        301 | 302 | 303 | 307 | 308 => response.header("location")?,
        _ => return None,
    };
    Some(String::from_utf8_lossy(location).into_owned())
}
