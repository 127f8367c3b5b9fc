//! `wasi:cli/exit`: how a program ends itself.
//!
//! The stock one makes a code of both ways to say it, and whoever runs a command has to tell "it failed" from "it failed with
//! code 1": the latter means degraded.

use thiserror::Error;
use wasmtime::{StoreContextMut, component::Linker};

use super::ctx::Ctx;

/// How a program ended.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub(super) enum Exit {
    /// It said that it did what it is for.
    #[error("successfully")]
    Succeeded,
    /// It said that it did not, and no more.
    #[error("as failed")]
    Failed,
    /// It gave an exit code.
    #[error("with exit code {0}")]
    Code(u8),
}

/// Replaces the stock functions of this version of it, which the linker must have already; it must allow that.
pub(super) fn tell_apart(linker: &mut Linker<Ctx>, interface: &str) -> wasmtime::Result<()> {
    let mut exit = linker.instance(interface)?;
    exit.func_wrap("exit", |_: StoreContextMut<'_, Ctx>, (status,): (Result<(), ()>,)| -> wasmtime::Result<()> {
        Err(Exit::from(status).into())
    })?;
    exit.func_wrap("exit-with-code", |_: StoreContextMut<'_, Ctx>, (code,): (u8,)| -> wasmtime::Result<()> {
        Err(Exit::Code(code).into())
    })
}

impl From<Result<(), ()>> for Exit {
    fn from(status: Result<(), ()>) -> Self {
        if status.is_ok() { Exit::Succeeded } else { Exit::Failed }
    }
}

impl Exit {
    /// How a program ended whose `run` came to this.
    ///
    /// # Errors
    ///
    /// Something else ended it.
    pub(super) fn of(ran: wasmtime::Result<Result<(), ()>>) -> wasmtime::Result<Exit> {
        match ran {
            Ok(status) => Ok(status.into()),
            Err(error) => error.downcast_ref::<Exit>().copied().ok_or(error),
        }
    }
}
