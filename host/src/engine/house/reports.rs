//! `probity:probe/reports`: what others told of the target of the check that asks.

use probity_core::{
    report::{Kind, Report},
    time::{Moment, Now, nanoseconds},
};

use super::{super::bindings::reports, House};

impl reports::Host for House {
    fn latest(&mut self) -> wasmtime::Result<Vec<reports::Report>> {
        let Some((board, slot)) = self.own() else {
            return Ok(Vec::new());
        };
        let now = board.now();
        let kept = slot.reports();
        Ok(kept.iter().flat_map(|kept| kept.latest()).map(|kept| report(kept, now)).collect())
    }

    fn since(&mut self) -> wasmtime::Result<Option<reports::Moment>> {
        let since = self.own().and_then(|(board, slot)| Some((slot.reports()?.since(), board.now())));
        Ok(since.map(|(since, now)| moment(since, now)))
    }
}

fn report(report: &Report, now: Now) -> reports::Report {
    reports::Report {
        kind: match report.kind {
            Kind::Start => reports::Kind::Start,
            Kind::Success => reports::Kind::Success,
            Kind::Fail => reports::Kind::Fail,
            Kind::Exit => reports::Kind::Exit,
            Kind::Log => reports::Kind::Log,
        },
        exit_code: report.exit_code,
        duration: report.duration.map(nanoseconds),
        received: moment(report.received, now),
        text: report.text.clone(),
        length: report.length as u64,
    }
}

fn moment(then: Moment, now: Now) -> reports::Moment {
    reports::Moment { at: then.wall.as_second(), age: nanoseconds(then.age(now)) }
}
