//! Running a probe on this machine, without a sandbox and without a network, against a target that goes by a script: for the tests of a
//! probe, beside the cases of `probity test`, which run what was built.

use std::{collections::VecDeque, time::Duration};

use crate::{Attempt, Probe, Problem, Run, Verdict, bindings, settings::FromJson};

/// What a run came to, and what the target heard of it.
#[derive(Debug)]
pub struct Ran {
    /// The verdict, or why there is none.
    pub came: Result<Verdict, Problem>,
    /// All that was sent, over whichever connection.
    pub heard: Vec<u8>,
}

/// Runs a probe once. Every name has an address, and every connection is taken; what is read is `said`, a portion at a time, and then
/// the target closes. Time goes on by itself, and much faster than any clock.
pub fn check<P: Probe>(settings: &str, said: &[&[u8]]) -> Ran {
    bindings::play(said.iter().map(|portion| portion.to_vec()).collect::<VecDeque<_>>());
    let came = match P::Settings::from_json(settings, P::validate) {
        Err(problems) => Err(Problem::InvalidSettings(problems)),
        Ok(settings) => {
            let mut attempt = Attempt::begin(run());
            let came = P::check(&settings, &mut attempt);
            attempt.finish(came)
        }
    };
    Ran { came, heard: bindings::heard() }
}

fn run() -> Run {
    const TIME: Duration = Duration::from_secs(5);
    Run {
        check: "it".to_owned(),
        attempt: 1,
        time_left: TIME.as_nanos() as u64,
        traceparent: String::new(),
        state: Vec::new(),
    }
}
