//! Which checks something is about.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};

use super::Subject;

/// A name in which each `*` stands for any letters, or for none.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Pattern(String);

impl Pattern {
    /// What is written so.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Pattern {
        Pattern(text.into())
    }

    /// As it is written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a name is one of those that are meant.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        let Some((start, rest)) = self.0.split_once('*') else {
            return self.0 == name;
        };
        let Some(mut left) = name.strip_prefix(start) else {
            return false;
        };
        let (middle, end) = rest.rsplit_once('*').unwrap_or(("", rest));
        // Whatever comes first is taken: it leaves the most for what follows.
        for part in middle.split('*') {
            match left.find(part) {
                Some(at) => left = &left[at + part.len()..],
                None => return false,
            }
        }
        left.ends_with(end)
    }
}

/// The checks that something is about: those which have one of the names, are in one of the groups, and have all of the labels, as
/// far as any are given.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Selector {
    /// Names of checks; none: any.
    #[serde(default)]
    pub checks: Vec<Pattern>,
    /// Names of groups; none: any, or none at all.
    #[serde(default)]
    pub groups: Vec<Pattern>,
    /// Labels, and what they say.
    #[serde(default)]
    pub labels: BTreeMap<String, Pattern>,
}

impl Selector {
    /// Whether it is about all there is.
    #[must_use]
    pub fn is_everything(&self) -> bool {
        self.checks.is_empty() && self.groups.is_empty() && self.labels.is_empty()
    }

    /// Whether it is about this check.
    #[must_use]
    pub fn selects(&self, subject: &Subject) -> bool {
        let one_of = |patterns: &[Pattern], name: Option<&str>| {
            patterns.is_empty() || name.is_some_and(|name| patterns.iter().any(|pattern| pattern.matches(name)))
        };
        one_of(&self.checks, Some(&subject.check))
            && one_of(&self.groups, subject.group.as_deref())
            && self
                .labels
                .iter()
                .all(|(name, wanted)| subject.labels.get(name).is_some_and(|said| wanted.matches(said)))
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let listed = |what: &str, patterns: &[Pattern]| {
            let names: Vec<&str> = patterns.iter().map(Pattern::as_str).collect();
            (!names.is_empty()).then(|| format!("{what} {}", names.join(", ")))
        };
        let labels: Vec<String> = self.labels.iter().map(|(name, said)| format!("{name}={}", said.as_str())).collect();
        let labels = (!labels.is_empty()).then(|| format!("labels {}", labels.join(", ")));
        let parts: Vec<String> =
            [listed("checks", &self.checks), listed("groups", &self.groups), labels].into_iter().flatten().collect();
        f.write_str(if parts.is_empty() { "all checks".to_owned() } else { parts.join("; ") }.as_str())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_star_stands_for_any_letters() {
        let table = [
            ("", "", true),
            ("", "a", false),
            ("*", "", true),
            ("*", "abc", true),
            ("abc", "abc", true),
            ("abc", "abcd", false),
            ("a*", "abc", true),
            ("*c", "abc", true),
            ("a*c", "ac", true),
            ("a*c", "abcb", false),
            ("a*a", "a", false),
            ("*b*", "abc", true),
            ("a*b*c", "axxbyyc", true),
            ("a*bc*c", "abc", false),
            ("**", "a", true),
            ("orders-*", "orders-db", true),
            ("*ä*", "bär", true),
        ];
        for (pattern, name, expected) in table {
            assert_eq!(Pattern::new(pattern).matches(name), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn what_is_selected_is_put_into_words() {
        let patterns = |names: &[&str]| names.iter().map(|name| Pattern::new(*name)).collect::<Vec<_>>();
        let labels = [("team".to_owned(), Pattern::new("shop"))].into();
        let selector = Selector { checks: patterns(&["a*", "b"]), groups: patterns(&["front"]), labels };
        assert_eq!(selector.to_string(), "checks a*, b; groups front; labels team=shop");
        assert_eq!(Selector::default().to_string(), "all checks");
    }

    /// The same, by trying everything that each star could be.
    fn naive(pattern: &[u8], name: &[u8]) -> bool {
        match pattern.split_first() {
            None => name.is_empty(),
            Some((b'*', rest)) => (0..=name.len()).any(|taken| naive(rest, &name[taken..])),
            Some((letter, rest)) => {
                name.split_first().is_some_and(|(first, left)| first == letter && naive(rest, left))
            }
        }
    }

    proptest! {
        #[test]
        fn patterns_match_what_trying_everything_matches(pattern in "[ab*]{0,6}", name in "[ab]{0,8}") {
            prop_assert_eq!(Pattern::new(&*pattern).matches(&name), naive(pattern.as_bytes(), name.as_bytes()));
        }
    }

    #[test]
    fn what_is_not_given_is_any() {
        let check = Subject {
            group: Some("storage".into()),
            labels: [("team".to_owned(), "orders".to_owned())].into(),
            ..Subject::new("orders-db")
        };
        let bare = Subject::new("other");
        let patterns = |texts: &[&str]| texts.iter().map(|text| Pattern::new(*text)).collect::<Vec<_>>();
        let labels = |name: &str, said: &str| [(name.to_owned(), Pattern::new(said))].into();
        let table = [
            (Selector::default(), true, true),
            (Selector { checks: patterns(&["x", "orders-*"]), ..Selector::default() }, true, false),
            (Selector { groups: patterns(&["stor*"]), ..Selector::default() }, true, false),
            (Selector { groups: patterns(&["*"]), ..Selector::default() }, true, false),
            (Selector { labels: labels("team", "*"), ..Selector::default() }, true, false),
            (Selector { labels: labels("team", "shop"), ..Selector::default() }, false, false),
            (Selector { checks: patterns(&["*"]), groups: patterns(&["web"]), ..Selector::default() }, false, false),
        ];
        for (selector, one, other) in table {
            assert_eq!((selector.selects(&check), selector.selects(&bare)), (one, other), "{selector:?}");
        }
    }
}
