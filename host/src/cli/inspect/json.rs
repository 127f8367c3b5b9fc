//! A component, as one JSON object for programs.

use probity_core::{outcome::Usage, time::nanoseconds};
use serde_json::{Value, json};

use super::{Inspected, Origin, Trial};
use crate::{engine::Manifest, trust::Signed};

/// All that is known of it. Spans of time are in nanoseconds, sizes in bytes.
pub(super) fn document(probe: &str, inspected: &Inspected) -> Value {
    let prepared = &inspected.prepared;
    let (interface, version) = inspected.prepared.shape.world().split_once('@').unwrap_or_default();
    let imports: Vec<_> = inspected.asks().map(|(name, grants)| json!({ "name": name, "grants": grants })).collect();
    json!({
        "probe": probe,
        "digest": prepared.digest,
        "size": prepared.size,
        "world": { "interface": interface, "version": version },
        "experimental": prepared.shape.experiments.words().collect::<Vec<_>>(),
        "exports": prepared.shape.exports,
        "imports": imports,
        "producers": inspected.producers,
        "signature": signature(&inspected.origin),
        "trusted": inspected.trusted.as_ref().map(Result::is_ok),
        "distrust": inspected.trusted.as_ref().and_then(|trusted| trusted.as_ref().err()),
        "run": run(&inspected.trial),
        "manifest": prepared.manifest.as_ref().map(manifest),
    })
}

fn signature(origin: &Origin) -> Value {
    match origin {
        Origin::Standard => json!({ "state": "standard" }),
        Origin::Unsigned => json!({ "state": "unsigned" }),
        Origin::Signed(Signed { by, comment }) => {
            json!({ "state": "signed", "key": by.to_string(), "comment": comment })
        }
        Origin::Illegible(why) => json!({ "state": "illegible", "reason": why }),
    }
}

fn run(trial: &Trial) -> Value {
    let used =
        |estimate, usage: &Usage| json!({ "estimate": estimate, "fuel": usage.fuel, "peak_memory": usage.peak_memory });
    match trial {
        Trial::Judged(usage) => used("whole", usage),
        Trial::Stopped(usage) => used("at-least", usage),
        Trial::Unknown(why) => json!({ "estimate": "unknown", "reason": why }),
        Trial::Hook => Value::Null,
    }
}

fn manifest(manifest: &Manifest) -> Value {
    json!({
        "name": manifest.name,
        "version": manifest.version,
        "description": manifest.description,
        "interval": manifest.default_interval.map(nanoseconds),
        "timeout": manifest.default_timeout.map(nanoseconds),
        "memory": manifest.memory,
        "critical": manifest.critical,
        "passive": manifest.passive,
        "grants": manifest.grants,
        "settings": manifest.settings_schema,
    })
}
