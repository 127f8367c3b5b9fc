//! Which other checks a check lets its probe read: `check:orders-db`, `check:orders-*`, `check:group/storage`, `check:*`.

use std::fmt;

use super::GrantError;
use crate::name;

/// What stands before the name of a group.
pub(super) const GROUP: &str = "group/";
/// Characters of the name of a group, as the configuration has it.
const LONGEST_GROUP: usize = 100;

/// Checks that may be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Readable {
    /// Those of such names.
    Named(Pattern),
    /// Those of groups of such names.
    Grouped(Pattern),
}

/// Names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Pattern {
    /// This one.
    Only(String),
    /// All that begin so; with nothing, all.
    Beginning(String),
}

impl Pattern {
    fn matches(&self, name: &str) -> bool {
        match self {
            Pattern::Only(only) => only == name,
            Pattern::Beginning(beginning) => name.starts_with(beginning.as_str()),
        }
    }

    fn is_any(&self) -> bool {
        matches!(self, Pattern::Beginning(beginning) if beginning.is_empty())
    }
}

impl Readable {
    /// Reads what an operator writes after `check:`.
    pub(super) fn parse(text: &str) -> Result<Readable, GrantError> {
        let pattern = |beginning: &str| Pattern::Beginning(beginning.to_owned());
        match (text.strip_prefix(GROUP), text.strip_suffix('*')) {
            (None, None) => Readable::check(text),
            (Some(group), None) => Readable::group(group),
            (None, Some(beginning)) if name::is_beginning(beginning) => Ok(Readable::Named(pattern(beginning))),
            (Some(group), Some(_)) if is_group(group) => Ok(Readable::Grouped(pattern(&group[..group.len() - 1]))),
            _ => Err(GrantError::Check(text.into())),
        }
    }

    /// One check, whose name stands for nothing but itself.
    pub(super) fn check(name: &str) -> Result<Readable, GrantError> {
        if name::is_name(name) {
            return Ok(Readable::Named(Pattern::Only(name.to_owned())));
        }
        Err(GrantError::Check(name.into()))
    }

    /// One group, whose name stands for nothing but itself.
    pub(super) fn group(name: &str) -> Result<Readable, GrantError> {
        if is_group(name) && !name.ends_with('*') {
            return Ok(Readable::Grouped(Pattern::Only(name.to_owned())));
        }
        Err(GrantError::Check(format!("{GROUP}{name}")))
    }

    /// The check, if it is one.
    pub(super) fn only_check(&self) -> Option<&str> {
        match self {
            Readable::Named(Pattern::Only(name)) => Some(name),
            _ => None,
        }
    }

    /// The group, if it is one.
    pub(super) fn only_group(&self) -> Option<&str> {
        match self {
            Readable::Grouped(Pattern::Only(name)) => Some(name),
            _ => None,
        }
    }

    /// Whether this check may be read, which is in this group.
    pub(super) fn covers(&self, name: &str, group: Option<&str>) -> bool {
        match self {
            Readable::Named(names) => names.matches(name),
            Readable::Grouped(groups) => group.is_some_and(|group| groups.matches(group)),
        }
    }

    /// Whether all checks of this group may be read.
    pub(super) fn covers_group(&self, group: &str) -> bool {
        match self {
            Readable::Named(names) => names.is_any(),
            Readable::Grouped(groups) => groups.matches(group),
        }
    }
}

/// Whether a group can be called so.
fn is_group(text: &str) -> bool {
    (1..=LONGEST_GROUP).contains(&text.chars().count()) && !text.chars().any(char::is_control)
}

impl fmt::Display for Readable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Readable::Named(names) => names.fmt(f),
            Readable::Grouped(groups) => write!(f, "{GROUP}{groups}"),
        }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Pattern::Only(only) => f.write_str(only),
            Pattern::Beginning(beginning) => write!(f, "{beginning}*"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_beginnings_and_groups_are_read_and_written() {
        for text in ["orders-db", "orders-*", "*", "group/storage", "group/The Shop*", "group/*", "group"] {
            assert_eq!(Readable::parse(text).unwrap().to_string(), text);
        }
        for text in ["", "Orders", "a b", "*-db", "a*b", "..", "group/", "group/a\nb", "a/b", "a**", &"x".repeat(101)] {
            assert_eq!(Readable::parse(text), Err(GrantError::Check(text.into())), "{text}");
        }
        for text in ["*", "orders-*", "group/storage"] {
            assert_eq!(Readable::check(text), Err(GrantError::Check(text.into())), "a setting widens nothing");
        }
        assert!(Readable::group("*").is_err() && Readable::group("st*").is_err() && Readable::group("storage").is_ok());
    }

    #[test]
    fn who_may_be_read_is_read_and_nobody_else() {
        let covers = |text: &str, name: &str, group| Readable::parse(text).unwrap().covers(name, group);
        assert!(covers("orders-db", "orders-db", None));
        assert!(!covers("orders-db", "orders-db2", None));
        assert!(covers("orders-*", "orders-db", None) && !covers("orders-*", "orders", None));
        assert!(covers("*", "orders-db", Some("storage")));
        assert!(covers("group/storage", "orders-db", Some("storage")));
        assert!(!covers("group/storage", "storage", None));
        assert!(!covers("group/*", "orders-db", None));

        let covers = |text: &str, group| Readable::parse(text).unwrap().covers_group(group);
        assert!(covers("group/storage", "storage") && covers("group/st*", "storage") && covers("*", "storage"));
        assert!(!covers("storage", "storage") && !covers("s*", "storage") && !covers("group/storage", "other"));
    }
}
