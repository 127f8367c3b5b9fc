//! Many checks of one server side by side, each of which comes to a verdict of its own.

use crate::runner::Runner;

/// Checks that judge at once, and try again soon.
pub const EAGER: &str = "timeout = \"2s\"\n\
                         connection = { fall = 1, reconnect_delay = \"200ms\", reconnect_multiplier = 1.0 }\n\
                         circuit = { failures = \"off\" }\n";

/// What a check comes to: its name, the user that it logs in as or what else it has of its own, its settings, its status, what its
/// message says, and whether the failure lasts.
pub type Case<'a, T = &'a str> = (&'a str, T, String, &'a str, &'a str, bool);

/// Waits until all of them have come to what they should.
#[track_caller]
pub fn wait_for_cases<T>(runner: &Runner, cases: &[Case<'_, T>]) {
    for (name, _, _, status, part, lasting) in cases {
        runner.wait_for_verdict(name, status, part);
        runner.wait_for(&format!("{name} to be a lasting failure, or none: {lasting}"), || {
            if runner.was_permanent(name) == *lasting { Ok(()) } else { Err("it is not") }
        });
    }
}
