//! What `/probe` examines for others.

use std::sync::Arc;

use super::{
    check::{self, Check, Context},
    kind::At,
    layout,
    report::Report,
};
use crate::grant::{Grant, Policy};

/// What is examined for others.
#[derive(Clone, Debug, PartialEq)]
pub struct Probing {
    /// What targets may be; nothing at all is examined if this is empty.
    pub allow: Vec<Grant>,
    /// How many runs there can be at once.
    pub max_runs: usize,
    /// How targets can be examined, each as a check whose settings are to be filled in. What they may reach is said here alone, whatever
    /// their settings name.
    pub modules: Vec<Arc<Check>>,
}

impl Probing {
    /// Reads a section, and reports what is wrong with its modules.
    pub(super) fn read(section: layout::Probing, context: &Context<'_>, problems: &mut Report) -> Probing {
        let allow = At::value(section.allow).unwrap_or_default();
        let sections = At::value(section.module).into_iter().flatten();
        let sections = sections.map(|At { value, at }| At { value: as_check(value), at });
        let modules = check::read_all(sections, context, problems);
        Probing {
            modules: modules.iter().map(|module| Arc::new(confined(module, &allow))).collect(),
            allow,
            max_runs: At::value(section.max_runs).unwrap_or(layout::PROBES_IN_FLIGHT),
        }
    }

    /// A module that is built in, as it is under this configuration.
    #[must_use]
    pub fn confine(&self, module: &Check) -> Check {
        confined(module, &self.allow)
    }
}

/// A module as what it is for a run: a check.
fn as_check(module: layout::Module) -> layout::Check {
    let layout::Module { name, probe, timeout, allow, settings } = module;
    let shared = layout::Shared { timeout, ..layout::Shared::default() };
    layout::Check { name, probe, allow, settings, shared, ..layout::Check::default() }
}

/// A module that reaches what the operator allows, and nothing else.
fn confined(module: &Check, allow: &[Grant]) -> Check {
    let mut module = module.clone();
    module.allow.extend_from_slice(allow);
    module.policy = Arc::new(Policy { implicit_grants: false, ..Policy::clone(&module.policy) });
    module
}
