//! The probe `postgres`, against the real server and against some that only look like one.

use std::{
    fs::{self, Permissions},
    io::{Read, Write},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::{
    authority::Authority,
    probes::try_out,
    runner::{BRISK, Deadline, Home},
    servers::{self, Server},
    target::{Target, freeze, nobody},
    verdicts::{Case, EAGER, wait_for_cases},
};

/// The password of every role. It stands in the settings as it is, so that the runner does not know it for a secret.
const PASSWORD: &str = "correct-horse";
/// Who is let in how.
const RULES: &str = "\
host replication postgres 127.0.0.1/32 trust
host all postgres 127.0.0.1/32 trust
host all plain 127.0.0.1/32 password
host all hashed 127.0.0.1/32 md5
host all scram,limited 127.0.0.1/32 scram-sha-256
hostssl all secure 127.0.0.1/32 scram-sha-256
";
/// What there is in the database.
const CONTENT: &str = "
SET password_encryption = 'md5'; CREATE ROLE hashed LOGIN PASSWORD 'correct-horse';
SET password_encryption = 'scram-sha-256';
CREATE ROLE plain LOGIN PASSWORD 'correct-horse'; CREATE ROLE scram LOGIN PASSWORD 'correct-horse';
CREATE ROLE limited LOGIN PASSWORD 'correct-horse' CONNECTION LIMIT 0;
CREATE ROLE secure LOGIN PASSWORD 'correct-horse'; CREATE ROLE unlisted LOGIN;
CREATE TABLE jobs (id int); INSERT INTO jobs VALUES (1), (2), (3); GRANT SELECT, INSERT ON jobs TO scram;
";

/// A command as somebody whom PostgreSQL does not refuse, as it does root.
fn as_servant(program: &Path) -> Command {
    if !rustix::process::geteuid().is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]).arg(program);
    command
}

#[track_caller]
fn succeed(command: &mut Command) -> String {
    let ended = command.stdin(Stdio::null()).output().unwrap();
    assert!(ended.status.success(), "{command:?}: {}", String::from_utf8_lossy(&ended.stderr));
    String::from_utf8(ended.stdout).unwrap()
}

/// A server, and where its data is.
pub struct Postgres {
    server: Server,
    data: PathBuf,
}

/// A folder for data, which belongs to whoever serves it.
fn data_folder(folder: &Path) -> PathBuf {
    let data = folder.join("data");
    fs::create_dir(&data).unwrap();
    give(&data);
    fs::set_permissions(&data, Permissions::from_mode(0o700)).unwrap();
    data
}

fn give(path: &Path) {
    if rustix::process::geteuid().is_root() {
        succeed(Command::new("chown").args(["-R", "postgres:"]).arg(path));
    }
}

impl Postgres {
    /// A server with [`CONTENT`] and TLS, which goes by these names.
    pub fn new(authority: &Authority, names: &[&str]) -> Option<Postgres> {
        let (program, initdb) = (servers::find("postgres")?, servers::find("initdb")?);
        let folder = servers::folder();
        let data = data_folder(folder.path());
        let mut command = as_servant(&initdb);
        command.args(["-A", "trust", "-U", "postgres", "--no-sync", "-E", "UTF8", "--locale=C", "-D"]).arg(&data);
        succeed(command.current_dir(&data));
        authority.certify(names, &data);
        fs::set_permissions(data.join("server.key"), Permissions::from_mode(0o600)).unwrap();
        fs::write(data.join("pg_hba.conf"), RULES).unwrap();
        configure(&data, "ssl = on");
        give(&data);
        let postgres = Postgres::start(program, folder, data);
        postgres.ask(CONTENT);
        Some(postgres)
    }

    fn start(program: PathBuf, folder: tempfile::TempDir, data: PathBuf) -> Postgres {
        let port = servers::free_port();
        let server = Server::start(folder, port, move |folder| {
            let mut command = as_servant(&program);
            command.args(["-p", &port.to_string(), "-h", "127.0.0.1", "-k", "", "-F", "-D"]);
            command.arg(folder.join("data")).current_dir(folder);
            command
        });
        Postgres { server, data }
    }

    /// A standby of it, without TLS.
    fn standby(&self) -> Postgres {
        let folder = servers::folder();
        let data = data_folder(folder.path());
        let mut command = as_servant(&servers::find("pg_basebackup").unwrap());
        command.args(["-h", "127.0.0.1", "-U", "postgres", "-R", "-c", "fast", "--no-sync", "-p"]);
        succeed(command.arg(self.port().to_string()).arg("-D").arg(&data).current_dir(&data));
        configure(&data, "ssl = off");
        Postgres::start(servers::find("postgres").unwrap(), folder, data)
    }

    pub fn port(&self) -> u16 {
        self.server.port()
    }

    /// Has SQL done, once the server is ready for it; what it answers.
    fn ask(&self, sql: &str) -> String {
        let psql = servers::find("psql").unwrap();
        let port = self.port().to_string();
        let patient = Deadline::new();
        loop {
            let mut command = Command::new(&psql);
            command.args(["-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-U", "postgres", "-p"]);
            let ended = command.args([&port, "-c", sql]).stdin(Stdio::null()).output().unwrap();
            if ended.status.success() {
                return String::from_utf8(ended.stdout).unwrap().trim().to_owned();
            }
            let said = String::from_utf8_lossy(&ended.stderr);
            patient.pause(|| format!("{sql} to be done: {said}"));
        }
    }

    fn kill(&mut self) {
        self.server.kill();
        // Its children have groups of their own, and end when they notice. Until then it can't be started again.
        let is_its =
            |process: fs::DirEntry| fs::read_link(process.path().join("cwd")).is_ok_and(|cwd| cwd == self.data);
        let patient = Deadline::new();
        while fs::read_dir("/proc").unwrap().map(Result::unwrap).any(is_its) {
            patient.pause(|| format!("all processes in {} to end", self.data.display()));
        }
    }
}

fn configure(data: &Path, line: &str) {
    let mut file = fs::File::options().append(true).open(data.join("postgresql.conf")).unwrap();
    writeln!(file, "{line}").unwrap();
}

fn check(name: &str, port: u16, user: &str, settings: &str) -> String {
    format!(
        "[[check]]\nname = \"{name}\"\nprobe = \"postgres\"\n\
         settings = {{ host = \"127.0.0.1\", port = {port}, user = \"{user}\"{settings} }}\n{EAGER}"
    )
}

/// The settings of a check that knows the password, and a database that there is.
fn knowing(more: &str) -> String {
    format!(r#", password = "{PASSWORD}", database = "postgres"{more}"#)
}

#[test]
fn a_server_is_watched_through_freeze_crash_and_return() {
    let authority = Authority::new("one");
    let Some(mut postgres) = Postgres::new(&authority, &["127.0.0.1"]) else { return };
    let port = postgres.port();
    let clear = |more: &str| knowing(&format!(r#", sslmode = "disable"{more}"#));
    let wrong = r#", password = "wrong-horse", database = "postgres""#.to_owned();
    let asking = |query: &str, more: &str| knowing(&format!(r#", query = "{query}"{more}"#));
    let count = "SELECT count(*) FROM jobs";
    let healthy = |name, user, settings| -> Case<'_> { (name, user, settings, "healthy", " answered", false) };
    let cases = [
        healthy("trust", "postgres", String::new()),
        healthy("plain", "plain", knowing("")),
        healthy("hashed", "hashed", knowing("")),
        healthy("scram", "scram", knowing("")),
        healthy("secure", "secure", knowing(r#", sslmode = "verify-full""#)),
        healthy("plain-in-the-clear", "plain", clear("")),
        healthy("hashed-in-the-clear", "hashed", clear("")),
        healthy("scram-in-the-clear", "scram", clear("")),
        ("slow", "scram", knowing(r#", degraded_after = "0s""#), "degraded", "more than 0.0 ms", false),
        ("wrong-plain", "plain", wrong.clone(), "unhealthy", "refused the login: password authentication failed", true),
        ("wrong-hashed", "hashed", wrong.clone(), "unhealthy", r#"failed for user "hashed" [28P01]"#, true),
        ("wrong-scram", "scram", wrong, "unhealthy", r#"failed for user "scram" [28P01]"#, true),
        ("no-password", "scram", String::new(), "unhealthy", "asks for a password; give one as `password`", true),
        ("nobody", "nobody", knowing(""), "unhealthy", "[28000]", true),
        ("unlisted", "unlisted", knowing(""), "unhealthy", r#"no pg_hba.conf entry for host "127.0.0.1""#, true),
        ("must-be-secure", "secure", clear(""), "unhealthy", "no encryption [28000]", true),
        ("limited", "limited", knowing(""), "unhealthy", "has no connection left: too many connections", false),
        (
            "no-database",
            "scram",
            format!(r#", password = "{PASSWORD}""#),
            "unhealthy",
            r#"refused the login: database "scram" does not exist [3D000]"#,
            true,
        ),
        healthy("as-expected", "scram", asking(count, r#", expect = "3", degraded_above = 3, unhealthy_below = 3"#)),
        (
            "other",
            "scram",
            asking("SELECT 'off'", r#", expect = "on""#),
            "unhealthy",
            r#"the query gave "off", expected "on""#,
            false,
        ),
        (
            "many",
            "scram",
            asking(count, ", degraded_above = 2.5, unhealthy_above = 4"),
            "degraded",
            "the query gave 3, more than 2.5",
            false,
        ),
        ("more", "scram", asking(count, ", unhealthy_above = 2"), "unhealthy", "gave 3, more than 2", false),
        ("few", "scram", asking(count, ", degraded_below = 4"), "degraded", "gave 3, less than 4", false),
        (
            "no-row",
            "scram",
            asking("SELECT id FROM jobs WHERE id > 9", r#", expect = "9""#),
            "unhealthy",
            "the query gave no value",
            false,
        ),
        (
            "no-table",
            "scram",
            asking("SELECT * FROM job", ""),
            "unhealthy",
            r#": relation "job" does not exist [42P01]"#,
            false,
        ),
        ("forbidden", "plain", asking(count, ""), "unhealthy", "permission denied for table jobs [42501]", false),
        ("copying", "scram", asking("COPY jobs FROM STDIN", ""), "unhealthy", "wait for data to copy", false),
        (
            "long",
            "scram",
            asking("SELECT generate_series(1, 1000000)", ""),
            "unhealthy",
            "no end after 1048576 bytes while waiting for the answer of 127.0.0.1:",
            false,
        ),
        (
            "large",
            "scram",
            asking("SELECT repeat('x', 2000000)", ""),
            "unhealthy",
            " sent a message of 2000006 bytes, and this probe takes 1048576: ask for less",
            false,
        ),
        healthy("as-large-as-may-be", "scram", asking("SELECT repeat('x', 1000000)", "")),
        ("late", "scram", asking("SELECT pg_sleep(60)", ""), "unhealthy", " to the query", false),
    ];
    let mut config = BRISK.to_owned() + &check("wrong-port", nobody().port(), "scram", &knowing(""));
    for (name, user, settings, ..) in &cases {
        config += &check(name, port, user, settings);
    }
    let runner = authority.trusting_runner(&config);
    wait_for_cases(&runner, &cases);
    runner.wait_for_check("wrong-port", "is refused", |check| check.message().contains("connection refused"));
    let scram = runner.check("scram").unwrap().0;
    let details = &scram["details"];
    assert_eq!((&details["tls"], &details["role"]), (&true.into(), &"primary".into()), "{scram}");
    assert!(details["server-version"].as_str().is_some_and(|version| version.contains('.')), "{scram}");
    for measured in ["resolve", "connect", "tls", "handshake", "ping", "total"] {
        assert!(scram["measurements"].to_string().contains(&format!("\"{measured}\"")), "{measured}: {scram}");
    }
    assert_eq!(runner.check("scram-in-the-clear").unwrap().0["details"]["tls"], false);

    // A frozen server accepts connections and answers nothing: that is a verdict, and no fault of the probe's.
    postgres.server.freeze();
    for (name, part) in [("scram", "while asking 127.0.0.1:"), ("scram-in-the-clear", " to the login")] {
        runner.wait_for_verdict(name, "unhealthy", part);
    }
    postgres.server.thaw();
    runner.wait_for_check("scram", "is well again", |check| check.status() == "healthy");

    postgres.kill();
    runner.wait_for_verdict("scram", "unhealthy", "connection refused");
    postgres.server.restart();
    wait_for_cases(&runner, &cases);

    // What lasts ends when somebody sees to it.
    postgres.ask("ALTER ROLE scram PASSWORD 'wrong-horse'");
    postgres.ask("CREATE DATABASE scram");
    postgres.ask("ALTER ROLE unlisted RENAME TO nobody; ALTER ROLE nobody PASSWORD 'correct-horse'");
    fs::write(postgres.data.join("pg_hba.conf"), RULES.replace("plain", "plain,nobody")).unwrap();
    postgres.ask("SELECT pg_reload_conf()");
    for name in ["wrong-scram", "nobody"] {
        runner.wait_for_check(name, "is well", |check| check.status() == "healthy");
    }
    postgres.ask("ALTER ROLE scram PASSWORD 'correct-horse'");
    runner.wait_for_check("no-database", "is well", |check| check.status() == "healthy");

    let told = runner.stop_and_tell_all();
    assert!(told.contains("refused the login") && !told.contains(PASSWORD) && !told.contains("wrong-horse"), "{told}");
}

#[test]
fn a_secure_server_must_be_who_it_says() {
    let (authority, stranger) = (Authority::new("one"), Authority::new("two"));
    let Some(postgres) = Postgres::new(&authority, &["localhost"]) else { return };
    let port = postgres.port();
    let strict = |name: &str, mode: &str| {
        check(name, port, "scram", &knowing(&format!(r#", sslmode = "{mode}""#))).replace("127.0.0.1", "localhost")
    };
    let both = ["require", "verify-ca", "verify-full"].map(|mode| strict(mode, mode)).concat();
    let both = BRISK.to_owned() + &both;
    let lenient = both.clone()
        + &check("prefer", port, "scram", &knowing(""))
        + &check("plain", port, "plain", &knowing(""))
        + &check("secure", port, "secure", &knowing(""));
    let other_name = check("other-name", port, "scram", &knowing(r#", sslmode = "require""#));
    let trusting = authority.trusting_runner(&(both + &other_name));
    let doubting = stranger.trusting_runner(&lenient);
    for name in ["require", "verify-ca", "verify-full"] {
        trusting.wait_for_verdict(name, "healthy", "");
        doubting.wait_for_verdict(name, "unhealthy", "is not trusted by this system");
    }
    trusting.wait_for_verdict("other-name", "unhealthy", "the certificate is not for ");
    // Who only prefers TLS does without it, and says so. A password in the clear is another matter.
    let prefer = doubting.wait_for_verdict("prefer", "healthy", "").0;
    assert_eq!(prefer["details"]["tls"], false, "{prefer}");
    assert!(prefer["details"]["tls-failure"].as_str().is_some_and(|why| why.contains("not trusted")), "{prefer}");
    doubting.wait_for_verdict("plain", "unhealthy", "asks for the password in the clear");
    // Nor does that get everybody in: then it is the cause.
    let part = "no encryption [28000]; it was asked without TLS, which failed: the issuer of ";
    let secure = doubting.wait_for_verdict("secure", "unhealthy", part).0;
    for detail in ["address", "tls", "tls-failure", "sqlstate"] {
        assert!(!secure["details"][detail].is_null(), "{detail}: {secure}");
    }
    assert!(!doubting.was_permanent("secure"));
    trusting.stop();
    assert!(!doubting.stop_and_tell_all().contains(PASSWORD));
}

#[test]
fn a_standby_is_watched_through_a_lag_and_the_loss_of_its_primary() {
    let Some(mut primary) = Postgres::new(&Authority::new("one"), &["localhost"]) else { return };
    let mut standby = primary.standby();
    let replicating = |name: &str, port: u16, expected: &str| {
        check(name, port, "postgres", &format!(", replication = {{ {expected} }}"))
    };
    let limits = r#"degraded_lag_bytes = 100000, unhealthy_lag = "1m""#;
    let config = BRISK.to_owned()
        + &replicating("primary", primary.port(), &format!(r#"role = "primary", replicas = 1, {limits}"#))
        + &replicating("alone", primary.port(), "replicas = 2")
        + &replicating("standby", standby.port(), &format!(r#"role = "standby", {limits}"#))
        + &replicating("prompt", primary.port(), r#"degraded_lag = "50ms""#)
        + &replicating("usurper", standby.port(), r#"role = "primary""#)
        + &check("blind", primary.port(), "scram", &knowing(r#", replication = { degraded_lag = "5s" }"#))
        + &check("no-tls", standby.port(), "postgres", r#", sslmode = "require""#);
    let runner = Home::new(&config).start();
    let well = |name: &str| runner.wait_for_check(name, "is well", |check| check.status() == "healthy").0;
    let (one, other) = (well("primary"), well("standby"));
    assert_eq!((&one["details"]["role"], &other["details"]["role"]), (&"primary".into(), &"standby".into()));
    for measured in ["replicas", "replication", "replication-lag", "replication-lag-bytes"] {
        assert!(other["measurements"].to_string().contains(&format!("\"{measured}\"")), "{measured}: {other}");
    }
    for (name, status, part) in [
        ("alone", "unhealthy", "1 replicas stream from it, expected 2"),
        ("usurper", "unhealthy", "it is a standby, expected a primary"),
        ("blind", "degraded", "the user may not see it, unless it is granted pg_monitor"),
        ("no-tls", "unhealthy", "has no TLS, which `sslmode` asks for"),
    ] {
        runner.wait_for_verdict(name, status, part);
    }

    // It says what it has done, and then nothing for a long time: its last lag is remembered, though it is over.
    standby.ask("ALTER SYSTEM SET wal_receiver_status_interval = '1h'");
    standby.ask("ALTER SYSTEM SET wal_receiver_timeout = '4s'");
    standby.ask("SELECT pg_reload_conf()");
    standby.ask("SELECT pg_wal_replay_pause()");
    primary.ask("INSERT INTO jobs SELECT generate_series(1, 10000)");
    for (name, part) in [("primary", "its last replica lags "), ("standby", "it lags ")] {
        runner.wait_for_check(name, "lags", |check| {
            check.status() == "degraded"
                && check.message().contains(part)
                && check.message().contains(" bytes, more than 100000")
        });
    }
    standby.ask("SELECT pg_wal_replay_resume()");
    well("primary");
    well("standby");
    well("prompt");

    // A receiver that hangs keeps its connection, and what it has got is replayed.
    let receiver = standby.ask("SELECT pid FROM pg_stat_wal_receiver");
    succeed(Command::new("kill").args(["-STOP", &receiver]));
    primary.ask("INSERT INTO jobs VALUES (4)");
    runner.wait_for_verdict("prompt", "degraded", "its last replica lags ");
    runner.wait_for_verdict("standby", "unhealthy", "it receives nothing from a primary");
    succeed(Command::new("kill").args(["-CONT", &receiver]));
    well("prompt");
    well("standby");

    primary.kill();
    runner.wait_for_verdict("standby", "unhealthy", "it receives nothing from a primary");
    primary.server.restart();
    well("standby");
    well("primary");

    // One that replays and takes no queries is there, and not ready.
    configure(&standby.data, "hot_standby = off");
    standby.kill();
    standby.server.restart();
    let part = "takes no sessions now: the database system is not accepting connections";
    runner.wait_for_verdict("standby", "unhealthy", part);
    runner.stop();
}

/// Lets everybody in, and is ready.
const WELCOME: &str = "R\0\0\0\x08\0\0\0\0Z\0\0\0\x05I";

/// Has a login begin by SCRAM, and asks for so many rounds; then it lets everybody in without a proof.
fn demanding(rounds: u32) -> Target {
    Target::tcp(move |mut stream| {
        let mut buffer = [0; 1024];
        let say = |kind: u32, text: &str| {
            [b"R".as_slice(), &(text.len() as u32 + 8).to_be_bytes(), &kind.to_be_bytes(), text.as_bytes()]
                .map(<[u8]>::to_vec)
                .concat()
        };
        // Whoever connected may leave at any time.
        let _ = stream.read(&mut buffer);
        let _ = stream.write_all(&say(10, "SCRAM-SHA-256\0\0"));
        let read = stream.read(&mut buffer).unwrap_or(0);
        let said = String::from_utf8_lossy(&buffer[..read]).into_owned();
        let nonce = said.split("r=").nth(1).unwrap_or_default();
        let _ = stream.write_all(&say(11, &format!("r={nonce}x,s=W22ZaJ0SNY7soEsUEjb6gQ==,i={rounds}")));
        let _ = stream.read(&mut buffer);
        let _ = stream.write_all(WELCOME.as_bytes());
        freeze(stream);
    })
}

#[test]
fn what_only_looks_like_a_server_gets_a_verdict() {
    let frozen = Target::tcp(freeze);
    let rude = Target::tcp(drop);
    let mail = Target::greeting("220 mail.example ESMTP\r\n");
    let page = Target::http(|_| "HTTP/1.1 400 Bad Request\r\n\r\n".to_owned());
    let stuffed = Target::reciting("", &["Sand more"]);
    let no_tls = Target::reciting("", &["N"]);
    let lying = Target::reciting("", &["S220 mail.example ESMTP\r\n"]);
    let dribble = Target::dribbling(WELCOME.as_bytes());
    let endless = Target::endless("", b"N\0\0\0\x04");
    let endless_row = Target::reciting("", &[WELCOME, "D\0\x03\0\0\0\x01"]);
    let huge = Target::reciting("", &[WELCOME, "D\0\x20\0\0\0\x01"]);
    let malformed = Target::reciting("", &[WELCOME, "D\0\0\0\x06\0\x01"]);
    let silent = Target::reciting("", &[WELCOME]);
    let kerberos = Target::reciting("", &["R\0\0\0\x08\0\0\0\x07"]);
    let starting = Target::reciting("", &["E\0\0\0\x37SFATAL\0C57P03\0Mthe database system is starting up\0\0"]);
    let stopping = Target::reciting("", &[WELCOME, "E\0\0\0\x24SFATAL\0C57P01\0Mterminating now\0\0"]);
    let (hard, too_hard) = (demanding(50_000), demanding(u32::MAX));
    let at = |target: &Target, more: &str| {
        let port = target.port();
        format!("settings = {{ host = \"127.0.0.1\", port = {port}, user = \"probe\"{more} }}\n{EAGER}")
    };
    let clear = r#", sslmode = "disable""#;
    let secret = format!(r#"{clear}, password = "{PASSWORD}""#);
    let patient = |target: &Target, more: &str| at(target, more).replace("2s", "10s");
    try_out(
        "postgres",
        &[
            ("frozen", at(&frozen, ""), "unhealthy", "while asking 127.0.0.1:"),
            ("frozen-later", at(&frozen, clear), "unhealthy", " to the login"),
            ("rude", at(&rude, clear), "unhealthy", " to the login"),
            ("mail", at(&mail, ""), "unhealthy", r#"PostgreSQL: asked for TLS, it answered "220 mail.example ESMTP"#),
            (
                "mail-later",
                at(&mail, clear),
                "unhealthy",
                r#"does not speak PostgreSQL: it answered "220 mail.example"#,
            ),
            ("page", at(&page, clear), "unhealthy", " to the login"),
            ("stuffed", at(&stuffed, ""), "unhealthy", r#"asked for TLS, it answered "Sand more""#),
            ("no-tls", at(&no_tls, r#", sslmode = "require""#), "unhealthy", "has no TLS, which `sslmode` asks for"),
            ("lying", at(&lying, ""), "unhealthy", "asked for TLS, it answered \"S220"),
            ("dribble", at(&dribble, clear), "unhealthy", " to the login"),
            (
                "endless",
                at(&endless, clear),
                "unhealthy",
                "no end after 1048576 bytes while waiting for the answer of 127.0.0.1:",
            ),
            ("endless-row", at(&endless_row, clear), "unhealthy", "no answer within"),
            ("huge", at(&huge, clear), "unhealthy", " sent a message of 2097148 bytes, and this probe takes 1048576"),
            ("malformed", at(&malformed, clear), "unhealthy", "it sent a malformed message of the kind D"),
            ("silent", at(&silent, clear), "unhealthy", " to the query"),
            ("kerberos", at(&kerberos, clear), "unhealthy", "asks to log in by GSSAPI (authentication 7)"),
            (
                "starting",
                at(&starting, clear),
                "unhealthy",
                "takes no sessions now: the database system is starting up",
            ),
            ("stopping", at(&stopping, clear), "unhealthy", "the query failed at 127.0.0.1:"),
            ("hard", patient(&hard, &secret), "unhealthy", "does not keep to the order of a login"),
            ("too-hard", at(&too_hard, &secret), "unhealthy", "asks for 4294967295 rounds of SCRAM-SHA-256"),
            (
                "nowhere",
                at(&mail, "").replace("127.0.0.1", "nowhere.invalid"),
                "unhealthy",
                "while resolving nowhere.invalid",
            ),
        ],
    );
}

#[test]
fn a_password_that_the_server_repeats_is_not_shown() {
    // Of what it is told, the name of the database has the form of a message for people.
    let echo = Target::echoing("", "E\0\0\0\x50");
    let database = format!(r#", sslmode = "disable", database = "Mit is {PASSWORD}", password = "{PASSWORD}""#);
    let runner = Home::new(&format!("{BRISK}{}", check("echo", echo.port(), "probe", &database))).start();
    let seen = runner.wait_for_check("echo", "is refused", |check| check.status() == "unhealthy");
    assert!(seen.message().contains("refused the login: it is ***"), "{seen:?}");
    assert!(!runner.stop_and_tell_all().contains(PASSWORD));
}
