//! Health as `application/health+json` has it (draft-inadarei-api-health-check-06), for those who ask for that.

use std::sync::Arc;

use probity_core::{
    health::{Health, Mode, Overall},
    outcome::{Measurement, Outcome, Run},
};
use serde::{Serialize, Serializer, ser::SerializeMap};
use utoipa::ToSchema;

use super::{
    entry::reason,
    forms::other,
    health::{message, status},
    rendered::{Document, Drawn},
    view::View,
};
use crate::board::CheckState;

/// The media type of the draft.
pub(super) const MEDIA_TYPE: &str = "application/health+json";
/// Health in that form.
pub(super) const DOCUMENT: Document = other(MEDIA_TYPE, "-j", draw);

/// What is measured of every check: how long its target took.
const RESPONSE_TIME: &str = "responseTime";

/// Health as the draft has it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct HealthJson<'a> {
    /// `pass`, `warn` or `fail`.
    #[schema(schema_with = super::schema::health_json_status)]
    status: &'static str,
    /// The version of what is told here.
    version: &'static str,
    /// The version of the runner.
    release_id: &'static str,
    /// The name of this runner among others.
    service_id: &'a str,
    /// What this is about.
    description: &'static str,
    /// What is wrong, by name; absent if nothing is.
    #[serde(skip_serializing_if = "Option::is_none")]
    output: Option<String>,
    /// By the name of a check and what was measured of it.
    #[serde(serialize_with = "write_checks")]
    #[schema(value_type = HashMap<String, Vec<Observed>>)]
    checks: &'a [Arc<CheckState>],
}

/// Something that was measured of a check.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Observed<'a> {
    /// The name of the check.
    component_id: &'a str,
    /// Always `component`: what a probe examines may be anything.
    component_type: &'static str,
    /// What was measured; null if it is no finite number.
    #[schema(value_type = Option<f64>, required)]
    observed_value: f64,
    /// Its unit: `ms`, or a UCUM code.
    observed_unit: &'a str,
    /// `pass`, `warn` or `fail`; absent while there is nothing to say.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = super::schema::health_json_status, required = false)]
    status: Option<&'static str>,
    /// When it was measured; absent before the first run.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, format = DateTime, required = false)]
    time: Option<jiff::Timestamp>,
    /// What the probe said, or what its operator decreed; absent if all is well.
    #[serde(skip_serializing_if = "Option::is_none")]
    output: Option<&'a str>,
}

fn draw(view: &View<'_>) -> Drawn {
    let word = match view.overall {
        Overall::Healthy => "pass",
        Overall::Degraded => "warn",
        Overall::Unhealthy | Overall::Starting | Overall::Stopping => "fail",
    };
    let body = serde_json::to_vec(&HealthJson {
        status: word,
        version: "1",
        release_id: env!("CARGO_PKG_VERSION"),
        service_id: &view.board.node_id,
        description: "the health of what this runner examines",
        output: (view.overall != Overall::Healthy).then(|| message(view)),
        checks: &view.checks,
    })?;
    Ok((status(view.overall), body))
}

/// What is known of nobody's word is neither: the draft has no word for it, and lets one leave it out.
fn word(health: Health) -> Option<&'static str> {
    match health {
        Health::Pending => None,
        Health::Healthy => Some("pass"),
        Health::Degraded | Health::Unknown => Some("warn"),
        Health::Unhealthy => Some("fail"),
    }
}

fn write_checks<S: Serializer>(checks: &[Arc<CheckState>], serializer: S) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(None)?;
    for check in checks {
        let name = &*check.info.name;
        let last = check.snapshot.last.as_deref();
        let (status, mode) = (word(check.snapshot.counts_as()), check.snapshot.mode);
        let observed = |value, unit| Observed {
            component_id: name,
            component_type: "component",
            observed_value: value,
            observed_unit: unit,
            status,
            time: last.map(Run::ended),
            // What was not run yet has nothing to tell, unless its operator has.
            output: (status != Some("pass") && (last.is_some() || mode != Mode::Auto)).then(|| reason(check)),
        };
        let Some(run) = last else {
            map.serialize_entry(&format!("{name}:{RESPONSE_TIME}"), &[observed(f64::NAN, "ms")])?;
            continue;
        };
        let millis = run.latency().as_secs_f64() * 1e3;
        map.serialize_entry(&format!("{name}:{RESPONSE_TIME}"), &[observed(millis, "ms")])?;
        let Outcome::Verdict(verdict) = &run.outcome else { continue };
        let measured = &verdict.measurements;
        for (at, Measurement { name: what, .. }) in measured.iter().enumerate() {
            // Those of one name are one list, and there are 64 at most.
            if what == RESPONSE_TIME || measured[..at].iter().any(|earlier| earlier.name == *what) {
                continue;
            }
            let all: Vec<_> = measured[at..]
                .iter()
                .filter(|other| other.name == *what)
                .map(|figure| observed(figure.value, &figure.unit))
                .collect();
            map.serialize_entry(&format!("{name}:{what}"), &all)?;
        }
    }
    map.end()
}
