//! Why a connection can't be made use of.

use std::{fmt::Write as _, sync::Arc, time::Duration};

use probity_core::machine::Unavailable;
use thiserror::Error;

/// Why a connection can't be made use of.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum Error {
    /// It is not to be had now.
    #[error("the target of `{name}` {why}{}", rest(last.as_deref(), *retry_after))]
    Unavailable {
        /// The name of the connection.
        name: Arc<str>,
        /// Why.
        why: Unavailable,
        /// When to ask again, from now on; `None`: that is not foreseen.
        retry_after: Option<Duration>,
        /// What the last examination, or the last report of a call, said.
        last: Option<Arc<str>>,
    },
    /// Somebody disconnected or reset it before the target was examined.
    #[error("`{name}` was disconnected before its target was examined; connect it again")]
    Disconnected {
        /// The name of the connection.
        name: Arc<str>,
    },
    /// It was shut down or forgotten, or its runtime has ended.
    #[error("`{name}` was shut down; build it again, or ask for the shared one again")]
    ShutDown {
        /// The name of the connection.
        name: Arc<str>,
    },
}

fn rest(last: Option<&str>, retry_after: Option<Duration>) -> String {
    let mut rest = String::new();
    // To write to a string can't fail.
    if let Some(last) = last {
        let _ = write!(rest, " (last: {last})");
    }
    if let Some(after) = retry_after {
        let _ = write!(rest, "; ask again in {after:.1?}");
    }
    rest
}
