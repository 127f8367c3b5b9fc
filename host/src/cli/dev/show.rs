//! The verdicts, as they come.

use std::{collections::HashMap, fmt::Write as _, io::stdout, sync::Arc};

use jiff::Timestamp;
use probity_core::outcome::{Measurement, Outcome, Run};

use crate::{
    board::Board,
    cli::{check::health, out, painted::Painted},
    telemetry,
};

/// Says what came of each run that is published, until nobody listens.
pub(super) async fn verdicts(board: Arc<Board>) {
    let colours = telemetry::wants_colours(&stdout());
    let mut said: HashMap<Arc<str>, Timestamp> = HashMap::new();
    loop {
        let changed = board.changed();
        for (name, slot) in board.checks().iter() {
            let state = slot.state();
            let Some(run) = &state.snapshot.last else { continue };
            if said.insert(Arc::clone(name), run.started) != Some(run.started)
                && out::say(line(name, state.info.generation, run, colours)).is_err()
            {
                return;
            }
        }
        changed.await;
    }
}

fn line(name: &str, generation: u64, run: &Run, colours: bool) -> String {
    let status = Painted { health: health(&run.outcome), colours };
    let mut line = format!("{} {name} #{generation} {status}", run.ended().strftime("%H:%M:%SZ"));
    // Text can be written without fail.
    let _ = match &run.outcome {
        Outcome::Fault(fault) => write!(line, " ({}): {}", fault.kind.as_str(), fault.message),
        Outcome::Verdict(verdict) => write!(line, ": {}", verdict.message),
    };
    if let Outcome::Verdict(verdict) = &run.outcome {
        let measured: Vec<String> = verdict.measurements.iter().map(measurement).collect();
        let _ = write!(line, " [{}]", measured.join(", "));
    }
    line + "\n"
}

fn measurement(Measurement { name, unit, value }: &Measurement) -> String {
    match unit.as_str() {
        "s" if *value < 1.0 => format!("{name} {:.1} ms", value * 1e3),
        unit => format!("{name} {value} {unit}"),
    }
}
