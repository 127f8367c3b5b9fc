//! Tapes: all that a run asks of its runner, taken down as it happens, or given back from what was taken down.
//!
//! A component that is put on tape gets a linker of its own ([`doors`]), made of nothing but its imports: whatever they are, each
//! of their functions is one that asks the tape. So nothing can be left out of a recording, and a replay has no function at all
//! that could reach the network, a clock or chance. While it is recorded, calls are handed on to the functions that all other
//! runs use, by a component that imports the same and stands [`behind`] ([`mirror`]). What a run costs that is not on tape is not
//! touched by any of this.

mod behind;
mod difference;
mod doors;
mod line;
mod mirror;
mod secrets;
mod values;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Context, Result, bail};
use probity_core::outcome::FaultKind;
use serde_json::Value;
use thiserror::Error;
use wasmtime::component::Component;

pub use self::line::{Header, Unreadable};
use self::{
    behind::{Behind, Pattern},
    difference::{difference, doing, place},
    line::{Call, End, Fault, Kind, Line, Output, Run},
    secrets::Secrets,
    values::{read_bytes, write_bytes},
};
use super::{Engine, Prepared, bindings::types, ctx::Ctx, exit::Exit, preview_1};
use crate::secrets::Secrets as Known;

/// What a run asks of its runner.
pub struct Tape {
    secrets: Secrets,
    state: Mutex<State>,
}

enum State {
    Recording(Vec<Line>),
    Replaying { lines: Vec<Line>, next: usize, diverged: Option<String> },
}

/// A recording that was read.
#[derive(Clone, Debug)]
pub struct Recording {
    /// What was recorded.
    pub header: Header,
    lines: Vec<Line>,
}

/// What ends a run that is replayed: the fault that was recorded, or a divergence.
#[derive(Debug, Error)]
#[error("{message}")]
pub(super) struct Told {
    pub(super) kind: FaultKind,
    pub(super) message: String,
}

/// What the runner knows of a run beside what the probe says.
pub(super) struct Aside {
    /// Somebody was trusted without proof.
    pub(super) unverified: bool,
    /// What was refused, and what would change that.
    pub(super) refused: Option<String>,
    /// How the run ends for a budget that it went beyond.
    pub(super) exceeded: Option<(FaultKind, String)>,
    /// The grants that were missed.
    pub(super) missing: Vec<String>,
    /// The addresses that are denied to all checks.
    pub(super) denied: Vec<String>,
}

impl Recording {
    /// Reads the text of a file.
    ///
    /// # Errors
    ///
    /// The first reason why it can't be replayed.
    pub fn read(text: &str) -> Result<Recording, Unreadable> {
        line::read(text).map(|(header, lines)| Recording { header, lines })
    }
}

impl Tape {
    /// An empty one, which is never to hold any of these secrets.
    #[must_use]
    pub fn empty(secrets: &Known) -> Arc<Tape> {
        Tape::with(secrets, State::Recording(Vec::new()))
    }

    /// One with a recording, whose secrets were these.
    #[must_use]
    pub fn of(recording: Recording, secrets: &Known) -> Arc<Tape> {
        Tape::with(secrets, State::Replaying { lines: recording.lines, next: 0, diverged: None })
    }

    fn with(secrets: &Known, state: State) -> Arc<Tape> {
        Arc::new(Tape { secrets: Secrets::new(secrets.clone()), state: Mutex::new(state) })
    }

    /// Has it replayed from its beginning.
    pub fn rewind(&self) {
        if let State::Replaying { next, diverged, .. } = &mut *self.state() {
            (*next, *diverged) = (0, None);
        }
    }

    /// The recording as a file has it; `None` if no run came to its end.
    ///
    /// # Errors
    ///
    /// It can't be written as JSON.
    pub fn text(&self, header: &Header) -> Result<Option<String>> {
        let state = self.state();
        let State::Recording(lines) = &*state else { return Ok(None) };
        let ended = lines.iter().any(|line| matches!(line, Line::End(_)));
        ended.then(|| line::write(header, lines)).transpose().context("can't write down what was recorded")
    }

    /// How the probe went another way than the one that was recorded, by now. To be asked once it is done, it says so as well if
    /// there was more to come.
    #[must_use]
    pub fn divergence(&self) -> Option<String> {
        let mut state = self.state();
        let State::Replaying { lines, next, diverged } = &mut *state else { return None };
        if diverged.is_none()
            && let Some(line) = lines.get(*next)
        {
            *diverged = Some(format!("{} is never done: the probe is through", place(*next, line)));
        }
        diverged.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes down that the probe calls its runner.
    fn calls(&self, function: &str, arguments: &[Value]) {
        let arguments = arguments.iter().map(|argument| self.secrets.cover(argument.clone())).collect();
        self.add(Line::Call(Call { function: function.to_owned(), arguments, ..Call::default() }));
    }

    /// Takes down what came of the call that is under way.
    fn called(&self, come: impl FnOnce(&mut Call)) {
        if let State::Recording(lines) = &mut *self.state()
            && let Some(Line::Call(call)) = lines.last_mut()
        {
            come(call);
        }
    }

    fn returned(&self, result: &Value) {
        let result = self.secrets.cover(result.clone());
        self.called(|call| call.result = Some(result));
    }

    fn exited(&self, exit: Exit) {
        self.called(|call| call.exit = Some(exit.into()));
    }

    /// Takes down that the run ended in a fault, which came of the call that is under way, if one is.
    pub(super) fn failed(&self, kind: FaultKind, message: &str) {
        let message = self.secrets.cover(message.into());
        self.called(|call| {
            if call.result.is_none() && call.exit.is_none() {
                call.fault = Some(Fault { kind: Kind(kind), message });
            }
        });
    }

    /// Plays what came of a call.
    ///
    /// # Errors
    ///
    /// What ends the run: it did so when it was recorded, or the probe did something else then.
    fn play(&self, function: &str, arguments: Vec<Value>) -> wasmtime::Result<Value> {
        let arguments = arguments.into_iter().map(|argument| self.secrets.cover(argument)).collect();
        let called = Call { function: function.to_owned(), arguments, ..Call::default() };
        let recorded = self.next(&Line::Call(called), |line| match line {
            Line::Call(recorded) => Some(recorded.clone()),
            _ => None,
        })?;
        if let Some(ending) = recorded.exit {
            return Err(Exit::from(ending).into());
        }
        if let Some(fault) = recorded.fault {
            return Err(self.fault(&fault).into());
        }
        Ok(self.secrets.uncover(&recorded.result.unwrap_or_default()))
    }

    /// What the probe is told of its run: what it is, or what it was when it was recorded.
    ///
    /// # Errors
    ///
    /// It did something else then.
    pub(super) fn run(&self, run: types::Run) -> wasmtime::Result<types::Run> {
        let types::Run { check, attempt, time_left, traceparent, state } = run;
        let state = self.secrets.cover(write_bytes(state));
        let told = Line::Run(Run { check, attempt, time_left, traceparent, state });
        let Run { check, attempt, time_left, traceparent, state } = match told {
            Line::Run(run) if self.is_recording() => {
                self.add(Line::Run(run.clone()));
                run
            }
            told => self.next(&told, |line| match line {
                Line::Run(run) => Some(run.clone()),
                _ => None,
            })?,
        };
        let state = read_bytes(&self.secrets.uncover(&state)).unwrap_or_default();
        Ok(types::Run { check, attempt, time_left, traceparent, state })
    }

    /// What a command has written to its standard output and its standard error: what it has, or had when it was recorded. What
    /// it writes now is the same, call by call, but goes nowhere.
    pub(super) fn output(&self, said: String, complained: String) -> (String, String) {
        let cover = |text: String| self.secrets.cover(text.into());
        let output = Line::Output(Output { said: cover(said), complained: cover(complained) });
        if self.is_recording() {
            self.add(output.clone());
        }
        let recorded = match output {
            Line::Output(output) if self.is_recording() => output,
            // If it is another one, whoever asks for the end finds out.
            output => self
                .next(&output, |line| match line {
                    Line::Output(output) => Some(output.clone()),
                    _ => None,
                })
                .unwrap_or_default(),
        };
        (self.text_of(&recorded.said), self.text_of(&recorded.complained))
    }

    /// What the runner knows of the run at its end: what it is, or what it was when it was recorded.
    pub(super) fn end(&self, aside: Aside) -> Aside {
        if self.is_recording() {
            let Aside { unverified, refused, exceeded, missing, denied } = &aside;
            let cover = |text: &String| self.secrets.cover(text.as_str().into());
            self.add(Line::End(End {
                unverified: *unverified,
                refused: refused.as_ref().map(cover),
                exceeded: exceeded.as_ref().map(|(kind, text)| Fault { kind: Kind(*kind), message: cover(text) }),
                missing: missing.iter().map(cover).collect(),
                denied: denied.iter().map(cover).collect(),
            }));
            return aside;
        }
        let recorded = self.next(&Line::End(End::default()), |line| match line {
            Line::End(end) => Some(end.clone()),
            _ => None,
        });
        match recorded {
            Ok(End { unverified, refused, exceeded, missing, denied }) => {
                let texts = |values: Vec<Value>| values.iter().map(|value| self.text_of(value)).collect();
                Aside {
                    unverified,
                    refused: refused.map(|value| self.text_of(&value)),
                    exceeded: exceeded.map(|fault| self.fault(&fault)).map(|told| (told.kind, told.message)),
                    missing: texts(missing),
                    denied: texts(denied),
                }
            }
            Err(Told { kind, message }) => Aside { exceeded: Some((kind, message)), ..aside },
        }
    }

    /// How a run ends whose recording has something on the line just played that the probe could not be given.
    fn illegible(&self, error: &wasmtime::Error) -> Told {
        let mut state = self.state();
        let message = match &mut *state {
            State::Recording(_) => error.to_string(),
            // It stands one line further, and the header is line 1.
            State::Replaying { next, diverged, .. } => diverged
                .insert(format!("line {} of the recording has no result that can be: {error}", *next + 1))
                .clone(),
        };
        Told { kind: FaultKind::Divergence, message }
    }

    fn fault(&self, fault: &Fault) -> Told {
        Told { kind: fault.kind.0, message: self.text_of(&fault.message) }
    }

    /// A text that was taken down.
    fn text_of(&self, value: &Value) -> String {
        self.secrets.uncover(value).as_str().unwrap_or_default().to_owned()
    }

    fn is_recording(&self) -> bool {
        matches!(*self.state(), State::Recording(_))
    }

    fn add(&self, line: Line) {
        if let State::Recording(lines) = &mut *self.state() {
            lines.push(line);
        }
    }

    /// Goes on to the next line, if it is the same as what happens now as far as that is known: `wanted` says what it is then.
    fn next<T>(&self, now: &Line, wanted: impl FnOnce(&Line) -> Option<T>) -> Result<T, Told> {
        let mut state = self.state();
        let State::Replaying { lines, next, diverged } = &mut *state else {
            return Err(Told { kind: FaultKind::Host, message: "this tape is not one to be replayed".to_owned() });
        };
        let told = |message: &String| Told { kind: FaultKind::Divergence, message: message.clone() };
        // Whoever went astray once is not led back by chance.
        if let Some(diverged) = diverged {
            return Err(told(diverged));
        }
        let recorded = lines.get(*next);
        let difference = recorded.map_or_else(
            || Some(format!("the recording is at its end, and {}", doing(now))),
            |recorded| {
                difference(recorded, now).map(|difference| format!("{}, and {difference}", place(*next, recorded)))
            },
        );
        if let Some(difference) = difference {
            return Err(told(diverged.insert(difference)));
        }
        *next += 1;
        let found = recorded.and_then(wanted);
        found.ok_or_else(|| Told { kind: FaultKind::Divergence, message: "the recording is at its end".to_owned() })
    }
}

/// What a component that is on tape is run with.
pub(super) struct Taping {
    tape: Arc<Tape>,
    /// What its calls are handed on to, while it is recorded.
    pattern: Option<Pattern>,
}

/// What a store has for a run that is on tape.
pub(super) struct Taped {
    pub(super) tape: Arc<Tape>,
    /// Where its calls are answered, while it is recorded. It is taken out for each call, so that one that is given up leaves
    /// nothing that is half used.
    behind: Option<Behind>,
}

impl Taping {
    /// What a new store has for it; `real` makes what stands behind.
    pub(super) fn start(&self, real: impl FnOnce() -> Ctx) -> Taped {
        Taped { tape: Arc::clone(&self.tape), behind: self.pattern.as_ref().map(|pattern| pattern.with(real())) }
    }
}

impl Taped {
    /// Where its calls are answered, while it is recorded.
    pub(super) fn behind(&mut self) -> Option<&mut Ctx> {
        self.behind.as_mut().map(Behind::ctx)
    }
}

impl Engine {
    /// The probe, whose runs are all taken down from now on. `bytes` is its component.
    ///
    /// # Errors
    ///
    /// It imports something that can't be recorded.
    pub fn record(&self, prepared: &Prepared, bytes: &[u8], tape: &Arc<Tape>) -> Result<Prepared> {
        refuse_experiments(prepared)?;
        let mirror = mirror::write(&preview_1::as_component(bytes)?).context("this component can't be recorded")?;
        let roomy = &self.usual.roomy;
        let component = Component::new(&roomy.engine, &mirror.component)?;
        let pattern = Pattern::new(roomy.linker.instantiate_pre(&component)?, mirror.exports);
        let linker = doors::linker(prepared.pre.component(), tape, doors::record)?;
        Ok(prepared.put_on(&linker, Taping { tape: Arc::clone(tape), pattern: Some(pattern) })?)
    }

    /// The probe, whose runs all get what is on the tape, and nothing else.
    ///
    /// # Errors
    ///
    /// It can't be linked so.
    pub fn replay(&self, prepared: &Prepared, tape: &Arc<Tape>) -> Result<Prepared> {
        refuse_experiments(prepared)?;
        let linker = doors::linker(prepared.pre.component(), tape, doors::play)?;
        Ok(prepared.put_on(&linker, Taping { tape: Arc::clone(tape), pattern: None })?)
    }
}

/// A tape has one call after another, and no two at once.
fn refuse_experiments(prepared: &Prepared) -> Result<()> {
    if let Some(word) = prepared.shape.experiments.words().next() {
        bail!("this component takes part in the experiment `{word}`, whose runs can't be recorded or replayed");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_a_run_was_refused_holds_no_secret() {
        let secrets = Known::new(["db.internal".to_owned()]);
        let aside = || Aside {
            unverified: false,
            refused: Some("db.internal:5432".to_owned()),
            exceeded: Some((FaultKind::Denied, "no way to db.internal".to_owned())),
            missing: vec!["tcp:db.internal:5432".to_owned()],
            denied: vec!["db.internal".to_owned()],
        };
        let tape = Tape::empty(&secrets);
        tape.end(aside());
        let header = Header {
            recording: Header::FORMAT,
            world: String::new(),
            check: String::new(),
            probe: String::new(),
            digest: String::new(),
            settings: json!({}),
            timeout: 0,
            recorded: String::new(),
        };
        let text = tape.text(&header).unwrap().unwrap();
        assert!(!text.contains("db.internal"), "{text}");

        let replayed = Tape::of(Recording::read(&text).unwrap(), &secrets);
        let (found, wanted) = (replayed.end(aside()), aside());
        assert_eq!((found.refused, found.exceeded), (wanted.refused, wanted.exceeded));
        assert_eq!((found.missing, found.denied), (wanted.missing, wanted.denied));
    }
}
