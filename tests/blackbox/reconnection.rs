//! The example `reconnection`: a real process that is slow, frozen, killed, leaves and crashes, and a client that is told.

use std::{
    fs,
    io::Write,
    path::Path,
    process::{Child, ChildStdin, Command, Stdio},
    sync::{Arc, Mutex},
    thread,
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::{
    guest::repository,
    runner::{Deadline, Home, Log, Runner},
    target::nobody,
};

/// A program of the example. It is killed when it is dropped.
struct Program {
    process: Child,
    input: ChildStdin,
    log: Log,
}

impl Program {
    #[track_caller]
    fn start(name: &str, arguments: &[&str]) -> Program {
        // Cargo builds it with the tests, unless it is told which of them to build.
        let path = Path::new(env!("CARGO_BIN_EXE_probity")).with_file_name("examples").join(name);
        assert!(path.exists(), "{} is missing; to build it: cargo build -p probity --examples", path.display());
        let mut command = Command::new(path);
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let log = Log::default();
        log.follow(process.stdout.take().unwrap());
        log.follow(process.stderr.take().unwrap());
        Program { input: process.stdin.take().unwrap(), process, log }
    }

    /// An unstable target on this port, or any free one (0), once it listens.
    #[track_caller]
    fn target(port: u16, script: &[&str]) -> (Program, u16) {
        let target =
            Program::start("reconnection-target", &[&[port.to_string().as_str(), "--script"], script].concat());
        let line = target.wait_for("listening on ws://127.0.0.1:");
        (target, line.rsplit(':').next().unwrap().parse().unwrap())
    }

    /// A client that prints the events of a runner after this one.
    #[track_caller]
    fn client(runner: &Runner, after: &str) -> Program {
        Program::start("reconnection-client", &[runner.url("").trim_start_matches("http://"), "--after", after])
    }

    /// Waits until it has written a line with this in it.
    #[track_caller]
    fn wait_for(&self, part: &str) -> String {
        let patient = Deadline::new();
        loop {
            let text = self.log.text();
            if let Some(line) = text.lines().find(|line| line.contains(part)) {
                return line.to_owned();
            }
            patient.pause(|| format!("{part:?}; the program said:\n{text}"));
        }
    }

    /// Types a line.
    fn tell(&mut self, line: &str) {
        writeln!(self.input, "{line}").unwrap();
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.process), signal).unwrap();
    }

    /// The numbers of the events that it printed.
    fn printed(&self) -> Vec<usize> {
        let text = self.log.text();
        text.lines().filter_map(|line| line.split_whitespace().next()?.parse().ok()).collect()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// All that a runner tells, from its start on.
struct Story {
    events: Arc<Mutex<Vec<Value>>>,
    /// How many of them have been looked at.
    read: usize,
}

impl Story {
    fn follow(runner: &Runner) -> Story {
        let url = runner.url("/events/ws?after=0").replace("http:", "ws:");
        let (mut socket, _) = tungstenite::connect(url).unwrap();
        let events = Arc::<Mutex<Vec<Value>>>::default();
        let told = Arc::clone(&events);
        // It ends with the runner.
        thread::spawn(move || {
            while let Ok(message) = socket.read() {
                if let Ok(event) = serde_json::from_slice(&message.into_data()) {
                    told.lock().unwrap().push(event);
                }
            }
        });
        Story { events, read: 0 }
    }

    fn events(&self) -> Vec<Value> {
        self.events.lock().unwrap().clone()
    }

    /// Waits for an event of this type, whose message has this in it; the state of the connection by then.
    #[track_caller]
    fn wait_for(&mut self, kind: &str, part: &str) -> String {
        let patient = Deadline::new();
        loop {
            let events = self.events();
            let is_it = |event: &Value| event["type"] == kind && text(event, "message").contains(part);
            if let Some(at) = events[self.read..].iter().position(is_it) {
                self.read += at + 1;
                let changes = events[..self.read].iter().rev().filter(|event| event["type"] == "probity.state-change");
                return changes.map(|change| text(change, "to")).next().unwrap().to_owned();
            }
            patient.pause(|| format!("{kind}: {part:?}; the runner told of {events:#?}"));
        }
    }

    /// Waits until the target is found ill, for this reason.
    #[track_caller]
    fn wait_for_trouble(&mut self, reason: &str) -> String {
        self.wait_for("probity.unhealthy", reason)
    }

    /// Waits until the target is found well again.
    #[track_caller]
    fn wait_until_healed(&mut self) {
        assert_eq!(self.wait_for("probity.health-change", "answered a ping"), "CONNECTED");
    }

    /// Checks that nothing is missing of it, and that no run failed for its probe's sake.
    #[track_caller]
    fn check(&self) -> Vec<Value> {
        let events = self.events();
        let numbers: Vec<String> = (1..=events.len()).map(|number| number.to_string()).collect();
        assert!(events.iter().map(|event| &event["sequence"]).eq(&numbers), "{events:#?}");
        let mut state = "DISCONNECTED";
        for change in events.iter().filter(|event| event["type"] == "probity.state-change") {
            assert_eq!(text(change, "from"), state, "{events:#?}");
            state = text(change, "to");
        }
        assert!(events.iter().all(|event| event["type"] != "probity.fault"), "{events:#?}");
        events
    }
}

/// A text of what an event says.
fn text<'a>(event: &'a Value, key: &str) -> &'a str {
    event["data"][key].as_str().unwrap_or_default()
}

/// A home with the example's own configuration, but for the port of the target.
fn home(port: u16) -> Home {
    let config = fs::read_to_string(repository().join("examples/reconnection/probity.toml")).unwrap();
    assert!(config.contains("127.0.0.1:9001"), "{config}");
    Home::new(&config.replace("127.0.0.1:9001", &format!("127.0.0.1:{port}")))
}

#[test]
fn every_trouble_is_found_named_and_healed() {
    let port = nobody().port();
    let runner = home(port).start();
    let mut story = Story::follow(&runner);
    let first = Program::client(&runner, "0");

    // Slow to start: nobody is there yet.
    let refused = format!("connection refused while connecting to 127.0.0.1:{port}");
    assert_eq!(story.wait_for_trouble(&refused), "FAILED", "it was never connected");
    let (target, _) = Program::target(port, &["well"]);
    story.wait_until_healed();

    // Frozen: the connection stays open.
    target.signal(Signal::STOP);
    let state = story.wait_for_trouble(": the connection is open, but nothing answers");
    assert_eq!(state, "RECONNECTING");
    target.signal(Signal::CONT);
    story.wait_until_healed();

    // The client goes, and comes back later.
    let seen = story.events().len();
    first.wait_for(&format!("{seen:>5}  "));
    first.signal(Signal::TERM);
    let line = first.wait_for("to go on from here: --after ");
    let last = line.rsplit(' ').next().unwrap();

    // Killed.
    drop(target);
    assert_eq!(story.wait_for_trouble(&format!("the connection to ws://127.0.0.1:{port}/ was lost")), "RECONNECTING");
    let (mut target, _) = Program::target(port, &["well"]);
    story.wait_until_healed();

    // Closed with a word, and restarted.
    target.tell("close:1001:500ms,well");
    let closed = format!("the server closed the connection to ws://127.0.0.1:{port}/: 1001 going away (restarting)");
    assert_eq!(story.wait_for_trouble(&closed), "RECONNECTING");
    story.wait_until_healed();

    // Crashed by itself, and slow to start again.
    target.tell("crash");
    assert_eq!(story.wait_for_trouble("was lost: closed without a word"), "RECONNECTING");
    let (_target, _) = Program::target(port, &["slow:500ms,well"]);
    story.wait_until_healed();

    let stats = runner.json("/connections/feed/stats");
    assert_eq!((&stats["currentState"], &stats["is_healthy"]), (&"CONNECTED".into(), &true.into()), "{stats}");
    assert_eq!((&stats["totalConnections"], &stats["totalReconnections"]), (&5.into(), &4.into()), "{stats}");
    assert_eq!(stats["unknownHealthChecks"], 0, "{stats}");
    let events = story.check();

    // Between them the client's two lives printed each event once, over one connection each.
    let second = Program::client(&runner, last);
    second.wait_for(&format!("{:>5}  ", events.len()));
    let printed = [first.printed(), second.printed()].concat();
    let lines = first.log.text() + &second.log.text();
    // More may have happened since.
    assert!(printed.into_iter().take(events.len()).eq(1..=events.len()), "{lines}");
    for event in events.iter().filter(|event| event["type"] == "probity.state-change") {
        let (number, from, to) = (event["sequence"].as_str().unwrap(), text(event, "from"), text(event, "to"));
        let is_it = |line: &str| line.trim_start().starts_with(number) && line.contains(&format!("{from} -> {to} ("));
        assert!(lines.lines().any(is_it), "{number}: {from} -> {to} is missing:\n{lines}");
    }
    assert_eq!(lines.matches("-- following ").count(), 2, "{lines}");
    assert_eq!(lines.matches("cut off").count(), 0, "{lines}");
    runner.stop();
}

#[test]
fn a_script_goes_on_after_a_crash_and_a_client_after_a_restart() {
    // Each step but the first lasts for longer than it takes to be noticed; if the machine is too slow for one, it comes
    // again.
    let script = "slow:500ms,well:2s,freeze:4s,well:2s,close:1001:1s,well:2s,crash";
    let (_target, port) = Program::target(0, &[script, "--forever"]);
    let runner = home(port).start();
    let mut story = Story::follow(&runner);
    let client = Program::client(&runner, "0");
    story.wait_until_healed();
    for reason in ["the connection is open, but nothing answers", "1001 going away (restarting)", "was lost"] {
        assert_eq!(story.wait_for_trouble(reason), "RECONNECTING");
        story.wait_until_healed();
    }
    story.check();

    // Events outlive their runner: the client goes on where it was cut off.
    let listen = runner.url("").trim_start_matches("http://").to_owned();
    let home = runner.stop();
    client.wait_for("-- cut off: the runner is stopping; trying again in ");
    let command = home.command(&["run", "--listen", &listen, "--data-dir", "state"]);
    let runner = home.clone().start_by(command);
    runner.wait_for("the client to follow again", || {
        let text = client.log.text();
        if text.matches("-- following ").count() == 2 { Ok(()) } else { Err(text) }
    });
    runner.wait_for_check("feed", "is watched again", |check| check.state() == "CONNECTED");
    let text = client.log.text();
    assert!(!text.contains("is lost"), "{text}");
    runner.stop();
}
