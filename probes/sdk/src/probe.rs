//! From the trait that a probe implements to the functions that its component exports.

use std::marker::PhantomData;

use crate::{
    Attempt, Description, Failure, Problem, Run, SettingProblem, Verdict,
    bindings::exports::probity::probe::{checker, manifest},
    settings::FromJson,
};

/// A probe: it says what it is, and examines its target from nothing at each run.
pub trait Probe {
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

    /// Examines the target once, with settings that [`validate`](Probe::validate) accepts.
    ///
    /// # Errors
    ///
    /// [`Failure::Unhealthy`] is short for an unhealthy verdict, so that `?` serves for what is the target's fault as well;
    /// [`Failure::Problem`] says that nothing is known of the target.
    fn check(settings: &Self::Settings, attempt: &mut Attempt) -> Result<Verdict, Failure>;
}

/// Exports a [`Probe`] as the `checker` and the `manifest` of this component.
///
/// On anything but Wasm it exports nothing, and a probe's own tests run as those of any crate do.
#[macro_export]
macro_rules! export {
    ($probe:ty) => {
        #[cfg(target_family = "wasm")]
        #[allow(unsafe_code)]
        const _: () = {
            type Component = $crate::Exported<$probe>;
    $crate::bindings::export!(Component with_types_in $crate::bindings);
        };
    };
}

/// What [`export!`] exports: speaks the contract, and leaves the rest to the probe.
#[doc(hidden)]
pub struct Exported<P>(PhantomData<P>);

impl<P: Probe> checker::Guest for Exported<P> {
    fn check(settings: String, run: Run) -> Result<Verdict, Problem> {
        let settings = P::Settings::from_json(&settings, P::validate).map_err(Problem::InvalidSettings)?;
        let mut attempt = Attempt::begin(run);
        let came = P::check(&settings, &mut attempt);
        attempt.finish(came)
    }
}

impl<P: Probe> manifest::Guest for Exported<P> {
    fn describe() -> Description {
        P::describe()
    }

    fn validate(settings: String) -> Vec<SettingProblem> {
        P::Settings::from_json(&settings, P::validate).err().unwrap_or_default()
    }
}
