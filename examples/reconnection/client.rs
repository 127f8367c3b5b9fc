//! Follows the events of a runner over a WebSocket, and misses none: when it is cut off it comes back, and goes on after the
//! last event that it saw.

use std::{
    io::{self, ErrorKind, Write},
    net::TcpStream,
    process,
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::Duration,
};

use anyhow::{Context, Result, anyhow};
use clap::Parser;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::oneshot,
};
use tungstenite::{Error, HandshakeError, Message, WebSocket, client};

/// How long nothing may come: two of the pings that the runner sends after each 15 s of silence, and some time.
const SILENCE: Duration = Duration::from_secs(40);
/// How long to wait before coming back, at first. Each further time is twice as long.
const FIRST_DELAY: Duration = Duration::from_millis(250);
/// And at most: a person who looks on does not wait for longer.
const LONGEST_DELAY: Duration = Duration::from_secs(5);
/// What is asked for by whoever has seen no event: all that the runner still knows.
const ALL: &str = "0";

/// Prints each event of a runner as one line, and misses none. Times are in UTC.
#[derive(Parser)]
#[command(name = "reconnection-client")]
struct Arguments {
    /// The address and port of the runner.
    #[arg(default_value = "127.0.0.1:8082")]
    runner: String,
    /// The id of the event after which to begin; unless given, all that the runner still knows is printed.
    #[arg(long, value_name = "ID", default_value = ALL)]
    after: String,
}

fn main() -> Result<()> {
    let Arguments { runner, after } = Arguments::parse();
    let last = Arc::new(Mutex::new(after));
    let (sender, failed) = oneshot::channel();
    let follower = Follower { runner, last: Arc::clone(&last) };
    // If nobody waits for it, the program is about to end.
    thread::spawn(move || drop(sender.send(follower.follow())));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        tokio::select! {
            error = failed => Err(error?),
            _ = interrupt.recv() => Ok(()),
            _ = terminate.recv() => Ok(()),
        }
    })?;
    let last = last.lock().unwrap_or_else(PoisonError::into_inner);
    say(&format!("-- leaving; to go on from here: --after {last}"));
    Ok(())
}

/// Why there is no connection.
enum Failure {
    /// There may be one later.
    Absent(anyhow::Error),
    /// What is asked for is wrong.
    Refused(anyhow::Error),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Failure {
        Failure::Absent(error.into())
    }
}

struct Follower {
    runner: String,
    /// The id of the last event that was printed.
    last: Arc<Mutex<String>>,
}

impl Follower {
    /// Follows the events, however often it is cut off; why it is pointless to try again.
    fn follow(&self) -> anyhow::Error {
        let mut delay = FIRST_DELAY;
        loop {
            let why = match self.connect() {
                Ok(socket) => {
                    delay = FIRST_DELAY;
                    format!("cut off: {}", self.read(socket))
                }
                Err(Failure::Absent(why)) => format!("no connection to {}: {why}", self.runner),
                Err(Failure::Refused(why)) => return why,
            };
            say(&format!("-- {why}; trying again in {delay:?}"));
            thread::sleep(delay);
            delay = (delay * 2).min(LONGEST_DELAY);
        }
    }

    /// Asks for the events after the last one that was printed.
    fn connect(&self) -> Result<WebSocket<TcpStream>, Failure> {
        let Follower { runner, last } = self;
        let last = last.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let stream = TcpStream::connect(runner)?;
        stream.set_read_timeout(Some(SILENCE))?;
        let (socket, _) =
            client(format!("ws://{runner}/events/ws?after={last}"), stream).map_err(|error| match error {
                HandshakeError::Failure(Error::Http(response)) if response.status().is_client_error() => {
                    let body = String::from_utf8_lossy(response.body().as_deref().unwrap_or_default()).into_owned();
                    Failure::Refused(anyhow!("{runner} refuses: {} {body}", response.status()))
                }
                HandshakeError::Failure(error) => Failure::Absent(plain(error)),
                HandshakeError::Interrupted(_) => Failure::Absent(silent()),
            })?;
        let from = if last == ALL { "from the beginning".to_owned() } else { format!("after {last}") };
        say(&format!("-- following {runner} {from}"));
        Ok(socket)
    }

    /// Prints events until there are no more; why. While it reads, the library answers pings.
    fn read(&self, mut socket: WebSocket<TcpStream>) -> anyhow::Error {
        loop {
            let read = socket.read().map_err(plain).and_then(|message| match message {
                Message::Text(text) => self.print(&text),
                Message::Close(Some(frame)) => Err(anyhow!("{}", frame.reason)),
                _ => Ok(()),
            });
            if let Err(why) = read {
                return why;
            }
        }
    }

    fn print(&self, json: &str) -> Result<()> {
        let event: Event = serde_json::from_str(json).with_context(|| format!("this is no event: {json}"))?;
        // What was printed was seen: whoever asks for the one meanwhile waits for the other.
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        say(&event.to_line());
        // A gap is no event of the log, and can't be the last one seen.
        if event.kind() != GAP {
            *last = event.id;
        }
        Ok(())
    }
}

/// An error in the words of the system, where it has any.
fn plain(error: Error) -> anyhow::Error {
    match error {
        Error::Io(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => silent(),
        Error::Io(error) => error.into(),
        error => error.into(),
    }
}

fn silent() -> anyhow::Error {
    anyhow!("nothing came for {SILENCE:?}")
}

/// What is told in the place of events that are lost.
const GAP: &str = "gap";

/// An event, as far as it is shown.
#[derive(Deserialize)]
struct Event {
    id: String,
    #[serde(rename = "type")]
    kind: String,
    /// The check that it is about; `None`: it is about the runner.
    subject: Option<String>,
    time: Timestamp,
    sequence: String,
    data: Value,
}

impl Event {
    fn kind(&self) -> &str {
        self.kind.strip_prefix("probity.").unwrap_or(&self.kind)
    }

    fn to_line(&self) -> String {
        let (sequence, kind, what) = (&self.sequence, self.kind(), self.describe());
        let (time, subject) = (self.time.strftime("%H:%M:%S%.3f"), self.subject.as_deref().unwrap_or("runner"));
        format!("{sequence:>5}  {time}  {subject:<6}  {kind:<14}  {what}").trim_end().to_owned()
    }

    fn describe(&self) -> String {
        let text = |key: &str| self.data[key].as_str().unwrap_or_default();
        let seconds = |key: &str| self.data[key].as_f64().map(|nanoseconds| nanoseconds / 1e9);
        match self.kind() {
            "state-change" => format!("{} -> {} ({})", text("from"), text("to"), text("cause")),
            "health-change" | "unhealthy" => format!("{} -> {}: {}", text("from"), text("to"), text("message")),
            "connected" => seconds("lost_for").map_or_else(String::new, |lost| format!("after {lost:.1} s")),
            "reconnecting" => {
                format!("attempt {} in {:.1} s", self.data["attempt"], seconds("delay").unwrap_or_default())
            }
            "error" => text("message").to_owned(),
            "flapping-start" | "flapping-end" => {
                format!(
                    "{:.0} % of the latest results are changes",
                    100.0 * self.data["share"].as_f64().unwrap_or_default()
                )
            }
            "disconnected" => format!("({})", text("cause")),
            "reload" if self.data["ok"] == true => format!("{} is in use", text("what")),
            "reload" => format!("{} is rejected: {}", text("what"), text("error")),
            GAP if text("reason") == "expired" => {
                format!("events {} to {} are lost: the runner keeps no more", self.data["from"], self.data["to"])
            }
            GAP if text("reason") == "left-out" => {
                "the runner was killed: what it told in its last moments may be lost".to_owned()
            }
            GAP => "the runner was started anew: what happened after the last event is lost".to_owned(),
            _ => self.data.to_string(),
        }
    }
}

/// Prints a line; whoever does not listen any more ends the program.
fn say(line: &str) {
    if writeln!(io::stdout(), "{line}").is_err() {
        process::exit(0);
    }
}
