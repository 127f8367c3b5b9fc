//! The probes `redis-pubsub` and `redis-kv`, against the real server and against some that only look like one.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use crate::{
    probes::try_out,
    redis::{PASSWORD, ask, check_by, logged_in, redis, runner},
    runner::{Deadline, EAGER, PATIENCE, Runner},
    servers::Server,
    target::{Target, freeze, nobody},
};

/// What a check comes to: its name, its settings, its status, what its message says, and whether it lasts.
type Case<'a> = (&'a str, String, &'a str, &'a str, bool);

/// Waits until all cases are as they are to be.
fn hold_to(runner: &Runner, cases: &[Case<'_>]) {
    for (name, _, status, part, lasting) in cases {
        runner.wait_for_verdict(name, status, part);
        runner.wait_for(&format!("{name} to be a lasting failure, or none: {lasting}"), || {
            if runner.was_permanent(name) == *lasting { Ok(()) } else { Err(runner.log()) }
        });
    }
}

/// Watches the check `good` through freeze, crash and return; `waiting` is what it waits for when the server is frozen.
fn watch(runner: &Runner, server: &mut Server, waiting: &str) {
    server.freeze();
    runner.wait_for_verdict("good", "unhealthy", waiting);
    server.thaw();
    runner.wait_for_check("good", "is well again", |check| check.status() == "healthy");
    server.kill();
    runner.wait_for_verdict("good", "unhealthy", "connection refused");
    server.restart();
    runner.wait_for_check("good", "is back", |check| check.status() == "healthy");
}

fn user(name: &str, password: &str, more: &str) -> String {
    format!(r#", username = "{name}", password = "{password}"{more}"#)
}

/// Waits until the server answers like this.
fn wait_for(port: u16, line: &str, answer: &str) {
    let patient = Deadline::new();
    while !ask(port, line).contains(answer) {
        patient.pause(|| format!("{line} to be answered with {answer:?}: {}", ask(port, line)));
    }
}

/// The next command that begins like the first of these, the next after it that begins like the second, and so on.
fn overheard(port: u16, beginnings: &[&str]) -> Vec<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(format!("AUTH {PASSWORD}\r\nMONITOR\r\n").as_bytes()).unwrap();
    let mut lines = BufReader::new(stream).lines().map(Result::unwrap);
    let mut next = |beginning: &&str| lines.find(|line| line.contains(&format!("] {beginning}"))).unwrap();
    beginnings.iter().map(&mut next).collect()
}

/// Somebody who publishes to a channel all the time, a longer message than any probe's among them.
struct Chatter {
    told: Arc<AtomicBool>,
    publisher: Option<JoinHandle<()>>,
}

impl Chatter {
    fn on(channel: &'static str, port: u16) -> Chatter {
        let told = Arc::new(AtomicBool::new(false));
        let stop = Arc::clone(&told);
        let publisher = thread::spawn(move || {
            let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
            let mut answer = [0; 1024];
            stream.write_all(format!("AUTH {PASSWORD}\r\n").as_bytes()).unwrap();
            for length in [5, 200_000].into_iter().cycle().take_while(|_| !stop.load(Ordering::Relaxed)) {
                let message = "x".repeat(length);
                let publish =
                    format!("*3\r\n$7\r\nPUBLISH\r\n${}\r\n{channel}\r\n${length}\r\n{message}\r\n", channel.len());
                stream.write_all(publish.as_bytes()).unwrap();
                assert!(stream.read(&mut answer).unwrap() > 0);
                // It is to be somebody, and not a flood.
                thread::sleep(Duration::from_millis(2));
            }
        });
        Chatter { told, publisher: Some(publisher) }
    }

    fn stop(mut self) {
        self.told.store(true, Ordering::Relaxed);
        self.publisher.take().unwrap().join().unwrap();
    }
}

#[test]
fn a_message_comes_back() {
    let Some(mut server) = redis("") else { return };
    let port = server.port();
    let well = "delivered a message";
    let cases = [
        ("good", logged_in(""), "healthy", well, false),
        ("many", logged_in(", messages = 100"), "healthy", "delivered 100 messages", false),
        ("large", logged_in(", payload_bytes = 65536, role = \"master\""), "healthy", well, false),
        ("teller", user("teller", "only-tell", ""), "healthy", well, false),
        ("shared", logged_in(r#", channel = "shared""#), "healthy", well, false),
        ("slow", logged_in(r#", degraded_after = "0s""#), "degraded", "more than 0.0 ms", false),
        ("full", logged_in(", memory_critical = 0.001"), "unhealthy", "of its maxmemory", false),
        ("other-role", logged_in(r#", role = "replica""#), "unhealthy", "is a master, expected a replica", false),
        ("wrong-password", user("teller", "wrong-horse", ""), "unhealthy", "refused the credentials", true),
        ("no-password", String::new(), "unhealthy", "asks for a password: it answered SUBSCRIBE with", true),
        ("forbidden", user("keeper", "only-keep", ""), "unhealthy", "does not permit this user", true),
        (
            "elsewhere",
            user("teller", "only-tell", r#", prefix = "x:""#),
            "unhealthy",
            "does not permit this user",
            true,
        ),
    ];
    let config: String = cases.iter().map(|(name, more, ..)| check_by("redis-pubsub", name, port, more)).collect();
    let chatter = Chatter::on("probity:shared", port);
    let runner = runner(&(config + &check_by("redis-pubsub", "wrong-port", nobody().port(), "")));
    hold_to(&runner, &cases);
    runner.wait_for_check("wrong-port", "is refused", |check| check.message().contains("connection refused"));
    runner.wait_for_check("shared", "hears others", |check| {
        let measurements = check.0["measurements"].as_array().unwrap();
        let others = measurements.iter().find(|measured| measured["name"] == "messages-of-others");
        check.status() == "healthy" && others.is_some_and(|others| others["value"].as_f64().unwrap() > 0.0)
    });
    chatter.stop();
    let large = runner.check("large").unwrap().0;
    assert_eq!(large["details"]["role"], "master", "{large}");
    for measured in ["resolve", "connect", "auth", "subscribe", "round-trip", "info", "total", "memory-share"] {
        assert!(large["measurements"].to_string().contains(&format!("\"{measured}\"")), "{measured}: {large}");
    }
    watch(&runner, &mut server, &format!("while waiting for the answer of 127.0.0.1:{port} to AUTH"));
    assert!(!runner.stop_and_tell_all().contains(PASSWORD));
    // Nothing is left behind.
    wait_for(port, "INFO clients", "connected_clients:1\r\n");
    wait_for(port, "PUBSUB CHANNELS", "*0\r\n");
    wait_for(port, "DBSIZE", ":0\r\n");
}

#[test]
fn a_value_comes_back() {
    let Some(mut server) = redis("") else { return };
    let Some(replica) = redis(&format!("replicaof 127.0.0.1 {}\n", server.port())) else { return };
    let Some(full) = redis("maxmemory 1\n") else { return };
    let port = server.port();
    let well = "kept a value and gave it back";
    let cases = [
        ("good", logged_in(""), "healthy", well, false),
        ("large", logged_in(r#", value_bytes = 900, database = 3, role = "master""#), "healthy", well, false),
        ("keeper", user("keeper", "only-keep", ""), "healthy", well, false),
        ("slow", logged_in(r#", degraded_after = "0s""#), "degraded", "more than 0.0 ms", false),
        ("fuller", logged_in(", memory_critical = 0.001"), "unhealthy", "of its maxmemory", false),
        ("wrong-password", user("keeper", "wrong-horse", ""), "unhealthy", "refused the credentials", true),
        ("no-password", String::new(), "unhealthy", "asks for a password: it answered SET with", true),
        ("forbidden", user("teller", "only-tell", ""), "unhealthy", "does not permit this user", true),
        (
            "elsewhere",
            user("keeper", "only-keep", r#", prefix = "x:""#),
            "unhealthy",
            "does not permit this user",
            true,
        ),
        ("database", logged_in(", database = 99"), "unhealthy", "has no such database", true),
    ];
    let others = [
        ("replica", replica.port(), logged_in(""), "is a replica that takes no writes", true),
        ("full", full.port(), logged_in(""), "has no memory left: it answered SET with", false),
        ("wrong-port", nobody().port(), String::new(), "connection refused", false),
    ];
    let config = cases.iter().map(|(name, more, ..)| check_by("redis-kv", name, port, more));
    let config = config.chain(others.iter().map(|(name, port, more, ..)| check_by("redis-kv", name, *port, more)));
    let runner = runner(&config.collect::<String>());
    hold_to(&runner, &cases);
    hold_to(&runner, &others.map(|(name, _, more, part, lasting)| (name, more, "unhealthy", part, lasting)));
    let large = runner.check("large").unwrap().0;
    assert_eq!(large["details"]["role"], "master", "{large}");
    for measured in ["put", "get", "remove", "info", "total", "copies", "memory-share"] {
        assert!(large["measurements"].to_string().contains(&format!("\"{measured}\"")), "{measured}: {large}");
    }
    watch(&runner, &mut server, &format!("while waiting for the answer of 127.0.0.1:{port} to "));
    assert!(!runner.stop_and_tell_all().contains(PASSWORD));
    wait_for(port, "INFO clients", "connected_clients:1\r\n");
}

#[test]
fn a_connection_that_stays_leaves_nothing_behind() {
    let Some(server) = redis("") else { return };
    let port = server.port();
    let connections = || {
        let told = ask(port, "INFO stats");
        let count = told.lines().find_map(|line| line.strip_prefix("total_connections_received:")).unwrap();
        count.parse::<u64>().unwrap()
    };
    let runner = runner(&check_by("redis-kv", "good", port, &logged_in("")));
    runner.wait_for_check("good", "is well", |check| check.status() == "healthy");
    let before = connections();
    runner.wait_for_runs("good", 3);
    // To ask is one by itself.
    assert_eq!(connections(), before + 1);
    // What it stores expires by itself, and is deleted before.
    let commands = overheard(port, &["\"SET\"", "\"DEL\""]);
    let [set, delete] = &commands[..] else { unreachable!() };
    let key = set.split(' ').find(|word| word.starts_with("\"probity:")).unwrap();
    assert!(delete.ends_with(key) && set.contains(" \"EX\" \"6") && set.ends_with("\"NX\""), "{commands:?}");
    wait_for(port, "DBSIZE", ":0\r\n");
    runner.stop();
    wait_for(port, "INFO clients", "connected_clients:1\r\n");
}

#[test]
fn what_only_looks_like_a_broker_gets_a_verdict() {
    const SUBSCRIBED: &str = "*3\r\n$9\r\nsubscribe\r\n$9\r\nprobity:x\r\n:1\r\n";
    const ENDLESS: &str =
        "*3\r\n$9\r\nsubscribe\r\n$9\r\nprobity:x\r\n:1\r\n*3\r\n$7\r\nmessage\r\n$9\r\nprobity:x\r\n$999999999999\r\n";
    let frozen = Target::tcp(freeze);
    let rude = Target::tcp(drop);
    let mail = Target::greeting("220 mail.example ESMTP\r\n");
    let dribble = Target::dribbling(SUBSCRIBED.as_bytes());
    let deaf = Target::reciting("", &[SUBSCRIBED]);
    let cut = Target::reciting("", &[ENDLESS]);
    let endless = Target::endless(ENDLESS, b"x");
    let other = Target::reciting("", &["*3\r\n$9\r\nsubscribe\r\n$1\r\ny\r\n:1\r\n"]);
    let astray = Target::reciting("", &["*3\r\n$9\r\nsubscribe\r\n$9\r\nprobity:x\r\n:1\r\n:7\r\n"]);
    let at = |target: &Target| {
        format!("settings = {{ host = \"127.0.0.1\", port = {}, channel = \"x\" }}\n{EAGER}", target.port())
    };
    try_out(
        "redis-pubsub",
        &[
            ("frozen", at(&frozen), "unhealthy", "no answer within"),
            ("rude", at(&rude), "unhealthy", ""),
            (
                "mail",
                at(&mail),
                "unhealthy",
                r#"does not speak Redis: it answered SUBSCRIBE with "220 mail.example ESMTP""#,
            ),
            ("dribble", at(&dribble), "unhealthy", "no answer within"),
            ("deaf", at(&deaf), "unhealthy", "it did not deliver the message"),
            ("cut", at(&cut), "unhealthy", "no answer within"),
            ("endless", at(&endless), "unhealthy", ""),
            ("other", at(&other), "unhealthy", "is not well: it answered SUBSCRIBE with \"subscribe y 1\""),
            ("astray", at(&astray), "unhealthy", "is not well: it answered SUBSCRIBE with \":7\", expected a message"),
        ],
    );
}

#[test]
fn what_only_looks_like_a_store_gets_a_verdict() {
    let frozen = Target::tcp(freeze);
    let mail = Target::greeting("220 mail.example ESMTP\r\n");
    let dribble = Target::dribbling(b"+OK\r\n");
    let taken = Target::reciting("", &["$-1\r\n"]);
    let lossy = Target::reciting("", &["+OK\r\n", "$-1\r\n", ":0\r\n"]);
    let liar = Target::reciting("", &["+OK\r\n", "$3\r\nbad\r\n", ":1\r\n"]);
    let uneven = Target::reciting("", &["+OK\r\n", "$3\r\nbadly\r\n", ":1\r\n"]);
    let array = Target::reciting("", &["+OK\r\n", "*2\r\n$1\r\na\r\n$1\r\nb\r\n", ":1\r\n"]);
    let nested = Target::endless("", b"*1\r\n");
    let deep = Target::reciting("", &["*18446744073709551615\r\n"]);
    let moved = Target::reciting("", &["-MOVED 3999 10.0.0.8:6379\r\n"]);
    let at = |target: &Target| format!("settings = {{ host = \"127.0.0.1\", port = {} }}\n{EAGER}", target.port());
    try_out(
        "redis-kv",
        &[
            ("frozen", at(&frozen), "unhealthy", "no answer within"),
            ("mail", at(&mail), "unhealthy", "does not speak Redis: it answered SET with"),
            ("dribble", at(&dribble), "unhealthy", "no answer within"),
            ("taken", at(&taken), "unhealthy", "is not well: it answered SET with nil, expected OK"),
            ("lossy", at(&lossy), "unhealthy", "it lost a value that it had just taken"),
            ("liar", at(&liar), "unhealthy", "it corrupted a value: "),
            ("uneven", at(&uneven), "unhealthy", "does not speak Redis: it answered GET with \"ly\""),
            ("array", at(&array), "unhealthy", "is not well: it answered GET with \"a b\", expected one value"),
            ("nested", at(&nested), "unhealthy", ""),
            (
                "deep",
                at(&deep),
                "unhealthy",
                " answered SET with 18446744073709551615 elements, and this probe takes 64 KiB and 1000 elements",
            ),
            ("moved", at(&moved), "unhealthy", "is a node of a cluster, and that key is on another"),
        ],
    );
}
