//! Adapters for stores that keep values on several nodes.

use std::marker::PhantomData;

use super::{Adapter, Held};
use crate::{
    Attempt, Description, Failure, Run, SettingProblem, bindings::probity::probe::types,
    more_bindings::dht_adapter::exports::probity::probe::dht, settings::accept,
};

pub use dht::{Found, Placement};

/// A session with a store. It lives for as long as the connection does, over many runs.
pub trait Dht: Adapter {
    /// Puts a value, of some hundred bytes at most, where it can be got.
    ///
    /// # Errors
    ///
    /// As for [`open`](Adapter::open).
    fn put(&mut self, value: &[u8], attempt: &mut Attempt) -> Result<Placement, Failure>;

    /// What is kept under a key, once for each node that gives it; none if nobody has it.
    ///
    /// # Errors
    ///
    /// As for [`open`](Adapter::open).
    fn get(&mut self, key: &str, attempt: &mut Attempt) -> Result<Vec<Found>, Failure>;

    /// Takes the value back, where the store knows how to; where it does not, the value must expire by itself.
    ///
    /// # Errors
    ///
    /// As for [`open`](Adapter::open).
    fn remove(&mut self, key: &str, attempt: &mut Attempt) -> Result<(), Failure>;
}

/// Exports a [`Dht`] as the `dht` of this component.
///
/// On anything but Wasm it exports nothing, and an adapter's own tests run as those of any crate do.
#[macro_export]
macro_rules! export_dht {
    ($adapter:ty) => {
        #[cfg(target_family = "wasm")]
        #[allow(unsafe_code)]
        const _: () = {
            type Component = $crate::adapter::ExportedDht<$adapter>;
    $crate::more_bindings::dht_adapter::export!(Component with_types_in $crate::more_bindings::dht_adapter);
        };
    };
}

/// What [`export_dht!`](crate::export_dht) exports: speaks the contract, and leaves the rest to the adapter.
#[doc(hidden)]
pub struct ExportedDht<A>(PhantomData<A>);

impl<A: Dht> dht::Guest for ExportedDht<A> {
    type Session = Held<A>;

    fn describe() -> Description {
        A::describe()
    }

    fn validate(settings: String) -> Vec<SettingProblem> {
        accept(&settings, A::validate).err().unwrap_or_default()
    }
}

impl<A: Dht> dht::GuestSession for Held<A> {
    fn open(settings: String, run: Run) -> Result<dht::Session, types::Failure> {
        Held::<A>::open(&settings, run).map(dht::Session::new)
    }

    fn begin(&self, run: Run) {
        Held::begin(self, run);
    }

    fn peer(&self) -> String {
        Held::peer(self)
    }

    fn put(&self, value: Vec<u8>) -> Result<Placement, types::Failure> {
        self.call(|adapter, attempt| adapter.put(&value, attempt))
    }

    fn get(&self, key: String) -> Result<Vec<Found>, types::Failure> {
        self.call(|adapter, attempt| adapter.get(&key, attempt))
    }

    fn remove(&self, key: String) -> Result<(), types::Failure> {
        self.call(|adapter, attempt| adapter.remove(&key, attempt))
    }

    fn examine(&self) -> Result<types::Examination, types::Failure> {
        Held::examine(self)
    }

    fn close(&self) {
        Held::close(self);
    }
}
