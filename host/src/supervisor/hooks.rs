//! Hooks: components that are told of trouble, in the sandbox that probes run in.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use futures_util::future::BoxFuture;

use crate::{
    alerts::{Call, Failure, Hooks},
    catalog,
    config::Hook,
    engine::{self, Engine, Follow, LoadError, Prepared, Redactor, Request, Term},
    grant::{Granter, Grants},
    identity::Identity,
    limits::Limits,
    trust::signature_of,
};

/// Bytes of a signature that are read: minisign's are a few hundred.
const SIGNATURE: u64 = 4 * 1024;

/// Runs hooks in the sandbox.
pub struct SandboxedHooks {
    engine: Arc<Engine>,
    /// The most bytes that a component may have.
    limit: u64,
    /// What was made ready, by the file, with the digest that it had.
    ready: Mutex<BTreeMap<PathBuf, Arc<Prepared>>>,
}

impl SandboxedHooks {
    /// Runs hooks in this sandbox, whose components have so many bytes at the most.
    #[must_use]
    pub fn new(engine: Arc<Engine>, limit: u64) -> SandboxedHooks {
        SandboxedHooks { engine, limit, ready: Mutex::default() }
    }

    /// Sees whether a hook can run here.
    ///
    /// # Errors
    ///
    /// Why it can't.
    pub async fn examine(&self, hook: &Hook) -> Result<(), String> {
        self.load(hook).await.map(drop)
    }

    /// The component of a hook, as it is on disk now: there are few messages, and to read a file is little beside sending one.
    async fn load(&self, hook: &Hook) -> Result<Arc<Prepared>, String> {
        let loaded = self.read(hook).await;
        loaded.map_err(|why| format!("{}: {why}", hook.component.display()))
    }

    async fn read(&self, hook: &Hook) -> Result<Arc<Prepared>, String> {
        let (path, limit, trust) = (hook.component.clone(), self.limit, Arc::clone(&hook.trust));
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let read = tokio::task::spawn_blocking(move || {
            let bytes = catalog::read_component(&path, limit).map_err(|error| format!("it can't be read: {error}"))?;
            if bytes.len() as u64 > limit {
                return Err(LoadError::TooLarge { size: bytes.len() as u64, limit }.to_string());
            }
            let digest = engine::digest(&bytes);
            // Distrust comes before reading.
            let signature = read_signature(&path);
            let signature = signature.as_ref().map(|read| read.as_deref().map_err(String::as_str));
            trust.judge(&name, &digest, &bytes, signature).map_err(|distrust| distrust.to_string())?;
            Ok((bytes, digest))
        });
        let (bytes, digest) = read.await.map_err(|error| error.to_string())??;
        let known = self.ready.lock().unwrap_or_else(PoisonError::into_inner).get(&hook.component).cloned();
        if let Some(known) = known.filter(|known| *known.digest == *digest) {
            return Ok(known);
        }
        let prepared =
            self.engine.prepare_hook(digest.into(), || Ok(bytes)).await.map_err(|error| error.to_string())?;
        let prepared = Arc::new(prepared);
        let mut ready = self.ready.lock().unwrap_or_else(PoisonError::into_inner);
        ready.insert(hook.component.clone(), Arc::clone(&prepared));
        Ok(prepared)
    }
}

/// What lies beside a component as its signature, if anything does.
fn read_signature(component: &Path) -> Option<Result<String, String>> {
    let path = signature_of(component);
    path.exists().then(|| {
        let bytes = catalog::read_component(&path, SIGNATURE).map_err(|error| error.to_string())?;
        String::from_utf8(bytes).map_err(|error| error.to_string())
    })
}

impl Hooks for SandboxedHooks {
    fn call<'a>(&'a self, call: Call<'a>) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(async move {
            let Call { hook, sink, letter, id, timeout } = call;
            let shown = hook.component.display();
            let prepared = self.load(hook).await.map_err(Failure::passing)?;
            // As many instances as there is room for: a hook takes the place of a run.
            let room = self.engine.room();
            let _permit = room.acquire().await;
            let (name, settings) = (Arc::from(sink), hook.settings.filled().to_string());
            let grants = Grants::new(hook.allow.iter().cloned(), Arc::clone(&hook.policy));
            let grants = Arc::new(grants.said_in(Granter::Sink));
            let tls = self.engine.tls(&Arc::<Identity>::default());
            let hidden = hook.settings.clone();
            let redact = Redactor::new(move |text| hidden.redact(&text).into_owned());
            let request = Request {
                check: &name,
                settings: &settings,
                attempt: 1,
                state: &[],
                limits: Limits::DEFAULT,
                grants: &grants,
                tls: Some(&tls),
                board: None,
                redact: &redact,
                follow: Follow::default(),
            };
            let told = self.engine.tell(&prepared, request, Term::of(timeout), id, &letter).await;
            told.map_err(|error| Failure {
                message: format!("{shown}: {error}"),
                permanent: error.permanent,
                retry_after: None,
            })
        })
    }
}
