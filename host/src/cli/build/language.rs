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
    /// With the header that C has.
    Zig,
    /// JavaScript, within QuickJS.
    Js,
    /// TypeScript, likewise.
    Ts,
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
            Self::Zig => "Zig",
            Self::Js => "JavaScript",
            Self::Ts => "TypeScript",
            Self::Python => "Python",
            Self::Wat => "WAT",
        }
    }

    /// What building takes beside this program.
    pub(in crate::cli) fn tools(self) -> &'static [Tool] {
        match self {
            Self::Rust => &[Tool::Rust],
            Self::C | Self::Cpp | Self::Zig => &[Tool::Zig],
            Self::Js => &[Tool::ComponentizeQjs],
            Self::Ts => &[Tool::TypeScript, Tool::ComponentizeQjs],
            Self::Python => &[Tool::ComponentizePy],
            Self::Wat => &[],
        }
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.to_possible_value().as_ref().map_or("", |value| value.get_name()))
    }
}
