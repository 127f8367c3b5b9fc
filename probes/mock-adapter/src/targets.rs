//! The targets: each lives in the session's own memory.

use std::collections::VecDeque;

use probity_guest::{
    Attempt, Cause, Description, Error, Failure, Findings,
    adapter::{Adapter, Database, Dht, Examination, Found, Message, Placement, PubSub, Row},
    clock::Deadline,
};

use crate::settings::{SCHEMA, Settings, Step};

/// What a target is called.
const PEER: &str = "the mock";
/// Nodes of the store.
const NODES: u32 = 3;

/// What all targets have in common.
struct Mock(Settings);

impl Mock {
    /// Does a step, or refuses it, after the delay.
    fn step(&self, step: Step, deadline: Deadline) -> Result<(), Failure> {
        if let Some(delay) = self.0.delay {
            let (until, left) = (deadline.within(delay.0), deadline.remaining());
            until.pass();
            if until == deadline {
                return Err(Error::new(format!("waiting for {PEER}"), Cause::TimedOut(left)).into());
            }
        }
        match self.0.refuse {
            Some(refused) if refused == step => {
                Err(Failure::Unhealthy(format!("{PEER} refused to {}", format!("{step:?}").to_lowercase())))
            }
            _ => Ok(()),
        }
    }

    /// What comes back of something.
    fn returned(&self, mut sent: Vec<u8>) -> Vec<u8> {
        if let Some(first) = sent.first_mut().filter(|_| self.0.corrupt) {
            *first = first.wrapping_add(1);
        }
        sent
    }

    fn examine(&self, attempt: &Attempt) -> Result<Examination, Failure> {
        self.step(Step::Examine, attempt.deadline())?;
        let mut findings = Findings::default();
        self.0.warn.iter().for_each(|warning| findings.degraded(warning));
        Ok(Examination::of(findings).detail("mock", true))
    }
}

/// What the three are alike in.
macro_rules! adapter {
    ($target:ident, $name:literal, $open:expr) => {
        impl Adapter for $target {
            type Settings = Settings;

            fn describe() -> Description {
                let text = concat!("Holds the probe to a ", $name, " that is not there.");
                Description::new(concat!("mock-", $name), env!("CARGO_PKG_VERSION"), text, SCHEMA)
            }

            fn open(settings: Settings, attempt: &mut Attempt) -> Result<Self, Failure> {
                let mock = Mock(settings);
                attempt.phase("connect", |deadline| mock.step(Step::Open, deadline))?;
                Ok($open(mock))
            }

            fn peer(&self) -> String {
                PEER.to_owned()
            }

            fn examine(&mut self, attempt: &mut Attempt) -> Result<Examination, Failure> {
                self.mock.examine(attempt)
            }
        }
    };
}

/// A broker: what is published comes to whoever published it.
pub struct Broker {
    mock: Mock,
    channel: String,
    waiting: VecDeque<Vec<u8>>,
}

adapter!(Broker, "broker", |mock| Broker { mock, channel: String::new(), waiting: VecDeque::new() });

impl PubSub for Broker {
    fn subscribe(&mut self, channel: &str, attempt: &mut Attempt) -> Result<(), Failure> {
        self.mock.step(Step::Subscribe, attempt.deadline())?;
        channel.clone_into(&mut self.channel);
        Ok(())
    }

    fn publish(&mut self, channel: &str, payload: &[u8], attempt: &mut Attempt) -> Result<(), Failure> {
        self.mock.step(Step::Publish, attempt.deadline())?;
        if channel != self.channel {
            return Ok(());
        }
        let settings = &self.mock.0;
        self.waiting.extend((0..settings.noise).map(|number| format!("noise {number}").into_bytes()));
        let times = if settings.lose { 0 } else { 1 + usize::from(settings.duplicate) };
        self.waiting.extend((0..times).map(|_| self.mock.returned(payload.to_vec())));
        Ok(())
    }

    fn receive(&mut self, until: Deadline) -> Result<Option<Message>, Failure> {
        let Some(payload) = self.waiting.pop_front() else {
            until.pass();
            return Ok(None);
        };
        Ok(Some(Message { channel: self.channel.clone(), payload }))
    }
}

/// A store: it keeps one value, and each of its nodes gives it.
pub struct Store {
    mock: Mock,
    value: Option<Vec<u8>>,
}

adapter!(Store, "store", |mock| Store { mock, value: None });

impl Dht for Store {
    fn put(&mut self, value: &[u8], attempt: &mut Attempt) -> Result<Placement, Failure> {
        self.mock.step(Step::Put, attempt.deadline())?;
        self.value = (!self.mock.0.lose).then(|| value.to_vec());
        Ok(Placement { key: "key".to_owned(), nodes: NODES })
    }

    fn get(&mut self, key: &str, attempt: &mut Attempt) -> Result<Vec<Found>, Failure> {
        self.mock.step(Step::Get, attempt.deadline())?;
        let Some(value) = self.value.as_ref().filter(|_| key == "key") else { return Ok(Vec::new()) };
        let give = |node: u32| Found { value: value.clone(), source: format!("node {node}") };
        let mut found: Vec<Found> = (1..=NODES).map(give).collect();
        // One of them is enough to be noticed.
        if let Some(last) = found.last_mut() {
            last.value = self.mock.returned(value.clone());
        }
        Ok(found)
    }

    fn remove(&mut self, _: &str, attempt: &mut Attempt) -> Result<(), Failure> {
        self.mock.step(Step::Remove, attempt.deadline())?;
        self.value = None;
        Ok(())
    }
}

/// A database: it answers every query alike.
pub struct Rows {
    mock: Mock,
}

adapter!(Rows, "database", |mock| Rows { mock });

impl Database for Rows {
    fn ping(&mut self, attempt: &mut Attempt) -> Result<(), Failure> {
        self.mock.step(Step::Ping, attempt.deadline())
    }

    fn query(&mut self, _: &str, attempt: &mut Attempt) -> Result<Option<Row>, Failure> {
        self.mock.step(Step::Query, attempt.deadline())?;
        let answer = self.mock.0.answer.clone().filter(|_| !self.mock.0.lose);
        Ok(answer.map(|answer| {
            let answer = self.mock.returned(answer.into_bytes());
            vec![Some(String::from_utf8_lossy(&answer).into_owned())]
        }))
    }
}
