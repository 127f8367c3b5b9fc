//! From the trait that a hook implements to the function that its component exports.

use std::{marker::PhantomData, time::Duration};

use crate::{
    clock::{Deadline, Instant},
    error::Error,
    more_bindings::hook::exports::probity::probe::listener,
    settings::FromJson,
};

/// Something that is told of trouble, and passes it on to somebody.
pub trait Hook {
    /// What the operator configures. Should refuse what it does not know (`#[serde(deny_unknown_fields)]`), so that a
    /// misspelt setting is an error and not a silence.
    type Settings: FromJson;

    /// Passes an event on. It may be told again, with the same id, though it was passed on.
    ///
    /// # Errors
    ///
    /// It was not passed on, and is told again or given up.
    fn on_event(settings: &Self::Settings, event: &Event) -> Result<(), Refusal>;
}

/// What is to be passed on.
#[derive(Clone, Debug)]
pub struct Event {
    /// Names the event, and stays the same however often it is told.
    pub id: String,
    /// All there is of it, as JSON: `kind`, `firing`, `severity`, `title`, `text`, `items` and more.
    pub message: String,
    /// When waiting must end.
    pub deadline: Deadline,
}

/// Why an event was not passed on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It may be different another time.
    Retry(String),
    /// It would be the same at any other time.
    Permanent(String),
}

impl From<Error> for Refusal {
    /// What goes wrong on the way to somebody may go well another time.
    fn from(error: Error) -> Refusal {
        Refusal::Retry(error.to_string())
    }
}

/// Exports a [`Hook`] as the `listener` of this component.
///
/// On anything but Wasm it exports nothing, and a hook's own tests run as those of any crate do.
#[macro_export]
macro_rules! export_hook {
    ($hook:ty) => {
        #[cfg(target_family = "wasm")]
        #[allow(unsafe_code)]
        const _: () = {
            type Component = $crate::ExportedHook<$hook>;
    $crate::more_bindings::hook::export!(Component with_types_in $crate::more_bindings::hook);
        };
    };
}

/// What [`export_hook!`] exports: speaks the contract, and leaves the rest to the hook.
#[doc(hidden)]
pub struct ExportedHook<H>(PhantomData<H>);

impl<H: Hook> listener::Guest for ExportedHook<H> {
    fn on_event(settings: String, event: listener::Event) -> Result<(), listener::Refusal> {
        let listener::Event { id, message, time_left } = event;
        // Whoever mends the settings finds the event still there.
        let settings = H::Settings::from_json(&settings, |_| Vec::new()).map_err(|problems| {
            let told = problems.iter().map(|problem| format!("settings{}: {}", problem.pointer, problem.message));
            listener::Refusal::Retry(told.collect::<Vec<_>>().join("; "))
        })?;
        let deadline = Deadline::of_run(Instant::now(), Duration::from_nanos(time_left));
        H::on_event(&settings, &Event { id, message, deadline }).map_err(|refusal| match refusal {
            Refusal::Retry(why) => listener::Refusal::Retry(why),
            Refusal::Permanent(why) => listener::Refusal::Permanent(why),
        })
    }
}
