//! What the description of the routes says of the words and values that come from the core.

use probity_core::{
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
        ObjectBuilder, OpenApi, Schema, Type,
        schema::SchemaType,
        security::{Http, HttpAuthScheme, SecurityScheme},
    },
};

use super::{control, probes};

/// The name, given in the description of the route, of the way in which a request shows that it may change something.
const TOKEN: &str = "token";

/// Adds the token to the description.
pub(super) struct Security;

impl Modify for Security {
    fn modify(&self, description: &mut OpenApi) {
        let bearer = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
        description.components.get_or_insert_default().add_security_scheme(TOKEN, bearer);
    }
}

pub(super) fn overall() -> Schema {
    one_of(Overall::ALL.map(Overall::as_str))
}

/// The runner's own condition, in the words for the whole.
pub(super) fn own() -> Schema {
    one_of([Overall::Starting, Overall::Healthy, Overall::Stopping].map(Overall::as_str))
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

pub(super) fn origin() -> Schema {
    one_of(probes::ORIGINS)
}

pub(super) fn probe_state() -> Schema {
    one_of(probes::STATES)
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
