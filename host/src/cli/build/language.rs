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
    /// By the official compiler, with the SDK, which lies beside the probe.
    Go,
    /// JavaScript, within QuickJS.
    Js,
    /// TypeScript, likewise.
    Ts,
    /// Within CPython.
    Python,
    /// By the canonical ABI.
    Assemblyscript,
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
            Self::Go => "Go",
            Self::Js => "JavaScript",
            Self::Ts => "TypeScript",
            Self::Python => "Python",
            Self::Assemblyscript => "AssemblyScript",
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
            Self::Go => &[Tool::Go],
            Self::Python => &[Tool::ComponentizePy],
            Self::Assemblyscript => &[Tool::AssemblyScript],
            Self::Wat => &[],
        }
    }
}

/// What a probe is to its runner.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(in crate::cli) enum Kind {
    /// It examines its target from nothing at each run.
    #[default]
    Checker,
    /// It keeps a connection to its target open between runs.
    Connector,
    /// A program, whose exit code and output say how its target is, as plug-ins for Nagios do.
    Command,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.to_possible_value().as_ref().map_or("", |value| value.get_name()))
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.to_possible_value().as_ref().map_or("", |value| value.get_name()))
    }
}
