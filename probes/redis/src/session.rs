//! A connection to a server that let the probe in, and the commands that go over it.

use probity_guest::{Attempt, Conversation, Failure, Verdict, Wire, clock::Deadline, net};

use crate::{
    info::Info,
    reply::{Head, command, meaning},
    settings::Settings,
};

/// Bytes of a line: more than any error, of which the longest explains the protected mode.
const MOST_LINE: usize = 4 * 1024;
/// Bytes of one section of `INFO`: more than a master with a hundred replicas tells of them.
const MOST_SECTION: u64 = 64 * 1024;
/// The sections of `INFO` with what is judged and told. Each is asked for by itself: before version 7 there was one a command.
const SECTIONS: [&str; 3] = ["server", "replication", "memory"];
/// Bytes of a string that are waited for at a time, so that a long one is never in memory as a whole.
const PIECE: u64 = 64 * 1024;
/// Bytes of the strings of one reply, all in all: a value of some length, and nothing to fill the memory of a guest.
const MOST_REPLY: u64 = 64 * 1024;
/// Elements of one reply, arrays and those within included.
const MOST_ELEMENTS: u64 = 1_000;

/// The connection.
pub(crate) struct Session(Conversation);

/// What a reply consists of: its elements, or the one that it is. Numbers are text, and `None` is nil.
pub(crate) type Elements = Vec<Option<Vec<u8>>>;

impl Session {
    /// Dials a server, logs in and chooses the database: the phases `resolve`, `connect`, `tls`, `auth` and `select`, as far as
    /// the settings ask for them.
    pub(crate) fn open(settings: &Settings, attempt: &mut Attempt) -> Result<Self, Failure> {
        let wire = Wire::dial(attempt, &settings.host, settings.port.0, settings.tls)?;
        Self::begin(wire, settings, attempt)
    }

    /// Another connection to the very server of this one: its name may stand for several.
    pub(crate) fn another(&self, settings: &Settings, attempt: &mut Attempt) -> Result<Self, Failure> {
        let remote = self.0.remote();
        let mut wire = Wire::Plain(net::dial(attempt, &remote.ip().to_string(), remote.port())?);
        if settings.tls {
            wire = attempt.phase("tls", |deadline| wire.secure(&settings.host, deadline))?;
        }
        Self::begin(wire, settings, attempt)
    }

    fn begin(wire: Wire, settings: &Settings, attempt: &mut Attempt) -> Result<Self, Failure> {
        let mut session = Self(Conversation::new(wire));
        let address = session.peer();
        let begun = session.introduce(settings, attempt);
        begun.map_err(|failure| failure.tell(|verdict| verdict.detail("address", address)))?;
        Ok(session)
    }

    /// Says who asks, and about which database, as far as the settings tell.
    fn introduce(&mut self, settings: &Settings, attempt: &mut Attempt) -> Result<(), Failure> {
        if let Some(password) = &settings.password {
            self.0.hide(password);
            attempt.phase("auth", |deadline| self.log_in(settings.username.as_deref(), password, deadline))?;
        }
        if let Some(database) = settings.database {
            attempt.phase("select", |deadline| self.select(database, deadline))?;
        }
        Ok(())
    }

    /// Takes about `most` bytes, all in all, and then no more.
    pub(crate) fn at_most(self, most: usize) -> Self {
        Self(self.0.at_most(most))
    }

    /// Who answers: the address that was dialled.
    pub(crate) fn peer(&self) -> String {
        self.0.remote().to_string()
    }

    /// What the server said, as a word or a few: made printable, cut, and without secrets.
    pub(crate) fn word(&self, said: &str) -> String {
        self.0.word(said)
    }

    /// What the server said, without secrets.
    pub(crate) fn blot(&self, said: &[u8]) -> Vec<u8> {
        self.0.blot(said)
    }

    fn log_in(&mut self, username: Option<&str>, password: &str, deadline: Deadline) -> Result<(), Failure> {
        match username {
            Some(username) => self.expect("AUTH", &["AUTH", username, password], "OK", deadline),
            // All versions know this form; before 6 it is the only one.
            None => self.expect("AUTH", &["AUTH", password], "OK", deadline),
        }
    }

    fn select(&mut self, database: u32, deadline: Deadline) -> Result<(), Failure> {
        self.expect("SELECT", &["SELECT", &database.to_string()], "OK", deadline)
    }

    /// Sends a command that is answered with this word.
    pub(crate) fn expect(
        &mut self,
        name: &'static str,
        words: &[&str],
        word: &str,
        deadline: Deadline,
    ) -> Result<(), Failure> {
        self.0.tell(name, &command(words), deadline)?;
        let line = self.line(deadline)?;
        match Head::parse(&line) {
            Some(Head::Simple(said)) if said == word.as_bytes() => Ok(()),
            head => Err(self.astray(name, &line, head, &format!("\"+{word}\""))),
        }
    }

    /// Sends a command, and takes the reply to it.
    pub(crate) fn ask<W: AsRef<[u8]>>(
        &mut self,
        name: &'static str,
        words: &[W],
        deadline: Deadline,
    ) -> Result<Elements, Failure> {
        self.0.tell(name, &command(words), deadline)?;
        let (mut elements, mut bytes, mut is_array) = (Vec::new(), 0, false);
        // An array counts as well: it may have nothing but another in it, and so on.
        let (mut begun, mut left) = (0, 1);
        while left > 0 {
            (begun, left) = (begun + 1, left - 1);
            let line = self.line(deadline)?;
            match Head::parse(&line) {
                Some(Head::Simple(said) | Head::Number(said)) => elements.push(Some(said.to_vec())),
                Some(Head::Nil) => elements.push(None),
                // Within an array an error is that of a part, as in a transaction.
                Some(Head::Error(said)) if is_array => elements.push(Some(said.to_vec())),
                Some(Head::Bulk(length)) if length <= MOST_REPLY - bytes => {
                    bytes += length;
                    elements.push(Some(self.string(name, length, MOST_REPLY, deadline)?));
                }
                Some(Head::Array(more)) if more <= MOST_ELEMENTS.saturating_sub(begun + left) => {
                    left += more;
                    is_array = true;
                }
                Some(Head::Bulk(length)) => return Err(self.too_large(name, &format!("a text of {length} bytes"))),
                Some(Head::Array(more)) => return Err(self.too_large(name, &format!("{more} elements"))),
                head => return Err(self.astray(name, &line, head, "a reply")),
            }
        }
        Ok(elements)
    }

    /// What the server tells of itself.
    pub(crate) fn info(&mut self, deadline: Deadline) -> Result<Info, Failure> {
        let commands = SECTIONS.map(|section| command(&["INFO", section])).concat();
        self.0.tell("INFO", &commands, deadline)?;
        let mut text = Vec::new();
        for _ in SECTIONS {
            let line = self.line(deadline)?;
            match Head::parse(&line) {
                Some(Head::Bulk(length)) if length <= MOST_SECTION => {
                    text.extend(self.string("INFO", length, MOST_SECTION, deadline)?);
                }
                head => return Err(self.astray("INFO", &line, head, "a section of 64 KiB at most")),
            }
        }
        Ok(Info::new(&text))
    }

    /// The next line.
    pub(crate) fn line(&mut self, deadline: Deadline) -> Result<Vec<u8>, Failure> {
        Ok(self.0.line(MOST_LINE, deadline)?)
    }

    /// The string of `length` bytes that comes next; no more than `most` of them are kept.
    pub(crate) fn string(
        &mut self,
        name: &str,
        length: u64,
        most: u64,
        deadline: Deadline,
    ) -> Result<Vec<u8>, Failure> {
        let (mut kept, mut left) = (Vec::new(), length);
        while left > 0 {
            // Both fit: they are small.
            let piece = self.0.exactly(left.min(PIECE) as usize, deadline)?;
            left -= piece.len() as u64;
            let room = (most as usize).saturating_sub(kept.len());
            kept.extend_from_slice(&piece[..piece.len().min(room)]);
        }
        let end = self.line(deadline)?;
        if end.is_empty() { Ok(kept) } else { Err(self.astray(name, &end, None, "the end of a string")) }
    }

    /// What a reply comes to that is more than a guest has room for. That is no fault of the server's, but it tells nothing of it.
    fn too_large(&self, name: &str, seen: &str) -> Failure {
        let remote = self.0.remote();
        let message = format!(
            "{remote} answered {name} with {seen}, and this probe takes 64 KiB and 1000 elements: ask for less"
        );
        Failure::Unhealthy(message)
    }

    /// What it means that a reply is another than the one expected.
    pub(crate) fn unexpected(&self, name: &str, reply: &[Option<Vec<u8>>], expected: &str) -> Failure {
        let is_nil = reply.iter().all(Option::is_none);
        let seen = if is_nil { "nil".to_owned() } else { self.0.quote(&joined(reply)) };
        let remote = self.0.remote();
        Failure::Unhealthy(format!("{remote} is not well: it answered {name} with {seen}, expected {expected}"))
    }

    /// What another answer than the one expected says of the server.
    pub(crate) fn astray(&self, name: &str, line: &[u8], head: Option<Head<'_>>, expected: &str) -> Failure {
        let (remote, seen) = (self.0.remote(), self.0.quote(line));
        let seen = format!("it answered {name} with {seen}");
        match head {
            None => Failure::Unhealthy(format!("{remote} does not speak Redis: {seen}, expected {expected}")),
            Some(Head::Error(error)) => {
                let (what, permanent) = meaning(error).unwrap_or(match name {
                    // What older servers say of a wrong password, and any of one that they do not ask for.
                    "AUTH" => ("refused the credentials", true),
                    "SELECT" => ("has no such database", true),
                    _ => ("refused the command", false),
                });
                let verdict = Verdict::unhealthy(format!("{remote} {what}: {seen}"));
                if permanent { verdict.permanent().into() } else { verdict.into() }
            }
            Some(_) => Failure::Unhealthy(format!("{remote} is not well: {seen}, expected {expected}")),
        }
    }
}

/// The elements of a reply as one text, with spaces between them; nil has none.
pub(crate) fn joined(reply: &[Option<Vec<u8>>]) -> Vec<u8> {
    let elements: Vec<&[u8]> = reply.iter().map(|element| element.as_deref().unwrap_or_default()).collect();
    elements.join(&b' ')
}
