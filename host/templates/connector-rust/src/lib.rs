//! Keeps a TCP connection open, and asks over it at each run. Everything that a probe consists of is in this file.

use std::time::Duration;

use probity_guest::{
    Attempt, Connector, Conversation, Description, Failure, SettingProblem, Verdict, Wire, clock::Deadline, settings::Port,
};
use serde::Deserialize;

/// Bytes that the answer may have.
const MOST_ANSWER: usize = 4096;

const SCHEMA: &str = r#"{
    "type": "object", "additionalProperties": false, "required": ["host", "port"],
    "properties": {
        "host": { "type": "string", "minLength": 1, "description": "A name or an address." },
        "port": { "type": "integer", "minimum": 1, "maximum": 65535 },
        "ask": { "type": "string", "default": "PING", "description": "The line that is sent." },
        "expect": { "type": "string", "default": "PONG", "description": "What the line that comes back must have in it." }
    }
}"#;

/// What the operator can configure.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    host: String,
    port: Port,
    #[serde(default = "ping")]
    ask: String,
    #[serde(default = "pong")]
    expect: String,
}

fn ping() -> String {
    "PING".to_owned()
}

fn pong() -> String {
    "PONG".to_owned()
}

/// The open connection: it lives in its sandbox from `open` to `close`, and so does whatever it keeps.
pub struct Line {
    settings: Settings,
    conversation: Conversation,
    asked: u64,
}

impl Connector for Line {
    type Settings = Settings;

    fn describe() -> Description {
        let about = "Keeps a TCP connection open, and asks over it.";
        Description::new("line-probe", env!("CARGO_PKG_VERSION"), about, SCHEMA)
            .interval(Duration::from_secs(30))
            .timeout(Duration::from_secs(5))
            .grant("tcp:{host}:{port}")
    }

    fn validate(settings: &Settings) -> Vec<SettingProblem> {
        let message = "missing; give a name or an address such as `db.internal`";
        if settings.host.is_empty() { vec![SettingProblem::new("/host", message)] } else { vec![] }
    }

    fn open(settings: Settings, attempt: &mut Attempt) -> Result<Self, Failure> {
        let wire = Wire::dial(attempt, &settings.host, settings.port.0, false)?;
        Ok(Self { settings, conversation: Conversation::new(wire), asked: 0 })
    }

    fn check(&mut self, attempt: &mut Attempt) -> Result<Verdict, Failure> {
        // TODO: this is where your own examination goes. Here: ask, and expect an answer.
        let line = format!("{}\r\n", self.settings.ask);
        let answer = attempt.phase("answer", |deadline| {
            self.conversation.tell("the question", line.as_bytes(), deadline)?;
            self.conversation.line(MOST_ANSWER, deadline)
        })?;
        self.asked += 1;
        let said = self.conversation.quote(&answer);
        if !String::from_utf8_lossy(&answer).contains(&self.settings.expect) {
            return Err(Failure::Unhealthy(format!("{} answers {said}", self.conversation.remote())));
        }
        Ok(Verdict::healthy(format!("{} answers {said}, {} times so far", self.conversation.remote(), self.asked)))
    }

    fn close(&mut self, deadline: Deadline) {
        // Nobody waits for what comes of it.
        let _ = self.conversation.tell("the farewell", b"QUIT\r\n", deadline);
    }
}

probity_guest::export_connector!(Line);
