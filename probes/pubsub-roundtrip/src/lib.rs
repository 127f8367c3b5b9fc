//! `pubsub-roundtrip`: sends messages through a broker, and holds what comes back to them. What broker that is, is up to the
//! adapter that it is composed with.

mod delivery;
mod letter;
mod settings;

use std::time::Duration;

use probity_guest::{
    Attempt, Description, Failure, Findings, Probe, Verdict,
    clock::Deadline,
    generic::{
        self, Shared,
        pubsub::{self, Session},
    },
    random,
};

pub use crate::settings::Settings;
use crate::{delivery::Delivery, letter::letters};

/// How long a message is waited for that should not come, since what comes twice comes at once.
const LINGER: Duration = Duration::from_millis(20);

/// The probe.
pub struct PubSubRoundtrip;

impl Probe for PubSubRoundtrip {
    type Settings = Shared<Settings>;

    fn describe() -> Description {
        generic::describe::<Settings>(pubsub::describe())
    }

    fn check(settings: &Shared<Settings>, attempt: &mut Attempt) -> Result<Verdict, Failure> {
        let session = Session::open(&settings.adapters, attempt.run())?;
        let came = examine(&settings.own, &session, attempt);
        session.close();
        came
    }
}

/// The verdict on a broker that let the probe in.
fn examine(settings: &Settings, session: &Session, attempt: &mut Attempt) -> Result<Verdict, Failure> {
    // Both are of this run alone, lest runs disturb each other or anybody else.
    let nonce = random::get_random_u64();
    let channel = settings.channel.clone().unwrap_or_else(|| format!("{nonce:016x}"));
    let mut delivery = Delivery::of(letters(nonce, settings.messages, settings.payload_bytes));

    attempt.phase("subscribe", |_| session.subscribe(&channel))?;
    attempt.phase("round-trip", |deadline| {
        for letter in delivery.letters() {
            session.publish(&channel, letter)?;
        }
        let deadline = settings.wait.map_or(deadline, |wait| deadline.within(wait.0));
        receive(session, &channel, &mut delivery, deadline, Delivery::is_complete)
    })?;
    let took = attempt.elapsed();
    if delivery.is_complete() && !settings.ignore_duplicates {
        receive(session, &channel, &mut delivery, attempt.deadline().within(LINGER), |_| false)?;
    }

    let mut findings = Findings::default();
    delivery.judge(settings, &mut findings);
    if let Some(limit) = settings.degraded_after {
        findings.slow(took, limit);
    }
    let verdict = generic::verdict(findings, session.examine(), |findings| {
        findings.verdict(attempt, None, &session.peer(), &delivery.praise())
    })?;
    Ok(delivery.tell(verdict).latency(took))
}

/// Takes what comes, until nothing does or enough has come.
fn receive(
    session: &Session,
    channel: &str,
    delivery: &mut Delivery,
    deadline: Deadline,
    is_enough: fn(&Delivery) -> bool,
) -> Result<(), Failure> {
    while !is_enough(delivery) && !delivery.is_drowned() {
        let Some(message) = session.receive(deadline.remaining_nanoseconds())? else { break };
        delivery.take(message.payload, message.channel == channel);
    }
    Ok(())
}

probity_guest::export!(PubSubRoundtrip);
