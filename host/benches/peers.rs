//! What a check takes of the CPU, beside the tools that people use now: the plug-ins of Nagios, a process each, and the
//! blackbox exporter of Prometheus; and beside what cannot be beaten, a program that does nothing but connect. All of them
//! examine the same targets on this machine, at about the same pace.

#![allow(clippy::expect_used, clippy::panic, reason = "a bench, which must not go on if something is wrong")]

#[path = "support/cpu.rs"]
mod cpu;
#[path = "support/runner.rs"]
mod runner;
#[path = "support/table.rs"]
mod table;

use std::{
    fmt::Write as _,
    fs,
    io::{Read, Write as _},
    net::{TcpListener, TcpStream},
    os::unix::{
        fs::{PermissionsExt, chown},
        process::CommandExt,
    },
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use self::{
    runner::{Home, Runner},
    table::{Figure, Target, compared},
};

/// Checks of each kind, each of which is run as often as any other.
const CHECKS: usize = 1_000;
/// How often each is run: with all of them a thousand runs a second, which is what the plug-ins come to one after the other
/// on two cores. The rarer something runs, the more it takes, as it finds neither its code nor its data in the caches.
const INTERVAL: Duration = Duration::from_secs(1);
/// Intervals over which the runner is watched: enough that the kernel's hundredths of a second are no matter.
const INTERVALS: u32 = 10;
/// All of them over the interval, as by default.
const SPREAD: &str = "interval = \"1s\"";
/// All of them in the same moment, as the plug-ins are: one after the other without a pause.
const AT_ONCE: &str = "cron = \"* * * * * *\"";
/// The first argument of the program that does nothing but connect, which is this one.
const NATIVE: &str = "--connect-to";
/// A twentieth of what a process takes.
const OF_A_PROCESS: Target = Target::AtMost(Figure::Times(0.05));
/// No more than what native code of Go takes.
const OF_NATIVE_CODE: Target = Target::AtMost(Figure::Times(1.0));
/// Where Debian puts the plug-ins.
const PLUG_INS: &str = "/usr/lib/nagios/plugins";
/// Where Debian puts each version of PostgreSQL.
const POSTGRES: &str = "/usr/lib/postgresql";

/// What is examined, by whom.
struct Kind {
    name: &'static str,
    /// The settings of our probe of that name.
    settings: String,
    /// The plug-in and its arguments.
    plug_in: Vec<String>,
    /// The exporter's module and its target, if it has one for this.
    module: Option<(&'static str, String)>,
}

fn main() {
    let mut arguments = std::env::args().skip_while(|argument| argument != NATIVE).skip(1);
    if let Some(port) = arguments.next() {
        return connect_for_ever(port.parse().expect("a port"));
    }
    let listening = runner::target();
    let page = page();
    let database = Database::start();
    let mut kinds = vec![
        Kind {
            name: "tcp",
            settings: format!("host = \"127.0.0.1\", port = {listening}"),
            plug_in: words(&format!("check_tcp -H 127.0.0.1 -p {listening}")),
            module: Some(("tcp_connect", format!("127.0.0.1:{listening}"))),
        },
        Kind {
            name: "http",
            settings: format!("url = \"http://127.0.0.1:{page}/\""),
            plug_in: words(&format!("check_http -I 127.0.0.1 -p {page}")),
            module: Some(("http_2xx", format!("http://127.0.0.1:{page}/"))),
        },
    ];
    kinds.extend(database.as_ref().map(|database| Kind {
        name: "postgres",
        settings: format!("host = \"127.0.0.1\", port = {}, user = \"postgres\", sslmode = \"disable\"", database.port),
        plug_in: words(&format!("check_pgsql -H 127.0.0.1 -P {} -d postgres -l postgres", database.port)),
        module: None,
    }));
    for kind in &kinds {
        let (spread, at_once) = (ours(kind, SPREAD), ours(kind, AT_ONCE));
        if kind.name == "tcp" {
            compare("tcp: a run / nothing but connecting", spread, Some(native(listening)), Target::None);
        }
        let plug_in = plug_in(kind);
        compare(&format!("{}: a run / a plug-in", kind.name), spread, plug_in, OF_A_PROCESS);
        compare(&format!("{}: one of 1,000 at once / a plug-in", kind.name), at_once, plug_in, OF_A_PROCESS);
        if let Some((module, target)) = &kind.module {
            compare(
                &format!("{}: a run / blackbox exporter", kind.name),
                spread,
                exporter(module, target),
                OF_NATIVE_CODE,
            );
        }
    }
}

fn compare(what: &str, ours: Duration, theirs: Option<Duration>, target: Target) {
    match theirs {
        Some(theirs) => {
            let times = Figure::Times(ours.as_secs_f64() / theirs.as_secs_f64());
            compared(what, Figure::Time(ours), Figure::Time(theirs), times, target);
        }
        None => table::figure(what, Figure::Time(ours), Target::None),
    }
}

/// The CPU time of one run in the whole runner, with all that keeps it going.
fn ours(kind: &Kind, schedule: &str) -> Duration {
    let mut config = "[defaults]\njitter = 0.0\n".to_owned();
    for check in 0..CHECKS {
        let Kind { name, settings, .. } = kind;
        writeln!(config, "[[check]]\nname = \"c{check}\"\nprobe = \"{name}\"\n{schedule}\nsettings = {{ {settings} }}")
            .expect("memory takes what is written to it");
    }
    let home = Home::new(&config);
    let runner = home.start();
    runner.wait("/health/ready", |status, _| status == 200);
    runner.wait("/health", |status, _| status == 200);
    thread::sleep(INTERVAL);
    let (runs, used) = (runs(&runner), cpu::of(runner.id()));
    thread::sleep(INTERVAL * INTERVALS);
    let used = cpu::of(runner.id()) - used;
    let runs = self::runs(&runner) - runs;
    assert!(runs > CHECKS as u64, "{runs} runs of {CHECKS} checks");
    used / u32::try_from(runs).expect("a few thousand")
}

/// How many runs there have been.
fn runs(runner: &Runner) -> u64 {
    let metrics = runner.get("/metrics");
    let counts = metrics.lines().filter(|line| line.starts_with("probity_check_runs_total{"));
    counts.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum()
}

/// The CPU time of one plug-in, with what it takes to start it: that of a shell that does nothing else, and its children.
fn plug_in(kind: &Kind) -> Option<Duration> {
    let program = Path::new(PLUG_INS).join(&kind.plug_in[0]);
    if !program.is_file() {
        println!("SKIPPED: {} is missing; Debian has it in monitoring-plugins", program.display());
        return None;
    }
    // The arguments are ours, and have nothing in them that a shell would take for more than it is.
    let command = format!("{} {}", program.display(), kind.plug_in[1..].join(" "));
    assert!(shell(&command).status.success(), "`{command}` finds something wrong");
    let script = format!("i=0; while [ $i -lt {CHECKS} ]; do {command} >/dev/null; i=$((i+1)); done; times");
    let told = String::from_utf8(shell(&script).stdout).expect("times(1) tells numbers");
    let used: Duration = told.split_whitespace().map(minutes_and_seconds).sum();
    Some(used / u32::try_from(CHECKS).expect("a thousand"))
}

/// The CPU time of one connection in a program that does nothing else.
fn native(port: u16) -> Duration {
    let program = std::env::current_exe().expect("this program");
    let started = Command::new(program).args([NATIVE, &port.to_string()]).spawn().expect("it starts");
    let native = Ended(started);
    thread::sleep(INTERVAL);
    let used = cpu::of(native.0.id());
    thread::sleep(INTERVAL * INTERVALS);
    (cpu::of(native.0.id()) - used) / (u32::try_from(CHECKS).expect("a thousand") * INTERVALS)
}

/// Connects as often as the runner does, with a time-out as it has, and does nothing else until it is ended.
fn connect_for_ever(port: u16) {
    let connect = move |check: u32| async move {
        let offset = INTERVAL * check / u32::try_from(CHECKS).expect("a thousand");
        let mut ticks = tokio::time::interval_at(tokio::time::Instant::now() + offset, INTERVAL);
        loop {
            ticks.tick().await;
            let connected = tokio::time::timeout(INTERVAL, tokio::net::TcpStream::connect(("127.0.0.1", port))).await;
            drop(connected.expect("in time").expect("a target"));
        }
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("threads");
    runtime.block_on(async {
        for check in 1..u32::try_from(CHECKS).expect("a thousand") {
            tokio::spawn(connect(check));
        }
        connect(0).await;
    });
}

fn shell(script: &str) -> std::process::Output {
    Command::new("sh").args(["-c", script]).output().expect("a shell")
}

/// `1m2.34s`
fn minutes_and_seconds(text: &str) -> Duration {
    let (minutes, seconds) = text.trim_end_matches('s').split_once('m').expect("as POSIX has it");
    let minutes: f64 = minutes.parse().expect("a number");
    let seconds: f64 = seconds.parse().expect("a number");
    Duration::from_secs_f64(minutes * 60.0 + seconds)
}

/// The CPU time that the exporter takes for one probe, asked as Prometheus does: over one connection, at our pace.
fn exporter(module: &str, target: &str) -> Option<Duration> {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("blackbox.yml");
    fs::write(&file, "modules:\n  tcp_connect:\n    prober: tcp\n  http_2xx:\n    prober: http\n").expect("a file");
    let port = free_port();
    let started = Command::new("prometheus-blackbox-exporter")
        .arg(format!("--web.listen-address=127.0.0.1:{port}"))
        .arg(format!("--config.file={}", file.display()))
        .stderr(Stdio::null())
        .spawn();
    let Ok(exporter) = started.map(Ended) else {
        println!("SKIPPED: prometheus-blackbox-exporter is missing; Debian has it under this name");
        return None;
    };
    listens(port);
    let client = ureq::Agent::config_builder().build().new_agent();
    let ask = || {
        let url = format!("http://127.0.0.1:{port}/probe?module={module}&target={target}");
        let told = client.get(url).call().expect("an answer").body_mut().read_to_string().expect("a text");
        assert!(told.contains("probe_success 1"), "{told}");
    };
    ask();
    let used = cpu::of(exporter.0.id());
    let pace = INTERVAL / u32::try_from(CHECKS).expect("a thousand");
    let begun = Instant::now();
    for check in 0..CHECKS {
        ask();
        let due = pace * u32::try_from(check).expect("a thousand");
        thread::sleep(due.saturating_sub(begun.elapsed()));
    }
    Some((cpu::of(exporter.0.id()) - used) / u32::try_from(CHECKS).expect("a thousand"))
}

/// A port at which every request is answered `ok`.
fn page() -> u16 {
    fn answer(mut stream: TcpStream) -> std::io::Result<()> {
        // A request of any of these clients fits, and comes at once; what it says is of no matter.
        let _length = stream.read(&mut [0; 4096])?;
        stream.write_all(
            b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok",
        )
    }
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            // Whoever asked may have left.
            let _ = answer(stream);
        }
    });
    port
}

/// A PostgreSQL server that lets everybody in.
struct Database {
    port: u16,
    _server: Ended,
    _folder: tempfile::TempDir,
}

impl Database {
    fn start() -> Option<Database> {
        let versions = fs::read_dir(POSTGRES).into_iter().flatten();
        let mut programs: Vec<PathBuf> = versions.filter_map(|entry| Some(entry.ok()?.path().join("bin"))).collect();
        programs.sort();
        let Some(programs) = programs.pop() else {
            println!("SKIPPED: PostgreSQL is missing; Debian has it in postgresql");
            return None;
        };
        let folder = tempfile::tempdir().expect("a folder");
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).expect("it is ours");
        let data = folder.path().join("data");
        fs::create_dir(&data).expect("a folder in the folder");
        // It refuses to run as root.
        let owner = rustix::process::getuid().is_root().then(nobody);
        if let Some((user, group)) = owner {
            chown(&data, Some(user), Some(group)).expect("root may");
        }
        let command = |program: &str| {
            let mut command = Command::new(programs.join(program));
            command.arg("-D").arg(&data).stdout(Stdio::null()).stderr(Stdio::null());
            if let Some((user, group)) = owner {
                command.uid(user).gid(group);
            }
            command
        };
        let made = command("initdb").args(["-A", "trust", "-U", "postgres"]).status().expect("initdb runs");
        assert!(made.success(), "initdb failed");
        let port = free_port();
        let server = command("postgres")
            .args(["-h", "127.0.0.1", "-p", &port.to_string(), "-c", "unix_socket_directories="])
            .spawn()
            .expect("postgres runs");
        let server = Ended(server);
        listens(port);
        Some(Database { port, _server: server, _folder: folder })
    }
}

/// A user and a group that own nothing.
fn nobody() -> (u32, u32) {
    (65_534, 65_534)
}

/// A process that ends with this.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        // If it has ended, all the better.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("an address").port()
}

/// Waits until somebody listens.
fn listens(port: u16) {
    let since = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(since.elapsed() < Duration::from_secs(30), "nobody listens at {port}");
        thread::sleep(Duration::from_millis(10));
    }
}

fn words(text: &str) -> Vec<String> {
    text.split(' ').map(str::to_owned).collect()
}
