//! The shapes that tell conditions apart without their colours: those of the dashboard, for pages that have no script.

use std::fmt::{self, Display};

/// Each condition, with its outline and what is within, in a square of 16 by 16.
const SHAPES: [(&str, &str, &str); 7] = [
    ("healthy", "M8 1a7 7 0 1 0 0 14A7 7 0 0 0 8 1", "M4.8 8.3l2.2 2.2 4.2-4.8"),
    ("degraded", "M8 1.6 15.2 14.4H.8Z", "M8 6v4M8 12.2v.2"),
    ("unhealthy", "M5.1 1h5.8L15 5.1v5.8L10.9 15H5.1L1 10.9V5.1Z", "M5.4 5.4l5.2 5.2M10.6 5.4l-5.2 5.2"),
    ("unknown", "M8 .6 15.4 8 8 15.4.6 8Z", "M6.4 6.5a1.7 1.7 0 1 1 2.4 1.6c-.6.3-.8.6-.8 1.2M8 11.4v.2"),
    ("pending", "M8 1.5a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13", "M8 4.6V8l2.2 1.4"),
    ("starting", "M8 1.5a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13", "M8 4.6V8l2.2 1.4"),
    ("stopping", "M8 1.5a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13", "M5.8 5.8h4.4v4.4H5.8Z"),
];

/// The sign of a condition. It says nothing by itself: words stand beside it.
pub(super) struct Sign(&'static str, &'static str, &'static str);

/// The sign of this condition; of one that is not known, that of the unknown.
pub(super) fn sign(condition: &str) -> Sign {
    let unknown = SHAPES[3];
    let (name, outer, inner) = SHAPES.into_iter().find(|(name, ..)| *name == condition).unwrap_or(unknown);
    Sign(name, outer, inner)
}

impl Display for Sign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Sign(name, outer, inner) = self;
        write!(
            f,
            "<svg class=\"sign {name}\" viewBox=\"0 0 16 16\" aria-hidden=\"true\"><path class=\"outer\" d=\"{outer}\"/>\
             <path class=\"inner\" d=\"{inner}\"/></svg>"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One set of shapes for both: what is drawn by the script is what is drawn here.
    #[test]
    fn the_shapes_are_those_of_the_dashboard() {
        let script = include_str!("../../assets/dom.js");
        for (name, outer, inner) in SHAPES {
            assert!(script.contains(&format!("{name}: [\"{outer}\", \"{inner}\"]")), "{name}");
        }
    }
}
