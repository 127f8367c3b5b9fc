//! What a guest hears of an error of a stream: its message. The stock function adds where in the runner it arose, if the runner was
//! started so that it takes that down (`RUST_BACKTRACE`); that is nothing for a guest, and takes a tenth of a second to find out.

use wasmtime::{
    StoreContextMut,
    component::{Linker, Resource},
};
use wasmtime_wasi::p2::IoError;

use super::ctx::Ctx;

/// Replaces the stock function, which the linker must have already; it must allow that.
pub(super) fn tell_alone(linker: &mut Linker<Ctx>) -> wasmtime::Result<()> {
    linker.instance("wasi:io/error@0.2.12")?.func_wrap(
        "[method]error.to-debug-string",
        |store: StoreContextMut<'_, Ctx>, (error,): (Resource<IoError>,)| {
            Ok((store.data().table.get(&error)?.to_string(),))
        },
    )
}
