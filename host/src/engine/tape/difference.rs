//! How a run that is replayed differs from the one that was recorded, for people.

use super::line::{Call, Line};
use crate::engine::output::cut;

/// Bytes of an argument that a divergence shows.
const SHOWN: usize = 200;
/// Bytes that it shows of what both have in common before they differ.
const BEFORE: usize = 20;

/// A line of a recording, for people.
pub(super) fn place(at: usize, line: &Line) -> String {
    // The header is line 1.
    let number = at + 2;
    match line {
        Line::Run(_) => format!("line {number} of the recording is a new call of the probe"),
        Line::Call(call) => format!("line {number} of the recording is {}", shown(call)),
        Line::Output(_) => format!("line {number} of the recording is the end of the command"),
        Line::End(_) => format!("line {number} of the recording is the end of the run"),
    }
}

pub(super) fn doing(now: &Line) -> String {
    match now {
        Line::Run(_) => "the probe is called anew".to_owned(),
        Line::Call(call) => format!("the probe calls {}", shown(call)),
        Line::Output(_) => "the command has ended".to_owned(),
        Line::End(_) => "the probe is done".to_owned(),
    }
}

fn shown(call: &Call) -> String {
    let arguments: Vec<String> = call.arguments.iter().map(ToString::to_string).collect();
    let arguments = arguments.join(", ");
    let (kept, is_cut) = cut(&arguments, SHOWN);
    format!("`{}({kept}{})`", call.function, if is_cut { "…" } else { "" })
}

/// How what the probe does now differs from what it did.
pub(super) fn difference(recorded: &Line, now: &Line) -> Option<String> {
    match (recorded, now) {
        (Line::Run(_), Line::Run(_)) | (Line::Output(_), Line::Output(_)) | (Line::End(_), Line::End(_)) => None,
        (Line::Call(recorded), Line::Call(called))
            if recorded.function == called.function && recorded.arguments.len() == called.arguments.len() =>
        {
            let arguments = recorded.arguments.iter().zip(&called.arguments).enumerate();
            let (at, (recorded, called)) = arguments.into_iter().find(|(_, (recorded, called))| recorded != called)?;
            let (recorded, called) = (recorded.to_string(), called.to_string());
            let common = recorded.char_indices().zip(called.chars()).find(|((_, a), b)| a != b);
            let from = common.map_or(0, |((at, _), _)| recorded.floor_char_boundary(at.saturating_sub(BEFORE)));
            let part = |text: &str| {
                let (kept, is_cut) = cut(&text[from..], SHOWN);
                format!("{}{kept}{}", if from > 0 { "…" } else { "" }, if is_cut { "…" } else { "" })
            };
            let number = at + 1;
            Some(format!(
                "the probe calls it with other arguments: of number {number} `{}` was recorded, and it is `{}`",
                part(&recorded),
                part(&called)
            ))
        }
        (_, now) => Some(doing(now)),
    }
}
