//! A component that is ready to run, and how it is called.

use std::{sync::Arc, time::Duration};

use wasmtime::component::{InstancePre, Linker};

use super::{
    bindings::{CONNECTOR, REPORTS, connector, listener, manifest, run},
    contract::Checker,
    ctx::Ctx,
    shape::{Purpose, Shape},
    tape::Taping,
};

/// What a probe says of itself.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Manifest {
    /// The name its author gave it; checks use the name of its file.
    pub name: String,
    /// Its version.
    pub version: String,
    /// One sentence.
    pub description: String,
    /// A JSON Schema of its settings; `null` if it gave none that can be read.
    pub settings_schema: serde_json::Value,
    /// The interval it suggests.
    pub default_interval: Option<Duration>,
    /// The time-out it suggests.
    pub default_timeout: Option<Duration>,
    /// The memory it says it needs, in bytes.
    pub memory: Option<u64>,
    /// Whether it suggests that its checks are critical.
    pub critical: bool,
    /// Whether it asks nothing of its target, and goes by what the runner was told.
    pub passive: bool,
    /// Templates of the grants it needs.
    pub grants: Vec<String>,
}

/// How a probe is called.
pub(super) enum Entry {
    /// From nothing, once for each run.
    Checker(Checker),
    /// To open a connection, and then over it.
    Connector(connector::GuestIndices),
    /// As a program, once for each run.
    Command(run::GuestIndices),
    /// To be told of trouble, once for each event.
    Listener(listener::GuestIndices),
}

impl Entry {
    /// A component that is both is called as the one that can do more.
    pub(super) fn find(purpose: Purpose, pre: &InstancePre<Ctx>, shape: &Shape) -> wasmtime::Result<Entry> {
        if purpose == Purpose::Hook {
            listener::GuestIndices::new(pre).map(Entry::Listener)
        } else if shape.has(CONNECTOR) {
            connector::GuestIndices::new(pre).map(Entry::Connector)
        } else {
            match Checker::find(pre, shape) {
                Some(checker) => checker.map(Entry::Checker),
                None => run::GuestIndices::new(pre).map(Entry::Command),
            }
        }
    }

    /// # Errors
    ///
    /// It is called in another way.
    pub(super) fn checker(&self) -> wasmtime::Result<&Checker> {
        match self {
            Entry::Checker(checker) => Ok(checker),
            Entry::Connector(_) => wasmtime::bail!("it keeps a connection open, and has to be opened first"),
            Entry::Command(_) => wasmtime::bail!("it is a command, and has to be started"),
            Entry::Listener(_) => wasmtime::bail!("it is a hook, and examines nothing"),
        }
    }

    /// # Errors
    ///
    /// It is called in another way.
    pub(super) fn listener(&self) -> wasmtime::Result<&listener::GuestIndices> {
        match self {
            Entry::Listener(listener) => Ok(listener),
            Entry::Checker(_) | Entry::Connector(_) | Entry::Command(_) => wasmtime::bail!("it is no hook"),
        }
    }

    /// # Errors
    ///
    /// It is called in another way.
    pub(super) fn connector(&self) -> wasmtime::Result<&connector::GuestIndices> {
        match self {
            Entry::Connector(connector) => Ok(connector),
            Entry::Checker(_) | Entry::Command(_) | Entry::Listener(_) => {
                wasmtime::bail!("it keeps no connection open")
            }
        }
    }
}

/// A component that is compiled, linked and typed: ready to be instantiated.
pub struct Prepared {
    pub(super) pre: InstancePre<Ctx>,
    pub(super) entry: Entry,
    pub(super) describer: Option<manifest::GuestIndices>,
    /// What its runs are put on tape by, if they are.
    pub(super) taping: Option<Taping>,
    /// The SHA-256 of the component, in hexadecimal.
    pub digest: Arc<str>,
    /// Its size in bytes.
    pub size: u64,
    /// Its imports and exports.
    pub shape: Shape,
    /// What it says of itself, if it does.
    pub manifest: Option<Manifest>,
}

impl Prepared {
    /// Whether it keeps a connection open between runs, so that it is opened, checked and closed instead of just checked.
    #[must_use]
    pub fn keeps_connection(&self) -> bool {
        matches!(self.entry, Entry::Connector(_))
    }

    /// Whether it is told of trouble, and examines nothing.
    #[must_use]
    pub fn is_hook(&self) -> bool {
        matches!(self.entry, Entry::Listener(_))
    }

    /// Whether it wants to know what others report of its target.
    #[must_use]
    pub fn takes_reports(&self) -> bool {
        self.shape.imports.iter().any(|import| import.split('@').next() == REPORTS.split('@').next())
    }

    /// The same, linked to a tape.
    pub(super) fn put_on(&self, linker: &Linker<Ctx>, taping: Taping) -> wasmtime::Result<Prepared> {
        let pre = linker.instantiate_pre(self.pre.component())?;
        Ok(Prepared {
            // What is put on tape is a run: of a hook there is none.
            entry: Entry::find(Purpose::Probe, &pre, &self.shape)?,
            describer: self.describer.as_ref().map(|_| manifest::GuestIndices::new(&pre)).transpose()?,
            pre,
            taping: Some(taping),
            digest: Arc::clone(&self.digest),
            size: self.size,
            shape: self.shape.clone(),
            manifest: self.manifest.clone(),
        })
    }

    pub(super) fn engine(&self) -> &wasmtime::Engine {
        self.pre.engine()
    }
}
