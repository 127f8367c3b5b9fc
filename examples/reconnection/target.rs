//! An unstable target: a WebSocket server that is slow to start, freezes, leaves, crashes and comes back, on a script.
//!
//! Steps are separated by commas: `slow:3s,well:10s,freeze:8s,close:1001:5s,crash`. One without a duration lasts until
//! another is typed: each line of the standard input is a script that takes the place of what is left.

use std::{
    collections::VecDeque,
    env,
    io::{self, ErrorKind, Write},
    net::{Ipv4Addr, TcpListener, TcpStream},
    os::unix::process::CommandExt,
    process::{self, Command},
    str::FromStr,
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{self, Receiver, RecvTimeoutError, Sender},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, anyhow, bail, ensure};
use clap::Parser;
use jiff::SignedDuration;
use tungstenite::{
    Error, accept,
    protocol::{CloseFrame, frame::coding::CloseCode},
};

/// Every trouble there is, each followed by enough time to see it heal.
const FOR_PEOPLE: &str = "slow:5s,well:10s,freeze:8s,well:10s,close:1001:5s,well:10s,crash";
/// How often connections and the listener look at what is to be done: sooner than a person notices.
const LOOK: Duration = Duration::from_millis(20);
/// How long somebody who connected may take for his handshake.
const HANDSHAKE: Duration = Duration::from_secs(5);
/// The exit code after a crash: that of a Rust program that panics.
const CRASHED: i32 = 101;

/// A WebSocket server that is unstable on purpose.
#[derive(Parser)]
#[command(name = "reconnection-target")]
struct Arguments {
    /// The port to listen on, at 127.0.0.1; 0 takes any free one.
    #[arg(default_value_t = 9001)]
    port: u16,
    /// What to do, one step after another, and to be well at the end; without it, a round of all troubles, for ever.
    ///
    /// The steps are `slow` (does not listen), `well`, `freeze` (accepts connections and answers nothing), `close:CODE`
    /// (closes all connections with this status code, and does not listen) and `crash`. All but the last take a duration.
    #[arg(long)]
    script: Option<String>,
    /// Begins again at the end of the script, and after a crash.
    #[arg(long)]
    forever: bool,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let forever = arguments.forever || arguments.script.is_none();
    let script = arguments.script.unwrap_or_else(|| FOR_PEOPLE.to_owned());
    let steps = parse(&script)?;
    let (sender, typed) = mpsc::channel();
    let reader = sender.clone();
    thread::spawn(move || read_steps(&reader));
    let mut target = Target { port: arguments.port, listener: None, orders: Arc::default(), typed, _sender: sender };
    let mut left = VecDeque::from(steps.clone());
    let then = if forever { steps } else { vec![Step { what: What::Well, lasting: None }] };
    loop {
        let Some(step) = left.pop_front() else {
            left.extend(&then);
            continue;
        };
        if step.what == What::Crash {
            say("crashing")?;
            return Err(target.crash(forever.then_some(&script)));
        }
        if let Some(steps) = target.play(step)? {
            left = steps.into();
        }
    }
}

/// One step of a script.
#[derive(Clone, Copy)]
struct Step {
    what: What,
    /// `None`: until another is typed.
    lasting: Option<Duration>,
}

#[derive(Clone, Copy, PartialEq)]
enum What {
    /// Does not listen.
    Slow,
    /// Listens, and answers pings.
    Well,
    /// Accepts connections, and answers nothing over these or others.
    Freeze,
    /// Closes all connections with this status code, and does not listen.
    Close(u16),
    /// Ends at once: the system closes all connections, without a word.
    Crash,
}

impl FromStr for Step {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Step> {
        let mut parts = text.trim().split(':');
        let what = match parts.next().unwrap_or_default() {
            "slow" => What::Slow,
            "well" => What::Well,
            "freeze" => What::Freeze,
            "crash" => What::Crash,
            "close" => {
                let code = parts.next().and_then(|code| code.parse().ok());
                let code = code.filter(|code| CloseCode::from(*code).is_allowed());
                What::Close(code.with_context(|| format!("`{text}` needs a status code, such as `close:1001:5s`"))?)
            }
            _ => bail!("there is no step `{text}`; there are slow, well, freeze, close:CODE and crash"),
        };
        let lasting = parts.next().map(parse_duration).transpose()?;
        ensure!(parts.next().is_none(), "`{text}` has too many parts");
        ensure!(what != What::Crash || lasting.is_none(), "`{text}` takes no time: it is `crash`");
        Ok(Step { what, lasting })
    }
}

fn parse(script: &str) -> Result<Vec<Step>> {
    script.split(',').map(str::parse).collect()
}

fn parse_duration(text: &str) -> Result<Duration> {
    let duration = text.parse::<SignedDuration>().ok().and_then(|duration| Duration::try_from(duration).ok());
    duration.ok_or_else(|| anyhow!("`{text}` is no duration, such as `500ms` or `5s`"))
}

/// Takes what is typed for scripts.
fn read_steps(sender: &Sender<Vec<Step>>) {
    for line in io::stdin().lines().map_while(Result::ok).filter(|line| !line.trim().is_empty()) {
        match parse(&line) {
            // There is always a receiver.
            Ok(steps) => drop(sender.send(steps)),
            Err(error) => drop(say(&format!("{error}"))),
        }
    }
}

/// What all connections are to do.
#[derive(Clone, Copy, Default)]
struct Orders {
    frozen: bool,
    /// How often all connections were told to close.
    closings: u32,
    /// The status code to close with.
    code: u16,
}

struct Target {
    port: u16,
    listener: Option<TcpListener>,
    orders: Arc<Mutex<Orders>>,
    typed: Receiver<Vec<Step>>,
    /// Lets `typed` go on where there is no standard input.
    _sender: Sender<Vec<Step>>,
}

impl Target {
    /// Plays a step to its end; or until something is typed, which it returns.
    fn play(&mut self, step: Step) -> Result<Option<Vec<Step>>> {
        let listens = matches!(step.what, What::Well | What::Freeze);
        if listens {
            self.listen()?;
        } else {
            self.listener = None;
        }
        let lasting = step.lasting.map_or_else(|| "until told otherwise".to_owned(), |span| format!("for {span:?}"));
        match step.what {
            What::Slow => say(&format!("not listening {lasting}"))?,
            What::Well => say(&format!("well {lasting}"))?,
            What::Freeze => say(&format!("frozen {lasting}: connections are accepted, and nothing is answered"))?,
            What::Close(code) => say(&format!("closing all connections with {code}, and not listening {lasting}"))?,
            What::Crash => {}
        }
        self.order(step.what);
        let end = step.lasting.map(|span| Instant::now() + span);
        loop {
            // Whoever connects to a frozen server gets no further than the system's queue.
            if step.what == What::Well {
                self.accept_all()?;
            }
            let left = end.map_or(LOOK, |end| end.saturating_duration_since(Instant::now()));
            if left.is_zero() {
                return Ok(None);
            }
            match self.typed.recv_timeout(left.min(LOOK)) {
                Ok(steps) => return Ok(Some(steps)),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
            }
        }
    }

    fn listen(&mut self) -> Result<()> {
        if self.listener.is_some() {
            return Ok(());
        }
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, self.port))
            .with_context(|| format!("can't listen on port {}", self.port))?;
        listener.set_nonblocking(true)?;
        // It comes back where it was.
        self.port = listener.local_addr()?.port();
        self.listener = Some(listener);
        say(&format!("listening on ws://127.0.0.1:{}", self.port))
    }

    fn order(&self, what: What) {
        let mut orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner);
        orders.frozen = what == What::Freeze;
        if let What::Close(code) = what {
            orders.closings += 1;
            orders.code = code;
        }
    }

    fn accept_all(&self) -> Result<()> {
        let Some(listener) = &self.listener else { return Ok(()) };
        loop {
            match listener.accept() {
                Ok((stream, _)) => {
                    let orders = Arc::clone(&self.orders);
                    // A connection that fails has ended, and that is all.
                    thread::spawn(move || drop(serve(stream, &orders)));
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error).context("can't accept connections"),
            }
        }
    }

    /// Ends at once, or becomes a new process with this script to play for ever; why it could not.
    fn crash(&self, script: Option<&String>) -> anyhow::Error {
        let Some(script) = script else { process::exit(CRASHED) };
        match env::current_exe() {
            Ok(program) => {
                let port = self.port.to_string();
                Command::new(program).args([&port, "--script", script, "--forever"]).exec().into()
            }
            Err(error) => error.into(),
        }
    }
}

/// Serves one connection, by order, until it ends. While it reads, the library answers pings.
fn serve(stream: TcpStream, orders: &Mutex<Orders>) -> Result<()> {
    let look = || *orders.lock().unwrap_or_else(PoisonError::into_inner);
    let mut closings = look().closings;
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(HANDSHAKE))?;
    let mut socket = accept(stream)?;
    socket.get_ref().set_read_timeout(Some(LOOK))?;
    loop {
        let orders = look();
        if orders.frozen {
            thread::sleep(LOOK);
            continue;
        }
        if orders.closings != closings {
            closings = orders.closings;
            socket.close(Some(CloseFrame { code: orders.code.into(), reason: "restarting".into() }))?;
        }
        match socket.read() {
            Ok(_) => {}
            Err(Error::Io(error)) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

fn say(line: &str) -> Result<()> {
    writeln!(io::stdout(), "{line}").context("can't write to the standard output")
}
