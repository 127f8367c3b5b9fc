//! A command as a probe: a program of `wasi:cli` that is started for each run, and says how its target is as the plug-ins of
//! Nagios do.
//!
//! It gets what its settings say: arguments, an environment, and all of them as JSON on its standard input. Its exit code and
//! its standard output are the verdict; its standard error goes to the log.

mod captured;
mod perfdata;
mod report;
mod start;

use probity_core::outcome::Attempt;

pub(super) use self::start::Start;
use self::{captured::Captured, report::Report};
use super::{
    Engine, Prepared, Request,
    bindings::{run, types},
    exceeded::Exceeded,
    exit::Exit,
    output,
    run::{Sandbox, Term},
};

impl Engine {
    /// Starts a command, and waits for it to end.
    pub(super) async fn run_command(
        &self,
        prepared: &Prepared,
        command: &run::GuestIndices,
        request: Request<'_>,
        term: Term,
    ) -> Attempt {
        let limits = &request.limits;
        let said = Captured::ending(limits.output, Exceeded::Output { limit: limits.output });
        let complained = Captured::dropping(limits.log_bytes);
        let start = match Start::read(request.check, request.settings) {
            Ok(start) => start.writing_to(&said, &complained),
            Err(problems) => {
                let outcome = output::problem(types::Problem::InvalidSettings(problems), request.redact);
                return Attempt::of(outcome);
            }
        };
        let mut sandbox = Sandbox::of_command(self, prepared, &request, term, start);
        let ended = sandbox
            .call(async |store| {
                let instance = prepared.pre.instantiate_async(&mut *store).await?;
                let program = command.load(&mut *store, &instance)?;
                Exit::of(program.call_run(&mut *store).await)
            })
            .await;
        let (said, complaints) = sandbox.on_tape(said.text(), complained.text());
        sandbox.log(complaints.lines(), complained.dropped_lines());
        let told = ended.and_then(|exit| Report::read(&said, &complaints).judged(exit));
        sandbox.settle(told, request.redact)
    }
}
