//! A line of the file: what is to be remembered, behind a digest of itself.

use std::{fmt::Write as _, sync::Arc};

use probity_core::alert::{Letter, Memory};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Hex digits of a line's digest: no accident makes the same of another line.
const DIGEST: usize = 16;

/// One line, as it is written.
#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Written<'a> {
    Memory(&'a Memory),
    Queued { sink: &'a str, letter: &'a Letter },
    Done { sink: &'a str, id: &'a str },
}

/// The same, as it is read.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Read {
    Memory(Memory),
    Queued { sink: Arc<str>, letter: Arc<Letter> },
    Done { sink: Arc<str>, id: Arc<str> },
}

/// Something to write down.
pub(in crate::alerts) struct Record {
    pub(super) line: String,
    pub(super) what: What,
}

pub(super) enum What {
    Memory,
    Queued(Key),
    Done(Key),
}

/// A sink, and the id of a message for it.
pub(super) type Key = (Arc<str>, Arc<str>);

impl Record {
    pub(in crate::alerts) fn memory(memory: &Memory) -> Record {
        Record { line: line(&Written::Memory(memory)), what: What::Memory }
    }

    pub(in crate::alerts) fn queued(sink: &Arc<str>, letter: &Letter) -> Record {
        let key = (Arc::clone(sink), Arc::clone(&letter.id));
        Record { line: line(&Written::Queued { sink, letter }), what: What::Queued(key) }
    }

    pub(in crate::alerts) fn done(sink: &Arc<str>, id: &Arc<str>) -> Record {
        let key = (Arc::clone(sink), Arc::clone(id));
        Record { line: line(&Written::Done { sink, id }), what: What::Done(key) }
    }
}

fn line(record: &Written<'_>) -> String {
    // All keys are texts, so it can always be written.
    let json = serde_json::to_string(record).unwrap_or_default();
    format!("{} {json}\n", digest(&json))
}

fn digest(json: &str) -> String {
    let digest = Sha256::digest(json.as_bytes());
    let mut hex = String::with_capacity(DIGEST);
    for byte in &digest[..DIGEST / 2] {
        // A text takes whatever is written to it.
        let _ = write!(hex, "{byte:02x}");
    }
    hex
}

/// A line, if it is whole.
pub(super) fn read(line: &[u8]) -> Option<Read> {
    let line = std::str::from_utf8(line).ok()?.strip_suffix('\n')?;
    let (mark, json) = line.split_once(' ')?;
    (mark == digest(json)).then_some(())?;
    serde_json::from_str(json).ok()
}
