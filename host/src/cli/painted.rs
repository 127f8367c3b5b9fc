//! A word in its colour.

use std::fmt;

use probity_core::health::Health;

/// A status that can be told at a glance.
pub(super) struct Painted {
    /// What is said.
    pub(super) health: Health,
    /// Whether whoever reads it wants colours.
    pub(super) colours: bool,
}

impl fmt::Display for Painted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = self.health.as_str();
        if !self.colours {
            return f.pad(word);
        }
        // Select Graphic Rendition (ECMA-48, section 8.3.117): green, yellow, red, magenta.
        let colour = match self.health {
            Health::Healthy => 32,
            Health::Degraded => 33,
            Health::Unhealthy => 31,
            Health::Pending | Health::Unknown => 35,
        };
        write!(f, "\x1b[{colour}m")?;
        f.pad(word)?;
        f.write_str("\x1b[0m")
    }
}
