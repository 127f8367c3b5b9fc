//! The real binary, with folders of its own that go when it does.
#![allow(dead_code, reason = "no bench uses all of it")]

use std::{
    fs,
    io::{BufRead, BufReader},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use tempfile::TempDir;

/// How long to wait for what must happen.
const PATIENCE: Duration = Duration::from_secs(120);
/// How long to wait between two looks: far less than what is measured, and long enough not to slow it down.
const PAUSE: Duration = Duration::from_millis(1);

/// Where a runner lives: a configuration, a watched folder, and what it keeps.
pub struct Home(TempDir);

impl Home {
    pub fn new(config: &str) -> Home {
        let home = Home(tempfile::tempdir().expect("a folder"));
        fs::create_dir(home.probes()).expect("a folder in the folder");
        fs::write(home.config(), config).expect("a file in the folder");
        home
    }

    /// The watched folder.
    pub fn probes(&self) -> PathBuf {
        self.0.path().join("probes.d")
    }

    /// A place in the same file system, out of sight of the runner.
    pub fn aside(&self) -> PathBuf {
        self.0.path().join("aside")
    }

    /// Starts a runner here.
    pub fn start(&self) -> Runner {
        let mut child = Command::new(env!("CARGO_BIN_EXE_probity"))
            .args(["--log", "error", "run", "--listen", "127.0.0.1:0", "--config"])
            .arg(self.config())
            .arg("--data-dir")
            .arg(self.0.path().join("data"))
            .stdout(Stdio::piped())
            .spawn()
            .expect("the runner starts");
        let stdout = child.stdout.take().expect("it is piped");
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line).expect("the runner's first line");
        let address = line.trim().strip_prefix("listening on ").expect("the runner listens").to_owned();
        Runner { child, address, client: client() }
    }

    fn config(&self) -> PathBuf {
        self.0.path().join("probity.toml")
    }
}

/// A runner under way, which ends with this.
pub struct Runner {
    child: Child,
    address: String,
    client: ureq::Agent,
}

impl Runner {
    /// Waits until what is served at `path` is what `wanted` says.
    pub fn wait(&self, path: &str, wanted: impl Fn(u16, &str) -> bool) {
        let since = Instant::now();
        loop {
            let mut response = self.client.get(format!("{}{path}", self.address)).call().expect("an answer");
            let status = response.status().as_u16();
            let body = response.body_mut().read_to_string().expect("a text");
            if wanted(status, &body) {
                return;
            }
            assert!(since.elapsed() < PATIENCE, "{path} still answers {status}: {body}");
            thread::sleep(PAUSE);
        }
    }
}

impl Runner {
    /// The number of its process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What is served at `path`.
    pub fn get(&self, path: &str) -> String {
        let mut response = self.client.get(format!("{}{path}", self.address)).call().expect("an answer");
        response.body_mut().read_to_string().expect("a text")
    }
}

impl Drop for Runner {
    fn drop(&mut self) {
        // What it keeps is of no more interest, so it need not end in good order. If it has ended, all the better.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn client() -> ureq::Agent {
    ureq::Agent::config_builder().http_status_as_error(false).build().new_agent()
}

/// A port at which somebody accepts every connection, and closes it.
pub fn target() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    thread::spawn(move || listener.incoming().for_each(drop));
    port
}

/// A component that no cache knows: a standard probe with a custom section at its end that says `which`.
pub fn variant(probe: &str, which: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../probes/dist").join(probe).with_extension("wasm");
    let mut bytes = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    // Section 0 is a custom one: its length, the length of its name, and its name. Both lengths are LEB128, in which what is
    // less than 128 is itself.
    let length = u8::try_from(which.len()).ok().filter(|length| *length < 127).expect("a short word");
    bytes.extend([0, length + 1, length]);
    bytes.extend(which.as_bytes());
    bytes
}
