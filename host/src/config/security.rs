//! What is let in, and what is not, for all checks alike.

use serde_json::{Value, json};
use toml::de::DeValue;

use super::{
    kind::{At, Flaw, Scalar},
    layout,
};
use crate::grant::{NoRange, Policy, Range};

impl Policy {
    pub(super) fn of_section(section: &layout::Security) -> Policy {
        let usual = Policy::default();
        let network = section.network.as_ref().map(|network| &network.value);
        Policy {
            implicit_grants: said(section.implicit_grants.as_ref()).unwrap_or(usual.implicit_grants),
            deny: network.and_then(|network| said(network.deny.as_ref())).unwrap_or(usual.deny),
            coarse_clocks: said(section.coarse_clocks.as_ref()).unwrap_or(usual.coarse_clocks),
        }
    }
}

fn said<T: Clone>(at: Option<&At<T>>) -> Option<T> {
    at.map(|at| at.value.clone())
}

/// Addresses that no check reaches.
pub(super) struct DeniedRange;

impl Scalar for DeniedRange {
    type Value = Range;

    const SHOWN_BY_FLAW: bool = true;

    fn parse(&self, value: &DeValue<'_>) -> Result<Range, Flaw> {
        let text = value.as_str().ok_or_else(|| Flaw::Not("a range of addresses, in quotes".to_owned()))?;
        text.parse().map_err(|error: NoRange| Flaw::Because(error.to_string()))
    }

    fn schema(&self) -> Value {
        json!({ "type": "string", "pattern": r"^(loopback|private|link-local|[0-9a-fA-F.:\[\]]+(/[0-9]{1,3})?)$" })
    }
}
