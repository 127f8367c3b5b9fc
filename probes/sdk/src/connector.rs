//! From the trait that a probe with an open connection implements to the functions that its component exports.

use std::{cell::RefCell, marker::PhantomData};

use crate::{
    Attempt, Description, Failure, Problem, Run, SettingProblem, Verdict,
    bindings::probity::probe::types,
    clock::Deadline,
    more_bindings::connector::exports::probity::probe::{
        connector::{self, Connection},
        manifest,
    },
    settings::FromJson,
};

/// A probe whose target is examined over a connection that stays open between runs. The type is that of the connection: its
/// memory and its sockets live as long as it does.
pub trait Connector: Sized + 'static {
    /// What the operator configures. Should refuse what it does not know (`#[serde(deny_unknown_fields)]`), so that a
    /// misspelt setting is an error and not a silence.
    type Settings: FromJson;

    /// What this probe is and needs. Must not depend on anything outside the component.
    fn describe() -> Description;

    /// All that is wrong with settings that have the right form; nothing unless a probe says otherwise.
    fn validate(settings: &Self::Settings) -> Vec<SettingProblem> {
        let _ = settings;
        Vec::new()
    }

    /// Dials the target, with settings that [`validate`](Connector::validate) accepts. The first check follows at once, within
    /// what is left of the same time.
    ///
    /// # Errors
    ///
    /// [`Failure::Unhealthy`] or [`Failure::Verdict`] if the target is at fault; [`Failure::Problem`] says that nothing is known
    /// of it.
    fn open(settings: Self::Settings, attempt: &mut Attempt) -> Result<Self, Failure>;

    /// Examines the target over the connection. After an unhealthy verdict the connection is closed, and the next attempt opens
    /// another; after a problem it is just dropped.
    ///
    /// # Errors
    ///
    /// As for [`open`](Connector::open).
    fn check(&mut self, attempt: &mut Attempt) -> Result<Verdict, Failure>;

    /// Takes leave of the target as its protocol asks, and does not wait for an answer; nothing unless a probe says otherwise.
    fn close(&mut self, deadline: Deadline) {
        let _ = deadline;
    }
}

/// Exports a [`Connector`] as the `connector` and the `manifest` of this component.
///
/// On anything but Wasm it exports nothing, and a probe's own tests run as those of any crate do.
#[macro_export]
macro_rules! export_connector {
    ($probe:ty) => {
        #[cfg(target_family = "wasm")]
        #[allow(unsafe_code)]
        const _: () = {
            type Component = $crate::ExportedConnector<$probe>;
    $crate::more_bindings::connector::export!(Component with_types_in $crate::more_bindings::connector);
        };
    };
}

/// What [`export_connector!`] exports: speaks the contract, and leaves the rest to the probe.
#[doc(hidden)]
pub struct ExportedConnector<P>(PhantomData<P>);

/// A connection as the contract has it: it is lent out for each call, and there is one call at a time.
#[doc(hidden)]
pub struct Live<P>(RefCell<P>);

impl<P: Connector> connector::Guest for ExportedConnector<P> {
    type Connection = Live<P>;
}

impl<P: Connector> connector::GuestConnection for Live<P> {
    fn open(settings: String, run: Run) -> Result<Connection, types::Failure> {
        let invalid = |problems| types::Failure::Problem(Problem::InvalidSettings(problems));
        let settings = P::Settings::from_json(&settings, P::validate).map_err(invalid)?;
        let mut attempt = Attempt::begin(run);
        match P::open(settings, &mut attempt) {
            Ok(connection) => Ok(Connection::new(Live(RefCell::new(connection)))),
            Err(failure) => Err(match attempt.finish(Err(failure)) {
                Ok(verdict) => types::Failure::Verdict(verdict),
                Err(problem) => types::Failure::Problem(problem),
            }),
        }
    }

    fn check(&self, run: Run) -> Result<Verdict, Problem> {
        let mut attempt = Attempt::begin(run);
        let came = self.0.borrow_mut().check(&mut attempt);
        attempt.finish(came)
    }

    fn close(&self) {
        self.0.borrow_mut().close(Deadline::of_leave());
    }
}

impl<P: Connector> manifest::Guest for ExportedConnector<P> {
    fn describe() -> Description {
        P::describe()
    }

    fn validate(settings: String) -> Vec<SettingProblem> {
        P::Settings::from_json(&settings, P::validate).err().unwrap_or_default()
    }
}
