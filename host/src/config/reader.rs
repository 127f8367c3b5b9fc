//! Reads sections from the tree of a TOML text, and reports everything that is wrong on the way.

use toml::de::DeTable;

use super::{
    kind::{At, Kind, Place},
    report::{Origin, Report, Source},
    section::{self, Heading, Key, Rule, Section},
};

/// How alike a misspelt key and the meant one are at least, from 0 to 1. With less, the suggestion is rather a riddle.
const ALIKE: f64 = 0.6;

/// A text being read.
pub(super) struct Reader<'a> {
    pub(super) source: &'a Source<'a>,
    problems: &'a mut Report,
    /// Every key that there can be in the text, with its section.
    keys: Vec<(Heading, &'static Key)>,
}

/// Reads a whole text as the section `S`, and reports all that is wrong with it.
///
/// What can't be parsed is skipped and the rest is read all the same, so the result may lack anything if there are
/// problems.
pub(super) fn read<S: Section>(source: &Source<'_>, problems: &mut Report) -> S {
    let (tree, errors) = DeTable::parse_recoverable(source.text());
    let line = |origin: &Origin| origin.position.map(|position| position.line);
    let mut broken_lines = Vec::new();
    for error in errors {
        let span = error.span().unwrap_or_default();
        let origin = source.origin(span.start);
        broken_lines.push(line(&origin));
        // The message alone: its `Display` shows the line, and with it whatever secret is written there.
        let message = match error.message() {
            "duplicate key" => {
                let key = source.text().get(span).unwrap_or_default();
                format!("`{key}` is there already; a key can be set once")
            }
            message => format!("not TOML: {message}"),
        };
        problems.push(origin, message);
    }
    let mut found = Report::default();
    let mut reader = Reader { source, problems: &mut found, keys: section::all(&S::keys(), &Heading::default()) };
    let section = S::read(tree.get_ref(), 0, &Heading::default(), &mut reader);
    // What a parse error left of its line is not what was written.
    found.retain(|problem| !broken_lines.contains(&line(&problem.origin)));
    problems.append(found);
    section
}

impl Reader<'_> {
    /// Reports a problem at an offset.
    pub(super) fn report(&mut self, at: usize, message: String) {
        self.problems.push(self.source.origin(at), message);
    }

    /// The value of a key, if it is there and sound.
    pub(super) fn take<K: Kind>(&mut self, table: &DeTable<'_>, place: Place<'_>, kind: &K) -> Option<At<K::Value>> {
        let (key, value) = table.get_key_value(place.key)?;
        let value = kind.read(value, place, self)?;
        let at = key.span().start;
        Some(At { value, at })
    }

    /// Reports every key that is not one of the known ones.
    pub(super) fn refuse_unknown(&mut self, table: &DeTable<'_>, within: &Heading, known: &[&Key]) {
        for key in table.keys() {
            let name = key.get_ref().as_ref();
            if known.iter().all(|key| key.name != name) {
                let advice = self.advice(name, within);
                let message = format!("unknown key `{name}` {}; {advice}", within.place());
                self.report(key.span().start, message);
            }
        }
    }

    /// What to write instead of an unknown key.
    fn advice(&self, name: &str, within: &Heading) -> String {
        let likeness = |key: &Key| strsim::normalized_damerau_levenshtein(name, key.name);
        let (here, elsewhere): (Vec<_>, Vec<_>) = self.keys.iter().partition(|(heading, _)| heading == within);
        let nearest = |keys: &[&(Heading, &'static Key)]| {
            let alike = keys.iter().map(|(_, key)| (*key, likeness(key)));
            let alike = alike.filter(|(_, likeness)| *likeness >= ALIKE);
            alike.max_by(|(_, one), (_, other)| one.total_cmp(other))
        };
        let homes = |key: &Key| {
            let homes = self.keys.iter().filter(|(_, other)| other.name == key.name);
            let places: Vec<String> = homes.map(|(heading, _)| heading.place()).collect();
            places.join(" or ")
        };
        match (nearest(&here), nearest(&elsewhere)) {
            (local, Some((key, likeness))) if local.is_none_or(|(_, local)| likeness > local) => {
                let (homes, usage) = (homes(key), self.usage(key.name));
                if key.name == name {
                    format!("it belongs {homes}, as in {usage}")
                } else {
                    format!("did you mean `{}`, {homes}, as in {usage}?", key.name)
                }
            }
            (Some((key, _)), _) => {
                format!("did you mean `{}`, as in {}?", key.name, key.usage(within))
            }
            (None, _) => {
                let names: Vec<String> = here.iter().map(|(_, key)| format!("`{}`", key.name)).collect();
                let usage = here.first().map(|(_, key)| key.usage(within)).unwrap_or_default();
                format!("there can be {}, as in {usage}", names.join(", "))
            }
        }
    }

    /// How a key is written, in the first section that has it.
    fn usage(&self, name: &str) -> String {
        let home = self.keys.iter().find(|(_, key)| key.name == name);
        home.map(|(heading, key)| key.usage(heading)).unwrap_or_default()
    }

    /// How a key is written in a section.
    fn usage_in(&self, name: &str, within: &Heading) -> String {
        let home = self.keys.iter().find(|(heading, key)| heading == within && key.name == name);
        home.map(|(heading, key)| key.usage(heading)).unwrap_or_default()
    }

    /// Reports every rule that a section breaks, which begins at `at`.
    pub(super) fn enforce(&mut self, table: &DeTable<'_>, at: usize, heading: &Heading, rules: &[&Rule]) {
        let find = |name: &str| table.get_key_value(name).map(|(key, _)| key.span().start);
        for rule in rules {
            match rule {
                Rule::NotBoth(one, other) => {
                    if let (Some(first), Some(second)) = (find(one), find(other)) {
                        let message = format!("`{one}` and `{other}` exclude each other; leave one out");
                        self.report(first.max(second), message);
                    }
                }
                Rule::Needs(one, other) => {
                    if let (Some(at), None) = (find(one), find(other)) {
                        let example = self.usage_in(other, heading);
                        self.report(at, format!("`{one}` has no meaning without `{other}`, for example {example}"));
                    }
                }
                Rule::Required(name) => {
                    if find(name).is_none() {
                        let example = self.usage_in(name, heading);
                        self.report(at, format!("{heading} lacks `{name}`, for example {example}"));
                    }
                }
            }
        }
    }
}
