//! What the latest reports come to.

use std::time::Duration;

use probity_guest::reports::{Kind, Report};

/// What the latest reports come to.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct History<'a> {
    /// The latest end of a job.
    pub(crate) end: Option<&'a Report>,
    /// The latest begin of one that has not ended since.
    pub(crate) running: Option<&'a Report>,
    /// How long the job took that ended last, by its own word or by when it began.
    pub(crate) duration: Option<Duration>,
    /// The latest text that came with any of them.
    pub(crate) said: Option<&'a str>,
}

impl<'a> History<'a> {
    /// Reads reports of which the latest comes first.
    pub(crate) fn of(reports: &'a [Report]) -> Self {
        let at = reports.iter().position(is_end);
        let (since, end) = reports.split_at(at.unwrap_or(reports.len()));
        let is_start = |report: &&Report| report.kind == Kind::Start;
        let duration = end.split_first().and_then(|(end, before)| {
            let started = before.iter().take_while(|report| !is_end(report)).find(is_start);
            let between = |start: &Report| start.received.age.saturating_sub(end.received.age);
            end.duration.or_else(|| started.map(between)).map(Duration::from_nanos)
        });
        Self {
            end: end.first(),
            running: since.iter().find(is_start),
            duration,
            said: reports.iter().map(|report| report.text.as_str()).find(|text| !text.is_empty()),
        }
    }
}

fn is_end(report: &Report) -> bool {
    matches!(report.kind, Kind::Success | Kind::Fail | Kind::Exit)
}

/// The last lines of a text that fit into so many bytes, or the end of the last one: what went wrong is told last.
pub(crate) fn tail(text: &str, most: usize) -> &str {
    if text.len() <= most {
        return text;
    }
    let (before, end) = text.split_at(text.ceil_char_boundary(text.len() - most));
    if before.ends_with('\n') {
        return end;
    }
    end.split_once('\n').map_or(end, |(_, lines)| lines)
}

/// The last line of a text that says anything.
pub(crate) fn last_line(text: &str) -> &str {
    text.lines().rev().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use probity_guest::reports::Moment;

    /// A report of so many seconds ago.
    pub(crate) fn report(kind: Kind, age: u64) -> Report {
        let received = Moment { at: 1_000_000 - age as i64, age: age * 1_000_000_000 };
        Report { kind, exit_code: None, duration: None, received, text: String::new(), length: 0 }
    }

    #[test]
    fn the_latest_of_each_counts() {
        let reports = [
            report(Kind::Log, 1),
            report(Kind::Start, 2),
            Report { text: "later".to_owned(), ..report(Kind::Log, 3) },
            report(Kind::Success, 4),
            Report { text: "earlier".to_owned(), ..report(Kind::Log, 5) },
            report(Kind::Start, 10),
            report(Kind::Fail, 20),
        ];
        let history = History::of(&reports);
        assert_eq!((history.end, history.running), (Some(&reports[3]), Some(&reports[1])));
        assert_eq!((history.duration, history.said), (Some(Duration::from_secs(6)), Some("later")));

        let history = History::of(&reports[3..]);
        assert_eq!((history.running, history.said), (None, Some("earlier")));
        assert_eq!(History::of(&reports[6..]).duration, None, "its start is not known");
        let own = [Report { duration: Some(3), ..report(Kind::Exit, 1) }, report(Kind::Start, 9)];
        assert_eq!(History::of(&own).duration, Some(Duration::from_nanos(3)), "it knows best");
        let begun = [report(Kind::Start, 1)];
        assert_eq!((History::of(&begun).end, History::of(&begun).running), (None, Some(&begun[0])));
        assert_eq!(History::of(&[]), History::default());
    }

    #[test]
    fn a_tail_is_of_whole_lines_where_it_can_be() {
        assert_eq!(tail("a\nb\n", 10), "a\nb\n");
        for most in 12..18 {
            assert_eq!(tail("first\nsecond\nthird", most), "second\nthird");
        }
        assert_eq!(tail("first\nsecond\nthird", 11), "third");
        assert_eq!(tail("0123456789", 4), "6789");
        assert_eq!(tail("ääää", 3), "ä");
        assert_eq!(last_line("one\n two \n\n"), "two");
        assert_eq!(last_line(" \n"), "");
    }
}
