//! The names of phases, which are few and come with every run: each is written once, and has a number from then on.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

use probity_core::{outcome::Measurement, time::nanoseconds};

/// How many names there can be. Probes have a handful each; one that makes names up has the rest of its phases forgotten.
const MOST: usize = 4096;
/// How many phases of one run are kept. That of the longest of our own probes is eight.
pub(super) const OF_A_RUN: usize = 16;

/// The names of phases, by their number.
#[derive(Debug, Default)]
pub(super) struct Names(RwLock<Vec<Arc<str>>>);

impl Names {
    pub(super) fn get(&self, number: u16) -> Option<Arc<str>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(usize::from(number)).cloned()
    }

    pub(super) fn replace(&self, names: Vec<Arc<str>>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = names;
    }

    fn push(&self, name: Arc<str>) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).push(name);
    }
}

/// Gives names their numbers, and durations their names.
#[derive(Debug)]
pub(super) struct Phases {
    names: Arc<Names>,
    numbers: HashMap<Arc<str>, u16>,
    /// Those that are yet to be written down.
    new: Vec<(u16, Arc<str>)>,
}

impl Phases {
    /// Goes on with these names.
    pub(super) fn new(names: Arc<Names>, known: Vec<Arc<str>>) -> Phases {
        let numbers = known.iter().cloned().zip(0..).collect();
        names.replace(known);
        Phases { names, numbers, new: Vec::new() }
    }

    /// A phase as it is kept; `None` if the measurement is none.
    pub(super) fn write(&mut self, measurement: &Measurement) -> Option<(u16, u64)> {
        let took = nanoseconds(measurement.duration()?);
        if let Some(number) = self.numbers.get(&*measurement.name) {
            return Some((*number, took));
        }
        let number = u16::try_from(self.numbers.len()).ok().filter(|number| usize::from(*number) < MOST)?;
        let name: Arc<str> = measurement.name.as_str().into();
        self.names.push(Arc::clone(&name));
        self.numbers.insert(Arc::clone(&name), number);
        self.new.push((number, name));
        Some((number, took))
    }

    /// Every name, with its number.
    pub(super) fn all(&self) -> impl Iterator<Item = (u16, &Arc<str>)> {
        self.numbers.iter().map(|(name, number)| (*number, name))
    }

    /// The names that are yet to be written down.
    pub(super) fn take_new(&mut self) -> Vec<(u16, Arc<str>)> {
        std::mem::take(&mut self.new)
    }
}
