//! The parts of the runner itself that may be in trouble while its checks go on.

use std::{collections::BTreeMap, sync::Arc};

use arc_swap::ArcSwap;

/// How a part of the runner is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Component {
    /// Whether it does what it is for.
    pub healthy: bool,
    /// How it is, for people.
    pub message: String,
}

/// The parts of the runner that tell how they are, by name.
#[derive(Debug, Default)]
pub(super) struct Components(ArcSwap<BTreeMap<&'static str, Component>>);

impl Components {
    pub(super) fn all(&self) -> Arc<BTreeMap<&'static str, Component>> {
        self.0.load_full()
    }

    pub(super) fn take(&self, name: &'static str, component: Component) {
        self.0.rcu(|all| {
            let mut all = BTreeMap::clone(all);
            all.insert(name, component.clone());
            all
        });
    }

    /// How many are in trouble.
    pub(super) fn impaired(&self) -> usize {
        self.0.load().values().filter(|component| !component.healthy).count()
    }
}
