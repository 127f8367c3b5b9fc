//! What a probe costs: it is run by a runner, against a server that greets.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    path::Path,
    process::{Child, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::Author;
use crate::toolchain::output;

/// Runs from which the median is taken.
const RUNS: u64 = 50;
/// How long the slowest example may take to be compiled and run so often.
const PATIENCE: Duration = Duration::from_secs(300);
/// How often a runner is asked how far it is.
const POLL: Duration = Duration::from_millis(200);

/// What was found.
pub(super) struct Measured {
    /// Bytes of the component.
    pub(super) size: u64,
    /// From its file to a component that can be started: what `probity inspect` takes.
    pub(super) compile: Duration,
    /// The median of its runs, connecting included.
    pub(super) run: Duration,
    /// Bytes of memory, at most.
    pub(super) memory: u64,
    /// Units of fuel of the last run.
    pub(super) fuel: u64,
}

/// A runner that is ended when it is dropped.
struct Runner(Child);

impl Drop for Runner {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Compiles and runs a component.
pub(super) fn measure(author: &Author<'_>, component: &Path) -> Result<Measured> {
    let begun = Instant::now();
    output(author.command().arg("inspect").arg(component))?;
    let compile = begun.elapsed();

    let server = greeter()?;
    let home = component.with_file_name("runner");
    if home.exists() {
        fs::remove_dir_all(&home)?;
    }
    fs::create_dir_all(home.join("probes.d"))?;
    fs::copy(component, home.join("probes.d/banner-probe.wasm"))?;
    let config = format!(
        "[defaults]\ninterval = \"100ms\"\njitter = 0.0\n\n[[check]]\nname = \"banner-probe\"\n\
         settings = {{ host = \"127.0.0.1\", port = {}, expect = \"hello\" }}\n",
        server.port()
    );
    fs::write(home.join("probity.toml"), config)?;
    let mut command = author.command();
    command.args(["run", "--log", "error", "--listen", "127.0.0.1:0", "--data-dir", "state"]).current_dir(&home);
    let mut runner = Runner(command.stdout(Stdio::piped()).spawn().context("starting a runner")?);
    let mut lines = BufReader::new(runner.0.stdout.take().context("a runner has no output")?).lines();
    let listening = lines.find_map(|line| Some(line.ok()?.strip_prefix("listening on http://")?.to_owned()));
    let address = listening.context("the runner did not start")?.parse()?;

    let begun = Instant::now();
    let check = loop {
        let check = ask(address, "/health/checks/banner-probe")?;
        if check["counters"]["healthy"].as_u64() >= Some(RUNS) {
            break check;
        }
        ensure!(begun.elapsed() < PATIENCE, "it is not healthy: {check:#}");
        thread::sleep(POLL);
    };
    let results = check["results"].as_array().context("a check has results")?;
    let mut runs: Vec<u64> = results.iter().filter_map(|result| result["latency"].as_u64()).collect();
    runs.sort_unstable();
    let median = runs.get(runs.len() / 2).context("no run was timed")?;
    let used = |what: &str| check["usage"][what].as_u64().with_context(|| format!("a check tells its {what}"));
    Ok(Measured {
        size: fs::metadata(component)?.len(),
        compile,
        run: Duration::from_nanos(*median),
        memory: used("peak_memory")?,
        fuel: used("fuel")?,
    })
}

/// A server that greets whoever connects, for as long as this program runs.
fn greeter() -> Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            // Whoever connected may leave at any time.
            let _ = stream.write_all(b"hello from a server\r\n");
        }
    });
    Ok(address)
}

/// Asks a runner for a page.
fn ask(address: SocketAddr, path: &str) -> Result<Value> {
    let mut stream = TcpStream::connect(address)?;
    write!(stream, "GET {path} HTTP/1.0\r\nhost: localhost\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (_, body) = answer.split_once("\r\n\r\n").context("this is no answer")?;
    Ok(serde_json::from_str(body).unwrap_or_default())
}
