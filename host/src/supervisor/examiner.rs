//! A check's use of its probe: what a worker calls to examine the target.

use std::sync::{Arc, OnceLock};

use probity_core::outcome::{Attempt, Fault, FaultKind};
use serde_json::Value;

use crate::{
    config::{Check, Plan},
    engine::{Engine, Limits, Manifest, Prepared, Request},
    grant::{Grant, Grants},
    worker::{Attempting, Examine},
};

/// Examines a target by a probe in the sandbox.
pub struct Examiner {
    engine: Arc<Engine>,
    prepared: Arc<Prepared>,
    check: Arc<Check>,
    name: Arc<str>,
    /// The settings as the probe gets them.
    json: Box<str>,
    limits: Limits,
    grants: Arc<Grants>,
    /// What the probe finds wrong with its settings, once it has been asked.
    refused: OnceLock<Option<Fault>>,
}

impl Examiner {
    /// Puts a probe to the use that a check has for it.
    #[must_use]
    pub fn new(
        engine: Arc<Engine>,
        prepared: Arc<Prepared>,
        name: Arc<str>,
        check: &Arc<Check>,
        plan: &Plan,
    ) -> Examiner {
        Examiner {
            grants: Arc::new(grants(check, prepared.manifest.as_ref()).into_iter().collect()),
            name,
            json: check.settings.filled().to_string().into(),
            check: Arc::clone(check),
            limits: Limits { fuel: check.limits.fuel, memory: check.limits.memory, timeout: plan.timeout },
            refused: OnceLock::new(),
            engine,
            prepared,
        }
    }

    /// What the probe finds wrong with its settings; asked once, and true for as long as neither changes.
    pub async fn refused(&self) -> Option<Fault> {
        if let Some(refused) = self.refused.get() {
            return refused.clone();
        }
        let fault = match self.engine.validate(&self.prepared, &self.json).await {
            Ok(None) => None,
            Ok(Some(problems)) => {
                let message = format!("the probe does not accept its settings: {problems}");
                Some(Fault::new(FaultKind::InvalidSettings, self.check.settings.redact(&message)))
            }
            Err((kind, message)) => {
                let message = format!("the probe failed when it was asked about its settings: {message}");
                Some(Fault::new(kind, self.check.settings.redact(&message)))
            }
        };
        self.refused.get_or_init(|| fault).clone()
    }

    async fn examine(&self, state: &[u8]) -> Attempt {
        if let Some(fault) = self.refused().await {
            return fault.into();
        }
        let redact = |text: String| match self.check.settings.redact(&text) {
            std::borrow::Cow::Borrowed(_) => text,
            std::borrow::Cow::Owned(redacted) => redacted,
        };
        let request = Request {
            check: &self.name,
            settings: &self.json,
            attempt: 1,
            state,
            limits: self.limits,
            grants: &self.grants,
            redact: &redact,
        };
        self.engine.check(&self.prepared, request).await
    }
}

impl Examine for Examiner {
    fn attempt<'a>(&'a self, state: &'a [u8]) -> Attempting<'a> {
        Box::pin(self.examine(state))
    }
}

/// Stands in for a probe that there is none of.
pub struct Absent(pub Fault);

impl Examine for Absent {
    fn attempt<'a>(&'a self, _: &'a [u8]) -> Attempting<'a> {
        Box::pin(std::future::ready(self.0.clone().into()))
    }
}

/// All that a check may reach: what the operator allows, and what the probe's manifest makes of the operator's settings.
#[must_use]
pub fn grants(check: &Check, manifest: Option<&Manifest>) -> Vec<Grant> {
    let mut grants = check.allow.clone();
    let Some(manifest) = manifest else {
        return grants;
    };
    let settings = with_defaults(check.settings.filled(), &manifest.settings_schema);
    for template in &manifest.grants {
        match Grant::from_template(template, &settings) {
            Ok(grant) => grants.extend(grant),
            // The setting is at fault, and the probe itself will say so.
            Err(error) => tracing::debug!(check = check.name, "`{template}` grants nothing: {error}"),
        }
    }
    grants
}

/// The settings with the defaults of the schema's own properties in the place of those that are absent.
fn with_defaults(settings: &Value, schema: &Value) -> Value {
    let mut settings = settings.clone();
    if let (Some(present), Some(properties)) = (settings.as_object_mut(), schema["properties"].as_object()) {
        for (name, property) in properties {
            if let Some(default) = property.get("default") {
                present.entry(name).or_insert_with(|| default.clone());
            }
        }
    }
    settings
}
