//! The requests of one run, for its guest to ask about: `probity:probe/http`.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
};

use http::Version;
use tokio::time::Instant;

use crate::engine::{
    bindings::http::{Exchange, Host},
    ctx::Ctx,
};

/// Requests that are kept. What a guest wants to know of more, it asks in time.
const KEPT: usize = 4;

/// The requests of one run, or of an open connection. Clones share them.
#[derive(Clone, Default)]
pub(in crate::engine) struct Exchanges(Arc<Mutex<VecDeque<Record>>>);

/// One request under way, of which more and more is known.
#[derive(Clone)]
pub(super) struct Record(Arc<Mutex<Exchange>>);

impl Exchanges {
    /// Begins a record, which is told from now on.
    pub(super) fn begin(&self) -> Record {
        let nothing = Exchange { remote: None, version: None, resolve: None, connect: None, tls: None, wait: None };
        let record = Record(Arc::new(Mutex::new(nothing)));
        let mut latest = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        latest.push_front(record.clone());
        latest.truncate(KEPT);
        record
    }
}

impl Record {
    /// Takes something down.
    pub(super) fn note(&self, change: impl FnOnce(&mut Exchange)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }

    fn told(&self) -> Exchange {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Host for Ctx {
    fn latest(&mut self) -> wasmtime::Result<Vec<Exchange>> {
        let latest = self.exchanges.0.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(latest.iter().map(Record::told).collect())
    }
}

/// The time since then, as the contract has it.
pub(super) fn since(begun: Instant) -> Option<u64> {
    u64::try_from(begun.elapsed().as_nanos()).ok()
}

/// A version as people write it: HTTP/2 has no minor ones (RFC 9113, section 3.1).
pub(super) fn spelled(version: Version) -> String {
    match version {
        Version::HTTP_2 => "HTTP/2".to_owned(),
        other => format!("{other:?}"),
    }
}
