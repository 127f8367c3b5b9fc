//! Which checks depend on which others.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
};

type Names = BTreeMap<Arc<str>, Vec<Arc<str>>>;

/// Which checks depend on which others: a child whose parent is down says nothing new.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Family {
    parents: Names,
    children: Names,
}

impl Family {
    /// The family in which these checks have these parents.
    #[must_use]
    pub fn new(parents: impl IntoIterator<Item = (Arc<str>, Vec<Arc<str>>)>) -> Family {
        let parents: Names = parents.into_iter().filter(|(_, parents)| !parents.is_empty()).collect();
        let mut children = Names::new();
        for (child, own) in &parents {
            for parent in own {
                children.entry(Arc::clone(parent)).or_default().push(Arc::clone(child));
            }
        }
        Family { parents, children }
    }

    /// All that a check depends on, the nearest first.
    #[must_use]
    pub fn ancestors(&self, check: &str) -> Vec<Arc<str>> {
        reached(&self.parents, check)
    }

    /// All that depends on a check, the nearest first.
    #[must_use]
    pub fn descendants(&self, check: &str) -> Vec<Arc<str>> {
        reached(&self.children, check)
    }

    /// Checks that depend on each other, each on the one after it and the last on the first. `None` if no checks do.
    #[must_use]
    pub fn circle(&self) -> Option<Vec<Arc<str>>> {
        // Whoever depends on nobody that is left is no part of a circle, and leaves; those who remain all depend on one another.
        let mut left: BTreeMap<&str, usize> = self.parents.iter().map(|(name, own)| (&**name, own.len())).collect();
        let free = self.children.keys().filter(|name| !self.parents.contains_key(*name));
        let mut leaving: VecDeque<&Arc<str>> = free.collect();
        while let Some(name) = leaving.pop_front() {
            for child in self.children.get(name).into_iter().flatten() {
                if let Some(count) = left.get_mut(&**child) {
                    *count -= 1;
                    if *count == 0 {
                        left.remove(&**child);
                        leaving.push_back(child);
                    }
                }
            }
        }
        let mut path: Vec<Arc<str>> = Vec::new();
        let mut next = *left.keys().next()?;
        loop {
            if let Some(begin) = path.iter().position(|name| **name == *next) {
                return Some(path.split_off(begin));
            }
            path.push(next.into());
            next = self.parents.get(next)?.iter().find(|parent| left.contains_key(&***parent))?;
        }
    }
}

fn reached(next: &Names, from: &str) -> Vec<Arc<str>> {
    let mut seen: BTreeSet<&str> = BTreeSet::from([from]);
    let mut found: Vec<Arc<str>> = Vec::new();
    let mut at = 0;
    let mut now = from;
    loop {
        for name in next.get(now).into_iter().flatten() {
            if seen.insert(name) {
                found.push(Arc::clone(name));
            }
        }
        let Some(name) = found.get(at) else { return found };
        // The name is borrowed from the map: what was found grows.
        now = next.get_key_value(name).map_or("", |(name, _)| name);
        at += 1;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    type Edges<'a> = &'a [(&'a str, &'a [&'a str])];

    fn family(edges: Edges<'_>) -> Family {
        Family::new(edges.iter().map(|(name, own)| ((*name).into(), own.iter().map(|name| (*name).into()).collect())))
    }

    #[test]
    fn ancestors_and_descendants_are_found_once_the_nearest_first() {
        let family = family(&[("a", &["b", "c"]), ("b", &["d"]), ("c", &["d"]), ("d", &["e"]), ("x", &[])]);
        let names = |list: Vec<Arc<str>>| list.join(" ");
        assert_eq!(names(family.ancestors("a")), "b c d e");
        assert_eq!(names(family.descendants("d")), "b c a");
        assert_eq!(names(family.ancestors("e")) + &names(family.descendants("x")) + &names(family.ancestors("?")), "");
        assert_eq!(family.circle(), None);
    }

    #[test]
    fn circles_are_found_however_long() {
        let table: [(Edges<'_>, Option<&str>); 5] = [
            (&[("a", &["a"])], Some("a")),
            (&[("a", &["b"]), ("b", &["a"])], Some("a b")),
            (&[("z", &["a"]), ("a", &["b", "q"]), ("b", &["c"]), ("c", &["a"]), ("q", &["r"])], Some("a b c")),
            (&[("a", &["b"]), ("b", &["c"])], None),
            (&[("a", &["b", "b"])], None),
        ];
        for (edges, expected) in table {
            assert_eq!(family(edges).circle().map(|names| names.join(" ")).as_deref(), expected, "{edges:?}");
        }
        let circle = family(&[("a", &["b"]), ("b", &["a"])]);
        assert_eq!(circle.ancestors("a").len(), 1, "and nobody walks them for ever");
    }

    #[test]
    fn a_long_line_is_no_trouble() {
        let name = |number: u32| -> Arc<str> { number.to_string().into() };
        let line = Family::new((0..100_000).map(|number| (name(number), vec![name(number + 1)])));
        assert_eq!(line.circle(), None);
        assert_eq!(line.ancestors("0").len(), 100_000);
    }

    proptest! {
        #[test]
        fn there_is_a_circle_where_somebody_is_his_own_ancestor(edges in prop::collection::vec((0u8..6, 0u8..6), 0..10)) {
            let mut parents: BTreeMap<Arc<str>, Vec<Arc<str>>> = BTreeMap::new();
            for (child, parent) in &edges {
                parents.entry(child.to_string().into()).or_default().push(parent.to_string().into());
            }
            let family = Family::new(parents.clone());
            let own = |name: &Arc<str>| {
                parents[name].iter().any(|parent| parent == name || family.ancestors(parent).contains(name))
            };
            let circle = family.circle();
            prop_assert_eq!(circle.is_some(), parents.keys().any(own));
            if let Some(circle) = circle {
                for (at, name) in circle.iter().enumerate() {
                    prop_assert!(parents[name].contains(&circle[(at + 1) % circle.len()]));
                }
            }
        }
    }
}
