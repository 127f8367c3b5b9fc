//! What others tell of a check's target by themselves: that a job began, went well or failed.
//!
//! A bounded memory of it. However much is told after it, the latest begin and the latest end are never forgotten: they are
//! what a verdict is made from.

mod saved;

use std::{
    collections::{HashSet, VecDeque},
    fmt,
    sync::Arc,
    time::Duration,
};

use serde::{Deserialize, Serialize};

pub use self::saved::Saved;
use crate::time::{Moment, Now};

/// How many reports are kept: some days of a nightly job that tells of its begin and its end, and a page of log lines.
pub const KEPT: usize = 32;
/// Bytes of a report's text that are kept; as healthchecks.io keeps them, enough for the end of most jobs' output.
pub const TEXT: usize = 10 * 1024;
/// Bytes of the texts of all reports together. Past it the oldest reports lose theirs.
const TEXTS: usize = 64 * 1024;

/// What a report tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Kind {
    /// A job began.
    Start,
    /// It went well.
    Success,
    /// It failed.
    Fail,
    /// It ended with an exit code, which says the rest.
    Exit,
    /// Something to be read, of which nothing follows.
    Log,
}

impl Kind {
    /// Every kind, in the order of [`Kind::index`].
    pub const ALL: [Kind; 5] = [Kind::Start, Kind::Success, Kind::Fail, Kind::Exit, Kind::Log];

    /// The word used in HTTP and metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Start => "start",
            Kind::Success => "success",
            Kind::Fail => "fail",
            Kind::Exit => "exit",
            Kind::Log => "log",
        }
    }

    /// Its place in [`Kind::ALL`].
    #[must_use]
    pub fn index(self) -> usize {
        self as usize
    }

    fn place(self) -> Place {
        match self {
            Kind::Start => Place::Begin,
            Kind::Success | Kind::Fail | Kind::Exit => Place::End,
            Kind::Log => Place::Between,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Where in a job's life a report belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Place {
    Begin,
    End,
    Between,
}

/// One report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// What it tells.
    pub kind: Kind,
    /// The exit code of the job, if it told one.
    pub exit_code: Option<u8>,
    /// How long the job took, if it told so.
    pub duration: Option<Duration>,
    /// When it came.
    pub received: Moment,
    /// The first [`TEXT`] bytes of what came with it.
    pub text: String,
    /// How many bytes came with it.
    pub length: usize,
}

impl Report {
    /// A report that came now, with nothing but its kind.
    #[must_use]
    pub fn new(kind: Kind, received: Now) -> Report {
        let received = received.into();
        Report { kind, exit_code: None, duration: None, received, text: String::new(), length: 0 }
    }

    /// The same with this text, of which as much is kept as is kept of any.
    #[must_use]
    pub fn text(self, mut text: String, length: usize) -> Report {
        text.truncate(text.floor_char_boundary(TEXT));
        text.shrink_to_fit();
        Report { text, length, ..self }
    }
}

/// The latest reports on one check.
#[derive(Clone, Debug)]
pub struct Reports {
    since: Moment,
    /// The oldest first.
    kept: VecDeque<Arc<Report>>,
    counts: [u64; Kind::ALL.len()],
}

impl Reports {
    /// None yet; from now on they are taken.
    #[must_use]
    pub fn new(since: Now) -> Reports {
        Reports { since: since.into(), kept: VecDeque::new(), counts: [0; Kind::ALL.len()] }
    }

    /// The same, with those before them that came under an earlier runner.
    #[must_use]
    pub fn after(self, earlier: Reports) -> Reports {
        let mut all = earlier;
        self.kept.into_iter().for_each(|report| all.keep(report));
        all.counts.iter_mut().zip(self.counts).for_each(|(count, more)| *count += more);
        all
    }

    /// Takes one, and forgets what there is no room for.
    pub fn take(&mut self, report: Report) {
        self.counts[report.kind.index()] += 1;
        self.keep(Arc::new(report));
    }

    fn keep(&mut self, report: Arc<Report>) {
        if self.kept.len() == KEPT {
            self.make_room(report.kind.place());
        }
        self.kept.push_back(report);
        self.shorten();
    }

    /// Forgets the oldest that is not the latest of its place, one of the place `next` being about to come.
    fn make_room(&mut self, next: Place) {
        let mut seen = HashSet::from([next]);
        let latest: Vec<bool> = self.kept.iter().rev().map(|report| seen.insert(report.kind.place())).collect();
        // There are more reports than places, so one of them is not the latest of its own.
        if let Some(oldest) = latest.iter().rev().position(|is_latest| !is_latest) {
            self.kept.remove(oldest);
        }
    }

    /// Drops the oldest texts until all together are of bearable length.
    fn shorten(&mut self) {
        let mut length: usize = self.kept.iter().map(|report| report.text.len()).sum();
        for report in &mut self.kept {
            if length <= TEXTS {
                return;
            }
            if !report.text.is_empty() {
                length -= report.text.len();
                *report = Arc::new(Report { text: String::new(), ..Report::clone(report) });
            }
        }
    }

    /// Those that are kept, the latest first.
    pub fn latest(&self) -> impl Iterator<Item = &Arc<Report>> {
        self.kept.iter().rev()
    }

    /// When they began to be taken.
    #[must_use]
    pub fn since(&self) -> Moment {
        self.since
    }

    /// How many there were of each kind, by [`Kind::index`], those included that are not kept any more.
    #[must_use]
    pub fn counts(&self) -> [u64; Kind::ALL.len()] {
        self.counts
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn at(seconds: u64) -> Now {
        Now { elapsed: Duration::ZERO, wall: jiff::Timestamp::UNIX_EPOCH }.plus(Duration::from_secs(seconds))
    }

    fn kinds(reports: &Reports) -> Vec<(Kind, u64)> {
        reports.latest().map(|report| (report.kind, report.received.wall.as_second() as u64)).collect()
    }

    #[test]
    fn the_latest_come_first_and_all_are_counted() {
        let mut reports = Reports::new(at(0));
        for (second, kind) in Kind::ALL.into_iter().enumerate() {
            reports.take(Report::new(kind, at(second as u64)));
        }
        let expected = [(Kind::Log, 4), (Kind::Exit, 3), (Kind::Fail, 2), (Kind::Success, 1), (Kind::Start, 0)];
        assert_eq!(kinds(&reports), expected);
        assert_eq!(reports.counts(), [1; 5]);
    }

    #[test]
    fn no_flood_of_lines_hides_the_latest_begin_and_end() {
        let mut reports = Reports::new(at(0));
        reports.take(Report::new(Kind::Fail, at(1)));
        reports.take(Report::new(Kind::Success, at(2)));
        reports.take(Report::new(Kind::Start, at(3)));
        for second in 4..1_000 {
            reports.take(Report::new(Kind::Log, at(second)));
        }
        let kept = kinds(&reports);
        assert_eq!(kept.len(), KEPT);
        assert_eq!(kept[0], (Kind::Log, 999));
        assert_eq!(kept[KEPT - 2..], [(Kind::Start, 3), (Kind::Success, 2)]);
        assert_eq!(reports.counts(), [1, 1, 1, 0, 996]);

        reports.take(Report::new(Kind::Exit, at(1_000)));
        assert_eq!(kinds(&reports)[KEPT - 1], (Kind::Start, 3), "an end makes the one before it dispensable");
    }

    #[test]
    fn what_is_saved_goes_on_as_old_as_it_is_and_before_what_has_come_since() {
        let mut reports = Reports::new(at(0));
        for second in 1..40 {
            let kind = if second == 1 { Kind::Exit } else { Kind::Log };
            let report = Report { exit_code: Some(7), duration: Some(Duration::MAX), ..Report::new(kind, at(second)) };
            reports.take(report.text(format!("line {second}"), 6));
        }
        // The next runner's clock begins anew.
        let now = Now { elapsed: Duration::from_secs(2), wall: at(100).wall };
        let restored = Reports::restored(&reports.save(), now);
        assert_eq!((restored.since().age(now), restored.counts()), (Duration::from_secs(100), reports.counts()));
        let told = |reports: &Reports, now: Now| -> Vec<(Report, Duration)> {
            let aged = reports.latest().map(|it| (Report::clone(it), it.received.age(now)));
            aged.map(|(it, age)| (Report { received: at(0).into(), ..it }, age)).collect()
        };
        assert_eq!(told(&restored, now), told(&reports, at(100)));

        let mut since = Reports::new(now);
        since.take(Report::new(Kind::Success, now));
        let all = since.after(restored);
        assert_eq!((all.since().age(now), all.counts()), (Duration::from_secs(100), [0, 1, 0, 1, 38]));
        assert_eq!(all.latest().count(), KEPT);
        assert_eq!(all.latest().next().map(|report| report.kind), Some(Kind::Success));
    }

    #[test]
    fn texts_are_cut_and_all_together_are_bounded() {
        let mut reports = Reports::new(at(0));
        for second in 0..10 {
            let text = "ä".repeat(TEXT);
            let length = text.len();
            reports.take(Report::new(Kind::Log, at(second)).text(text, length));
        }
        let texts: Vec<usize> = reports.latest().map(|report| report.text.len()).collect();
        assert_eq!(texts, [TEXT, TEXT, TEXT, TEXT, TEXT, TEXT, 0, 0, 0, 0]);
        assert!(reports.latest().all(|report| report.length == 2 * TEXT));

        let cut = Report::new(Kind::Log, at(0)).text(format!("x{}", "ä".repeat(TEXT)), 0);
        assert_eq!(cut.text.len(), TEXT - 1, "a cut never splits a character");
    }
}
