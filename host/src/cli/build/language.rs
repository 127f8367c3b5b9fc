//! The languages that probes can be written in, as far as their tools are known here.

use std::fmt;

use clap::ValueEnum;
use serde::Deserialize;

use super::tools::Tool;

/// A language.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(in crate::cli) enum Language {
    /// With the SDK, which lies beside the probe.
    Rust,
    /// With a header that is generated from the WIT.
    C,
    /// As C, with the standard library.
    Cpp,
    /// JavaScript, within QuickJS.
    Js,
    /// Within CPython.
    Python,
    /// The text of a core module, by the canonical ABI.
    Wat,
}

impl Language {
    /// What the sources are called in a component's own account of who made it.
    pub(in crate::cli) fn title(self) -> &'static str {
        match self {
            Self::Rust => "Rust",
            Self::C => "C",
            Self::Cpp => "C++",
            Self::Js => "JavaScript",
            Self::Python => "Python",
            Self::Wat => "WAT",
        }
    }

    /// What building takes beside this program.
    pub(in crate::cli) fn tool(self) -> Option<Tool> {
        match self {
            Self::Rust => Some(Tool::Rust),
            Self::C | Self::Cpp => Some(Tool::Zig),
            Self::Js => Some(Tool::ComponentizeQjs),
            Self::Python => Some(Tool::ComponentizePy),
            Self::Wat => None,
        }
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.to_possible_value().as_ref().map_or("", |value| value.get_name()))
    }
}
