//! From what was reported, and what was not, to a judgement.

use std::time::Duration;

use probity_guest::{
    Findings, Status,
    clock::moment,
    reports::{Kind, Report},
    settings::Span,
    text::{first_line, roughly},
};

use crate::{
    due::Due,
    history::{History, last_line},
    settings::{ExitCodes, Settings},
};

/// Characters of a report's text that a message shows.
const SHOWN: usize = 160;

/// What the reports come to.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Judgement {
    /// This is known.
    Verdict(Status, String),
    /// Nothing yet.
    Waiting(String),
    /// Whoever reported does not know either.
    Unknown(String),
}

/// How a job ended.
enum End {
    Well,
    Warned,
    Badly,
    Unknown,
}

/// Judges what was reported, the next report being due at `due`.
pub(crate) fn judge(settings: &Settings, history: &History<'_>, due: Due) -> Judgement {
    let mut findings = Findings::default();
    let within = find_overrun(settings, history, &mut findings);
    if history.end.is_some() {
        find_lateness(settings, due, within, &mut findings);
    } else if due.late > settings.grace() && within.is_none() {
        findings.unhealthy(format!("nobody has reported yet: {}", overdue(settings, due)));
    }
    let end = history.end.map(|end| (how(settings, end), story(end)));
    match &end {
        Some((End::Badly, story)) => findings.unhealthy(story),
        Some((End::Warned, story)) => findings.degraded(story),
        Some((End::Well | End::Unknown, _)) | None => {}
    }
    match (findings.told(), end) {
        (Some((Status::Unhealthy, text)), _) => Judgement::Verdict(Status::Unhealthy, text),
        (_, Some((End::Unknown, story))) => Judgement::Unknown(format!("the job does not know: {story}")),
        (Some((status, text)), _) => Judgement::Verdict(status, text),
        (None, Some((_, story))) => Judgement::Verdict(Status::Healthy, story),
        (None, None) => Judgement::Waiting(waiting(due, history)),
    }
}

/// How long a job has been running that may run on; one that has run for too long is unhealthy.
fn find_overrun(settings: &Settings, history: &History<'_>, findings: &mut Findings) -> Option<Duration> {
    let Span(most) = settings.max_duration?;
    let running = Duration::from_nanos(history.running?.received.age);
    if running <= most {
        return Some(running);
    }
    findings.unhealthy(format!("the job has been running for {}, and may take {}", roughly(running), roughly(most)));
    None
}

/// A report may be late for as long as its grace. A job that is running (for so long, `within` what it may take) is only late
/// if it began late.
fn find_lateness(settings: &Settings, due: Due, within: Option<Duration>, findings: &mut Findings) {
    let (late, grace) = (due.late, settings.grace());
    match within {
        Some(running) => {
            let at_start = late.saturating_sub(running);
            if at_start > grace {
                findings.degraded(format!(
                    "the job began {} late, and may be {} late",
                    roughly(at_start),
                    roughly(grace)
                ));
            }
        }
        None if late > grace => findings.unhealthy(overdue(settings, due)),
        None if late > Duration::ZERO => {
            findings.degraded(format!("a report was due at {}, and may be {} late", when(due), roughly(grace)));
        }
        None => {}
    }
}

fn overdue(settings: &Settings, due: Due) -> String {
    format!("a report was due at {}, or {} later at most", when(due), roughly(settings.grace()))
}

fn when(due: Due) -> String {
    due.at.map_or_else(|| "no time any more".to_owned(), moment)
}

fn how(settings: &Settings, end: &Report) -> End {
    match (end.kind, end.exit_code, settings.exit_codes) {
        (Kind::Fail, ..) => End::Badly,
        (Kind::Exit, Some(1), ExitCodes::Nagios) => End::Warned,
        (Kind::Exit, Some(3), ExitCodes::Nagios) => End::Unknown,
        (Kind::Exit, Some(1..), _) => End::Badly,
        _ => End::Well,
    }
}

/// What was reported, and when.
fn story(end: &Report) -> String {
    let at = moment(end.received.at);
    let mut story = match (end.kind, end.exit_code) {
        (Kind::Fail, None) => format!("a failure was reported at {at}"),
        (Kind::Fail, Some(code)) => format!("a failure with exit code {code} was reported at {at}"),
        (Kind::Exit, Some(code @ 1..)) => format!("exit code {code} was reported at {at}"),
        _ => return format!("a success was reported at {at}"),
    };
    let line = first_line(last_line(&end.text), SHOWN);
    if !line.is_empty() {
        story.extend([": ", &line]);
    }
    story
}

fn waiting(due: Due, history: &History<'_>) -> String {
    let begun = if history.running.is_some() {
        "a job has begun, and nobody has reported its end yet"
    } else {
        "nobody has reported yet"
    };
    match due.at {
        Some(_) if due.late > Duration::ZERO => format!("{begun}; a report was due at {}", when(due)),
        Some(at) => format!("{begun}; a report is due at {}", moment(at)),
        None => format!("{begun}, and no report is due any more"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::tests::report;

    /// What is expected every hour, and may be ten minutes late; ages and lateness in seconds.
    fn judged(more: &str, reports: &[Report], due: Due) -> Judgement {
        let json = format!(r#"{{"every": "1h", "grace": "10m"{more}}}"#);
        let settings: Settings = probity_guest::settings::parse(&json).map_err(|problem| problem.message).unwrap();
        judge(&settings, &History::of(reports), due)
    }

    /// Reports of so many seconds ago came at 1970-01-12T13:46:40Z, less those.
    fn late(seconds: u64) -> Due {
        Due { at: Some(1_000_000 - seconds as i64), late: Duration::from_secs(seconds) }
    }

    fn on_time() -> Due {
        late(0)
    }

    fn exit(code: u8) -> Report {
        Report { exit_code: Some(code), ..report(Kind::Exit, 5) }
    }

    /// The first word of a judgement, to compare.
    fn word(judgement: &Judgement) -> &'static str {
        match judgement {
            Judgement::Verdict(Status::Healthy, _) => "healthy",
            Judgement::Verdict(Status::Degraded, _) => "degraded",
            Judgement::Verdict(Status::Unhealthy, _) => "unhealthy",
            Judgement::Waiting(_) => "waiting",
            Judgement::Unknown(_) => "unknown",
        }
    }

    fn text(judgement: Judgement) -> String {
        match judgement {
            Judgement::Verdict(_, text) | Judgement::Waiting(text) | Judgement::Unknown(text) => text,
        }
    }

    #[test]
    fn a_report_is_good_until_the_next_is_late() {
        let reports = [report(Kind::Success, 3540)];
        assert_eq!(text(judged("", &reports, on_time())), "a success was reported at 1970-01-12T12:47:40Z");
        for (due, expected) in
            [(on_time(), "healthy"), (late(1), "degraded"), (late(600), "degraded"), (late(601), "unhealthy")]
        {
            assert_eq!(word(&judged("", &reports, due)), expected, "{due:?}");
        }
        assert_eq!(
            text(judged("", &reports, late(60))),
            "a report was due at 1970-01-12T13:45:40Z, and may be 10 m late"
        );
        let overdue = text(judged("", &reports, late(3600)));
        assert_eq!(overdue, "a report was due at 1970-01-12T12:46:40Z, or 10 m later at most");
    }

    #[test]
    fn who_was_never_heard_of_is_waited_for_until_the_grace_is_over() {
        assert_eq!(
            text(judged("", &[], on_time())),
            "nobody has reported yet; a report is due at 1970-01-12T13:46:40Z"
        );
        for (due, expected) in [(on_time(), "waiting"), (late(600), "waiting"), (late(601), "unhealthy")] {
            assert_eq!(word(&judged("", &[], due)), expected, "{due:?}");
        }
        assert_eq!(word(&judged("", &[report(Kind::Log, 1)], on_time())), "waiting", "a line is no sign of life");
        let begun = [report(Kind::Start, 30)];
        assert_eq!(word(&judged("", &begun, on_time())), "waiting");
        assert_eq!(word(&judged("", &begun, late(601))), "unhealthy");
        assert_eq!(word(&judged(r#", "max_duration": "1m""#, &begun, late(601))), "waiting", "it has begun");
        assert_eq!(word(&judged(r#", "max_duration": "10s""#, &begun, on_time())), "unhealthy");
        assert_eq!(word(&judged("", &[], Due { at: None, ..on_time() })), "waiting");
    }

    #[test]
    fn a_failure_counts_until_a_success_whenever_that_is_due() {
        let failed = Report { text: "copied\ndisk full\n".to_owned(), ..report(Kind::Fail, 5) };
        let judgement = judged("", &[report(Kind::Start, 1), failed.clone()], on_time());
        let told = "a failure was reported at 1970-01-12T13:46:35Z: disk full";
        assert_eq!(judgement, Judgement::Verdict(Status::Unhealthy, told.to_owned()));
        assert_eq!(word(&judged("", &[report(Kind::Success, 1), failed.clone()], on_time())), "healthy");
        let both = text(judged("", &[failed], late(60)));
        assert_eq!(both, format!("{told}; a report was due at 1970-01-12T13:45:40Z, and may be 10 m late"));
    }

    #[test]
    fn exit_codes_mean_what_they_mean_to_whom_they_are_for() {
        for (code, nagios, unix) in [
            (0, "healthy", "healthy"),
            (1, "degraded", "unhealthy"),
            (2, "unhealthy", "unhealthy"),
            (3, "unknown", "unhealthy"),
            (127, "unhealthy", "unhealthy"),
        ] {
            assert_eq!(word(&judged("", &[exit(code)], on_time())), nagios, "{code}");
            assert_eq!(word(&judged(r#", "exit_codes": "unix""#, &[exit(code)], on_time())), unix, "{code}");
        }
        assert_eq!(text(judged("", &[exit(0)], on_time())), "a success was reported at 1970-01-12T13:46:35Z");
        assert_eq!(text(judged("", &[exit(2)], on_time())), "exit code 2 was reported at 1970-01-12T13:46:35Z");
        assert_eq!(word(&judged("", &[exit(3)], late(601))), "unhealthy", "nobody knows, and nobody reports any more");
        assert_eq!(word(&judged("", &[exit(3)], late(1))), "unknown");
        let failed = Report { exit_code: Some(0), ..report(Kind::Fail, 5) };
        assert_eq!(word(&judged("", &[failed], on_time())), "unhealthy", "whoever says so outright is believed");
    }

    #[test]
    fn a_job_that_runs_has_its_time() {
        let most = r#", "max_duration": "30m""#;
        let running = |age: u64| [report(Kind::Start, age), report(Kind::Success, 5000)];
        assert_eq!(word(&judged(most, &running(60), on_time())), "healthy");
        assert_eq!(word(&judged(most, &running(1800), late(1790))), "healthy", "it began in time");
        assert_eq!(word(&judged(most, &running(60), late(660))), "healthy", "and in its grace is in time");
        assert_eq!(word(&judged(most, &running(60), late(661))), "degraded", "it began too late");
        let overrun = judged(most, &running(1801), late(1790));
        assert_eq!(word(&overrun), "unhealthy");
        assert!(text(overrun).contains("the job has been running for 30 m 1 s, and may take 30 m"));
        assert_eq!(word(&judged("", &running(1800), late(601))), "unhealthy", "nobody said how long it may take");
        assert_eq!(word(&judged("", &running(1800), on_time())), "healthy");
    }
}
