//! `redis`: logs in to Redis, pings it, and looks at its role and memory if it is to.

mod info;
mod reply;
mod settings;

use std::time::Duration;

use probity_guest::{
    Attempt, Conversation, Description, Failure, Probe, SettingProblem, Verdict, Wire, clock::Deadline,
};

pub use crate::settings::Settings;
use crate::{
    info::Info,
    reply::{Head, command, meaning},
};

/// Bytes of a line: more than any error, of which the longest explains the protected mode.
const MOST_LINE: usize = 4 * 1024;
/// Bytes of one section of `INFO`: more than a master with a hundred replicas tells of them.
const MOST_SECTION: u64 = 64 * 1024;
/// The sections of `INFO` with what is judged and told. Each is asked for by itself: before version 7 there was one a command.
const SECTIONS: [&str; 3] = ["server", "replication", "memory"];

/// The probe.
pub struct Redis;

impl Probe for Redis {
    type Settings = Settings;

    fn describe() -> Description {
        let schema = include_str!("settings.schema.json");
        Description::new(
            "redis",
            env!("CARGO_PKG_VERSION"),
            "Logs in to Redis, pings it, and looks at its role and memory if it is to.",
            schema,
        )
        .interval(Duration::from_secs(30))
        .timeout(Duration::from_secs(5))
        .grant("tcp:{host}:{port}")
    }

    fn validate(settings: &Settings) -> Vec<SettingProblem> {
        settings.problems()
    }

    fn check(settings: &Settings, attempt: &mut Attempt) -> Result<Verdict, Failure> {
        let wire = Wire::dial(attempt, &settings.host, settings.port.0, settings.tls)?;
        let mut server = Server(Conversation::new(wire));
        if let Some(password) = &settings.password {
            server.0.hide(password);
            attempt.phase("auth", |deadline| server.log_in(settings.username.as_deref(), password, deadline))?;
        }
        if let Some(database) = settings.database {
            attempt.phase("select", |deadline| server.select(database, deadline))?;
        }
        attempt.phase("ping", |deadline| server.expect("PING", &["PING"], "PONG", deadline))?;

        let remote = server.0.remote();
        let fine = format!("{remote} answered PING");
        if !settings.ask_for_info() {
            let verdict = attempt.healthy_within(settings.degraded_after, fine);
            return Ok(verdict.detail("address", remote.to_string()));
        }
        let info = attempt.phase("info", |deadline| server.info(deadline))?;
        let show = |said: &str| server.0.word(said);
        let mut verdict = match info.shortcoming(settings, show) {
            Some((status, text)) => Verdict::new(status, format!("{remote} {text}")),
            None => attempt.healthy_within(settings.degraded_after, fine),
        };
        verdict = verdict.detail("address", remote.to_string());
        if let Some(version) = info.get("redis_version") {
            verdict = verdict.detail("version", show(version));
        }
        if let Some(role) = info.role() {
            verdict = verdict.detail("role", role.to_string());
        }
        if let Some(replicas) = info.number("connected_slaves") {
            verdict = verdict.detail("replicas", i64::try_from(replicas).unwrap_or(i64::MAX));
        }
        if let Some(used) = info.number("used_memory") {
            verdict = verdict.measurement("memory-used", "By", used as f64);
        }
        if let Some(share) = info.memory_share() {
            verdict = verdict.measurement("memory-share", "1", share.0);
        }
        Ok(verdict)
    }
}

/// The other side of the conversation.
struct Server(Conversation);

impl Server {
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
    fn expect(&mut self, name: &'static str, words: &[&str], word: &str, deadline: Deadline) -> Result<(), Failure> {
        self.0.tell(name, &command(words), deadline)?;
        let line = self.0.line(MOST_LINE, deadline)?;
        match Head::parse(&line) {
            Some(Head::Simple(said)) if said == word.as_bytes() => Ok(()),
            head => Err(self.astray(name, &line, head, &format!("\"+{word}\""))),
        }
    }

    /// What the server tells of itself.
    fn info(&mut self, deadline: Deadline) -> Result<Info, Failure> {
        let commands = SECTIONS.map(|section| command(&["INFO", section])).concat();
        self.0.tell("INFO", &commands, deadline)?;
        let mut text = Vec::new();
        for _ in SECTIONS {
            let line = self.0.line(MOST_LINE, deadline)?;
            let length = match Head::parse(&line) {
                // It fits: it is small.
                Some(Head::Bulk(length)) if length <= MOST_SECTION => length as usize,
                head => return Err(self.astray("INFO", &line, head, "a section of 64 KiB at most")),
            };
            text.extend(self.0.exactly(length, deadline)?);
            let end = self.0.line(MOST_LINE, deadline)?;
            if !end.is_empty() {
                return Err(self.astray("INFO", &end, None, "the end of a section"));
            }
        }
        Ok(Info::new(&text))
    }

    /// What another answer than the one expected says of the server.
    fn astray(&self, name: &str, line: &[u8], head: Option<Head<'_>>, expected: &str) -> Failure {
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

probity_guest::export!(Redis);

#[cfg(test)]
mod tests {
    #[test]
    fn the_schema_describes_the_settings() {
        assert_eq!(probity_guest::schema::disagreements::<super::Redis>(), Ok(Vec::new()));
    }
}
