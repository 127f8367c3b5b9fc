//! Adapters: each knows one kind of broker, store or database, and what is done with it is up to the probe that it is composed
//! with.
//!
//! An adapter is a type that implements [`Adapter`] and one of [`PubSub`], [`Dht`] and [`Database`], and is handed to
//! [`export_pubsub!`](crate::export_pubsub), [`export_dht!`](crate::export_dht) or
//! [`export_database!`](crate::export_database).

mod database;
mod dht;
mod pubsub;

use std::{
    cell::{RefCell, RefMut},
    ops::DerefMut,
};

use serde::de::DeserializeOwned;

pub use self::{
    database::{Database, ExportedDatabase, Row},
    dht::{Dht, ExportedDht, Found, Placement},
    pubsub::{ExportedPubSub, Message, PubSub},
};
use crate::{
    Attempt, Description, Detail, Failure, Findings, Measurement, Run, SettingProblem, Value,
    bindings::probity::probe::types, clock::Deadline, settings::accept,
};

/// What all adapters have in common. The type is that of a session.
pub trait Adapter: Sized + 'static {
    /// What the operator configures of the target; what is done with it, the probe's own settings say. Should refuse what it
    /// does not know (`#[serde(deny_unknown_fields)]`), so that a misspelt setting is an error and not a silence.
    type Settings: DeserializeOwned;

    /// What adapter and probe together are, and need. Must not depend on anything outside the component.
    fn describe() -> Description;

    /// All that is wrong with settings that have the right form; nothing unless an adapter says otherwise.
    fn validate(settings: &Self::Settings) -> Vec<SettingProblem> {
        let _ = settings;
        Vec::new()
    }

    /// Dials the target and logs in, with settings that [`validate`](Adapter::validate) accepts.
    ///
    /// # Errors
    ///
    /// [`Failure::Unhealthy`] or [`Failure::Verdict`] if the target is at fault; [`Failure::Problem`] says that nothing is known
    /// of it.
    fn open(settings: Self::Settings, attempt: &mut Attempt) -> Result<Self, Failure>;

    /// How messages call the target: the address that was dialled.
    fn peer(&self) -> String;

    /// What else there is to say of the target, once it has done what was asked of it.
    ///
    /// # Errors
    ///
    /// As for [`open`](Adapter::open).
    fn examine(&mut self, attempt: &mut Attempt) -> Result<Examination, Failure>;

    /// Takes leave of the target as its protocol asks, and does not wait for an answer; nothing unless an adapter says
    /// otherwise.
    fn close(&mut self, deadline: Deadline) {
        let _ = deadline;
    }
}

/// What an adapter has to tell.
#[derive(Debug, Default, PartialEq)]
pub struct Examination {
    findings: Findings,
    permanent: bool,
    details: Vec<Detail>,
    measurements: Vec<Measurement>,
}

impl Examination {
    /// What speaks against the target, and nothing more yet.
    pub fn of(findings: Findings) -> Self {
        Self { findings, ..Self::default() }
    }

    /// Says that what was found unhealthy will not go away by itself, if that is so.
    #[must_use]
    pub fn permanent(self, permanent: bool) -> Self {
        Self { permanent, ..self }
    }

    /// Adds one fact about the target.
    #[must_use]
    pub fn detail(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.details.push(Detail { key: key.to_owned(), value: value.into() });
        self
    }

    /// Adds one figure; `unit` is a UCUM code such as `s`, `By`, `1` or `%`.
    #[must_use]
    pub fn measurement(mut self, name: &str, unit: &str, value: f64) -> Self {
        self.measurements.push(Measurement { name: name.to_owned(), unit: unit.to_owned(), value });
        self
    }
}

/// A session as the contract has it: it is lent out for each call, and there is one call at a time.
#[doc(hidden)]
pub struct Held<A>(RefCell<Holding<A>>);

struct Holding<A> {
    adapter: A,
    /// The run that it is used in, and how long each phase of it took.
    attempt: Attempt,
}

impl<A: Adapter> Held<A> {
    fn open(settings: &str, run: Run) -> Result<Self, types::Failure> {
        let invalid = |problems| types::Failure::Problem(types::Problem::InvalidSettings(problems));
        let settings = accept(settings, A::validate).map_err(invalid)?;
        let mut attempt = Attempt::begin(run);
        match A::open(settings, &mut attempt) {
            Ok(adapter) => Ok(Self(RefCell::new(Holding { adapter, attempt }))),
            Err(failure) => Err(attempt.failure(failure)),
        }
    }

    fn begin(&self, run: Run) {
        self.0.borrow_mut().attempt = Attempt::begin(run);
    }

    fn peer(&self) -> String {
        self.0.borrow().adapter.peer()
    }

    /// Does what the contract asks for; the adapter's phases are told with a failure.
    fn call<T>(&self, work: impl FnOnce(&mut A, &mut Attempt) -> Result<T, Failure>) -> Result<T, types::Failure> {
        let mut held = self.0.borrow_mut();
        let Holding { adapter, attempt } = RefMut::deref_mut(&mut held);
        work(adapter, attempt).map_err(|failure| attempt.failure(failure))
    }

    fn examine(&self) -> Result<types::Examination, types::Failure> {
        self.call(|adapter, attempt| {
            let Examination { findings, permanent, details, mut measurements } = adapter.examine(attempt)?;
            measurements.extend(attempt.phases());
            Ok(types::Examination { findings: findings.into(), permanent, details, measurements })
        })
    }

    fn close(&self) {
        let mut held = self.0.borrow_mut();
        held.adapter.close(Deadline::of_leave());
    }
}
