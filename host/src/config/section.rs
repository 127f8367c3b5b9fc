//! How the keys of the config are declared.
//!
//! A key is declared once, by the [`section!`] that it belongs to: its name, what it means, what it may be, an example, and
//! what stands for it if it is absent. From that come the reading of it, the message about a key that is not known, and
//! the JSON Schema.

use std::fmt;

use toml::de::DeTable;

use super::{kind::Shape, reader::Reader};

/// A key, as declared.
pub(super) struct Key {
    pub(super) name: &'static str,
    pub(super) doc: &'static str,
    /// A value in TOML.
    pub(super) example: &'static str,
    /// The value, in TOML, that means the same as leaving the key out.
    pub(super) default: Option<&'static str>,
    pub(super) shape: &'static (dyn Shape + Sync),
}

impl Key {
    /// How the key is written.
    pub(super) fn usage(&self, within: &Heading) -> String {
        match self.shape.section() {
            Some((_, many)) => within.below(self.name, many).to_string(),
            None => format!("{} = {}", self.name, self.example),
        }
    }
}

/// What the keys of one section demand of each other.
pub(super) enum Rule {
    /// They can't both be there.
    NotBoth(&'static str, &'static str),
    /// The first has no meaning without the second.
    Needs(&'static str, &'static str),
    /// It must be there.
    Required(&'static str),
}

/// The name of a section, as it is written above its keys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Heading {
    /// Without brackets; empty for the keys at the top.
    pub(super) path: String,
    /// Whether there can be many, in double brackets.
    pub(super) many: bool,
}

impl Heading {
    pub(super) fn below(&self, key: &str, many: bool) -> Heading {
        let path = match self.path.as_str() {
            "" => key.to_owned(),
            above => format!("{above}.{key}"),
        };
        Heading { path, many }
    }

    /// Where its keys are, for messages.
    pub(super) fn place(&self) -> String {
        if self.path.is_empty() { "at the top of the file".into() } else { format!("in {self}") }
    }
}

impl fmt::Display for Heading {
    /// As it is written; empty at the top.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.path.as_str(), self.many) {
            ("", _) => Ok(()),
            (path, false) => write!(f, "[{path}]"),
            (path, true) => write!(f, "[[{path}]]"),
        }
    }
}

/// The given keys of a section and all keys below them, each with its section.
pub(super) fn all(keys: &[&'static Key], within: &Heading) -> Vec<(Heading, &'static Key)> {
    let mut all = Vec::new();
    for key in keys {
        all.push((within.clone(), *key));
        if let Some((keys, many)) = key.shape.section() {
            all.extend(self::all(&keys, &within.below(key.name, many)));
        }
    }
    all
}

/// A table with known keys. Only [`section!`] implements it.
pub(super) trait Section: Sized {
    fn keys() -> Vec<&'static Key>;

    fn rules() -> Vec<&'static Rule>;

    /// Takes the values of the known keys.
    fn take(table: &DeTable<'_>, heading: &Heading, reader: &mut Reader<'_>) -> Self;

    /// Takes the values of the known keys, and reports every other key and every broken rule. The section begins at `at`.
    fn read(table: &DeTable<'_>, at: usize, heading: &Heading, reader: &mut Reader<'_>) -> Self {
        reader.refuse_unknown(table, heading, &Self::keys());
        reader.enforce(table, at, heading, &Self::rules());
        Self::take(table, heading, reader)
    }
}

/// Declares the section `$name` as a struct with a field for each key, which holds what was written, if anything.
///
/// `also` takes in all keys and rules of another section; `rules` says what the keys demand of each other.
macro_rules! section {
    (
        $(#[doc = $about:literal])+
        $name:ident {
            $(
                $(#[doc = $doc:literal])+
                $key:ident: $kind:ty = $make:expr, example $example:tt $(, default $default:tt)?;
            )*
            $(also $shared:ident: $other:ty;)?
            $(rules [$($rule:expr),+];)?
        }
    ) => {
        $(#[doc = $about])+
        #[derive(Default)]
        pub(super) struct $name {
            $(
                $(#[doc = $doc])+
                pub(super) $key: Option<$crate::config::kind::At<<$kind as $crate::config::kind::Kind>::Value>>,
            )*
            $(pub(super) $shared: $other,)?
        }

        impl $crate::config::section::Section for $name {
            fn keys() -> Vec<&'static $crate::config::section::Key> {
                const KEYS: &[$crate::config::section::Key] = &[$(
                    $crate::config::section::Key {
                        name: $crate::config::section::name(stringify!($key)),
                        doc: concat!($($doc),+),
                        example: stringify!($example),
                        default: $crate::config::section::maybe!($($default)?),
                        shape: {
                            const KIND: $kind = $make;
                            &KIND
                        },
                    },
                )*];
                let keys = KEYS.iter();
                $(let keys = keys.chain(<$other as $crate::config::section::Section>::keys());)?
                keys.collect()
            }

            fn rules() -> Vec<&'static $crate::config::section::Rule> {
                const RULES: &[$crate::config::section::Rule] = &[$($($rule),+)?];
                let rules = RULES.iter();
                $(let rules = rules.chain(<$other as $crate::config::section::Section>::rules());)?
                rules.collect()
            }

            fn take(
                table: &toml::de::DeTable<'_>,
                heading: &$crate::config::section::Heading,
                reader: &mut $crate::config::reader::Reader<'_>,
            ) -> Self {
                Self {
                    $(
                        $key: {
                            let place = $crate::config::kind::Place {
                                within: heading,
                                key: $crate::config::section::name(stringify!($key)),
                                example: stringify!($example),
                            };
                            const KIND: $kind = $make;
                            reader.take(table, place, &KIND)
                        },
                    )*
                    $($shared: <$other as $crate::config::section::Section>::take(table, heading, reader),)?
                }
            }
        }
    };
}
pub(super) use section;

/// The name of a key, which in Rust may have to be written as what it is not: a word of the language.
pub(super) const fn name(written: &'static str) -> &'static str {
    match written.as_bytes() {
        [b'r', b'#', ..] => written.split_at(2).1,
        _ => written,
    }
}

/// A default in TOML, if there is one.
macro_rules! maybe {
    () => {
        None
    };
    ($default:tt) => {
        Some(stringify!($default))
    };
}
pub(super) use maybe;
