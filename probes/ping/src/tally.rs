//! What came of the requests of one run.

use std::{net::IpAddr, time::Duration};

use probity_guest::{
    Findings, Verdict,
    icmp::{Answer, Reply},
    limits::share,
    settings::{Share, Span},
};

use crate::{settings::Settings, words::Trouble};

/// The requests of one run, and what came of each.
#[derive(Debug)]
pub(crate) struct Tally {
    address: IpAddr,
    payload_size: u32,
    reply_timeout: Duration,
    /// In the order in which they were sent.
    requests: Vec<Outcome>,
    /// What somebody said in place of an answer, the last time.
    trouble: Option<Trouble>,
    /// What was left of a reply's time to live, the last time.
    ttl: Option<u8>,
    /// Replies with another payload than the request's, and how many bytes the last of them had.
    changed: (u32, u32),
    /// Whether there was no time to send all.
    pub(crate) cut_short: bool,
}

/// What came of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    /// Nothing yet.
    Open,
    /// A reply, after this time.
    Answered(Duration),
    /// Somebody said why there is none.
    Refused,
    /// A reply that came too late.
    Late,
}

impl Tally {
    /// For requests to `address`, whose replies are waited for so long.
    pub(crate) fn new(settings: &Settings, address: IpAddr, reply_timeout: Duration) -> Self {
        Self {
            address,
            payload_size: settings.payload_size,
            reply_timeout,
            requests: Vec::new(),
            trouble: None,
            ttl: None,
            changed: (0, 0),
            cut_short: false,
        }
    }

    /// Counts a request in.
    pub(crate) fn sent(&mut self) {
        self.requests.push(Outcome::Open);
    }

    /// The sequence number of the next request: from 1, as most programs called `ping` have it.
    pub(crate) fn next_sequence(&self) -> u16 {
        // There are a hundred at the most.
        self.requests.len() as u16 + 1
    }

    /// Whether any request is still without an answer.
    pub(crate) fn is_open(&self) -> bool {
        self.requests.contains(&Outcome::Open)
    }

    /// Whether somebody said of each request why there is no reply.
    fn is_settled(&self) -> bool {
        self.requests.iter().all(|request| *request == Outcome::Refused)
    }

    /// Takes in an answer.
    pub(crate) fn take(&mut self, answer: Answer) {
        match answer {
            Answer::Reply(reply) => self.take_reply(reply),
            Answer::DestinationUnreachable(complaint) => {
                self.settle(complaint.sequence, Outcome::Refused);
                self.trouble = Some(Trouble::Unreachable { by: complaint.address(), code: complaint.code });
            }
            Answer::TimeExceeded(complaint) => {
                self.settle(complaint.sequence, Outcome::Refused);
                self.trouble = Some(Trouble::TimeExceeded { by: complaint.address() });
            }
        }
    }

    fn take_reply(&mut self, reply: Reply) {
        let took = Duration::from_nanos(reply.round_trip);
        if took > self.reply_timeout {
            return self.settle(reply.sequence, Outcome::Late);
        }
        self.settle(reply.sequence, Outcome::Answered(took));
        self.ttl = Some(reply.ttl);
        if !reply.intact {
            self.changed = (self.changed.0 + 1, reply.payload_size);
        }
    }

    fn settle(&mut self, sequence: u16, outcome: Outcome) {
        let at = usize::from(sequence).checked_sub(1);
        if let Some(request) = at.and_then(|at| self.requests.get_mut(at)) {
            *request = outcome;
        }
    }

    /// The time of each round trip, in the order in which the requests were sent.
    fn round_trips(&self) -> impl Iterator<Item = Duration> {
        self.requests.iter().filter_map(|request| match request {
            Outcome::Answered(took) => Some(*took),
            Outcome::Open | Outcome::Refused | Outcome::Late => None,
        })
    }

    fn figures(&self) -> Option<Figures> {
        Figures::of(&self.round_trips().collect::<Vec<_>>())
    }

    /// What speaks against the target.
    pub(crate) fn judge(&self, settings: &Settings, findings: &mut Findings) {
        let (sent, received) = (self.requests.len(), self.round_trips().count());
        let said = self.trouble.as_ref().map_or_else(String::new, |trouble| format!(" ({trouble})"));
        let Some(Figures { average, .. }) = self.figures() else {
            let requests =
                if sent == 1 { "an echo request".to_owned() } else { format!("any of {sent} echo requests") };
            // Where somebody said why of each request, none was waited for that long.
            let within =
                if self.is_settled() { String::new() } else { format!(" within {}", Span(self.reply_timeout)) };
            return findings.unhealthy(format!("no reply to {requests}{within}{said}"));
        };
        let lost = match sent - received {
            1 => format!("1 of {sent} echo requests was lost"),
            lost => format!("{lost} of {sent} echo requests were lost"),
        };
        settings.loss().hold_down(self.loss(), &format!("{lost}, {}{said}", self.loss()), findings);
        let told = format!("a round trip takes {} on average", fine(average));
        settings.rtt().hold_down(Span(average), &told, findings);
        let (changed, came) = self.changed;
        if changed > 0 {
            let how = match self.payload_size {
                size if size == came => String::new(),
                size => format!(" ({came} bytes came back of {size})"),
            };
            findings.degraded(format!("{changed} of {received} replies had another payload than the request{how}"));
        }
    }

    fn loss(&self) -> Share {
        let (sent, received) = (self.requests.len() as u64, self.round_trips().count() as u64);
        share(sent - received, sent)
    }

    /// What to say if nothing speaks against it.
    pub(crate) fn praise(&self) -> String {
        let (sent, received) = (self.requests.len(), self.round_trips().count());
        let took =
            self.figures().map_or_else(String::new, |figures| format!(", in {} on average", fine(figures.average)));
        let room = if self.cut_short { "; the time-out left no room for more" } else { "" };
        format!("answered {received} of {sent} echo requests{took}{room}")
    }

    /// Adds what was seen to a verdict.
    pub(crate) fn tell(&self, verdict: Verdict) -> Verdict {
        let (sent, received) = (self.requests.len(), self.round_trips().count());
        let mut verdict = verdict
            .detail("address", self.address.to_string())
            .measurement("sent", "1", sent as f64)
            .measurement("received", "1", received as f64)
            .measurement("loss", "1", self.loss().0);
        if let Some(ttl) = self.ttl {
            verdict = verdict.detail("ttl", i64::from(ttl));
        }
        if let Some(trouble) = &self.trouble {
            verdict = verdict.detail("trouble", trouble.to_string());
        }
        let Some(figures) = self.figures() else { return verdict };
        verdict = verdict.latency(figures.average);
        for (name, value) in [("rtt-min", figures.least), ("rtt-avg", figures.average), ("rtt-max", figures.most)] {
            verdict = verdict.measurement(name, "s", value.as_secs_f64());
        }
        match figures.jitter {
            Some(jitter) => verdict.measurement("jitter", "s", jitter.as_secs_f64()),
            None => verdict,
        }
    }
}

/// What the round trips come to.
#[derive(Debug, PartialEq, Eq)]
struct Figures {
    least: Duration,
    average: Duration,
    most: Duration,
    /// By how much a round trip differs from the one before it, on average: the |D| of RFC 3550, section 6.4.1, with a plain mean
    /// in place of its smoothing, which takes more packets than a run has.
    jitter: Option<Duration>,
}

impl Figures {
    /// `None` if there were none.
    fn of(round_trips: &[Duration]) -> Option<Self> {
        let differences: Vec<_> = round_trips.windows(2).map(|pair| pair[0].abs_diff(pair[1])).collect();
        Some(Self {
            least: *round_trips.iter().min()?,
            average: mean(round_trips)?,
            most: *round_trips.iter().max()?,
            jitter: mean(&differences),
        })
    }
}

/// A time as a person would say it; those within one machine or one room to the thousandth.
fn fine(span: Duration) -> String {
    match span.as_micros() as u64 {
        micros @ 0..1_000 => format!("0.{micros:03} ms"),
        _ => Span(span).to_string(),
    }
}

fn mean(spans: &[Duration]) -> Option<Duration> {
    spans.iter().sum::<Duration>().checked_div(spans.len() as u32)
}

#[cfg(test)]
mod tests {
    use probity_guest::{Status, icmp::Complaint, settings::parse};

    use super::*;

    const TARGET: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 7));

    fn settings(more: &str) -> Settings {
        parse(&format!(r#"{{ "host": "a"{more} }}"#)).unwrap()
    }

    fn reply(sequence: u16, millis: u64) -> Answer {
        let round_trip = millis * 1_000_000;
        Answer::Reply(Reply { sequence, round_trip, ttl: 63, payload_size: 56, intact: true })
    }

    /// So many requests, and what came of them.
    fn tally(sent: usize, answers: &[Answer]) -> Tally {
        let mut tally = Tally::new(&settings(""), TARGET, Duration::from_secs(1));
        (0..sent).for_each(|_| tally.sent());
        answers.iter().for_each(|answer| tally.take(*answer));
        tally
    }

    fn judged(tally: &Tally, more: &str) -> Findings {
        let mut findings = Findings::default();
        tally.judge(&settings(more), &mut findings);
        findings
    }

    fn finding(status: Status, text: &str) -> Findings {
        let mut findings = Findings::default();
        if status == Status::Unhealthy {
            findings.unhealthy(text)
        } else {
            findings.degraded(text)
        }
        findings
    }

    #[test]
    fn figures_are_those_of_the_round_trips() {
        let spans = |millis: &[u64]| millis.iter().map(|span| Duration::from_millis(*span)).collect::<Vec<_>>();
        let [least, average, most, jitter] = [10, 20, 30, 15].map(Duration::from_millis);
        let figures = Figures { least, average, most, jitter: Some(jitter) };
        assert_eq!(Figures::of(&spans(&[10, 30, 20])), Some(figures));
        assert_eq!(Figures::of(&spans(&[10])).unwrap().jitter, None);
        assert_eq!(Figures::of(&[]), None);
    }

    #[test]
    fn a_loss_is_held_to_its_limits() {
        let all = tally(5, &[reply(1, 1), reply(2, 1), reply(3, 1), reply(4, 1), reply(5, 1)]);
        assert_eq!(judged(&all, ""), Findings::default());
        assert_eq!(all.praise(), "answered 5 of 5 echo requests, in 1.0 ms on average");
        assert_eq!(fine(Duration::from_nanos(46_900)), "0.046 ms");
        let one_lost = tally(5, &[reply(1, 1), reply(2, 1), reply(4, 1), reply(5, 1)]);
        assert_eq!(judged(&one_lost, ""), Findings::default());
        assert_eq!(
            judged(&one_lost, r#", "degraded_loss": 0.2"#),
            finding(Status::Degraded, "1 of 5 echo requests was lost, 20%: 20% or more")
        );
        let two_lost = tally(5, &[reply(1, 1), reply(2, 1), reply(4, 1)]);
        assert_eq!(
            judged(&two_lost, ""),
            finding(Status::Degraded, "2 of 5 echo requests were lost, 40%: 40% or more")
        );
        let four_lost = tally(5, &[reply(5, 1)]);
        assert_eq!(
            judged(&four_lost, ""),
            finding(Status::Unhealthy, "4 of 5 echo requests were lost, 80%: 80% or more")
        );
    }

    #[test]
    fn silence_is_unhealthy_whatever_the_limits() {
        let found = judged(&tally(2, &[]), r#", "unhealthy_loss": 1"#);
        assert_eq!(found, finding(Status::Unhealthy, "no reply to any of 2 echo requests within 1.0 s"));
        let found = judged(&tally(1, &[]), "");
        assert_eq!(found, finding(Status::Unhealthy, "no reply to an echo request within 1.0 s"));
    }

    #[test]
    fn what_was_refused_was_not_waited_for() {
        let refused = |sequence| {
            let sender = probity_guest::bindings::wasi::sockets::network::IpAddress::Ipv4((192, 0, 2, 1));
            Answer::DestinationUnreachable(Complaint { sequence, sender, code: 3 })
        };
        let found = judged(&tally(2, &[refused(1), refused(2)]), "");
        let told = "no reply to any of 2 echo requests (192.0.2.1 says: port unreachable)";
        assert_eq!(found, finding(Status::Unhealthy, told));
        let found = judged(&tally(2, &[refused(1)]), "");
        let told = "no reply to any of 2 echo requests within 1.0 s (192.0.2.1 says: port unreachable)";
        assert_eq!(found, finding(Status::Unhealthy, told));
    }

    #[test]
    fn a_late_reply_is_a_lost_one() {
        let late = tally(2, &[reply(1, 1001), reply(2, 1000)]);
        assert_eq!((late.is_open(), late.loss()), (false, Share(0.5)));
        assert_eq!(late.figures().unwrap().most, Duration::from_secs(1));
    }

    #[test]
    fn slow_round_trips_are_held_to_their_limits() {
        let slow = tally(2, &[reply(1, 100), reply(2, 300)]);
        let limits = r#", "degraded_rtt": "150ms", "unhealthy_rtt": "300ms""#;
        assert_eq!(
            judged(&slow, limits),
            finding(Status::Degraded, "a round trip takes 200 ms on average: 150 ms or more")
        );
    }

    #[test]
    fn a_changed_payload_is_told() {
        for (payload_size, how) in [(40, " (40 bytes came back of 56)"), (56, "")] {
            let reply_to_first = Reply { sequence: 1, round_trip: 1, ttl: 63, payload_size, intact: false };
            let changed = tally(2, &[Answer::Reply(reply_to_first), reply(2, 1)]);
            let text = format!("1 of 2 replies had another payload than the request{how}");
            assert_eq!(judged(&changed, ""), finding(Status::Degraded, &text));
        }
    }

    #[test]
    fn what_was_never_sent_is_no_answer() {
        let strange = tally(1, &[reply(0, 1), reply(2, 1), reply(u16::MAX, 1)]);
        assert!(strange.is_open());
    }
}
