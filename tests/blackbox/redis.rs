//! The probe `redis`, against the real server and against some that only look like one; and what all tests of Redis share.

use std::{
    fs,
    io::{Read, Write},
    net::TcpStream,
    process::Command,
};

use crate::{
    authority::Authority,
    probes::try_out,
    runner::{BRISK, Deadline, EAGER, Home, Runner},
    servers::{self, Server},
    target::{Target, freeze, nobody},
};

/// The password of the default user.
pub const PASSWORD: &str = "correct-horse";
/// What a runner is told in its environment, so that its settings need not say it.
const SECRET: (&str, &str) = ("REDIS_PASSWORD", PASSWORD);
/// A server on a port of its own, which keeps nothing, with more lines of its configuration.
pub fn redis(more: &str) -> Option<Server> {
    let program = servers::find("redis-server")?;
    let port = servers::free_port();
    let config = format!(
        "bind 127.0.0.1\nport {port}\nsave \"\"\nrequirepass {PASSWORD}\nmasterauth {PASSWORD}\nmaxmemory 100mb\nrepl-diskless-sync-delay 0\n\
         user pinger on >only-ping +ping\n\
         user keeper on >only-keep ~probity:* +set +get +del\n\
         user teller on >only-tell resetchannels &probity:* +subscribe +publish\n{more}\n"
    );
    Some(start(program, port, servers::folder(), config))
}

fn start(program: std::path::PathBuf, port: u16, folder: tempfile::TempDir, config: String) -> Server {
    Server::start(folder, port, move |folder| {
        fs::write(folder.join("redis.conf"), format!("dir {}\n{config}", folder.display())).unwrap();
        let mut command = Command::new(&program);
        command.arg(folder.join("redis.conf"));
        command
    })
}

fn check(name: &str, port: u16, settings: &str) -> String {
    check_by("redis", name, port, settings)
}

pub fn check_by(probe: &str, name: &str, port: u16, settings: &str) -> String {
    format!(
        "[[check]]\nname = \"{name}\"\nprobe = \"{probe}\"\n\
         settings = {{ host = \"127.0.0.1\", port = {port}{settings} }}\n{EAGER}"
    )
}

/// The settings of a check that logs in.
pub fn logged_in(more: &str) -> String {
    format!(r#", password = "${{env:REDIS_PASSWORD}}"{more}"#)
}

/// Starts a runner that knows the password.
pub fn runner(config: &str) -> Runner {
    let home = Home::new(&format!("{BRISK}{config}"));
    let mut command = home.command(&["run", "--listen", "127.0.0.1:0", "--data-dir", "state"]);
    command.env(SECRET.0, SECRET.1);
    home.start_by(command)
}

/// What a server answers to a line, once we have logged in.
pub fn ask(port: u16, line: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.write_all(format!("AUTH {PASSWORD}\r\n{line}\r\nQUIT\r\n").as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn a_server_is_watched_through_freeze_crash_and_return() {
    let Some(mut server) = redis("") else { return };
    let port = server.port();
    let user = |name: &str, password: &str| format!(r#", username = "{name}", password = "{password}""#);
    let cases = [
        ("good", logged_in(""), "healthy", "answered"),
        ("whole", logged_in(r#", role = "master", memory_warn = 0.9, database = 3"#), "healthy", "answered"),
        ("pinger", user("pinger", "only-ping"), "healthy", "answered"),
        ("slow", logged_in(r#", degraded_after = "0s""#), "degraded", "more than 0.0 ms"),
        ("full", logged_in(", memory_warn = 0.001"), "degraded", "of its maxmemory"),
        ("fuller", logged_in(", memory_critical = 0.001"), "unhealthy", "of its maxmemory"),
        ("other-role", logged_in(r#", role = "replica""#), "unhealthy", "is a master, expected a replica"),
        ("database", logged_in(", database = 99"), "unhealthy", "has no such database"),
        ("wrong-password", r#", password = "wrong-horse""#.to_owned(), "unhealthy", "refused the credentials"),
        ("wrong-user", user("nobody", "wrong-horse"), "unhealthy", "refused the credentials: it answered AUTH with"),
        ("no-password", String::new(), "unhealthy", "asks for a password: it answered PING with \"-NOAUTH"),
        ("forbidden", user("pinger", "only-ping") + r#", role = "master""#, "unhealthy", "does not permit this user"),
    ];
    let config: String = cases.iter().map(|(name, settings, ..)| check(name, port, settings)).collect();
    let runner = runner(&(config + &check("wrong-port", nobody().port(), "")));
    for (name, _, status, part) in &cases {
        runner.wait_for_verdict(name, status, part);
        let lasting = ["database", "wrong-password", "wrong-user", "no-password", "forbidden"].contains(name);
        runner.wait_for(&format!("{name} to be a lasting failure, or none: {lasting}"), || {
            if runner.was_permanent(name) == lasting { Ok(()) } else { Err(runner.log()) }
        });
    }
    let refused = runner.check("wrong-password").unwrap().0;
    assert!(refused["details"]["address"].is_string(), "{refused}");
    runner.wait_for_check("wrong-port", "is refused", |check| check.message().contains("connection refused"));
    let whole = runner.check("whole").unwrap().0;
    assert_eq!((&whole["details"]["role"], &whole["details"]["replicas"]), (&"master".into(), &0.into()), "{whole}");
    assert!(whole["details"]["version"].as_str().is_some_and(|version| version.contains('.')), "{whole}");
    for measured in ["resolve", "connect", "auth", "select", "ping", "info", "total", "memory-used", "memory-share"] {
        assert!(whole["measurements"].to_string().contains(&format!("\"{measured}\"")), "{measured}: {whole}");
    }

    // A frozen server accepts connections and answers nothing: that is a verdict, and no fault of the probe's.
    server.freeze();
    runner.wait_for_verdict("good", "unhealthy", &format!("while waiting for the answer of 127.0.0.1:{port} to AUTH"));
    server.thaw();
    runner.wait_for_check("good", "is well again", |check| check.status() == "healthy");

    server.kill();
    runner.wait_for_verdict("good", "unhealthy", "connection refused");
    server.restart();
    for (name, _, status, part) in &cases {
        runner.wait_for_verdict(name, status, part);
    }

    let told = runner.stop_and_tell_all();
    assert!(told.contains("refused the credentials") && !told.contains(PASSWORD), "{told}");
    // Nothing is left behind.
    assert!(ask(port, "DBSIZE").contains(":0\r\n"), "{}", ask(port, "DBSIZE"));
    let patient = Deadline::new();
    while !ask(port, "INFO clients").contains("connected_clients:1\r\n") {
        patient.pause(|| format!("nobody to be connected: {}", ask(port, "INFO clients")));
    }
}

#[test]
fn a_server_is_asked() {
    let Some(server) = redis("") else { return };
    for line in ["RPUSH jobs a b c", "SET greeting \"hello world\""] {
        let said = ask(server.port(), line);
        assert!(!said.contains("-ERR"), "{said}");
    }
    let query = |command: &str, more: &str| logged_in(&format!(", query = '''{command}'''{more}"));
    let cases = [
        ("number", query("LLEN jobs", ""), "healthy", "answered the query"),
        ("large", query("llen  jobs", ", degraded_above = 2"), "degraded", "the query gave 3, more than 2"),
        ("text", query("GET greeting", r#", expect = "hello world""#), "healthy", "answered the query as expected"),
        ("quoted", query(r#"ECHO "a \"b\"""#, r#", expect = 'a "b"'"#), "healthy", "as expected"),
        (
            "other",
            query("GET greeting", r#", expect = "bye""#),
            "unhealthy",
            r#"the query gave "hello world", expected "bye""#,
        ),
        ("none", query("GET nothing", r#", expect = "bye""#), "unhealthy", "the query gave no value"),
        ("list", query("LRANGE jobs 0 -1", r#", expect = "a b c""#), "healthy", "as expected"),
        ("empty", query("LRANGE nothing 0 -1", r#", expect = "a""#), "unhealthy", "the query gave no value"),
        ("nested", query(r#"EVAL "return {1,{2,{3}},'x'}" 0"#, r#", expect = "1 2 3 x""#), "healthy", "as expected"),
        (
            "wrong-type",
            query("HGET greeting x", ""),
            "unhealthy",
            r#"refused the command: it answered the query with "-WRONGTYPE"#,
        ),
        ("unknown", query("FROB", ""), "unhealthy", r#"refused the command: it answered the query with "-ERR unknown"#),
        (
            "long",
            query(r#"EVAL "return string.rep('x', 70000)" 0"#, ""),
            "unhealthy",
            " with a text of 70000 bytes, and this probe takes 64 KiB",
        ),
        (
            "many",
            query("EVAL \"local t = {} for i = 1, 2000 do t[i] = i end return t\" 0", ""),
            "unhealthy",
            "with 2000 elements, and this probe takes",
        ),
        ("secret", query("CONFIG GET requirepass", ""), "healthy", "answered the query"),
    ];
    let config: String = cases.iter().map(|(name, settings, ..)| check(name, server.port(), settings)).collect();
    let senseless = check("senseless", server.port(), &query("GET \"greeting", ""));
    let runner = runner(&(config + &senseless));
    for (name, _, status, part) in &cases {
        runner.wait_for_verdict(name, status, part);
    }
    runner.wait_for_check("senseless", "is said to be so", |check| {
        check.fault() == "invalid-settings" && check.0["fault"].to_string().contains("no closing quote")
    });
    assert!(runner.check("number").unwrap().0["measurements"].to_string().contains("\"value\""));
    assert_eq!(runner.check("secret").unwrap().0["details"]["value"], "requirepass ***");
    assert!(!runner.stop_and_tell_all().contains(PASSWORD));
}

#[test]
fn a_replica_is_watched_through_the_loss_of_its_master() {
    let Some(mut master) = redis("") else { return };
    let follow = format!("replicaof 127.0.0.1 {}\n", master.port());
    let Some(replica) = redis(&follow) else { return };
    let Some(strict) = redis(&format!("{follow}replica-serve-stale-data no\n")) else { return };
    let runner = runner(
        &(check("replica", replica.port(), &logged_in(r#", role = "replica""#))
            + &check("strict", strict.port(), &logged_in(""))
            + &check("lenient", replica.port(), &logged_in(""))),
    );
    let well = |name: &str| {
        runner.wait_for_verdict(name, "healthy", "answered");
    };
    ["replica", "strict", "lenient"].into_iter().for_each(well);
    assert_eq!(runner.check("replica").unwrap().0["details"]["role"], "replica");
    master.kill();
    let severed = format!("is a replica without a link to its master 127.0.0.1:{}", master.port());
    for (name, part) in [("replica", severed.as_str()), ("strict", "is a replica that lost its master")] {
        runner.wait_for_verdict(name, "unhealthy", part);
    }
    master.restart();
    ["replica", "strict", "lenient"].into_iter().for_each(well);
    runner.stop();
}

#[test]
fn a_secure_server_must_be_who_it_says() {
    let Some(program) = servers::find("redis-server") else { return };
    let (authority, stranger) = (Authority::new("one"), Authority::new("two"));
    let serve = |is_late: bool| {
        let (port, folder) = (servers::free_port(), servers::folder());
        let certify = if is_late { Authority::certify_late } else { Authority::certify };
        certify(&authority, &["127.0.0.1"], folder.path());
        let files = folder.path().display().to_string();
        let config = format!(
            "bind 127.0.0.1\nport 0\nsave \"\"\ntls-port {port}\ntls-auth-clients no\n\
             tls-cert-file {files}/server.crt\ntls-key-file {files}/server.key\n"
        );
        start(program.clone(), port, folder, config)
    };
    let (server, late) = (serve(false), serve(true));
    let secure = |name: &str| check(name, server.port(), ", tls = true");
    let secure_by = |probe: &str| check_by(probe, &format!("good-{probe}"), server.port(), ", tls = true");
    let config = [
        BRISK,
        &secure("good"),
        &secure_by("redis-kv"),
        &secure_by("redis-pubsub"),
        &secure("other-name").replace("127.0.0.1", "localhost"),
        &check("late", late.port(), ", tls = true"),
        &check("in-the-clear", server.port(), ""),
    ];
    let runner = authority.trusting_runner(&config.concat());
    let other = stranger.trusting_runner(&format!("{BRISK}{}", secure("good")));
    let good = runner.wait_for_check("good", "is well", |check| check.status() == "healthy");
    assert!(good.0["measurements"].to_string().contains("\"tls\""), "{good:?}");
    for name in ["good-redis-kv", "good-redis-pubsub"] {
        runner.wait_for_check(name, "is well", |check| check.status() == "healthy");
    }
    for (runner, name, part) in [
        (&runner, "other-name", "TLS handshake with localhost failed: the certificate is not for "),
        (&runner, "late", "TLS handshake with 127.0.0.1 failed: "),
        (&runner, "in-the-clear", "while waiting for the answer of"),
        (&other, "good", "is not trusted by this system"),
    ] {
        runner.wait_for_verdict(name, "unhealthy", part);
    }
    server.freeze();
    runner.wait_for_check("good", "is found frozen", |check| check.message().contains("TLS handshake with 127.0.0.1"));
    server.thaw();
    runner.wait_for_check("good", "is well again", |check| check.status() == "healthy");
    runner.stop();
    other.stop();
}

#[test]
fn what_only_looks_like_a_server_gets_a_verdict() {
    let frozen = Target::tcp(freeze);
    let rude = Target::tcp(drop);
    let mail = Target::greeting("220 mail.example ESMTP\r\n");
    let page = Target::http(|_| "HTTP/1.1 400 Bad Request\r\n\r\n".to_owned());
    let noise = Target::greeting("\x00\x01\x7f\r\n");
    let endless = Target::endless("", b"x");
    let endless_info = Target::reciting("", &["+PONG\r\n", "$999999999999\r\n"]);
    let late_info = Target::reciting("", &["+PONG\r\n", "$10\r\nrole"]);
    let uneven_info = Target::reciting("", &["+PONG\r\n", "$4\r\nrole:master\r\n"]);
    let array = Target::reciting("", &["*1\r\n$4\r\nPONG\r\n"]);
    let dribble = Target::dribbling(b"+PONG\r\n");
    let loading = Target::greeting("-LOADING Redis is loading the dataset in memory\r\n");
    let crowded = Target::tcp(|mut stream| drop(stream.write_all(b"-ERR max number of clients reached\r\n")));
    let old = Target::reciting("", &["-ERR invalid password\r\n"]);
    let protected = Target::greeting("-DENIED Redis is running in protected mode because\r\n");
    let at = |target: &Target, more: &str| {
        format!("settings = {{ host = \"127.0.0.1\", port = {}{more} }}\n{EAGER}", target.port())
    };
    let (info, password) = (r#", role = "master""#, r#", password = "x""#);
    try_out(
        "redis",
        &[
            ("frozen", at(&frozen, ""), "unhealthy", "no answer within"),
            ("rude", at(&rude, ""), "unhealthy", "while waiting for the answer of 127.0.0.1:"),
            (
                "mail",
                at(&mail, ""),
                "unhealthy",
                r#"does not speak Redis: it answered PING with "220 mail.example ESMTP""#,
            ),
            ("page", at(&page, ""), "unhealthy", ""),
            ("noise", at(&noise, ""), "unhealthy", "does not speak Redis"),
            ("endless", at(&endless, ""), "unhealthy", "protocol violated (a line of more than 4096 bytes)"),
            (
                "endless-info",
                at(&endless_info, info),
                "unhealthy",
                "is not well: it answered INFO with \"$999999999999\", expected a section of 64 KiB",
            ),
            ("late-info", at(&late_info, info), "unhealthy", "no answer within"),
            ("uneven-info", at(&uneven_info, info), "unhealthy", "expected the end of a string"),
            ("array", at(&array, ""), "unhealthy", r#"it answered PING with "*1", expected "+PONG""#),
            ("dribble", at(&dribble, ""), "unhealthy", "no answer within"),
            ("loading", at(&loading, ""), "unhealthy", "is still loading its data"),
            ("crowded", at(&crowded, password), "unhealthy", "takes no more clients"),
            ("old", at(&old, password), "unhealthy", "refused the credentials"),
            ("protected", at(&protected, ""), "unhealthy", "is in protected mode"),
            ("no-tls", at(&mail, ", tls = true"), "unhealthy", "the answer is not TLS"),
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
    let echo = Target::echoing("", "-ERR what do you mean by ");
    // Written out, so that the runner does not know it for a secret.
    let config = check("echo", echo.port(), &format!(r#", password = "{PASSWORD}""#));
    let runner = Home::new(&format!("{BRISK}{config}")).start();
    let seen = runner.wait_for_check("echo", "is refused", |check| check.status() == "unhealthy");
    assert!(seen.message().contains("-ERR what do you mean by *2 $4 AUTH $13 ***"), "{seen:?}");
    assert!(!runner.stop_and_tell_all().contains(PASSWORD));
}
