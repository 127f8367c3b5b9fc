//! What there is to run: the probes, and the files that they and their checks come from.

use std::{borrow::Cow, collections::HashMap, sync::Arc};

use axum::{extract::State, http::StatusCode, response::Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    App,
    auth::Reads,
    forms::ours,
    headers::Headers,
    rendered::{Document, Drawn},
    schema,
    view::View,
};
use crate::board::{ProbeInfo, ProbeSource, ProbeState};

const STANDARD: &str = "standard";
const FOLDER: &str = "folder";
/// The words for where a probe comes from: part of this binary, or dropped into the folder.
pub(super) const ORIGINS: [&str; 2] = [STANDARD, FOLDER];

/// The words for how far a probe has come, in the order in which metrics list them.
pub(super) const STATES: [&str; 4] = ["available", "loading", "loaded", "rejected"];

/// The word for how far a probe has come.
pub(super) fn state_word(state: &ProbeState) -> &'static str {
    let at = match state {
        ProbeState::Available => 0,
        ProbeState::Loading => 1,
        ProbeState::Loaded => 2,
        ProbeState::Rejected(_) => 3,
    };
    STATES[at]
}

/// Every probe, and where it comes from.
#[derive(Serialize, ToSchema)]
#[schema(as = Probes)]
struct Body<'a> {
    /// Every probe, by name.
    probes: Vec<Probe<'a>>,
    /// How many there are.
    total: usize,
    /// The configuration, the files beside the probes, and the folder itself.
    sources: Vec<Source<'a>>,
    /// What became of changes.
    reloads: Reloads,
}

/// One probe.
#[derive(Serialize, ToSchema)]
struct Probe<'a> {
    /// The name that checks use.
    name: &'a str,
    /// Where it comes from.
    #[schema(schema_with = schema::origin)]
    source: &'static str,
    /// Its file, if it was dropped into the folder.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    path: Option<Cow<'a, str>>,
    /// How far it has come.
    #[schema(schema_with = schema::probe_state)]
    state: &'static str,
    /// Why it can't be used. If there is a digest all the same, the component of that digest runs on in its place.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    /// The SHA-256 of the component in use, in hexadecimal; null while there is none.
    #[schema(required)]
    digest: Option<&'a str>,
    /// Counts the components loaded under this name, from 1; 0 while there was none.
    generation: u64,
    /// The size of the component in use, in bytes.
    #[schema(required)]
    size: Option<u64>,
    /// The version that its manifest gives.
    #[schema(required)]
    version: Option<&'a str>,
    /// One sentence from its manifest.
    #[schema(required)]
    description: Option<&'a str>,
    /// What it imports, by full name.
    imports: &'a [String],
    /// Whether a standard probe of the same name is hidden by it.
    hides_standard: bool,
    /// The checks that use it.
    checks: Vec<&'a str>,
}

/// A file of configuration, or the folder, as it was found at the last look.
#[derive(Serialize, ToSchema)]
struct Source<'a> {
    /// The file or folder.
    #[schema(value_type = String)]
    path: Cow<'a, str>,
    /// What is wrong with it, if anything is.
    #[schema(required)]
    error: Option<&'a str>,
    /// What of it is in force: the whole of it, all but what is wrong with it, what it said before, or nothing.
    #[schema(schema_with = schema::in_force)]
    in_force: &'static str,
}

/// How often a changed probe or configuration was found.
#[derive(Serialize, ToSchema)]
struct Reloads {
    /// Taken into use.
    ok: u64,
    /// Rejected.
    failed: u64,
}

/// `/probes`
pub(super) const PROBES: Document = ours(draw);

/// Every probe: whether it is loaded, why it was rejected, what it imports and which checks use it.
#[utoipa::path(get, path = "/probes", tag = "probes", responses(
    (status = 200, description = "Every probe, however it is", body = Body),
    (status = 304, description = "Nothing changed since the response that had this ETag"),
))]
pub(super) async fn probes(State(app): State<Arc<App>>, _: Reads, Headers(headers): Headers) -> Response {
    app.probes.answer(&headers).await
}

fn draw(view: &View<'_>) -> Drawn {
    let inventory = view.board.inventory();
    let mut used: HashMap<&str, Vec<&str>> = HashMap::new();
    for check in &view.checks {
        used.entry(&check.info.probe).or_default().push(&check.info.name);
    }
    let probe = |probe| Probe::of(probe, &mut used);
    let body = serde_json::to_vec(&Body {
        probes: inventory.probes.iter().map(probe).collect(),
        total: inventory.probes.len(),
        sources: inventory
            .sources
            .iter()
            .map(|source| Source {
                path: source.path.to_string_lossy(),
                error: source.error.as_deref(),
                in_force: source.in_force.as_str(),
            })
            .collect(),
        reloads: Reloads { ok: inventory.reloads_ok, failed: inventory.reloads_failed },
    })?;
    Ok((StatusCode::OK, body))
}

impl<'a> Probe<'a> {
    fn of(info: &'a ProbeInfo, used: &mut HashMap<&str, Vec<&'a str>>) -> Probe<'a> {
        let (source, path) = match &info.source {
            ProbeSource::Standard => (STANDARD, None),
            ProbeSource::File(path) => (FOLDER, Some(path.to_string_lossy())),
        };
        Probe {
            name: &info.name,
            source,
            path,
            state: state_word(&info.state),
            reason: match &info.state {
                ProbeState::Rejected(reason) => Some(reason),
                _ => None,
            },
            digest: info.digest.as_deref(),
            generation: info.generation,
            size: info.size,
            version: info.version.as_deref(),
            description: info.description.as_deref(),
            imports: &info.imports,
            hides_standard: info.hides_standard,
            checks: used.remove(info.name.as_str()).unwrap_or_default(),
        }
    }
}
