//! What a case finds on the network: servers on this machine that go by a script.

use std::{
    io::{ErrorKind, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use toml::Value;

/// How long a server waits for what its script says comes next. Whoever is still silent then has another script.
const PATIENCE: Duration = Duration::from_secs(5);
/// Bytes that are kept of what a server was told, to look in: what a case has a probe say is a line or a header.
const HEARD: usize = 64 * 1024;
/// Characters that are shown of what was heard instead.
const SHOWN: usize = 200;

/// What a server does with each connection.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Script {
    /// One after the other; then it waits until the other end closes the connection.
    #[serde(default)]
    steps: Vec<Step>,
    /// Whether there is nobody there at all.
    #[serde(default)]
    refuse: bool,
}

/// One thing that a server does.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Step {
    /// Says this.
    Send(String),
    /// Waits until this was said, since the last time that something was waited for.
    Receive(String),
    /// Closes the connection, if true.
    Close(bool),
}

impl Script {
    /// Whether a server can go by it.
    ///
    /// # Errors
    ///
    /// Nobody does anything, or nothing is waited for.
    pub(super) fn is_sound(&self) -> Result<()> {
        ensure!(!self.refuse || self.steps.is_empty(), "it can't both refuse connections and have steps for them");
        let waits_for_nothing = |step: &Step| matches!(step, Step::Receive(text) if text.is_empty());
        ensure!(!self.steps.iter().any(waits_for_nothing), "a step can't wait for an empty text");
        Ok(())
    }
}

/// A server that is there, or a place where there is none.
pub(super) struct Target {
    name: String,
    address: SocketAddr,
    /// Whoever serves; `None` where there is nobody.
    server: Option<Server>,
}

struct Server {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Vec<String>>,
}

impl Target {
    /// Starts a server on a free port of this machine's own address.
    ///
    /// # Errors
    ///
    /// There is none.
    pub(super) fn start(name: &str, script: &Script) -> Result<Target> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).with_context(|| format!("can't start the target {name}"))?;
        let address = listener.local_addr()?;
        let server = (!script.refuse).then(|| {
            let stop = Arc::new(AtomicBool::new(false));
            let (stopped, steps) = (Arc::clone(&stop), script.steps.clone());
            Server { stop, thread: thread::spawn(move || serve(&listener, &steps, &stopped)) }
        });
        Ok(Target { name: name.to_owned(), address, server })
    }

    /// Ends the server; what it was told otherwise than its script says.
    pub(super) fn finish(self) -> Vec<String> {
        let Some(Server { stop, thread }) = self.server else { return Vec::new() };
        stop.store(true, Relaxed);
        // It may be waiting for a connection, and this is one.
        drop(TcpStream::connect(self.address));
        let complaints = thread.join().unwrap_or_else(|_| vec!["it failed".to_owned()]);
        complaints.into_iter().map(|complaint| format!("the target {} {complaint}", self.name)).collect()
    }
}

/// Serves each connection in a thread of its own, and says what was wrong with them.
fn serve(listener: &TcpListener, steps: &[Step], stop: &AtomicBool) -> Vec<String> {
    let mut complaints = Vec::new();
    thread::scope(|scope| {
        let mut connections = Vec::new();
        for stream in listener.incoming() {
            if stop.load(Relaxed) {
                break;
            }
            // A connection that is gone before it was there is none.
            if let Ok(stream) = stream {
                connections.push(scope.spawn(|| follow(stream, steps)));
            }
        }
        for connection in connections {
            complaints.extend(connection.join().unwrap_or_else(|_| Some("failed".to_owned())));
        }
    });
    complaints
}

/// Goes by the script with one connection; what was wrong with it.
fn follow(mut stream: TcpStream, steps: &[Step]) -> Option<String> {
    // A system that can't promise either only makes a broken case take longer.
    let _ = stream.set_read_timeout(Some(PATIENCE));
    let _ = stream.set_nodelay(true);
    let mut heard = Vec::new();
    for step in steps {
        match step {
            // Whoever does not listen to the end has a reason, and says what it made of it.
            Step::Send(text) => drop(stream.write_all(text.as_bytes())),
            Step::Receive(text) => match wait_for(&mut stream, text.as_bytes(), &mut heard) {
                Ok(()) => {}
                Err(why) => {
                    let said: String = String::from_utf8_lossy(&heard).chars().take(SHOWN).collect();
                    return Some(format!("waited for {text:?} and was told {said:?} ({why})"));
                }
            },
            Step::Close(true) => return None,
            Step::Close(false) => {}
        }
    }
    let mut rest = [0; 1024];
    while stream.read(&mut rest).is_ok_and(|read| read > 0) {}
    None
}

/// Waits until this was said, and forgets all up to there.
fn wait_for(stream: &mut TcpStream, wanted: &[u8], heard: &mut Vec<u8>) -> Result<(), &'static str> {
    let mut more = [0; 1024];
    loop {
        if let Some(at) = heard.windows(wanted.len()).position(|part| part == wanted) {
            heard.drain(..at + wanted.len());
            return Ok(());
        }
        if heard.len() > HEARD {
            return Err("and more");
        }
        match stream.read(&mut more) {
            Ok(0) => return Err("then the connection was closed"),
            Ok(read) => heard.extend_from_slice(more.get(..read).unwrap_or_default()),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                return Err("then nothing more");
            }
            Err(_) => return Err("then the connection broke"),
        }
    }
}

/// A value with the places of targets in it: `{NAME.host}`, `{NAME.port}` and `{NAME.address}`. A text that is nothing but a port
/// becomes a number.
pub(super) fn fill(value: &Value, targets: &[Target]) -> Value {
    match value {
        Value::String(text) => fill_text(text, targets),
        Value::Array(values) => Value::Array(values.iter().map(|value| fill(value, targets)).collect()),
        Value::Table(table) => {
            Value::Table(table.iter().map(|(key, value)| (key.clone(), fill(value, targets))).collect())
        }
        other => other.clone(),
    }
}

fn fill_text(text: &str, targets: &[Target]) -> Value {
    let mut text = text.to_owned();
    for Target { name, address, .. } in targets {
        if text == format!("{{{name}.port}}") {
            return i64::from(address.port()).into();
        }
        for (part, place) in
            [("host", address.ip().to_string()), ("port", address.port().to_string()), ("address", address.to_string())]
        {
            text = text.replace(&format!("{{{name}.{part}}}"), &place);
        }
    }
    text.into()
}
