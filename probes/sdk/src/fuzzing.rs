//! Running whole probes on this machine, without a sandbox and without a network: what their targets say is what a fuzzer thinks
//! of.

use std::{collections::VecDeque, time::Duration};

use crate::{
    Attempt, Connector, Failure, Probe, Run, Verdict,
    adapter::{Adapter, Database, Dht, PubSub},
    bindings::play,
    clock::Deadline,
    settings::FromJson,
};

/// What no verdict may show, though targets may repeat it: the settings of each target of the fuzzer have it as their password.
pub const SECRET: &str = "hunter2-hunter2";

/// Runs a probe against a target that says this.
pub fn check<P: Probe>(settings: &str, said: &[u8]) {
    let settings = read(settings, P::validate);
    let mut attempt = begin(said);
    let came = P::check(&settings, &mut attempt);
    look(attempt, came);
}

/// Opens a connection, examines it twice, and closes it.
pub fn connect<P: Connector>(settings: &str, said: &[u8]) {
    let settings = read(settings, P::validate);
    let mut attempt = begin(said);
    match P::open(settings, &mut attempt) {
        Ok(mut connection) => {
            let first = connection.check(&mut attempt);
            look(attempt, first);
            let mut attempt = Attempt::begin(run());
            let second = connection.check(&mut attempt);
            look(attempt, second);
            connection.close(Deadline::of_leave());
        }
        Err(failure) => look(attempt, Err(failure)),
    }
}

/// Does with a broker what can be done.
pub fn pubsub<A: PubSub>(settings: &str, said: &[u8]) {
    adapt::<A>(settings, said, |adapter, attempt| {
        adapter.subscribe("channel", attempt)?;
        adapter.publish("channel", b"payload", attempt)?;
        while adapter.receive(attempt.deadline())?.is_some() {}
        Ok(())
    });
}

/// Does with a store what can be done.
pub fn dht<A: Dht>(settings: &str, said: &[u8]) {
    adapt::<A>(settings, said, |adapter, attempt| {
        let placement = adapter.put(b"value", attempt)?;
        adapter.get(&placement.key, attempt)?;
        adapter.remove(&placement.key, attempt)
    });
}

/// Does with a database what can be done.
pub fn database<A: Database>(settings: &str, said: &[u8]) {
    adapt::<A>(settings, said, |adapter, attempt| {
        adapter.ping(attempt)?;
        adapter.query("SELECT 1", attempt).map(drop)
    });
}

fn adapt<A: Adapter>(settings: &str, said: &[u8], work: impl FnOnce(&mut A, &mut Attempt) -> Result<(), Failure>) {
    let settings = read(settings, A::validate);
    let mut attempt = begin(said);
    let came = A::open(settings, &mut attempt).and_then(|mut adapter| {
        let worked = work(&mut adapter, &mut attempt);
        let examined = adapter.examine(&mut attempt);
        adapter.close(Deadline::of_leave());
        worked?;
        hides(&format!("{:?}", examined?));
        Ok(Verdict::healthy("all was done"))
    });
    look(attempt, came);
}

#[expect(clippy::panic, reason = "a target of the fuzzer that can't even begin")]
fn read<S: FromJson>(settings: &str, validate: fn(&S) -> Vec<crate::SettingProblem>) -> S {
    match S::from_json(settings, validate) {
        Ok(settings) => settings,
        Err(problems) => panic!("{settings}: {problems:?}"),
    }
}

/// The first byte says how many of the others come at a time.
fn begin(said: &[u8]) -> Attempt {
    let (size, said) = said.split_first().unwrap_or((&0, &[]));
    play(said.chunks(usize::from(*size).max(1)).map(<[u8]>::to_vec).collect::<VecDeque<_>>());
    Attempt::begin(run())
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

/// Whatever the target said, there is a verdict, and it keeps what is secret.
fn look(attempt: Attempt, came: Result<Verdict, Failure>) {
    if let Ok(verdict) = attempt.finish(came) {
        hides(&format!("{verdict:?}"));
    }
}

fn hides(told: &str) {
    assert!(!told.contains(SECRET), "{told}");
}
