//! The program under test, with a folder, a port and a configuration of its own.

use std::{
    fmt::Display,
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

/// How long anything may take. It is met by a machine with one busy core; a test that works never waits so long.
pub const PATIENCE: Duration = Duration::from_secs(30);
/// How often a condition is looked at.
const POLL: Duration = Duration::from_millis(20);
/// A configuration under which checks run often enough for a test.
pub const BRISK: &str = "[defaults]\ninterval = \"200ms\"\njitter = 0.0\n";

/// What makes a check judge at once, and try again soon, however often it fails.
pub const EAGER: &str = "timeout = \"1s\"\n\
                     connection = { fall = 1, reconnect_delay = \"200ms\", reconnect_multiplier = 1.0 }\n\
                     circuit = { failures = \"off\" }\n";

/// The token of runners whose tests change something.
pub const TOKEN: &str = "s3cret";
/// A configuration that has that token.
pub const GUARDED: &str = "http.auth.token = \"s3cret\"\n";

/// Where a runner lives: its configuration, its watched folder `probes.d`, and its state.
#[derive(Clone)]
pub struct Home {
    folder: Arc<TempDir>,
}

impl Home {
    /// A home with nothing in it.
    pub fn empty() -> Home {
        Home { folder: Arc::new(tempfile::tempdir().unwrap()) }
    }

    /// A home with this configuration, and an empty watched folder.
    pub fn new(config: &str) -> Home {
        let home = Home::empty();
        fs::create_dir(home.path("probes.d")).unwrap();
        home.put("probity.toml", config.as_bytes());
        home
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Puts a file where it belongs in one step, as careful programs do.
    pub fn put(&self, name: &str, bytes: &[u8]) {
        let path = self.path(name);
        let part = path.with_extension("part");
        fs::write(&part, bytes).unwrap();
        fs::rename(part, path).unwrap();
    }

    /// Drops a component into the watched folder.
    pub fn drop_in(&self, probe: &str, bytes: &[u8]) {
        self.put(&format!("probes.d/{probe}.wasm"), bytes);
    }

    pub fn remove(&self, name: &str) {
        fs::remove_file(self.path(name)).unwrap();
    }

    /// The program, in this home, with these arguments and with no more of an environment than a home.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_probity"));
        for name in ["CONFIG", "PROBES", "LISTEN", "DATA_DIR", "LOG", "LOG_FORMAT"] {
            command.env_remove(format!("PROBITY_{name}"));
        }
        for name in ["STATE_DIRECTORY", "XDG_STATE_HOME"] {
            command.env_remove(name);
        }
        command.env("HOME", self.folder.path()).current_dir(self.folder.path()).args(arguments).stdin(Stdio::null());
        command
    }

    /// Starts a runner on a free port.
    pub fn start(self) -> Runner {
        let command = self.command(&["run", "--listen", "127.0.0.1:0", "--data-dir", "state"]);
        self.start_by(command)
    }

    /// Starts a runner by a command of its own, and waits until it listens.
    pub fn start_by(self, mut command: Command) -> Runner {
        let mut process = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let log: Log = Log::default();
        log.follow(process.stderr.take().unwrap());
        log.follow(process.stdout.take().unwrap());
        let mut runner = Runner { process, log, address: ([127, 0, 0, 1], 0).into(), agent: agent(), home: self };
        let patient = Deadline::new();
        runner.address = loop {
            let log = runner.log();
            if let Some(address) = log.lines().find_map(|line| {
                Some(line.strip_prefix("listening on http")?.trim_start_matches("s").trim_start_matches("://"))
            }) {
                break address.parse().unwrap();
            }
            if let Some(status) = runner.process.try_wait().unwrap() {
                panic!("the runner did not start ({status}):\n{log}");
            }
            patient.pause(|| format!("the runner to listen; it said:\n{log}"));
        };
        runner
    }

    /// Runs the program to its end.
    pub fn run(&self, arguments: &[&str]) -> Ended {
        run_to_end(self.command(arguments))
    }

    /// Starts a runner that is expected to refuse; what it says.
    #[track_caller]
    pub fn refusal(&self) -> String {
        let ended = self.run(&["run", "--listen", "127.0.0.1:0", "--data-dir", "state"]);
        assert_eq!(ended.code, Some(3), "{ended:?}");
        assert_eq!(ended.stdout, "", "it does not claim to listen");
        ended.stderr
    }
}

/// A program that ran to its end.
#[derive(Debug)]
pub struct Ended {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

#[track_caller]
pub fn run_to_end(mut command: Command) -> Ended {
    let mut process = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let (stdout, stderr) = (Log::default(), Log::default());
    let readers = [stdout.follow(process.stdout.take().unwrap()), stderr.follow(process.stderr.take().unwrap())];
    let status =
        wait_for_exit(&mut process, || format!("{command:?} to end; it said:\n{}{}", stdout.text(), stderr.text()));
    readers.into_iter().for_each(|reader| reader.join().unwrap());
    Ended { code: status.code(), stdout: stdout.text(), stderr: stderr.text() }
}

#[track_caller]
fn wait_for_exit(process: &mut Child, what: impl Fn() -> String) -> ExitStatus {
    let patient = Deadline::new();
    loop {
        if let Some(status) = process.try_wait().unwrap() {
            return status;
        }
        if patient.is_over() {
            process.kill().unwrap();
        }
        patient.pause(&what);
    }
}

/// What a process writes, while it does.
#[derive(Clone, Default)]
pub struct Log(Arc<Mutex<String>>);

impl Log {
    pub fn follow(&self, from: impl Read + Send + 'static) -> thread::JoinHandle<()> {
        let log = self.clone();
        thread::spawn(move || {
            let mut lines = BufReader::new(from);
            let mut line = Vec::new();
            while lines.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
                log.0.lock().unwrap().push_str(&String::from_utf8_lossy(&line));
                line.clear();
            }
        })
    }

    pub fn text(&self) -> String {
        self.0.lock().unwrap().clone()
    }
}

/// The moment at which patience ends.
pub struct Deadline(Instant);

impl Deadline {
    pub fn new() -> Deadline {
        Deadline(Instant::now() + PATIENCE)
    }

    pub fn is_over(&self) -> bool {
        Instant::now() >= self.0
    }

    /// Waits a moment before the next look; if patience is over, fails with what was waited for.
    #[track_caller]
    pub fn pause(&self, what: impl FnOnce() -> String) {
        assert!(!self.is_over(), "waited for {PATIENCE:?} for {}", what());
        thread::sleep(POLL);
    }
}

fn agent() -> ureq::Agent {
    ureq::Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .proxy(None)
        .timeout_global(Some(PATIENCE))
        .build()
        .new_agent()
}

/// A runner that is up. It is killed when it is dropped.
pub struct Runner {
    process: Child,
    log: Log,
    pub agent: ureq::Agent,
    pub address: SocketAddr,
    pub home: Home,
}

impl Runner {
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub fn get(&self, path: &str) -> Answer {
        self.get_with(path, &[])
    }

    pub fn get_with(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        self.ask("GET", path, headers)
    }

    /// Sends a request without a body.
    #[track_caller]
    pub fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
        self.try_ask(method, path, headers).unwrap_or_else(|error| panic!("{method} {path}: {error}\n{}", self.log()))
    }

    /// Sends a request without a body, perhaps in vain.
    pub fn try_ask(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> Result<Answer, ureq::Error> {
        let mut request = ureq::http::Request::builder().method(method).uri(self.url(path));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Answer::read(self.agent.run(request.body(()).unwrap())?)
    }

    /// Changes something, as whoever holds the token of [`TOKEN`]. An empty body is none.
    #[track_caller]
    pub fn change(&self, method: &str, path: &str, body: &str) -> Answer {
        let request = ureq::http::Request::builder().method(method).uri(self.url(path));
        let request = request.header("authorization", format!("Bearer {TOKEN}")).body(body.to_owned()).unwrap();
        let answer = self.agent.run(request).and_then(Answer::read);
        answer.unwrap_or_else(|error| panic!("{method} {path}: {error}\n{}", self.log()))
    }

    #[track_caller]
    pub fn json(&self, path: &str) -> Value {
        self.get(path).json()
    }

    /// What is published of a check, if there is such a check.
    #[track_caller]
    pub fn check(&self, name: &str) -> Option<Check> {
        let answer = self.get(&format!("/health/checks/{name}"));
        (answer.status == 200).then(|| Check(answer.json()))
    }

    /// Waits until these are all the checks, in alphabetical order.
    #[track_caller]
    pub fn wait_for_checks(&self, expected: &[&str]) {
        self.wait_for(&format!("the checks {expected:?} and no others"), || {
            let all = self.json("/health/checks");
            let names: Vec<_> = all["checks"].as_object().unwrap().keys().cloned().collect();
            if names == expected { Ok(()) } else { Err(format!("{names:?}")) }
        });
    }

    /// What is published of a probe, if there is such a probe.
    #[track_caller]
    pub fn probe(&self, name: &str) -> Option<Value> {
        let probes = self.json("/probes");
        probes["probes"].as_array().unwrap().iter().find(|probe| probe["name"] == name).cloned()
    }

    /// Looks until what is looked for is there; `look` returns it, or what is there in its place.
    #[track_caller]
    pub fn wait_for<T, S: Display>(&self, what: &str, mut look: impl FnMut() -> Result<T, S>) -> T {
        let patient = Deadline::new();
        loop {
            match look() {
                Ok(found) => return found,
                Err(seen) => patient.pause(|| format!("{what}\nlast seen: {seen:#}\nthe runner said:\n{}", self.log())),
            }
        }
    }

    /// Waits until the JSON at a path is as described.
    #[track_caller]
    pub fn wait_for_json(&self, path: &str, what: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        self.wait_for(what, || {
            let json = self.json(path);
            if is_so(&json) { Ok(json) } else { Err(json) }
        })
    }

    /// Waits until a check is there and as described.
    #[track_caller]
    pub fn wait_for_check(&self, name: &str, what: &str, mut is_so: impl FnMut(&Check) -> bool) -> Check {
        self.wait_for(&format!("the check {name}: {what}"), || match self.check(name) {
            Some(check) if is_so(&check) => Ok(check),
            Some(check) => Err(check.0),
            None => Err(Value::from("there is no such check")),
        })
    }

    /// Waits until the last run of a check came to a verdict: of this status, with a message that has this in it. Not the first
    /// failure decides what is said of one: a run may be under way while its server is killed.
    #[track_caller]
    pub fn wait_for_verdict(&self, name: &str, status: &str, part: &str) -> Check {
        self.wait_for_check(name, &format!("{status}, because {part:?}"), |check| {
            check.status() == status && check.message().contains(part) && check.fault().is_empty()
        })
    }

    /// Waits until a check says this, whatever its verdict.
    #[track_caller]
    pub fn wait_for_message(&self, name: &str, message: &str) -> Check {
        self.wait_for_check(name, &format!("says {message:?}"), |check| check.message() == message)
    }

    /// Waits until a check had this many more runs.
    #[track_caller]
    pub fn wait_for_runs(&self, name: &str, more: u64) -> Check {
        let before = self.check(name).map_or(0, |check| check.runs());
        self.wait_for_check(name, &format!("runs {more} times more"), |check| check.runs() >= before + more)
    }

    /// Has a check run now; how it is afterwards.
    #[track_caller]
    pub fn run(&self, name: &str) -> Check {
        let answer = self.change("POST", &format!("/health/checks/{name}/run"), "");
        assert_eq!(answer.status, 200, "{}", answer.text());
        Check(answer.json())
    }

    /// Waits until a run is under way.
    #[track_caller]
    pub fn wait_for_run_under_way(&self) {
        self.wait_for("a run to be under way", || {
            let metrics = self.get("/metrics").text();
            if metrics.contains("probity_runs_in_flight 1\n") { Ok(()) } else { Err(metrics) }
        });
    }

    /// Waits until there is no such check.
    #[track_caller]
    pub fn wait_until_gone(&self, name: &str) {
        self.wait_for(&format!("the check {name} to be gone"), || {
            self.check(name).map_or(Ok(()), |check| Err(check.0))
        });
    }

    /// Waits until a probe is there and as described.
    #[track_caller]
    pub fn wait_for_probe(&self, name: &str, what: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        self.wait_for(&format!("the probe {name}: {what}"), || match self.probe(name) {
            Some(probe) if is_so(&probe) => Ok(probe),
            Some(probe) => Err(probe),
            None => Err(Value::from("there is no such probe")),
        })
    }

    /// Waits until a component is rejected; why.
    #[track_caller]
    pub fn wait_for_rejection(&self, probe: &str) -> String {
        let rejected = self.wait_for_probe(probe, "is rejected", |probe| probe["state"] == "rejected");
        rejected["reason"].as_str().unwrap().to_owned()
    }

    /// Waits until something is wrong with a file of configuration or the folder, by the end of its path; what.
    #[track_caller]
    pub fn wait_for_flaw(&self, file: &str) -> String {
        self.wait_for(&format!("{file} to have a flaw"), || {
            let all = self.json("/probes");
            let source = all["sources"].as_array().unwrap().iter().find(|source| is_named(source, file));
            source.and_then(|source| source["error"].as_str().map(str::to_owned)).ok_or(all)
        })
    }

    /// Waits until nothing is wrong with a file of configuration or the folder.
    #[track_caller]
    pub fn wait_for_no_flaw(&self, file: &str) {
        self.wait_for_json("/probes", &format!("{file} to be without a flaw"), |all| {
            let sources = all["sources"].as_array().unwrap();
            sources.iter().any(|source| is_named(source, file) && source["error"].is_null())
        });
    }

    /// Waits until the runner as a whole has this status.
    #[track_caller]
    pub fn wait_for_status(&self, status: &str) -> Value {
        self.wait_for_json("/health", &format!("the whole to be {status}"), |health| health["status"] == status)
    }

    /// Waits until the runner has written this.
    #[track_caller]
    pub fn wait_for_log(&self, part: &str) {
        self.wait_for(
            &format!("{part:?} in the log"),
            || if self.log().contains(part) { Ok(()) } else { Err("not yet") },
        );
    }

    /// What the runner wrote so far.
    pub fn log(&self) -> String {
        self.log.text()
    }

    /// Whether a failure of this check's was not to be tried again soon.
    pub fn was_permanent(&self, name: &str) -> bool {
        let check = format!("check=\"{name}\"");
        self.log().lines().any(|line| line.contains(&check) && line.contains("permanent-failure"))
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).unwrap();
    }

    /// Waits for the end of a runner that was told to stop.
    #[track_caller]
    pub fn wait_for_exit(&mut self) -> ExitStatus {
        let log = self.log.clone();
        wait_for_exit(&mut self.process, || format!("the runner to stop; it said:\n{}", log.text()))
    }

    /// Stops the runner as service managers do, and leaves its home as it is.
    #[track_caller]
    pub fn stop(mut self) -> Home {
        self.signal(Signal::TERM);
        let status = self.wait_for_exit();
        assert_eq!(status.code(), Some(0), "{}", self.log());
        self.home.clone()
    }

    /// All that the runner tells and keeps: its pages, its events, its log and its files. It is stopped for that.
    #[track_caller]
    pub fn stop_and_tell_all(self) -> String {
        let mut all = String::new();
        for path in ["/health", "/health/checks", "/connections", "/probes", "/metrics"] {
            all += &self.get(path).text();
        }
        // By HTTP/1.0, the events come without a frame around them; they end with the runner.
        let mut events = TcpStream::connect(self.address).unwrap();
        events.set_read_timeout(Some(PATIENCE)).unwrap();
        events.write_all(b"GET /events?after=0 HTTP/1.0\r\nhost: localhost\r\n\r\n").unwrap();
        let mut first = [0; 1];
        events.read_exact(&mut first).unwrap();
        let log = self.log.clone();
        let home = self.stop();
        events.read_to_string(&mut all).unwrap();
        let mut folders = vec![home.path("state")];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
                match entry.file_type().unwrap() {
                    kind if kind.is_dir() => folders.push(entry.path()),
                    kind if kind.is_file() => all += &String::from_utf8_lossy(&fs::read(entry.path()).unwrap()),
                    _ => {}
                }
            }
        }
        all + &log.text()
    }

    /// What the process takes of the system.
    pub fn usage(&self) -> Usage {
        let folder = PathBuf::from(format!("/proc/{}", self.process.id()));
        let status = fs::read_to_string(folder.join("status")).unwrap();
        let field = |name: &str| -> u64 {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
            line.split_whitespace().next().unwrap().parse().unwrap()
        };
        let files = fs::read_dir(folder.join("fd")).unwrap().count() as u64;
        Usage { resident_kib: field("VmRSS:"), threads: field("Threads:"), files }
    }

    /// The number of its process.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    fn pid(&self) -> Pid {
        Pid::from_raw(i32::try_from(self.process.id()).unwrap()).unwrap()
    }
}

impl Drop for Runner {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn is_named(source: &Value, file: &str) -> bool {
    source["path"].as_str().is_some_and(|path| Path::new(path).ends_with(file))
}

/// What a process takes of the system.
#[derive(Clone, Copy, Debug)]
pub struct Usage {
    pub resident_kib: u64,
    pub threads: u64,
    pub files: u64,
}

/// An answer over HTTP.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: ureq::http::HeaderMap,
    pub body: Vec<u8>,
}

impl Answer {
    fn read(response: ureq::http::Response<ureq::Body>) -> Result<Answer, ureq::Error> {
        let (head, mut body) = response.into_parts();
        let mut bytes = Vec::new();
        body.as_reader().read_to_end(&mut bytes)?;
        Ok(Answer { status: head.status.as_u16(), headers: head.headers, body: bytes })
    }

    pub fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

/// What is published of a check.
#[derive(Clone, Debug)]
pub struct Check(pub Value);

impl Check {
    fn text(&self, key: &str) -> &str {
        self.0[key].as_str().unwrap_or_default()
    }

    pub fn message(&self) -> &str {
        self.text("message")
    }

    /// What is known of the target.
    pub fn status(&self) -> &str {
        self.text("status")
    }

    /// Where the connection to the target stands.
    pub fn state(&self) -> &str {
        self.text("state")
    }

    /// The kind of fault that the last run ended in; empty if it was none.
    pub fn fault(&self) -> &str {
        self.0["fault"]["kind"].as_str().unwrap_or_default()
    }

    pub fn generation(&self) -> u64 {
        self.0["generation"].as_u64().unwrap()
    }

    pub fn runs(&self) -> u64 {
        self.count("runs")
    }

    /// One of the counters of runs.
    pub fn count(&self, what: &str) -> u64 {
        self.0["counters"][what].as_u64().unwrap()
    }
}
