//! Servers that are not ours: real programs, each in a folder and on a port of its own, frozen, killed and started again.

use std::{
    fs,
    io::Read,
    net::{TcpListener, TcpStream},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::Arc,
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process_group};
use tempfile::TempDir;

use crate::runner::Deadline;

/// Where programs lie that are not in everybody's path.
const MORE_FOLDERS: [&str; 2] = ["/usr/sbin", "/usr/local/sbin"];
/// Where each version of PostgreSQL has a folder of its own.
const POSTGRES: &str = "/usr/lib/postgresql";

/// Where a program lies. `None`, said aloud, if this machine has none of that name; under `PROBITY_TEST_STRICT` that is a
/// failure, as `cargo xtask test` gets all of them.
pub fn find(program: &str) -> Option<PathBuf> {
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let versions =
        fs::read_dir(POSTGRES).into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path().join("bin")));
    let mut folders = std::env::split_paths(&paths).chain(MORE_FOLDERS.map(PathBuf::from)).chain(versions);
    let found = folders.find_map(|folder| Some(folder.join(program)).filter(|path| path.is_file()));
    or_said(found, program)
}

/// The folder with a Python package and all that it needs, to be named in `PYTHONPATH`. `None`, said aloud, if `cargo xtask
/// test` has not put it beneath the target folder; under `PROBITY_TEST_STRICT` that is a failure.
pub fn python_package(name: &str) -> Option<PathBuf> {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent()?;
    or_said(Some(target.join("python").join(name)).filter(|folder| folder.is_dir()), name)
}

/// The folder with a package of npm and those that are used beside it, likewise.
pub fn npm_package(name: &str) -> Option<PathBuf> {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent()?;
    or_said(Some(target.join("npm").join(name)).filter(|folder| folder.is_dir()), name)
}

fn or_said(found: Option<PathBuf>, name: &str) -> Option<PathBuf> {
    if found.is_none() {
        assert!(std::env::var_os("PROBITY_TEST_STRICT").is_none(), "this test needs {name}");
        eprintln!("SKIPPED: this test needs {name}");
    }
    found
}

/// A port that nobody listens on.
pub fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port()
}

/// A folder that every user can read, since some servers refuse to run as root.
pub fn folder() -> TempDir {
    use fs::Permissions;
    use std::os::unix::fs::PermissionsExt;

    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
    folder
}

/// Python's own HTTP server, which serves the files of its folder.
pub fn python(folder: TempDir) -> Option<Server> {
    let program = find("python3")?;
    let port = free_port();
    Some(Server::start(folder, port, move |folder| {
        let mut command = Command::new(&program);
        command.args(["-m", "http.server", &port.to_string(), "--bind", "127.0.0.1", "--directory"]).arg(folder);
        command
    }))
}

/// How long a server may take to greet before it is asked again.
const GREETING: Duration = Duration::from_secs(1);

/// How to start a server in its folder.
type Start = Arc<dyn Fn(&Path) -> Command>;

/// How it is known that a server is up.
#[derive(Clone, Copy, PartialEq)]
pub enum Ready {
    /// Its port takes connections.
    Listens,
    /// It says something to who connects: it may listen before it can serve anybody.
    Greets,
    /// It speaks UDP, so whoever asks it finds out.
    Unseen,
}

/// A server. It and all that it started are killed when it is dropped.
pub struct Server {
    process: Child,
    folder: TempDir,
    port: u16,
    start: Start,
    ready: Ready,
}

impl Server {
    /// Starts a server whose command `start` makes from the folder that is its own, and waits until its port takes
    /// connections.
    #[track_caller]
    pub fn start(folder: TempDir, port: u16, start: impl Fn(&Path) -> Command + 'static) -> Server {
        Server::start_until(Ready::Listens, folder, port, start)
    }

    /// Starts a server, and waits until it is up as far as that is to be known.
    #[track_caller]
    pub fn start_until(ready: Ready, folder: TempDir, port: u16, start: impl Fn(&Path) -> Command + 'static) -> Server {
        let start: Start = Arc::new(start);
        let process = spawn(&start, folder.path());
        let mut server = Server { process, folder, port, start, ready };
        server.wait_until_it_listens();
        server
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// The folder that it has to itself.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// It accepts connections and does nothing more.
    pub fn freeze(&self) {
        self.signal(Signal::STOP);
    }

    pub fn thaw(&self) {
        self.signal(Signal::CONT);
    }

    /// Ends it at once, as a crash would.
    pub fn kill(&mut self) {
        self.signal(Signal::KILL);
        self.process.wait().unwrap();
    }

    /// Starts it again, where it was and with what it kept.
    #[track_caller]
    pub fn restart(&mut self) {
        self.process = spawn(&self.start, self.folder.path());
        self.wait_until_it_listens();
    }

    fn signal(&self, signal: Signal) {
        // Whoever is gone already hears nothing.
        let _ = kill_process_group(Pid::from_child(&self.process), signal);
    }

    fn is_up(&self) -> bool {
        let connect = || TcpStream::connect(("127.0.0.1", self.port));
        match self.ready {
            Ready::Unseen => true,
            Ready::Listens => connect().is_ok(),
            Ready::Greets => connect().is_ok_and(|mut stream| {
                stream.set_read_timeout(Some(GREETING)).unwrap();
                stream.read_exact(&mut [0]).is_ok()
            }),
        }
    }

    #[track_caller]
    fn wait_until_it_listens(&mut self) {
        let log = self.folder.path().join("log");
        let log = || fs::read_to_string(&log).unwrap_or_default();
        let patient = Deadline::new();
        while !self.is_up() {
            if let Some(status) = self.process.try_wait().unwrap() {
                panic!("the server did not start ({status}):\n{}", log());
            }
            patient.pause(|| format!("the server to listen on {}; it said:\n{}", self.port, log()));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
        let _ = self.process.wait();
    }
}

fn spawn(start: &Start, folder: &Path) -> Child {
    let log = fs::File::options().create(true).append(true).open(folder.join("log")).unwrap();
    let mut command = start(folder);
    command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
    // A group of its own, so that what it starts ends with it.
    command.process_group(0).spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"))
}
