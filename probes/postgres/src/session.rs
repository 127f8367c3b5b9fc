//! A session with a server, from the first byte to the leave-taking.

use std::rc::Rc;

use probity_guest::{
    Attempt, Cause, Conversation, Error, Failure, Value, Verdict, Wire, base64,
    clock::Deadline,
    random,
    text::{excerpt, first_line},
};

use crate::{
    login::{Login, Step},
    message::{self, HEAD, Head, Message, Violation},
    replication::Replication,
    settings::{Settings, SslMode},
};

/// Bytes that a server may say in one session: more than any sensible answer, and few enough for the fuel of a run, in however
/// small messages they come.
const MOST_READ: usize = 1024 * 1024;
/// Bytes of randomness in a nonce: as many as PostgreSQL's own clients draw.
const NONCE: u64 = 18;
/// Bytes that a server may answer the request for TLS with: one is right, and of what is wrong the start is shown.
const MOST_TLS_ANSWER: usize = 120;
/// Characters of a text of the server's that a verdict shows.
const SHOWN: usize = 120;

/// An open session.
pub(crate) struct Session {
    conversation: Conversation,
    settings: Rc<Settings>,
    pub(crate) version: String,
    /// Whether it is a standby; older servers do not say so at the start.
    pub(crate) standby: Option<bool>,
    /// Why there is no TLS, though the server offers it.
    pub(crate) tls_failure: Option<String>,
}

/// The first row of an answer, if there is one; `None` is NULL.
pub(crate) type FirstRow = Option<Vec<Option<Vec<u8>>>>;

impl Session {
    /// Dials a server and logs in, as the phases `resolve`, `connect`, `tls` and `handshake`.
    pub(crate) fn open(settings: Settings, attempt: &mut Attempt) -> Result<Self, Failure> {
        let (wire, tls_failure) = dial(&settings, attempt)?;
        let mut conversation = Conversation::new(wire).at_most(MOST_READ);
        settings.password.iter().for_each(|password| conversation.hide(password));
        let mut session =
            Self { conversation, settings: Rc::new(settings), version: String::new(), standby: None, tls_failure };
        match attempt.phase("handshake", |deadline| session.log_in(deadline)) {
            Ok(()) => Ok(session),
            Err(failure) => Err(session.with_known(failure)),
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
        failure.tell(|verdict| {
            self.known().into_iter().fold(verdict, |verdict, (name, value)| verdict.detail(name, value))
        })
    }

    /// Who answers: the address that was dialled.
    pub(crate) fn server(&self) -> String {
        self.conversation.remote().to_string()
    }

    pub(crate) fn is_secure(&self) -> bool {
        self.conversation.is_secure()
    }

    fn log_in(&mut self, deadline: Deadline) -> Result<(), Failure> {
        let settings = Rc::clone(&self.settings);
        let mut parameters = vec![("user", settings.user.as_str())];
        parameters.extend(settings.database.as_deref().map(|database| ("database", database)));
        parameters.extend([("application_name", "probity"), ("client_encoding", "UTF8")]);
        self.conversation.tell("the login", &message::startup(&parameters), deadline)?;
        let mut login = Login {
            user: &settings.user,
            password: settings.password.as_deref(),
            in_the_clear: self.is_secure() || settings.sslmode == SslMode::Disable,
            step: Step::Fresh(base64::encode(&random::get_random_bytes(NONCE))),
        };
        loop {
            match self.receive(deadline)? {
                Message::Authentication(request) => match login.answer(&request) {
                    Ok(None) => {}
                    Ok(Some(answer)) => self.conversation.answer(&answer, deadline)?,
                    Err(refusal) => {
                        let verdict = Verdict::unhealthy(format!("{} {refusal}", self.server()));
                        return Err(if refusal.is_permanent() { verdict.permanent() } else { verdict }.into());
                    }
                },
                Message::Parameter(name, value) => match name.as_str() {
                    "server_version" => self.version = value,
                    "in_hot_standby" => self.standby = Some(value == "on"),
                    _ => {}
                },
                Message::Error(complaint) => {
                    return Err(complaint.at_login(&self.server(), self.tls_failure.as_deref()).into());
                }
                Message::Ready => return Ok(()),
                Message::Row(_) | Message::CopyIn | Message::Other => {}
            }
        }
    }

    /// Asks one thing. `what` names it in a message.
    pub(crate) fn query(&mut self, sql: &str, what: &'static str, deadline: Deadline) -> Result<FirstRow, Failure> {
        self.conversation.tell("the query", &message::query(sql), deadline)?;
        let mut first = None;
        loop {
            match self.receive(deadline)? {
                Message::Row(row) => drop(first.get_or_insert(row)),
                Message::Error(complaint) => return Err(complaint.at_query(&self.server(), what).into()),
                Message::CopyIn => {
                    let message = format!("{what} makes {} wait for data to copy; ask for a row", self.server());
                    return Err(Failure::Unhealthy(message));
                }
                Message::Ready => return Ok(first),
                Message::Authentication(_) | Message::Parameter(..) | Message::Other => {}
            }
        }
    }

    /// What is expected of its part in replication, if anything is.
    pub(crate) fn replication(&self) -> Option<Replication> {
        self.settings.replication.clone()
    }

    /// Takes leave, as far as it can be done.
    pub(crate) fn leave(&mut self, deadline: Deadline) {
        // Whoever does not take it any more is not worth a word.
        let _ = self.conversation.tell("the leave-taking", &message::terminate(), deadline);
    }

    fn receive(&mut self, deadline: Deadline) -> Result<Message, Failure> {
        let head = self.conversation.exactly(HEAD, deadline)?;
        let Head { kind, length } = Head::parse(&head).map_err(|violation| self.broken(&violation, &head))?;
        let body = self.conversation.exactly(length, deadline)?;
        let mut message = Message::parse(kind, &body).map_err(|violation| self.broken(&violation, &head))?;
        if let Message::Error(complaint) = &mut message {
            complaint.hide(self.settings.password.as_slice());
        }
        Ok(message)
    }

    /// What a server comes to that does not keep to the protocol, from a message on.
    fn broken(&self, violation: &Violation, head: &[u8]) -> Failure {
        let server = self.server();
        Failure::Unhealthy(match violation {
            Violation::Foreign => {
                let seen = self.conversation.quote(&[head, self.conversation.rest()].concat());
                format!("{server} does not speak PostgreSQL: it answered {seen}")
            }
            Violation::Length(_) => format!("{server} {violation}"),
            Violation::Malformed(_) => format!("{server} can't be understood: it {violation}"),
        })
    }
}

/// A connection, secure if it should and can be; and if it could but is not, why.
fn dial(settings: &Settings, attempt: &mut Attempt) -> Result<(Wire, Option<String>), Failure> {
    let Settings { host, port, sslmode, .. } = settings;
    let mut wire = Wire::dial(attempt, host, port.0, false)?;
    if *sslmode == SslMode::Disable {
        return Ok((wire, None));
    }
    let may_be_plain = sslmode.may_be_plain();
    let offered = attempt.phase("tls", |deadline| offers_tls(&mut wire, deadline))?;
    if !offered && may_be_plain {
        return Ok((wire, None));
    }
    if !offered {
        let message = format!("{} has no TLS, which `sslmode` asks for", wire.remote());
        return Err(Verdict::unhealthy(message).permanent().into());
    }
    match attempt.phase("tls", |deadline| wire.secure(host, deadline)) {
        Ok(wire) => Ok((wire, None)),
        // As PostgreSQL's own clients do: whoever only prefers TLS connects once more, without it.
        Err(Error { cause: Cause::Handshake { why, .. }, .. })
            if may_be_plain && !attempt.deadline().remaining().is_zero() =>
        {
            Ok((Wire::dial(attempt, host, port.0, false)?, Some(why)))
        }
        Err(error) => Err(error.into()),
    }
}

fn offers_tls(wire: &mut Wire, deadline: Deadline) -> Result<bool, Failure> {
    let doing = format!("asking {} for TLS", wire.remote());
    let failed = |error: Error| Error::new(doing.clone(), error.cause);
    wire.write(&message::TLS_REQUEST, deadline).map_err(failed)?;
    let answer = wire.read(MOST_TLS_ANSWER, deadline).map_err(failed)?;
    match answer.as_slice() {
        [] => Err(Error::new(doing, Cause::Closed).into()),
        b"S" => Ok(true),
        b"N" => Ok(false),
        // More than the one byte would be taken for part of what is secure.
        other => {
            let seen = excerpt(other, SHOWN);
            let message = format!("{} does not speak PostgreSQL: asked for TLS, it answered {seen}", wire.remote());
            Err(Failure::Unhealthy(message))
        }
    }
}
