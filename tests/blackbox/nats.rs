//! The probe `nats`, against the real server and against some that only look like one.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    process::Command,
};

use tempfile::TempDir;

use crate::{
    authority::Authority,
    probes::try_out,
    runner::{BRISK, Deadline, EAGER, Home, Runner},
    servers::{self, Server},
    target::{Target, freeze, nobody},
};

/// The password of the user `probe`, and the token where there is one in its place.
const PASSWORD: &str = "correct-horse";

/// A server on a port of its own, with more of its configuration.
fn nats(folder: TempDir, config: &str) -> Option<Server> {
    let program = servers::find("nats-server")?;
    let port = servers::free_port();
    let config = format!("listen: 127.0.0.1:{port}\n{config}\n");
    Some(Server::start(folder, port, move |folder| {
        fs::write(folder.join("nats.conf"), &config).unwrap();
        let mut command = Command::new(&program);
        // Relative paths are within its folder.
        command.current_dir(folder).args(["-c", "nats.conf"]);
        command
    }))
}

fn check(name: &str, port: u16, settings: &str) -> String {
    format!(
        "[[check]]\nname = \"{name}\"\nprobe = \"nats\"\n\
         settings = {{ host = \"127.0.0.1\", port = {port}{settings} }}\n{EAGER}"
    )
}

/// The settings of a check that logs in.
fn logged_in(more: &str) -> String {
    format!(r#", user = "probe", password = "${{env:NATS_PASSWORD}}"{more}"#)
}

/// Starts a runner that knows the password.
fn runner(config: &str) -> Runner {
    let home = Home::new(&format!("{BRISK}{config}"));
    let mut command = home.command(&["run", "--listen", "127.0.0.1:0", "--data-dir", "state"]);
    command.env("NATS_PASSWORD", PASSWORD);
    home.start_by(command)
}

/// Asks the JetStream API, and returns its answer.
fn ask(port: u16, subject: &str, request: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    write!(
        stream,
        "CONNECT {{\"verbose\":false,\"user\":\"probe\",\"pass\":\"{PASSWORD}\"}}\r\nSUB answer 1\r\n\
         PUB {subject} answer {}\r\n{request}\r\n",
        request.len()
    )
    .unwrap();
    let mut lines = BufReader::new(stream).lines().map(Result::unwrap);
    lines.find(|line| line.starts_with("MSG answer 1 ")).unwrap();
    lines.next().unwrap()
}

/// How many are connected to a server, as it says itself at its port for that.
fn connections(port: u16) -> u64 {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.write_all(b"GET /connz HTTP/1.0\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let json: serde_json::Value = serde_json::from_str(answer.split("\r\n\r\n").nth(1).unwrap()).unwrap();
    json["num_connections"].as_u64().unwrap()
}

#[test]
fn a_server_is_watched_through_freeze_crash_and_return() {
    let http = servers::free_port();
    let users = format!(
        "http: 127.0.0.1:{http}\njetstream {{ store_dir: \"js\" }}\nauthorization {{ users = [\n\
         {{ user: probe, password: \"{PASSWORD}\" }}\n\
         {{ user: limited, password: \"only-foo\", permissions: {{ publish: \"foo.*\", subscribe: \"foo.*\" }} }} ] }}"
    );
    let Some(mut server) = nats(servers::folder(), &users) else { return };
    let Some(guarded) = nats(servers::folder(), &format!("authorization {{ token: \"{PASSWORD}\" }}")) else { return };
    let port = server.port();
    ask(port, "$JS.API.STREAM.CREATE.ORDERS", r#"{"name":"ORDERS","subjects":["orders.>"]}"#);
    let consumer = r#"{"stream_name":"ORDERS","config":{"durable_name":"work","ack_policy":"explicit"}}"#;
    ask(port, "$JS.API.CONSUMER.DURABLE.CREATE.ORDERS.work", consumer);
    for order in ["a", "b", "c"] {
        assert!(ask(port, "orders.new", order).contains("\"seq\""));
    }

    let user = |name: &str, password: &str| format!(r#", user = "{name}", password = "{password}""#);
    let stream = |more: &str| logged_in(&format!(r#", stream = "ORDERS"{more}"#));
    let token = r#", token = "${env:NATS_PASSWORD}""#;
    let (lasting, passing) = (true, false);
    let well = "delivered a message";
    let cases = [
        ("good", port, logged_in(""), "healthy", well, passing),
        ("limited", port, user("limited", "only-foo") + r#", subject = "foo""#, "healthy", well, passing),
        ("token", guarded.port(), token.to_owned(), "healthy", well, passing),
        ("stream", port, stream(""), "healthy", well, passing),
        ("consumer", port, stream(r#", consumer = "work", lag_warn = 4"#), "healthy", well, passing),
        ("slow", port, logged_in(r#", degraded_after = "0s""#), "degraded", "more than 0.0 ms", passing),
        (
            "behind",
            port,
            stream(r#", consumer = "work", lag_warn = 2"#),
            "degraded",
            "3 messages behind: 2 or more",
            passing,
        ),
        (
            "far-behind",
            port,
            stream(r#", consumer = "work", lag_critical = 3"#),
            "unhealthy",
            "3 messages behind: 3 or more",
            passing,
        ),
        ("no-stream", port, logged_in(r#", stream = "NONE""#), "unhealthy", "stream not found (404)", lasting),
        ("no-consumer", port, stream(r#", consumer = "none""#), "unhealthy", "consumer not found (404)", lasting),
        (
            "no-jetstream",
            guarded.port(),
            token.to_owned() + r#", stream = "ORDERS""#,
            "unhealthy",
            "has no JetStream: nobody there answers STREAM.INFO",
            passing,
        ),
        ("wrong-password", port, user("probe", "wrong-horse"), "unhealthy", "refused the credentials", lasting),
        ("wrong-token", guarded.port(), r#", token = "no""#.to_owned(), "unhealthy", "refused the cred", lasting),
        ("no-password", port, String::new(), "unhealthy", "asks for credentials", lasting),
        ("forbidden", port, user("limited", "only-foo"), "unhealthy", "does not permit this user", lasting),
        ("no-tls", port, logged_in(", tls = true"), "unhealthy", "does not offer TLS", lasting),
        ("wrong-port", nobody().port(), String::new(), "unhealthy", "connection refused", passing),
    ];
    let config: String = cases.iter().map(|(name, port, settings, ..)| check(name, *port, settings)).collect();
    let runner = runner(&config);
    let all_are_judged = || {
        for (name, _, _, status, part, _) in &cases {
            runner.wait_for_verdict(name, status, part);
        }
    };
    all_are_judged();
    let refused = runner.check("wrong-password").unwrap().0;
    assert!(refused["details"]["address"].is_string(), "{refused}");
    for (name, .., lasting) in &cases {
        runner.wait_for(&format!("{name} to be a lasting failure, or none: {lasting}"), || {
            if runner.was_permanent(name) == *lasting { Ok(()) } else { Err(runner.log()) }
        });
    }
    let consumer = runner.check("consumer").unwrap().0;
    assert_eq!(consumer["details"]["jetstream"], true, "{consumer}");
    assert!(consumer["details"]["version"].as_str().is_some_and(|version| version.contains('.')), "{consumer}");
    for measured in
        ["resolve", "connect", "greeting", "auth", "round-trip", "stream", "consumer", "total", "messages", "lag"]
    {
        assert!(consumer["measurements"].to_string().contains(&format!("\"{measured}\"")), "{measured}: {consumer}");
    }

    // A frozen server accepts connections and says nothing: that is a verdict, and no fault of the probe's.
    server.freeze();
    runner.wait_for_verdict("good", "unhealthy", "while waiting for the greeting of 127.0.0.1:");
    server.thaw();
    runner.wait_for_check("good", "is well again", |check| check.status() == "healthy");

    server.kill();
    runner.wait_for_verdict("good", "unhealthy", "connection refused");
    server.restart();
    all_are_judged();

    let told = runner.stop_and_tell_all();
    assert!(told.contains("refused the credentials") && !told.contains(PASSWORD), "{told}");
    // Nothing is left behind.
    let patient = Deadline::new();
    while connections(http) > 0 {
        patient.pause(|| format!("nobody to be connected; there are {}", connections(http)));
    }
    let stream = ask(port, "$JS.API.STREAM.INFO.ORDERS", "");
    assert!(stream.contains("\"messages\":3,") && stream.contains("\"consumer_count\":1"), "{stream}");
}

#[test]
fn a_secure_server_must_be_who_it_says() {
    let (authority, stranger) = (Authority::new("one"), Authority::new("two"));
    let folder = servers::folder();
    authority.certify(&["127.0.0.1"], folder.path());
    let Some(server) = nats(folder, "tls { cert_file: \"server.crt\", key_file: \"server.key\" }") else { return };
    let secure = |name: &str| check(name, server.port(), ", tls = true");
    let config = format!(
        "{BRISK}{}{}{}",
        secure("good"),
        secure("other-name").replace("127.0.0.1", "localhost"),
        check("in-the-clear", server.port(), "")
    );
    let runner = authority.trusting_runner(&config);
    let other = stranger.trusting_runner(&format!("{BRISK}{}", secure("good")));
    let good = runner.wait_for_check("good", "is well", |check| check.status() == "healthy");
    assert!(good.0["measurements"].to_string().contains("\"tls\""), "{good:?}");
    for (runner, name, part) in [
        (&runner, "other-name", "TLS handshake with localhost failed: the certificate is not for "),
        (&runner, "in-the-clear", "asks for TLS: set `tls` to true"),
        (&other, "good", "is not trusted by this system"),
    ] {
        runner.wait_for_verdict(name, "unhealthy", part);
    }
    server.freeze();
    runner.wait_for_check("good", "is found frozen", |check| check.message().contains("no answer within"));
    server.thaw();
    runner.wait_for_check("good", "is well again", |check| check.status() == "healthy");
    runner.stop();
    other.stop();
}

/// A server that says much on the side before each answer, as newer ones do, and has a stream without a leader. What is
/// published goes through `carry`, and something is said in two portions: before and after it is asked for the stream.
fn chatty(carry: fn(String) -> String, [before, after]: [&'static str; 2]) -> Target {
    Target::tcp(move |stream| {
        let mut answers = stream.try_clone().unwrap();
        let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
        let aside = "INFO {\"version\":\"2\"}\r\n+OK\r\nPING\r\n";
        let mut say = |text: String| drop(answers.write_all(text.as_bytes()));
        say("INFO {\"version\":\"1\",\"headers\":true}\r\n".to_owned());
        let mut pongs = 0;
        while let Some(line) = lines.next() {
            match line.split(' ').collect::<Vec<_>>()[..] {
                ["PING"] => say(format!("{aside}PONG\r\n")),
                ["PONG"] => pongs += 1,
                ["PUB", subject, _] => {
                    let payload = carry(lines.next().unwrap_or_default());
                    let (headers, length) = ("NATS/1.0\r\na: b\r\n\r\n", payload.len());
                    assert_eq!(pongs, 2, "the pings before were answered");
                    say(format!(
                        "{aside}PONG\r\nMSG other 9 2\r\nhi\r\n{aside}HMSG {subject} 1 {} {}\r\n{headers}{payload}\r\n{before}",
                        headers.len(),
                        headers.len() + length
                    ));
                }
                ["PUB", _, inbox, "0"] => {
                    let answer = r#"{"state":{"messages":7},"cluster":{"name":"c","replicas":[]}}"#;
                    say(format!("{after}{aside}MSG {inbox} 2 {}\r\n{answer}\r\n", answer.len()));
                }
                _ => {}
            }
        }
    })
}

/// A server that greets, and then says this without end.
fn flood(text: String) -> Target {
    Target::tcp(move |mut stream| {
        let _ = stream.write_all(b"INFO {}\r\n");
        while stream.write_all(text.as_bytes()).is_ok() {}
    })
}

#[test]
fn what_only_looks_like_a_server_gets_a_verdict() {
    const INFO: &str = "INFO {\"version\":\"1\"}\r\n";
    const NO_TLS: &str = "INFO {}\r\n";
    let good = chatty(|payload| payload, ["", ""]);
    let halting = chatty(|payload| payload, ["MSG other 1 10\r\nhello", "world\r\n"]);
    let corrupting = chatty(|payload| format!("x{}", &payload[1..]), ["", ""]);
    let astray = Target::reciting(INFO, &["PONG\r\n", "PONG\r\n", "MSG a 1 3\r\nfoo\r\n"]);
    let uneven = Target::reciting(INFO, &["PONG\r\n", "PONG\r\n", "MSG a 1 3\r\nfoobar\r\n"]);
    let huge = Target::reciting(INFO, &["PONG\r\n", "PONG\r\n", "MSG a 1 99999999999\r\n"]);
    let cut = Target::reciting(INFO, &["PONG\r\n", "PONG\r\n", "MSG a 1 32\r\nfoo"]);
    let deaf = Target::reciting(INFO, &["PONG\r\n", "PONG\r\n", "+OK\r\n"]);
    let babbling = Target::endless(INFO, b"+OK\r\n");
    let rambling = flood(format!("INFO {{\"x\":\"{}\"}}\r\n", "x".repeat(30_000)));
    let flooding = flood(format!("MSG a 9 200000\r\n{}\r\n", "x".repeat(200_000)));
    let on_and_on = "goes on and on, and the answer to CONNECT is not in what it says";
    let endless = Target::endless("", b"x");
    let endless_later = Target::endless(INFO, b"x");
    let garbled = Target::greeting("INFO {\"version\":\r\n");
    let crowded = Target::greeting("-ERR 'maximum connections exceeded'\r\n");
    let expired = Target::reciting(INFO, &["-ERR 'User Authentication Expired'\r\n"]);
    let hurrying = Target::greeting("INFO {\"tls_available\":true}\r\nINFO {}\r\n");
    let plain = Target::reciting("INFO {\"tls_required\":true}\r\n", &["-ERR 'no'\r\n"]);
    let no_tls = Target::greeting(NO_TLS);
    let frozen = Target::tcp(freeze);
    let rude = Target::tcp(drop);
    let mail = Target::greeting("220 mail.example ESMTP\r\n");
    let noise = Target::greeting("\x00\x01\x7f\r\n");
    let dribble = Target::dribbling(b"INFO {\"version\":\"1\"}\r\n");
    let at = |target: &Target, more: &str| {
        format!("settings = {{ host = \"127.0.0.1\", port = {}{more} }}\n{EAGER}", target.port())
    };
    let tls = ", tls = true";
    let nowhere = at(&mail, "").replace("127.0.0.1", "nowhere.invalid");
    let unhealthy = "unhealthy";
    try_out(
        "nats",
        &[
            ("chatty", at(&good, ""), "healthy", "delivered a message"),
            (
                "leaderless",
                at(&good, r#", stream = "ORDERS""#),
                unhealthy,
                &format!("{}: stream ORDERS: no leader", good.address),
            ),
            ("halting", at(&halting, r#", stream = "ORDERS""#), unhealthy, "stream ORDERS: no leader"),
            ("corrupting", at(&corrupting, ""), unhealthy, "corrupted a message: it delivered \"x"),
            ("astray", at(&astray, ""), unhealthy, "it did not deliver the message, and 1 of others came"),
            ("uneven", at(&uneven, ""), unhealthy, r#"after a message of 3 bytes came "ba", expected its end"#),
            ("huge", at(&huge, ""), unhealthy, "it answered PUB with 99999999999 bytes, expected 262144 at most"),
            ("cut", at(&cut, ""), unhealthy, "it did not deliver the message"),
            ("deaf", at(&deaf, ""), unhealthy, "it did not deliver the message"),
            ("babbling", at(&babbling, ""), unhealthy, on_and_on),
            ("rambling", at(&rambling, ""), unhealthy, on_and_on),
            ("flooding", at(&flooding, ""), unhealthy, on_and_on),
            ("endless", at(&endless, ""), unhealthy, "protocol violated (a line of more than 32768 bytes)"),
            ("endless-later", at(&endless_later, ""), unhealthy, "protocol violated (a line of more than 32768 bytes)"),
            ("garbled", at(&garbled, ""), unhealthy, "does not speak NATS: it greeted with \"INFO {"),
            ("crowded", at(&crowded, ""), unhealthy, "takes no more clients"),
            ("expired", at(&expired, ""), unhealthy, "says that the credentials have expired"),
            ("hurrying", at(&hurrying, tls), unhealthy, "protocol violated (9 bytes more before TLS)"),
            ("plain", at(&plain, tls), unhealthy, "the answer is not TLS"),
            ("no-tls", at(&no_tls, tls), unhealthy, "does not offer TLS, which `tls` asks for"),
            ("frozen", at(&frozen, ""), unhealthy, "while waiting for the greeting of 127.0.0.1:"),
            ("rude", at(&rude, ""), unhealthy, "while waiting for the greeting of 127.0.0.1:"),
            ("mail", at(&mail, ""), unhealthy, r#"does not speak NATS: it greeted with "220 mail"#),
            ("noise", at(&noise, ""), unhealthy, "does not speak NATS"),
            ("dribble", at(&dribble, ""), unhealthy, "no answer within"),
            ("nowhere", nowhere, unhealthy, "while resolving nowhere.invalid"),
        ],
    );
}

#[test]
fn credentials_that_the_server_repeats_are_not_shown() {
    let echo = Target::echoing("INFO {}\r\n", "-ERR 'what do you mean by ");
    // Written out, so that the runner does not know them for secrets; and so that JSON writes one otherwise.
    let config = check("password", echo.port(), &format!(r#", user = "u", password = "{PASSWORD}\"\"""#))
        + &check("token", echo.port(), &format!(r#", token = "{PASSWORD}""#));
    let runner = Home::new(&format!("{BRISK}{config}")).start();
    for (name, part) in [("password", r#"{\"user\":\"u\",\"pass\":\"***\","#), ("token", r#"{\"auth_token\":\"***\","#)]
    {
        let seen = runner.wait_for_check(name, "is refused", |check| check.status() == "unhealthy");
        assert!(seen.message().contains("reports an error: it said \"-ERR 'what do you mean by CONNECT"), "{seen:?}");
        assert!(seen.message().contains(part), "{seen:?}");
    }
    assert!(!runner.stop_and_tell_all().contains(PASSWORD));
}
