//! The file that a tape is kept in: JSON Lines.

use std::fmt::Write as _;

use probity_core::outcome::FaultKind;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use thiserror::Error;

use crate::engine::exit::Exit;

/// The version of the format. What is only added, and what can be left out, leaves it as it is.
const FORMAT: u32 = 1;

/// The first line: what was recorded.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Header {
    /// The version of the format, [`Header::FORMAT`].
    pub recording: u32,
    /// The export by which the probe is called, with its version.
    pub world: String,
    /// The name of the check.
    pub check: String,
    /// What its probe was called.
    pub probe: String,
    /// The SHA-256 of the component, in hexadecimal.
    pub digest: String,
    /// The settings as they were written, without what is secret.
    pub settings: Value,
    /// The time-out of the run, in nanoseconds.
    pub timeout: u64,
    /// When it was recorded, by RFC 3339.
    pub recorded: String,
}

/// One of all other lines.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Line {
    /// The probe was called, and told this of its run.
    Run(Run),
    /// It called its runner.
    Call(Call),
    /// A command came to its end, and has written this.
    Output(Output),
    /// The run came to its end.
    End(End),
}

/// What a probe is told of the run that it is part of.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Run {
    pub(super) check: String,
    pub(super) attempt: u32,
    /// In nanoseconds.
    pub(super) time_left: u64,
    pub(super) traceparent: String,
    pub(super) state: Value,
}

/// What a command has written.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Output {
    /// To its standard output.
    pub(super) said: Value,
    /// To its standard error.
    pub(super) complained: Value,
}

/// A call of a function that the probe imports.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Call {
    /// `INTERFACE#FUNCTION`.
    pub(super) function: String,
    pub(super) arguments: Vec<Value>,
    /// What it returned, if it returns anything.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub(super) result: Option<Value>,
    /// The call ended the program, which asked for that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) exit: Option<Ending>,
    /// The call ended the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) fault: Option<Fault>,
}

/// How a program ended itself.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Ending {
    Succeeded,
    Failed,
    Code(u8),
}

/// A fault in which a run ended.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Fault {
    pub(super) kind: Kind,
    pub(super) message: Value,
}

/// A kind of fault, by its word.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Kind(pub(super) FaultKind);

/// What the runner knew of a run at its end, beside what the probe said.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub(super) struct End {
    /// Somebody was trusted without proof.
    pub(super) unverified: bool,
    /// What the run was refused, and what would change that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) refused: Option<Value>,
    /// The budget that it went beyond.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) exceeded: Option<Fault>,
    /// The grants that it missed.
    pub(super) missing: Vec<Value>,
    /// The addresses that are denied to all checks.
    pub(super) denied: Vec<Value>,
}

/// Why a file is no recording that can be replayed.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum Unreadable {
    /// It does not begin as one.
    #[error("this is no recording: {0}; `probity check … --record FILE` makes one")]
    Header(String),
    /// It is of a later version.
    #[error("this recording has the format {0}, and this program reads {FORMAT}: it was made by a later one")]
    Format(u32),
    /// A line is none.
    #[error("line {line}: {why}; a recording that was changed by hand must stay what it is")]
    Line {
        /// Counted from 1.
        line: usize,
        /// What is wrong with it.
        why: String,
    },
    /// It was cut short.
    #[error("this recording is incomplete: it has no `end`, so that its run never came to one")]
    Incomplete,
}

impl Header {
    /// The version of the format that is written.
    pub const FORMAT: u32 = FORMAT;
}

/// The text of a recording.
///
/// # Errors
///
/// JSON has no word for something in it, which can't be.
pub(super) fn write(header: &Header, lines: &[Line]) -> serde_json::Result<String> {
    let mut text = serde_json::to_string(header)? + "\n";
    for line in lines {
        // A text takes whatever is written to it.
        let _ = writeln!(text, "{}", serde_json::to_string(line)?);
    }
    Ok(text)
}

/// What the text of a recording says.
///
/// # Errors
///
/// The first reason why it is none.
pub(super) fn read(text: &str) -> Result<(Header, Vec<Line>), Unreadable> {
    let mut lines = text.lines();
    let first = lines.next().unwrap_or_default();
    let format = serde_json::from_str::<Value>(first).ok().and_then(|header| header["recording"].as_u64());
    match format.and_then(|format| u32::try_from(format).ok()) {
        None => return Err(Unreadable::Header("its first line has no `recording`".to_owned())),
        Some(FORMAT) => {}
        Some(other) => return Err(Unreadable::Format(other)),
    }
    let header = serde_json::from_str(first).map_err(|error| Unreadable::Header(error.to_string()))?;
    let lines: Vec<Line> = lines
        .enumerate()
        .map(|(at, line)| {
            let why = |error: serde_json::Error| Unreadable::Line { line: at + 2, why: error.to_string() };
            serde_json::from_str(line).map_err(why)
        })
        .collect::<Result<_, _>>()?;
    if !lines.iter().any(|line| matches!(line, Line::End(_))) {
        return Err(Unreadable::Incomplete);
    }
    Ok((header, lines))
}

impl From<Exit> for Ending {
    fn from(exit: Exit) -> Self {
        match exit {
            Exit::Succeeded => Ending::Succeeded,
            Exit::Failed => Ending::Failed,
            Exit::Code(code) => Ending::Code(code),
        }
    }
}

impl From<Ending> for Exit {
    fn from(ending: Ending) -> Self {
        match ending {
            Ending::Succeeded => Exit::Succeeded,
            Ending::Failed => Exit::Failed,
            Ending::Code(code) => Exit::Code(code),
        }
    }
}

impl Serialize for Kind {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.as_str())
    }
}

impl<'de> Deserialize<'de> for Kind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Kind, D::Error> {
        let word = String::deserialize(deserializer)?;
        let kind = FaultKind::ALL.into_iter().find(|kind| kind.as_str() == word);
        kind.map(Kind).ok_or_else(|| serde::de::Error::custom(format!("there is no fault `{word}`")))
    }
}

/// A result that is there, be it null.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}
