//! What the description of the routes says of the words and values that come from the core.

use probity_core::{
    alert::Severity,
    circuit,
    connection::State,
    health::{Health, Mode, Overall},
    machine::Unavailable,
    outcome::FaultKind,
    report,
};
use utoipa::{
    Modify,
    openapi::{
        ArrayBuilder, ContentBuilder, ObjectBuilder, OpenApi, Ref, RefOr, Required, ResponseBuilder, Schema, Type,
        schema::SchemaType,
        security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme},
    },
};

use super::{auth, control, probes, problem::PROBLEM, silences};
use crate::board::InForce;

/// The name, given in the description of the route, of the way in which a request shows that it may change something.
const TOKEN: &str = "token";

/// The routes that are open in any case.
pub(super) const OPEN: [&str; 2] = ["/health/live", "/livez"];

/// Adds the token to the description.
pub(super) struct Security;

impl Modify for Security {
    fn modify(&self, description: &mut OpenApi) {
        let bearer = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
        description.components.get_or_insert_default().add_security_scheme(TOKEN, bearer);
    }
}

/// What is named in paths and queries: by the name of the parameter, and what it must look like.
const PARAMETERS: [(&str, &str); 10] = [
    ("target", "^.{1,2048}$"),
    ("check", NAME),
    ("name", NAME),
    ("id", "^[a-z0-9._-]{1,200}$"),
    ("kind", "^(start|success|fail|log|[0-9]|[1-9][0-9]|1[0-9][0-9]|2[0-4][0-9]|25[0-5])$"),
    ("label", "^[^\\x00-\\x1f\\x7f-\\x9f]{0,60}$"),
    ("window", "^[1-9][0-9]{0,3}[mh]$|^([1-9][0-9]{0,1}|[1-6][0-9]{2})d$"),
    ("timeout", "^([1-9][0-9]{0,2}(ms|s)|[1-9]m)$"),
    ("cursor", "^[0-9]{1,19}$"),
    ("status", "^$|^(healthy|degraded|unhealthy|unknown|pending)(,(healthy|degraded|unhealthy|unknown|pending))*$"),
];
/// A span of more than no time, and within the 366 days that are taken: as many of each unit as come to less in all.
const SPAN: &str = "^(?=.*[1-9])([1-7]?[0-9]{1,3}h)?([0-9]{1,4}m)?([0-9]{1,5}s)?([0-9]{1,7}ms)?$";
/// What a check can be called ([`crate::name::is_name`]).
const NAME: &str = "^([a-z0-9_-]|[a-z0-9._-][a-z0-9_-]|[a-z0-9._-]{3,100})$";

/// Adds what holds for all routes: that reading may take a token, that nobody may ask too often, and what parameters look like.
pub(super) fn complete(description: &mut OpenApi) {
    let problem = |about: &str| {
        let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
        RefOr::T(ResponseBuilder::new().description(about).content(PROBLEM, content).build())
    };
    if let Some(components) = &mut description.components {
        silences::complete(&mut components.schemas);
    }
    for (path, item) in &mut description.paths.paths {
        for operation in [&mut item.get, &mut item.post, &mut item.put, &mut item.delete].into_iter().flatten() {
            // A report may be its path alone.
            if let Some(RefOr::T(body)) = operation.request_body.as_mut().filter(|_| path.contains("/report")) {
                body.required = Some(Required::False);
            }
            for parameter in operation.parameters.iter_mut().flatten() {
                let RefOr::T(parameter) = parameter else { continue };
                if parameter.name == "exclude" {
                    parameter.schema = Some(names().into());
                }
                let pattern = PARAMETERS.into_iter().find(|(name, _)| *name == parameter.name);
                if let (Some((_, pattern)), Some(RefOr::T(Schema::Object(schema)))) = (pattern, &mut parameter.schema) {
                    schema.pattern.get_or_insert_with(|| pattern.into());
                }
            }
            let responses = &mut operation.responses.responses;
            responses.insert("429".into(), problem("This address asks more often than it may"));
            if operation.security.is_none() && !OPEN.contains(&path.as_str()) {
                let reading = [SecurityRequirement::default(), SecurityRequirement::new(TOKEN, ["read"])];
                operation.security = Some(reading.into());
                responses.insert("401".into(), problem("Reading takes a token, and it is wrong or missing"));
                responses.entry("403".into()).or_insert_with(|| problem("The token lacks the scope `read`"));
            }
        }
    }
}

pub(super) fn overall() -> Schema {
    one_of(Overall::ALL.map(Overall::as_str))
}

/// The runner's own condition, in the words for the whole.
pub(super) fn own() -> Schema {
    one_of([Overall::Starting, Overall::Healthy, Overall::Stopping].map(Overall::as_str))
}

/// The words of `application/health+json`.
pub(super) fn health_json_status() -> Schema {
    one_of(["pass", "warn", "fail"])
}

/// Names of checks.
pub(super) fn names() -> Schema {
    let name = ObjectBuilder::new().schema_type(Type::String).pattern(Some(NAME));
    ArrayBuilder::new().items(name).build().into()
}

/// A span of time, as people write it.
pub(super) fn span() -> Schema {
    span_of(Type::String.into())
}

/// The same, or null.
pub(super) fn span_or_null() -> Schema {
    span_of([Type::String, Type::Null].into_iter().collect())
}

fn span_of(kind: SchemaType) -> Schema {
    let span = ObjectBuilder::new().schema_type(kind);
    span.pattern(Some(SPAN)).examples(["2h", "1h30m"]).build().into()
}

pub(super) fn health() -> Schema {
    one_of(Health::ALL.map(Health::as_str))
}

pub(super) fn state() -> Schema {
    one_of(State::ALL.map(State::as_str))
}

pub(super) fn mode() -> Schema {
    one_of(Mode::ALL.map(Mode::as_str))
}

pub(super) fn circuit_state() -> Schema {
    one_of(circuit::State::ALL.map(circuit::State::as_str))
}

pub(super) fn circuit_control() -> Schema {
    one_of(circuit::Control::ALL.map(circuit::Control::as_str))
}

pub(super) fn strategy() -> Schema {
    one_of(["fixed", "progressive", "disabled"])
}

pub(super) fn unavailable() -> Schema {
    let words = Unavailable::ALL.map(Unavailable::as_str).into_iter().chain([control::CONNECTING]);
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(words)).build().into()
}

pub(super) fn fault_kind() -> Schema {
    one_of(FaultKind::ALL.map(FaultKind::as_str))
}

pub(super) fn report_kind() -> Schema {
    one_of(report::Kind::ALL.map(report::Kind::as_str))
}

pub(super) fn severity() -> Schema {
    one_of(Severity::WORDS)
}

pub(super) fn in_force() -> Schema {
    one_of(InForce::ALL.map(InForce::as_str))
}

pub(super) fn origin() -> Schema {
    one_of(probes::ORIGINS)
}

pub(super) fn probe_state() -> Schema {
    one_of(probes::STATES)
}

/// What somebody may do.
pub(super) fn powers() -> Schema {
    ArrayBuilder::new().items(RefOr::T(one_of(auth::POWERS))).build().into()
}

/// The details of a verdict. A number that JSON has no word for, such as infinity, is null.
pub(super) fn details() -> Schema {
    let types = [Type::String, Type::Integer, Type::Number, Type::Boolean, Type::Null];
    let value = ObjectBuilder::new().schema_type(SchemaType::from_iter(types));
    ObjectBuilder::new().schema_type(Type::Object).additional_properties(Some(value)).build().into()
}

fn one_of<const N: usize>(words: [&str; N]) -> Schema {
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(words)).build().into()
}
