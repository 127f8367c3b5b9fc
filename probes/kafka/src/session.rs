//! A session with a broker: requests, each with its answer.

use std::net::SocketAddr;

use probity_guest::{
    Cause, Conversation, Error, Failure, Verdict, Wire, base64,
    clock::Deadline,
    random,
    scram::{Begun, Fault, Hash, Sha256, Sha512},
};

use crate::{
    encoding::{Reader, Writer},
    error_code::ErrorCode,
    message::{API_VERSIONS, Api, HEAD, METADATA, SASL_AUTHENTICATE, SASL_HANDSHAKE},
    metadata::{self, Cluster},
    sasl::{Handshake, Step, plain},
    settings::{Login, Mechanism, Settings},
    versions::{self, Versions},
};

/// Bytes of an answer about topics: those of some 40,000 partitions, and few enough for the fuel of a run, whatever they are.
const MOST_METADATA: usize = 2 * 1024 * 1024;
/// Bytes of any other answer, which is a list of short entries or less.
const MOST_OTHER: usize = 64 * 1024;
/// Bytes of a text of the broker's that are looked at to show it: more than are shown, and few enough for the fuel of a run.
const LOOKED_AT: usize = 1024;
/// Bytes of randomness in a nonce, of which the standard wants enough never to be drawn twice.
const NONCE: u64 = 18;
/// What a TLS server begins with that has something against what it was told (RFC 8446, section 5.1: an alert, version 3.x).
const TLS_ALERT: [u8; 2] = [21, 3];

/// The session.
pub(crate) struct Session<'a> {
    conversation: Conversation,
    settings: &'a Settings,
    /// So many requests were sent.
    asked: i32,
    versions: Versions,
}

/// The answer to one request.
pub(crate) struct Answer {
    api: &'static Api,
    version: i16,
    number: i32,
    bytes: Vec<u8>,
}

impl Answer {
    fn body(&self) -> Option<Reader<'_>> {
        self.api.answer(self.version, self.number, &self.bytes)
    }

    /// The answer as one about the cluster; `None` if it makes no sense.
    pub(crate) fn cluster(&self) -> Option<Cluster<'_>> {
        Cluster::parse(self.body()?, self.version)
    }
}

impl<'a> Session<'a> {
    pub(crate) fn new(wire: Wire, settings: &'a Settings) -> Self {
        let mut conversation = Conversation::new(wire);
        if let Some(password) = &settings.password {
            conversation.hide(password);
        }
        Self { conversation, settings, asked: 0, versions: Versions::default() }
    }

    pub(crate) fn remote(&self) -> SocketAddr {
        self.conversation.remote()
    }

    /// What the broker said, as a word or a few, made fit to be shown.
    pub(crate) fn word(&self, said: &[u8]) -> String {
        self.conversation.word(&String::from_utf8_lossy(start(said)))
    }

    /// Learns what versions the broker takes.
    pub(crate) fn agree_on_versions(&mut self, deadline: Deadline) -> Result<(), Failure> {
        let newest = *API_VERSIONS.versions.end();
        self.versions = match self.ask_versions(newest, deadline)? {
            // The oldest is one that every broker takes.
            Err(ErrorCode::UNSUPPORTED_VERSION) => self.ask_versions(*API_VERSIONS.versions.start(), deadline)?,
            came => came,
        }
        .map_err(|error| self.unhealthy(format!("refused to tell its versions [{error}]")))?;
        Ok(())
    }

    fn ask_versions(&mut self, version: i16, deadline: Deadline) -> Result<Result<Versions, ErrorCode>, Failure> {
        let answer = self.ask(&API_VERSIONS, version, deadline, |writer| {
            versions::ask(writer, version, env!("CARGO_PKG_VERSION"));
        })?;
        answer.body().and_then(Versions::parse).ok_or_else(|| self.foreign(&answer.bytes))
    }

    /// Logs in.
    pub(crate) fn log_in(&mut self, login: Login<'_>, deadline: Deadline) -> Result<(), Failure> {
        let wanted = login.mechanism.name();
        let version = self.common(&SASL_HANDSHAKE)?;
        let answer = self.ask(&SASL_HANDSHAKE, version, deadline, |writer| writer.text(wanted))?;
        let Handshake { error, mechanisms } =
            answer.body().and_then(Handshake::parse).ok_or_else(|| self.senseless(&answer))?;
        match error {
            ErrorCode::NONE => {}
            ErrorCode::ILLEGAL_SASL_STATE => {
                let what = "takes no login at this port; leave `user`, `password` and `mechanism` out";
                return Err(self.permanent(what.to_owned()));
            }
            ErrorCode::UNSUPPORTED_SASL_MECHANISM if !mechanisms.contains(&wanted.as_bytes()) => {
                let offered = self.word(&mechanisms.join(b", ".as_slice()));
                return Err(self.permanent(format!("logs in by {offered}, and not by {wanted} [{error}]")));
            }
            // Some brokers that take no login have none of the mechanisms.
            ErrorCode::UNSUPPORTED_SASL_MECHANISM => {
                return Err(self.permanent(format!("refused the login by {wanted} [{error}]")));
            }
            error => return Err(self.unhealthy(format!("refused the login by {wanted} [{error}]"))),
        }
        match login.mechanism {
            Mechanism::Plain => self.authenticate(plain(login.user, login.password).as_bytes(), deadline).map(drop),
            Mechanism::ScramSha256 => self.prove::<Sha256>(login, deadline),
            Mechanism::ScramSha512 => self.prove::<Sha512>(login, deadline),
        }
    }

    /// Proves to the broker that the password is known here, and has it prove the same. Kafka hashes passwords as they are.
    fn prove<D: Hash>(&mut self, login: Login<'_>, deadline: Deadline) -> Result<(), Failure> {
        let begun = Begun::<D>::new(login.user, &base64::encode(&random::get_random_bytes(NONCE)));
        let challenge = self.authenticate(begun.message().as_bytes(), deadline)?;
        let (answered, proof) = begun.answer(&challenge, login.password).map_err(|fault| self.faulty(&fault))?;
        let last = self.authenticate(proof.as_bytes(), deadline)?;
        answered.verify(&last).map_err(|fault| self.faulty(&fault))
    }

    /// One step of a login: says `token`, and gets what the broker says to it.
    fn authenticate(&mut self, token: &[u8], deadline: Deadline) -> Result<Vec<u8>, Failure> {
        let version = self.common(&SASL_AUTHENTICATE)?;
        let answer = self.ask(&SASL_AUTHENTICATE, version, deadline, |writer| {
            writer.blob(token);
            writer.end();
        })?;
        let Step { error, message, token } =
            answer.body().and_then(Step::parse).ok_or_else(|| self.senseless(&answer))?;
        if error == ErrorCode::NONE {
            return Ok(token.to_vec());
        }
        let what = format!("refused the login: {} [{error}]", self.word(message));
        Err(if error == ErrorCode::SASL_AUTHENTICATION_FAILED { self.permanent(what) } else { self.unhealthy(what) })
    }

    /// Asks how the cluster is.
    pub(crate) fn metadata(&mut self, deadline: Deadline) -> Result<Answer, Failure> {
        let version = self.common(&METADATA)?;
        let topics = self.settings.topics.as_deref();
        self.ask(&METADATA, version, deadline, |writer| metadata::ask(writer, version, topics))
    }

    fn ask(
        &mut self,
        api: &'static Api,
        version: i16,
        deadline: Deadline,
        body: impl FnOnce(&mut Writer),
    ) -> Result<Answer, Failure> {
        self.asked += 1;
        let number = self.asked;
        self.conversation.tell(api.name, &api.request(version, number, body), deadline)?;
        let head = self.conversation.exactly(HEAD, deadline).map_err(|error| self.no_answer(api, error))?;
        let length = head.first_chunk().map_or(0, |head| u32::from_be_bytes(*head) as usize);
        if api == &API_VERSIONS && !(1..=MOST_OTHER).contains(&length) {
            return Err(self.foreign(&head));
        }
        let most = if api == &METADATA { MOST_METADATA } else { MOST_OTHER };
        if length > most {
            let advice = if api == &METADATA { "; name the topics that matter as `topics`" } else { "" };
            let api = api.name;
            let what = format!("answered {api} with {length} bytes, and this probe takes {most}{advice}");
            return Err(self.unhealthy(what));
        }
        let bytes = self.conversation.exactly(length, deadline)?;
        Ok(Answer { api, version, number, bytes })
    }

    fn common(&self, api: &Api) -> Result<i16, Failure> {
        self.versions.common(api).map_err(|mismatch| self.permanent(mismatch.to_string()))
    }

    /// What a broker comes to that says nothing: one that closes the connection does so for a reason.
    fn no_answer(&self, api: &Api, error: Error) -> Failure {
        let is_gone = matches!(error.cause, Cause::Closed | Cause::Broken(_));
        let likely = if is_gone && api == &API_VERSIONS && !self.conversation.is_secure() {
            Some("it may want TLS (`tls`), or speak another protocol")
        } else if is_gone && api == &METADATA && self.settings.login().is_none() {
            Some("it may want a login; give it as `user`, `password` and `mechanism`")
        } else {
            None
        };
        match likely {
            Some(likely) => self.unhealthy(format!("closed the connection when it was asked {}: {likely}", api.name)),
            None => error.into(),
        }
    }

    /// What a server comes to that is no broker.
    fn foreign(&self, said: &[u8]) -> Failure {
        if said.starts_with(&TLS_ALERT) && !self.conversation.is_secure() {
            return self.permanent("wants TLS: set `tls` to true".to_owned());
        }
        let seen = self.conversation.quote(start(&[start(said), self.conversation.rest()].concat()));
        self.unhealthy(format!("does not speak Kafka: it answered {} with {seen}", API_VERSIONS.name))
    }

    /// What a broker comes to whose answer makes no sense.
    pub(crate) fn senseless(&self, answer: &Answer) -> Failure {
        let seen = self.conversation.quote(start(&answer.bytes));
        self.unhealthy(format!("can't be understood: it answered {} with {seen}", answer.api.name))
    }

    fn faulty(&self, fault: &Fault) -> Failure {
        if fault.is_permanent() { self.permanent(fault.to_string()) } else { self.unhealthy(fault.to_string()) }
    }

    fn unhealthy(&self, what: String) -> Failure {
        Failure::Unhealthy(format!("{} {what}", self.remote()))
    }

    /// The same for what takes an operator to end.
    fn permanent(&self, what: String) -> Failure {
        Verdict::unhealthy(format!("{} {what}", self.remote())).permanent().into()
    }
}

/// The start of what may be long.
fn start(said: &[u8]) -> &[u8] {
    &said[..said.len().min(LOOKED_AT)]
}
