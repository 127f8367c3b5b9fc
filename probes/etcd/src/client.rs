//! Requests to etcd, each as JSON in a POST, and the token that is the session.

use probity_guest::{
    Failure, Verdict,
    clock::Deadline,
    http::{self, Request},
    text::{blot, excerpt, first_line},
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::{answer::Token, complaint::Complaint, settings::Settings};

/// Bytes of an answer: more than any to what is asked for, of which that to `range` with one value has the most.
const MOST: usize = 64 * 1024;
/// Characters of what etcd said that a verdict shows.
const SHOWN: usize = 120;
/// What a member tells of itself, and has to tell without a leader as well.
pub(crate) const STATUS: &str = "maintenance/status";
/// Has a member without a leader say so at once (etcd's `rpctypes.MetadataRequireLeaderKey`, the way grpc-gateway takes it); else
/// it would wait for one, for longer than a check does.
const REQUIRE_LEADER: (&str, &str) = ("grpc-metadata-hasleader", "true");

/// Whoever asks.
pub(crate) struct Client {
    settings: Settings,
    token: Option<String>,
}

impl Client {
    /// Nothing is asked yet.
    pub(crate) fn of(settings: Settings) -> Self {
        Self { settings, token: None }
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.settings
    }

    /// How messages call etcd.
    pub(crate) fn peer(&self) -> &str {
        self.settings.url.authority()
    }

    /// Gets a token for the user.
    pub(crate) fn log_in(&mut self, deadline: Deadline) -> Result<(), Failure> {
        const METHOD: &str = "auth/authenticate";
        let credentials = json!({ "name": self.settings.user, "password": self.settings.password });
        self.token = None;
        let answer = self.send(METHOD, &credentials, deadline)?;
        let Token { token } = self.read(METHOD, answer)?.map_err(|complaint| self.refusal(METHOD, &complaint))?;
        self.token = Some(token);
        Ok(())
    }

    /// Calls a method, such as `kv/put`.
    pub(crate) fn call<T: DeserializeOwned>(
        &mut self,
        method: &str,
        asked: &Value,
        deadline: Deadline,
    ) -> Result<T, Failure> {
        self.ask(method, asked, deadline)?.map_err(|complaint| self.refusal(method, &complaint))
    }

    /// The same for what may be refused.
    pub(crate) fn ask<T: DeserializeOwned>(
        &mut self,
        method: &str,
        asked: &Value,
        deadline: Deadline,
    ) -> Result<Result<T, Complaint>, Failure> {
        let answer = self.send(method, asked, deadline)?;
        match self.read(method, answer)? {
            Err(complaint) if complaint.is_of_stale_token() && self.token.is_some() => {
                self.log_in(deadline)?;
                let answer = self.send(method, asked, deadline)?;
                self.read(method, answer)
            }
            came => Ok(came),
        }
    }

    fn send(&self, method: &str, asked: &Value, deadline: Deadline) -> Result<Answer, Failure> {
        let url = self.settings.url.join(&format!("v3/{method}"));
        let url = url.map_err(|no_url| Failure::Unhealthy(format!("{} can't be asked: {no_url}", self.peer())))?;
        let mut headers = vec![("content-type".to_owned(), "application/json".to_owned())];
        if method != STATUS {
            headers.push((REQUIRE_LEADER.0.to_owned(), REQUIRE_LEADER.1.to_owned()));
        }
        headers.extend(self.token.iter().map(|token| ("authorization".to_owned(), token.clone())));
        let body = asked.to_string();
        let request = Request { method: "POST", url: &url, headers: &headers, body: body.as_bytes() };
        let mut response = http::send(&request, deadline)?;
        let body = response.read_body(MOST, deadline)?;
        if body.cut {
            return Err(self.astray(method, &format!("more than {MOST} bytes")));
        }
        Ok(Answer { status: response.status, body: body.bytes })
    }

    /// What an answer has to say.
    fn read<T: DeserializeOwned>(&self, method: &str, answer: Answer) -> Result<Result<T, Complaint>, Failure> {
        let Answer { status, body } = answer;
        let read = match status {
            200 => serde_json::from_slice(&body).ok().map(Ok),
            _ => Complaint::read(&body).map(Err),
        };
        read.ok_or_else(|| {
            let (peer, said) = (self.peer(), self.quote(&body));
            Failure::Unhealthy(format!(
                "{peer} does not speak etcd's API v3: it answered {method} with {status}: {said}"
            ))
        })
    }

    /// What it means that a request was refused.
    pub(crate) fn refusal(&self, method: &str, complaint: &Complaint) -> Failure {
        let (what, permanent) = complaint.meaning();
        let (peer, said) = (self.peer(), self.quote(complaint.message.as_bytes()));
        let verdict = Verdict::unhealthy(format!("{peer} {what}: it answered {method} with {said}"));
        if permanent { verdict.permanent().into() } else { verdict.into() }
    }

    /// What it means that an answer makes no sense.
    pub(crate) fn astray(&self, method: &str, what: &str) -> Failure {
        Failure::Unhealthy(format!("{} is not well: it answered {method} with {what}", self.peer()))
    }

    /// What etcd said, quoted: made printable, cut, and without secrets.
    fn quote(&self, said: &[u8]) -> String {
        excerpt(&self.blot(said), SHOWN)
    }

    /// The same for a word or a few.
    pub(crate) fn word(&self, said: &str) -> String {
        first_line(&String::from_utf8_lossy(&self.blot(said.as_bytes())), SHOWN)
    }

    fn blot(&self, said: &[u8]) -> Vec<u8> {
        let secrets: Vec<&str> = self.settings.password.iter().chain(&self.token).map(String::as_str).collect();
        blot(said, &secrets)
    }
}

/// An answer as it came.
struct Answer {
    status: u16,
    body: Vec<u8>,
}
