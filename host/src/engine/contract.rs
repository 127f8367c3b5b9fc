//! The versions of the contract, side by side. The runner speaks one of them, 0.1.0; what another one says is converted here, where
//! it comes in, and nothing behind this door knows that there are others.
//!
//! A released version is never edited, and never dropped: `tests/fixtures/golden` has components that hold this to it. To add a
//! version is to write its WIT, to name it in [`super::bindings`], to give it a case in [`Checker`], and to say how its verdict
//! becomes one of ours.

use wasmtime::{
    AsContextMut, Result, Store,
    component::{Instance, InstancePre},
};

use super::{
    bindings::{ASYNC_CHECKER, CHECKER, CHECKER_DRAFT, async_checker, checker, draft, types},
    ctx::Ctx,
    shape::Shape,
};

/// How a probe that examines its target from nothing is called, by the version that it speaks.
pub(super) enum Checker {
    V0_1(checker::GuestIndices),
    V0_2Draft(draft::GuestIndices),
    /// As the first, by an asynchronous function.
    Async(async_checker::GuestIndices),
}

/// What comes of a check.
type Checked = Result<std::result::Result<types::Verdict, types::Problem>>;

impl Checker {
    /// The newest that a component speaks; `None` if it is no such probe.
    pub(super) fn find(pre: &InstancePre<Ctx>, shape: &Shape) -> Option<Result<Checker>> {
        if shape.has(ASYNC_CHECKER) {
            Some(async_checker::GuestIndices::new(pre).map(Checker::Async))
        } else if shape.has(CHECKER_DRAFT) {
            Some(draft::GuestIndices::new(pre).map(Checker::V0_2Draft))
        } else if shape.has(CHECKER) {
            Some(checker::GuestIndices::new(pre).map(Checker::V0_1))
        } else {
            None
        }
    }

    /// Finds out whether an instance has what it takes.
    pub(super) fn load(&self, store: impl AsContextMut<Data = Ctx>, instance: &Instance) -> Result<()> {
        match self {
            Checker::V0_1(guest) => guest.load(store, instance).map(|_| ()),
            Checker::V0_2Draft(guest) => guest.load(store, instance).map(|_| ()),
            Checker::Async(guest) => guest.load(store, instance).map(|_| ()),
        }
    }

    /// Has the probe examine its target.
    pub(super) async fn check(
        &self,
        store: &mut Store<Ctx>,
        instance: &Instance,
        settings: &str,
        run: &types::Run,
    ) -> Checked {
        match self {
            Checker::V0_1(guest) => guest.load(&mut *store, instance)?.call_check(&mut *store, settings, run).await,
            Checker::V0_2Draft(guest) => {
                let checked = guest.load(&mut *store, instance)?.call_check(&mut *store, settings, run).await?;
                Ok(checked.map(types::Verdict::from))
            }
            Checker::Async(guest) => {
                let guest = guest.load(&mut *store, instance)?;
                store
                    .run_concurrent(async |store| guest.call_check(store, settings.to_owned(), run.clone()).await)
                    .await?
            }
        }
    }
}

impl From<draft::Verdict> for types::Verdict {
    fn from(verdict: draft::Verdict) -> Self {
        let draft::Verdict { status, message, mut details, measurements, latency, permanent, state, runbook } = verdict;
        let runbook = runbook.map(types::Value::Text);
        details.extend(runbook.map(|value| types::Detail { key: "runbook".to_owned(), value }));
        types::Verdict { status, message, details, measurements, latency, permanent, state }
    }
}
