//! A session with a server, from its greeting to the leave-taking.

use std::rc::Rc;

use probity_guest::{
    Attempt, Cause, Conversation, Error, Failure, Value, Verdict, Wire, clock::Deadline, text::first_line,
};

use crate::{
    answer::{Answer, Trouble},
    complaint::Complaint,
    greeting::{self, Greeting, Response},
    login::{Login, Refusal, Reply},
    packet::{self, HEAD, Head, MOST_PAYLOAD},
    settings::{Settings, Tls},
};

/// Bytes that a server may say in one session: more than any sensible answer, and few enough for the fuel of a run, in however
/// small packets they come.
const MOST_READ: usize = 1024 * 1024;

/// Characters of a text of the server's that a detail shows.
const SHOWN: usize = 120;

/// An open session.
pub(crate) struct Session {
    conversation: Conversation,
    settings: Rc<Settings>,
    /// What the next packet of the client's is numbered.
    number: u8,
    pub(crate) version: String,
    /// Why there is no TLS, though the server offers it.
    pub(crate) tls_failure: Option<String>,
}

impl Session {
    /// Dials a server and logs in, as the phases `resolve`, `connect`, `tls` and `handshake`.
    pub(crate) fn open(settings: Settings, attempt: &mut Attempt) -> Result<Self, Failure> {
        let settings = Rc::new(settings);
        let (session, greeting) = Self::greeted(&settings, attempt)?;
        if settings.tls == Tls::Require && !greeting.offers_tls() {
            let message = format!("{} has no TLS, which `tls` asks for", session.server());
            return Err(session.with_known(Verdict::unhealthy(message).permanent().into()));
        }
        if settings.tls == Tls::Off || !greeting.offers_tls() {
            return session.welcomed(&greeting, attempt);
        }
        let insecure = session.known();
        match attempt.phase("tls", |deadline| session.secure(deadline)) {
            Ok(session) => session.welcomed(&greeting, attempt),
            // Whoever only prefers TLS connects once more, without it.
            Err(Error { cause: Cause::Handshake { why, .. }, .. })
                if settings.tls == Tls::Prefer && !attempt.deadline().remaining().is_zero() =>
            {
                let (mut session, greeting) = Self::greeted(&settings, attempt)?;
                session.tls_failure = Some(why);
                session.welcomed(&greeting, attempt)
            }
            Err(error) => Err(with(error.into(), insecure)),
        }
    }

    /// Logs in.
    fn welcomed(mut self, greeting: &Greeting, attempt: &mut Attempt) -> Result<Self, Failure> {
        match attempt.phase("handshake", |deadline| self.log_in(greeting, deadline)) {
            Ok(()) => Ok(self),
            Err(failure) => Err(self.with_known(failure)),
        }
    }

    /// What is known of the server by now, as details.
    pub(crate) fn known(&self) -> Vec<(&'static str, Value)> {
        let mut known = vec![("address", self.server().into())];
        if !self.version.is_empty() {
            known.push(("server-version", first_line(&self.version, SHOWN).into()));
        }
        known.push(("tls", self.is_secure().into()));
        known.extend(self.tls_failure.as_deref().map(|why| ("tls-failure", why.into())));
        known
    }

    /// A failure of the server's, with what is known of it.
    pub(crate) fn with_known(&self, failure: Failure) -> Failure {
        with(failure, self.known())
    }

    /// Dials a server, and hears its greeting.
    fn greeted(settings: &Rc<Settings>, attempt: &mut Attempt) -> Result<(Self, Greeting), Failure> {
        let wire = Wire::dial(attempt, &settings.host, settings.port.0, false)?;
        let mut conversation = Conversation::new(wire).at_most(MOST_READ);
        settings.password.iter().for_each(|password| conversation.hide(password));
        let settings = Rc::clone(settings);
        let mut session = Self { conversation, settings, number: 0, version: String::new(), tls_failure: None };
        let greeting = attempt.phase("handshake", |deadline| session.hear_greeting(deadline));
        let greeting = greeting.map_err(|failure| session.with_known(failure))?;
        session.version.clone_from(&greeting.version);
        Ok((session, greeting))
    }

    /// What the operator configured.
    pub(crate) fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Who answers: the address that was dialled.
    pub(crate) fn server(&self) -> String {
        self.conversation.remote().to_string()
    }

    pub(crate) fn is_secure(&self) -> bool {
        self.conversation.is_secure()
    }

    fn hear_greeting(&mut self, deadline: Deadline) -> Result<Greeting, Failure> {
        let bytes = self.conversation.exactly(HEAD, deadline)?;
        // The first packet of all has the number 0: another protocol's text has not.
        let payload = match Head::parse(&bytes) {
            Some(Head { length: length @ 1..=MOST_PAYLOAD, number: 0 }) => {
                self.conversation.exactly(length, deadline)?
            }
            _ => return Err(self.foreign(&bytes)),
        };
        self.number = 1;
        if let Some(mut complaint) = Complaint::parse(&payload) {
            complaint.hide(self.settings.password.as_slice());
            return Err(complaint.at_login(&self.server(), self.tls_failure.as_deref()).into());
        }
        Greeting::parse(&payload).ok_or_else(|| self.foreign(&[bytes, payload].concat()))
    }

    /// Asks for TLS, and has it.
    fn secure(mut self, deadline: Deadline) -> Result<Self, Error> {
        self.tell("the request for TLS", &greeting::tls_request(self.settings.database.is_some()), deadline)?;
        Ok(Self { conversation: self.conversation.secure(&self.settings.host, deadline)?, ..self })
    }

    fn log_in(&mut self, greeting: &Greeting, deadline: Deadline) -> Result<(), Failure> {
        let settings = Rc::clone(&self.settings);
        let Settings { user, password, database, .. } = &*settings;
        let secure = self.is_secure();
        let mut login = Login::new(password.as_deref().unwrap_or_default(), secure, &greeting.plugin);
        let proof = login.proof(&greeting.salt).map_err(|refusal| self.refused(&refusal))?;
        let (database, plugin) = (database.as_deref(), login.plugin());
        let response = Response { user, database, secure, plugin, proof: &proof };
        self.tell("the login", &response.encode(), deadline)?;
        loop {
            let payload = self.receive(deadline)?;
            match Reply::parse(&payload).ok_or_else(|| self.malformed(&payload))? {
                Reply::Welcome => return Ok(()),
                Reply::Refused(mut complaint) => {
                    complaint.hide(self.settings.password.as_slice());
                    return Err(complaint.at_login(&self.server(), self.tls_failure.as_deref()).into());
                }
                reply => {
                    if let Some(answer) = login.answer(&reply).map_err(|refusal| self.refused(&refusal))? {
                        self.send(&answer, deadline)?;
                    }
                }
            }
        }
    }

    /// Has the server give a sign of life.
    pub(crate) fn ping(&mut self, deadline: Deadline) -> Result<(), Failure> {
        self.command("the ping", packet::PING, deadline)?;
        let payload = self.receive(deadline)?;
        match Reply::parse(&payload) {
            Some(Reply::Welcome) => Ok(()),
            Some(Reply::Refused(mut complaint)) => {
                complaint.hide(self.settings.password.as_slice());
                Err(complaint.at("the ping", &self.server()).into())
            }
            _ => Err(self.malformed(&payload)),
        }
    }

    /// Asks one thing, and keeps the first `most` rows of the answer. What the server refuses is for the asker to judge.
    pub(crate) fn query(
        &mut self,
        sql: &str,
        most: usize,
        deadline: Deadline,
    ) -> Result<Result<Answer, Complaint>, Failure> {
        self.command("the query", &packet::query(sql), deadline)?;
        let mut answer = Answer::default();
        loop {
            let payload = self.receive(deadline)?;
            match answer.feed(&payload, most) {
                Ok(true) => return Ok(Ok(answer)),
                Ok(false) => {}
                Err(Trouble::Complaint(mut complaint)) => {
                    complaint.hide(self.settings.password.as_slice());
                    return Ok(Err(complaint));
                }
                Err(Trouble::File) => {
                    let message = format!("{} asks for a file, and gets none: ask for a row", self.server());
                    return Err(Failure::Unhealthy(message));
                }
                Err(Trouble::Malformed) => return Err(self.malformed(&payload)),
            }
        }
    }

    /// Takes leave, as far as it can be done.
    pub(crate) fn leave(&mut self, deadline: Deadline) {
        // Whoever does not take it any more is not worth a word.
        let _ = self.command("the leave-taking", packet::QUIT, deadline);
    }

    /// A command begins to count anew.
    fn command(&mut self, name: &'static str, payload: &[u8], deadline: Deadline) -> Result<(), Error> {
        self.number = 0;
        self.tell(name, payload, deadline)
    }

    /// Sends what messages call `name`, and what the server is to answer.
    fn tell(&mut self, name: &'static str, payload: &[u8], deadline: Deadline) -> Result<(), Error> {
        self.conversation.tell(name, &packet::encode(self.number, payload), deadline)?;
        self.number = self.number.wrapping_add(1);
        Ok(())
    }

    /// Sends what is part of what the server was told last.
    fn send(&mut self, payload: &[u8], deadline: Deadline) -> Result<(), Error> {
        self.conversation.answer(&packet::encode(self.number, payload), deadline)?;
        self.number = self.number.wrapping_add(1);
        Ok(())
    }

    fn receive(&mut self, deadline: Deadline) -> Result<Vec<u8>, Failure> {
        let bytes = self.conversation.exactly(HEAD, deadline)?;
        match Head::parse(&bytes) {
            Some(Head { length: length @ ..=MOST_PAYLOAD, number }) => {
                self.number = number.wrapping_add(1);
                Ok(self.conversation.exactly(length, deadline)?)
            }
            Some(Head { length, .. }) => {
                let server = self.server();
                let most = MOST_PAYLOAD;
                let message =
                    format!("{server} sent a packet of {length} bytes, and this probe takes {most}: ask for less");
                Err(Failure::Unhealthy(message))
            }
            None => Err(self.malformed(&bytes)),
        }
    }

    /// What a server comes to that wants what it can't get.
    fn refused(&self, refusal: &Refusal) -> Failure {
        let verdict = Verdict::unhealthy(format!("{} {refusal}", self.server()));
        if refusal.is_permanent() { verdict.permanent() } else { verdict }.into()
    }

    /// What a server comes to that said this at first.
    fn foreign(&self, said: &[u8]) -> Failure {
        let seen = self.conversation.quote(&[said, self.conversation.rest()].concat());
        Failure::Unhealthy(format!("{} does not speak MySQL: it greeted with {seen}", self.server()))
    }

    /// What a server comes to whose answer makes no sense.
    fn malformed(&self, payload: &[u8]) -> Failure {
        let seen = self.conversation.quote(payload);
        Failure::Unhealthy(format!("{} can't be understood: it answered {seen}", self.server()))
    }
}

/// A failure of a server's, with these details of it.
fn with(failure: Failure, details: Vec<(&'static str, Value)>) -> Failure {
    failure.tell(|verdict| details.into_iter().fold(verdict, |verdict, (name, value)| verdict.detail(name, value)))
}
