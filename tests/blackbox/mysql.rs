//! The probe `mysql`, against MariaDB and against some that only look like it. MySQL 8 itself is played by a script.

use std::{
    io::{Read, Write},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Arc,
};

use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::{
    authority::{Authority, server_of},
    probes::try_out,
    runner::{BRISK, Deadline, Home},
    servers::{self, Server},
    target::{Target, freeze, nobody},
    verdicts::{Case, EAGER, wait_for_cases},
};

/// The password of every account. It stands in the settings as it is, so that the runner does not know it for a secret.
const PASSWORD: &str = "correct-horse";
/// What there is in the database.
const CONTENT: &str = "
CREATE USER plain@'%' IDENTIFIED BY 'correct-horse'; CREATE USER empty@'%';
CREATE USER secure@'%' IDENTIFIED BY 'correct-horse' REQUIRE SSL;
CREATE USER modern@'%' IDENTIFIED VIA ed25519 USING PASSWORD('correct-horse');
CREATE USER locked@'%' IDENTIFIED BY 'correct-horse' ACCOUNT LOCK;
CREATE USER reader@'%' IDENTIFIED BY 'correct-horse'; GRANT SELECT, SLAVE MONITOR ON *.* TO reader@'%';
CREATE USER copier@'%'; GRANT REPLICATION SLAVE ON *.* TO copier@'%';
CREATE DATABASE orders; CREATE TABLE orders.jobs (id int); INSERT INTO orders.jobs VALUES (1), (2), (3);
GRANT SELECT ON orders.* TO plain@'%';
";

/// A server, and where it listens to its owner.
struct MariaDb {
    server: Server,
    socket: PathBuf,
}

/// A folder with data as a new server has it.
fn new_data(folder: &Path) -> Option<()> {
    let install = servers::find("mariadb-install-db")?;
    let mut command = Command::new(install);
    command.args(["--no-defaults", "--skip-test-db", "--auth-root-authentication-method=normal"]).args(as_owner());
    command.arg(format!("--datadir={}", folder.join("data").display()));
    // A server that starts deletes what it takes for the leftovers of another, and so others' temporary tables.
    command.env("TMPDIR", folder);
    let ended = command.stdin(Stdio::null()).output().unwrap();
    assert!(ended.status.success(), "{command:?}: {}", String::from_utf8_lossy(&ended.stderr));
    Some(())
}

/// Root has to say that he means it.
fn as_owner() -> Option<&'static str> {
    rustix::process::geteuid().is_root().then_some("--user=root")
}

impl MariaDb {
    /// Starts a server on the data in a folder.
    fn start(program: PathBuf, folder: tempfile::TempDir, more: &'static [&'static str]) -> MariaDb {
        let (port, socket) = (servers::free_port(), folder.path().join("socket"));
        let server = Server::start(folder, port, move |folder| {
            let mut command = Command::new(&program);
            command.arg("--no-defaults").args(as_owner()).args(["--bind-address=127.0.0.1", "--skip-name-resolve"]);
            command.args(["--plugin-load-add=auth_ed25519", "--innodb-flush-log-at-trx-commit=2"]).args(more);
            command.arg(format!("--port={port}")).env("TMPDIR", folder);
            for (name, file) in [("datadir", "data"), ("socket", "socket"), ("pid-file", "pid")] {
                command.arg(format!("--{name}={}", folder.join(file).display()));
            }
            if folder.join("server.crt").is_file() {
                for (name, file) in [("ssl-cert", "server.crt"), ("ssl-key", "server.key")] {
                    command.arg(format!("--{name}={}", folder.join(file).display()));
                }
            }
            command
        });
        MariaDb { server, socket }
    }

    fn port(&self) -> u16 {
        self.server.port()
    }

    /// Has SQL done, once the server is ready for it.
    fn order(&self, sql: &str) {
        let client = servers::find("mariadb").unwrap();
        let patient = Deadline::new();
        loop {
            let mut command = Command::new(&client);
            command.args(["--no-defaults", "--user=root", "--execute", sql, "--socket"]).arg(&self.socket);
            let ended = command.stdin(Stdio::null()).output().unwrap();
            if ended.status.success() {
                return;
            }
            let said = String::from_utf8_lossy(&ended.stderr);
            patient.pause(|| format!("{sql} to be done: {said}"));
        }
    }
}

fn check(name: &str, port: u16, user: &str, settings: &str) -> String {
    format!(
        "[[check]]\nname = \"{name}\"\nprobe = \"mysql\"\n\
         settings = {{ host = \"127.0.0.1\", port = {port}, user = \"{user}\"{settings} }}\n{EAGER}"
    )
}

/// The settings of a check that knows the password.
fn knowing(more: &str) -> String {
    format!(r#", password = "{PASSWORD}"{more}"#)
}

#[test]
fn a_server_is_watched_through_freeze_crash_and_return() {
    let Some(program) = servers::find("mariadbd") else { return };
    let (authority, stranger) = (Authority::new("one"), Authority::new("two"));
    let folder = servers::folder();
    let Some(()) = new_data(folder.path()) else { return };
    authority.certify(&["127.0.0.1"], folder.path());
    let mut mariadb = MariaDb::start(program, folder, &[]);
    mariadb.order(CONTENT);

    let port = mariadb.port();
    let wrong = r#", password = "wrong-horse""#.to_owned();
    let asking = |query: &str, more: &str| knowing(&format!(r#", query = "{query}"{more}"#));
    let count = "SELECT count(*) FROM orders.jobs";
    let well = |name, user, settings| -> Case<'_> { (name, user, settings, "healthy", " answered", false) };
    let cases = [
        well("plain", "plain", knowing("")),
        well("empty", "empty", String::new()),
        well("secure", "secure", knowing(r#", tls = "require""#)),
        well("in-the-clear", "plain", knowing(r#", tls = "off""#)),
        well("in-a-database", "plain", knowing(r#", database = "orders""#)),
        ("slow", "plain", knowing(r#", degraded_after = "0s""#), "degraded", "more than 0.0 ms", false),
        ("wrong", "plain", wrong, "unhealthy", "refused the login: Access denied for user 'plain'@'127.0.0.1'", true),
        ("no-password", "plain", String::new(), "unhealthy", "(using password: NO) [1045]", true),
        ("nobody", "nobody", knowing(""), "unhealthy", "(using password: YES) [1045]", true),
        ("must-be-secure", "secure", knowing(r#", tls = "off""#), "unhealthy", "[1045]", true),
        ("locked", "locked", knowing(""), "unhealthy", "this account is locked [4151]", true),
        ("modern", "modern", knowing(""), "unhealthy", r#"asks to log in by "client_ed25519""#, true),
        ("no-database", "reader", knowing(r#", database = "absent""#), "unhealthy", "'absent' [1049]", true),
        ("forbidden-database", "plain", knowing(r#", database = "mysql""#), "unhealthy", "'mysql' [1044]", true),
        (
            "as-expected",
            "plain",
            asking(count, r#", expect = "3", degraded_above = 3, unhealthy_below = 3"#),
            "healthy",
            "answered the query as expected",
            false,
        ),
        (
            "other",
            "plain",
            asking("SELECT 'off'", r#", expect = "on""#),
            "unhealthy",
            r#"the query gave "off", expected "on""#,
            false,
        ),
        ("many", "plain", asking(count, ", degraded_above = 2.5"), "degraded", "gave 3, more than 2.5", false),
        ("more", "plain", asking(count, ", unhealthy_above = 2"), "unhealthy", "gave 3, more than 2", false),
        ("nothing", "plain", asking("SELECT NULL", r#", expect = """#), "unhealthy", "gave no value", false),
        (
            "no-row",
            "plain",
            asking("SELECT id FROM orders.jobs WHERE id > 9", ", unhealthy_above = 9"),
            "unhealthy",
            "the query gave no value",
            false,
        ),
        ("no-answer", "plain", asking("SET @a = 1", ""), "healthy", "answered the query", false),
        (
            "no-table",
            "plain",
            asking("SELECT * FROM orders.job", ""),
            "unhealthy",
            "the query failed at 127.0.0.1:",
            false,
        ),
        ("nonsense", "plain", asking("SELEKT 1", ""), "unhealthy", "[1064]", false),
        (
            "long",
            "plain",
            asking("SELECT seq FROM orders.seq_1_to_1000000", ""),
            "unhealthy",
            "no end after 1048576 bytes while waiting for the answer of 127.0.0.1:",
            false,
        ),
        (
            "large",
            "plain",
            asking("SELECT repeat('x', 2000000)", ""),
            "unhealthy",
            "sent a packet of 2000004 bytes, and this probe takes 1048576: ask for less",
            false,
        ),
        ("as-large-as-may-be", "plain", asking("SELECT repeat('x', 1000000)", ""), "healthy", " answered", false),
        ("late", "plain", asking("SELECT sleep(60)", ""), "unhealthy", " to the query", false),
        (
            "blind",
            "plain",
            knowing(", replication = {}"),
            "unhealthy",
            "[1227]; GRANT REPLICATION CLIENT ON *.* TO plain,",
            true,
        ),
    ];
    let mut config = BRISK.to_owned() + &check("wrong-port", nobody().port(), "plain", &knowing(""));
    for (name, user, settings, ..) in &cases {
        config += &check(name, port, user, settings);
    }
    let required = check("stranger", port, "plain", &knowing(r#", tls = "require""#));
    config += &required.replace("127.0.0.1", "localhost").replace("stranger", "other-name");
    let runner = authority.trusting_runner(&config);
    let lenient = |name: &str, user: &str| check(name, port, user, &knowing(""));
    let doubted = [required, lenient("prefer", "plain"), lenient("insecure", "secure")].concat();
    let doubting = stranger.trusting_runner(&(BRISK.to_owned() + &doubted));
    wait_for_cases(&runner, &cases);
    runner.wait_for_check("wrong-port", "is refused", |check| check.message().contains("connection refused"));
    let plain = runner.check("plain").unwrap().0;
    let details = &plain["details"];
    assert_eq!(details["tls"], true, "{plain}");
    // Without what MariaDB puts before its version for old replicas.
    assert!(details["server-version"].as_str().is_some_and(|version| version.starts_with("1")), "{plain}");
    for measured in ["resolve", "connect", "tls", "handshake", "ping", "total"] {
        assert!(plain["measurements"].to_string().contains(&format!("\"{measured}\"")), "{measured}: {plain}");
    }
    assert_eq!(runner.check("in-the-clear").unwrap().0["details"]["tls"], false);

    // A server must be who it says. Who only prefers TLS does without it, and says so.
    for (runner, name, part) in [
        (&runner, "other-name", "the certificate is not for "),
        (&doubting, "stranger", "is not trusted by this system"),
    ] {
        runner.wait_for_verdict(name, "unhealthy", part);
    }
    let prefer = doubting.wait_for_check("prefer", "is well", |check| check.status() == "healthy").0;
    assert_eq!(prefer["details"]["tls"], false, "{prefer}");
    assert!(prefer["details"]["tls-failure"].as_str().is_some_and(|why| why.contains("not trusted")), "{prefer}");
    // Nor does that get everybody in: then it is the cause.
    let part = "[1045]; it was asked without TLS, which failed: the issuer of ";
    let secure = doubting.wait_for_verdict("insecure", "unhealthy", part).0;
    for detail in ["address", "server-version", "tls", "tls-failure", "error-code"] {
        assert!(!secure["details"][detail].is_null(), "{detail}: {secure}");
    }
    assert!(!doubting.was_permanent("insecure"));
    doubting.stop();

    // A frozen server accepts connections and answers nothing: that is a verdict, and no fault of the probe's.
    mariadb.server.freeze();
    runner.wait_for_verdict("plain", "unhealthy", "no answer within");
    runner.wait_for_check("plain", "is found silent from the start", |check| {
        check.message().contains("while waiting for the greeting of 127.0.0.1:")
    });
    mariadb.server.thaw();
    runner.wait_for_check("plain", "is well again", |check| check.status() == "healthy");

    mariadb.server.kill();
    runner.wait_for_verdict("plain", "unhealthy", "connection refused");
    mariadb.server.restart();
    wait_for_cases(&runner, &cases);

    // What lasts ends when somebody sees to it.
    mariadb.order("ALTER USER locked@'%' ACCOUNT UNLOCK; CREATE DATABASE absent");
    mariadb.order("SET PASSWORD FOR plain@'%' = PASSWORD('wrong-horse')");
    for name in ["locked", "no-database", "wrong"] {
        runner.wait_for_check(name, "is well", |check| check.status() == "healthy");
    }

    let told = runner.stop_and_tell_all();
    assert!(told.contains("refused the login") && !told.contains(PASSWORD) && !told.contains("wrong-horse"), "{told}");
}

#[test]
fn a_replica_is_watched_through_a_lag_and_the_loss_of_its_primary() {
    let (Some(program), one, other) = (servers::find("mariadbd"), servers::folder(), servers::folder()) else { return };
    let Some(()) = new_data(one.path()) else { return };
    let copied = Command::new("cp").arg("-a").arg(one.path().join("data")).arg(other.path()).status().unwrap();
    assert!(copied.success());
    let mut primary = MariaDb::start(program.clone(), one, &["--server-id=1", "--log-bin=log", "--gtid-strict-mode"]);
    let replica = MariaDb::start(program, other, &["--server-id=2"]);
    primary.order(CONTENT);
    replica.order(&format!(
        "CHANGE MASTER TO MASTER_HOST = '127.0.0.1', MASTER_PORT = {}, MASTER_USER = 'copier', MASTER_CONNECT_RETRY = 1, \
         MASTER_USE_GTID = slave_pos; START SLAVE",
        primary.port()
    ));
    let replicating = |name: &str, server: &MariaDb, expected: &str| {
        check(name, server.port(), "reader", &knowing(&format!(", replication = {{ {expected} }}")))
    };
    let config = BRISK.to_owned()
        + &replicating("primary", &primary, r#"role = "primary""#)
        + &replicating("replica", &replica, r#"role = "replica", degraded_lag = "30s", unhealthy_lag = "1h""#)
        + &replicating("usurper", &replica, r#"role = "primary""#)
        + &replicating("deserter", &primary, r#"role = "replica""#);
    let runner = Home::new(&config).start();
    let well = |name: &str| runner.wait_for_check(name, "is well", |check| check.status() == "healthy").0;
    let (one, other) = (well("primary"), well("replica"));
    assert_eq!((&one["details"]["role"], &other["details"]["role"]), (&"primary".into(), &"replica".into()));
    for measured in ["replication", "replication-lag"] {
        assert!(other["measurements"].to_string().contains(&format!("\"{measured}\"")), "{measured}: {other}");
    }
    runner.wait_for_verdict("usurper", "unhealthy", "it is a replica, expected a primary");
    runner.wait_for_verdict("deserter", "unhealthy", "it is a primary, expected a replica");

    // What was done an hour and a half ago, by the primary's account, and is to be done two hours after.
    replica.order("STOP SLAVE; CHANGE MASTER TO MASTER_DELAY = 7200; START SLAVE");
    primary.order("SET timestamp = unix_timestamp() - 5400; INSERT INTO orders.jobs VALUES (4)");
    runner.wait_for_verdict("replica", "unhealthy", "seconds, more than 3600");
    replica.order("STOP SLAVE; CHANGE MASTER TO MASTER_DELAY = 0; START SLAVE");
    well("replica");

    replica.order("STOP SLAVE SQL_THREAD");
    runner.wait_for_verdict("replica", "unhealthy", "it is a replica that applies nothing");
    replica.order("START SLAVE SQL_THREAD");
    well("replica");
    primary.server.kill();
    runner.wait_for_verdict("replica", "unhealthy", "it is a replica that receives nothing (\"");
    primary.server.restart();
    well("replica");
    runner.stop();
}

/// A payload with its head.
fn packet(number: u8, payload: &[u8]) -> Vec<u8> {
    let [low, middle, high, _] = u32::try_from(payload.len()).unwrap().to_le_bytes();
    [&[low, middle, high, number], payload].concat()
}

/// A greeting as a server does it that would have a client log in so.
fn greeting(tls: bool, plugin: &str) -> Vec<u8> {
    let capabilities = if tls { 0x8a } else { 0x82 };
    let start = [b"\x0a8.0.36\0\x07\0\0\0saltsalt\0\x01".as_slice(), &[capabilities], b"\x2d\x02\0\x08\0\x15"].concat();
    packet(0, &[&start, [0; 10].as_slice(), b"andpepperand\0", plugin.as_bytes(), b"\0"].concat())
}

const NATIVE: &str = "mysql_native_password";
const CACHING: &str = "caching_sha2_password";
const OK: &[u8] = b"\0\0\0\x02\0\0\0";
const END: &[u8] = b"\xfe\0\0\x02\0";
/// What [`PASSWORD`] comes to with the salt of the greeting, by an independent reckoning.
const HASHED: [u8; 32] = [
    0xbb, 0x4e, 0xef, 0x94, 0x63, 0x85, 0xbd, 0xf6, 0xb0, 0xb3, 0x56, 0xfd, 0xed, 0xa5, 0xfd, 0x65, 0xb8, 0xb6, 0x0f,
    0x30, 0xc5, 0xab, 0x1a, 0xa3, 0xc8, 0xcd, 0xb3, 0xa2, 0x90, 0xaa, 0xb0, 0x82,
];

fn complaint(number: u8, code: u16, message: &str) -> Vec<u8> {
    packet(number, &[b"\xff".as_slice(), &code.to_le_bytes(), b"#HY000", message.as_bytes()].concat())
}

fn hear(stream: &mut impl Read) -> std::io::Result<(u8, Vec<u8>)> {
    let mut head = [0; 4];
    stream.read_exact(&mut head)?;
    let mut payload = vec![0; u32::from_le_bytes([head[0], head[1], head[2], 0]) as usize];
    stream.read_exact(&mut payload)?;
    Ok((head[3], payload))
}

/// MySQL 8 as far as a probe sees of it. It takes [`PASSWORD`], by its hash if that is in its cache, and replicates.
fn mysql_8(tls: Option<Arc<ServerConfig>>, is_cached: bool) -> Target {
    Target::tcp(move |mut stream| {
        // Whoever connected may leave at any time.
        let _ = stream.write_all(&greeting(tls.is_some(), CACHING));
        let _ = match &tls {
            None => serve(stream, is_cached),
            Some(config) => hear(&mut stream).and_then(|(_, request)| {
                assert_eq!(request.len(), 32);
                let connection = ServerConnection::new(Arc::clone(config)).unwrap();
                serve(StreamOwned::new(connection, stream), is_cached)
            }),
        };
    })
}

fn serve(mut stream: impl Read + Write, is_cached: bool) -> std::io::Result<()> {
    let (number, response) = hear(&mut stream)?;
    let proof = response[32..].split(|byte| *byte == 0).next().map(|user| &response[32 + user.len() + 1..]).unwrap();
    assert!(proof.starts_with(&[&[32], HASHED.as_slice()].concat()), "{proof:?}");
    let last = if is_cached {
        stream.write_all(&packet(number + 1, b"\x01\x03"))?;
        number + 2
    } else {
        stream.write_all(&packet(number + 1, b"\x01\x04"))?;
        let (number, password) = hear(&mut stream)?;
        assert_eq!(password, [PASSWORD.as_bytes(), b"\0"].concat());
        number + 1
    };
    stream.write_all(&packet(last, OK))?;
    loop {
        let (number, command) = hear(&mut stream)?;
        assert_eq!(number, 0);
        match command.as_slice() {
            b"\x01" => return Ok(()),
            b"\x0e" => stream.write_all(&packet(1, OK))?,
            b"\x03SHOW REPLICA STATUS" => {
                let columns =
                    [("Replica_IO_Running", "Yes"), ("Replica_SQL_Running", "Yes"), ("Seconds_Behind_Source", "7")];
                let mut answer = packet(1, b"\x03");
                for (name, _) in columns {
                    let length = u8::try_from(name.len()).unwrap();
                    answer.extend(packet(2, &[b"\x03def\0\0\0", [length].as_slice(), name.as_bytes(), b"\0"].concat()));
                }
                answer.extend(packet(5, END));
                answer.extend(packet(6, b"\x03Yes\x03Yes\x017"));
                answer.extend(packet(7, END));
                stream.write_all(&answer)?;
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn mysql_8_is_logged_in_at_by_its_own_way() {
    let authority = Authority::new("one");
    let folder = servers::folder();
    authority.certify(&["127.0.0.1"], folder.path());
    let config = server_of(folder.path());
    let secure = [true, false].map(|is_cached| mysql_8(Some(Arc::clone(&config)), is_cached));
    let clear = [true, false].map(|is_cached| mysql_8(None, is_cached));
    let mut checks = BRISK.to_owned();
    for (name, target) in
        [("cached", &secure[0]), ("full", &secure[1]), ("clear-cached", &clear[0]), ("clear-full", &clear[1])]
    {
        checks += &check(name, target.port(), "probe", &knowing(r#", replication = { degraded_lag = "5s" }"#));
    }
    let runner = authority.trusting_runner(&checks);
    for name in ["cached", "full", "clear-cached"] {
        let seen = runner.wait_for_verdict(name, "degraded", "it lags 7 seconds, more than 5");
        assert_eq!(seen.0["details"]["server-version"], "8.0.36");
        assert_eq!(seen.0["details"]["tls"], !name.starts_with("clear"));
    }
    runner.wait_for_verdict("clear-full", "unhealthy", "asks for it as it is, which goes over TLS alone");
    assert!(!runner.was_permanent("clear-full"), "another login may put it into the cache");
    assert!(!runner.stop_and_tell_all().contains(PASSWORD));
}

/// Greets, and answers each thing that it is told with the next of these; then it is silent.
fn reciting<const N: usize>(answers: [Vec<u8>; N]) -> Target {
    Target::tcp(move |mut stream| {
        let mut buffer = [0; 64 * 1024];
        // Whoever connected may leave at any time.
        for answer in &answers {
            let _ = stream.write_all(answer);
            if !stream.read(&mut buffer).is_ok_and(|read| read > 0) {
                return;
            }
        }
        freeze(stream);
    })
}

#[test]
fn what_only_looks_like_a_server_gets_a_verdict() {
    let frozen = Target::tcp(freeze);
    let rude = Target::tcp(drop);
    let mail = Target::greeting("220 mail.example ESMTP\r\n");
    let old = reciting([packet(0, b"\x093.20\0")]);
    let noise = reciting([packet(0, b"\x0a\0\0\0\0")]);
    let dribble = Target::dribbling(b"\x4a\0\0\0\x0a8.0.36\0\x07\0\0\0saltsalt");
    let no_answer = reciting([greeting(false, NATIVE)]);
    let (welcome, hello) = (packet(2, OK), || greeting(false, NATIVE));
    let no_pong = reciting([hello(), welcome.clone()]);
    let odd = reciting([hello(), packet(2, b"welcome")]);
    let file = reciting([hello(), welcome.clone(), packet(1, b"\xfb/etc/passwd")]);
    let huge = reciting([hello(), welcome.clone(), b"\xff\xff\xff\x01".to_vec()]);
    let columns = reciting([hello(), welcome.clone(), packet(1, b"\xfe\xff\xff\xff\xff\xff\xff\xff\x7f")]);
    let endless = Target::tcp(move |mut stream| {
        for answer in [greeting(false, NATIVE), welcome.clone()] {
            let _ = stream.write_all(&answer);
            let _ = stream.read(&mut [0; 1024]);
        }
        let row = packet(0, b"\x01x").repeat(1024);
        let definition = packet(2, b"\x03def\0\0\0\x01a\0");
        let _ = stream.write_all(&[packet(1, b"\x01"), definition, packet(3, END)].concat());
        while stream.write_all(&row).is_ok() {}
    });
    let turning =
        reciting([hello(), packet(2, b"\xfemysql_native_password\0saltsaltandpepperand\0"), packet(4, b"\x01\x03")]);
    let clear = reciting([hello(), packet(2, b"\xfemysql_clear_password\0\0")]);
    let ancient = reciting([hello(), packet(2, b"\xfe")]);
    let full = Target::tcp(|mut stream| drop(stream.write_all(&packet(0, b"\xff\x10\x04Too many connections"))));
    let blocked = Target::tcp(|mut stream| drop(stream.write_all(&packet(0, b"\xff\x69\x04Host 'a' is blocked"))));
    let leaving = reciting([hello(), complaint(2, 1053, "Server shutdown in progress")]);
    let at = |target: &Target, more: &str| {
        let port = target.port();
        format!("settings = {{ host = \"127.0.0.1\", port = {port}, user = \"probe\"{more} }}\n{EAGER}")
    };
    let (ask, secret) = (r#", query = "SELECT 1""#, knowing(""));
    try_out(
        "mysql",
        &[
            ("frozen", at(&frozen, ""), "unhealthy", "while waiting for the greeting of 127.0.0.1:"),
            ("rude", at(&rude, ""), "unhealthy", "while waiting for the greeting of 127.0.0.1:"),
            ("mail", at(&mail, ""), "unhealthy", r#"does not speak MySQL: it greeted with "220 mail.example ESMTP"#),
            ("old", at(&old, ""), "unhealthy", "does not speak MySQL"),
            ("noise", at(&noise, ""), "unhealthy", "does not speak MySQL"),
            ("dribble", at(&dribble, ""), "unhealthy", "no answer within"),
            ("no-tls", at(&no_answer, r#", tls = "require""#), "unhealthy", "has no TLS, which `tls` asks for"),
            ("no-answer", at(&no_answer, ""), "unhealthy", " to the login"),
            ("no-pong", at(&no_pong, ""), "unhealthy", " to the ping"),
            ("odd", at(&odd, ""), "unhealthy", r#"can't be understood: it answered "welcome""#),
            ("file", at(&file, ask), "unhealthy", "asks for a file, and gets none"),
            ("huge", at(&huge, ask), "unhealthy", "sent a packet of 16777215 bytes, and this probe takes 1048576"),
            ("columns", at(&columns, ask), "unhealthy", " to the query"),
            (
                "endless",
                at(&endless, ask),
                "unhealthy",
                "no end after 1048576 bytes while waiting for the answer of 127.0.0.1:",
            ),
            ("turning", at(&turning, &secret), "unhealthy", "does not keep to the order of a login"),
            ("clear", at(&clear, &secret), "unhealthy", "asks for the password as it is (mysql_clear_password)"),
            ("ancient", at(&ancient, &secret), "unhealthy", "asks to log in as before MySQL 4.1"),
            ("full", at(&full, ""), "unhealthy", "has no connection left: Too many connections [1040]"),
            ("blocked", at(&blocked, ""), "unhealthy", "lets nobody in from here: Host 'a' is blocked [1129]"),
            ("leaving", at(&leaving, ""), "unhealthy", "is shutting down: Server shutdown in progress [1053]"),
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
    let echo = reciting([greeting(false, NATIVE), complaint(2, 1045, &format!("is it {PASSWORD}?"))]);
    let runner = Home::new(&format!("{BRISK}{}", check("echo", echo.port(), "probe", &knowing("")))).start();
    let seen = runner.wait_for_check("echo", "is refused", |check| check.status() == "unhealthy");
    assert!(seen.message().contains("refused the login: is it ***? [1045]"), "{seen:?}");
    assert!(!runner.stop_and_tell_all().contains(PASSWORD));
}
