//! Adapters for databases.

use std::marker::PhantomData;

use super::{Adapter, Held};
use crate::{
    Attempt, Description, Failure, Run, SettingProblem, bindings::probity::probe::types,
    more_bindings::database_adapter::exports::probity::probe::database, settings::accept,
};

pub use database::Row;

/// A session with a database. It lives for one run.
pub trait Database: Adapter {
    /// Has the database give a sign of life, in the least way that goes through all of it.
    ///
    /// # Errors
    ///
    /// As for [`open`](Adapter::open).
    fn ping(&mut self, attempt: &mut Attempt) -> Result<(), Failure>;

    /// Asks one thing, in the database's own language: the first row of the answer, or none if it has none. Values are text,
    /// cut and without secrets; NULL is none.
    ///
    /// # Errors
    ///
    /// As for [`open`](Adapter::open).
    fn query(&mut self, text: &str, attempt: &mut Attempt) -> Result<Option<Row>, Failure>;
}

/// Exports a [`Database`] as the `database` of this component.
///
/// On anything but Wasm it exports nothing, and an adapter's own tests run as those of any crate do.
#[macro_export]
macro_rules! export_database {
    ($adapter:ty) => {
        #[cfg(target_family = "wasm")]
        #[allow(unsafe_code)]
        const _: () = {
            type Component = $crate::adapter::ExportedDatabase<$adapter>;
            $crate::more_bindings::database_adapter::export!(
                Component with_types_in $crate::more_bindings::database_adapter
            );
        };
    };
}

/// What [`export_database!`](crate::export_database) exports: speaks the contract, and leaves the rest to the adapter.
#[doc(hidden)]
pub struct ExportedDatabase<A>(PhantomData<A>);

impl<A: Database> database::Guest for ExportedDatabase<A> {
    type Session = Held<A>;

    fn describe() -> Description {
        A::describe()
    }

    fn validate(settings: String) -> Vec<SettingProblem> {
        accept(&settings, A::validate).err().unwrap_or_default()
    }
}

impl<A: Database> database::GuestSession for Held<A> {
    fn open(settings: String, run: Run) -> Result<database::Session, types::Failure> {
        Held::<A>::open(&settings, run).map(database::Session::new)
    }

    fn peer(&self) -> String {
        Held::peer(self)
    }

    fn ping(&self) -> Result<(), types::Failure> {
        self.call(Database::ping)
    }

    fn query(&self, text: String) -> Result<Option<Row>, types::Failure> {
        self.call(|adapter, attempt| adapter.query(&text, attempt))
    }

    fn examine(&self) -> Result<types::Examination, types::Failure> {
        Held::examine(self)
    }

    fn close(&self) {
        Held::close(self);
    }
}
