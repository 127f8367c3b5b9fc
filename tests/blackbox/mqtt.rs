//! The probe `mqtt`, against Mosquitto and against some that only look like a broker.

use std::{
    fs,
    io::{Read, Write},
    net::TcpStream,
    path::Path,
    process::{Command, Stdio},
};

use tempfile::TempDir;

use crate::{
    authority::Authority,
    probes::try_out,
    runner::{BRISK, Deadline, EAGER, Home, Runner},
    servers::{self, Server},
    target::{Target, freeze, nobody},
};

/// The password of the users.
const PASSWORD: &str = "correct-horse";

/// A broker on a port of its own, with more of its configuration.
fn mosquitto(folder: TempDir, config: &str) -> Option<Server> {
    let program = servers::find("mosquitto")?;
    let port = servers::free_port();
    let config = format!("user root\nset_tcp_nodelay true\nsys_interval 1\nlistener {port} 127.0.0.1\n{config}\n");
    Some(Server::start(folder, port, move |folder| {
        fs::write(folder.join("mosquitto.conf"), &config).unwrap();
        let mut command = Command::new(&program);
        // Relative paths are within its folder.
        command.current_dir(folder).args(["-c", "mosquitto.conf"]);
        command
    }))
}

/// Who may do what: `probe` all that it needs, and `limited` beneath `foo` alone.
fn admit(folder: &Path) -> Option<&'static str> {
    let program = servers::find("mosquitto_passwd")?;
    fs::write(folder.join("users"), "").unwrap();
    for user in ["probe", "limited"] {
        let status = Command::new(&program).arg("-b").arg(folder.join("users")).args([user, PASSWORD]).status();
        assert!(status.unwrap().success());
    }
    let rules = "user probe\ntopic readwrite #\ntopic read $SYS/#\nuser limited\ntopic readwrite foo/#\n";
    fs::write(folder.join("rules"), rules).unwrap();
    Some("allow_anonymous false\npassword_file users\nacl_file rules")
}

fn check(name: &str, port: u16, settings: &str) -> String {
    format!(
        "[[check]]\nname = \"{name}\"\nprobe = \"mqtt\"\n\
         settings = {{ host = \"127.0.0.1\", port = {port}{settings} }}\n{EAGER}"
    )
}

/// The settings of a check that logs in.
fn logged_in(user: &str, more: &str) -> String {
    format!(r#", user = "{user}", password = "${{env:MQTT_PASSWORD}}"{more}"#)
}

/// Starts a runner that knows the password.
fn runner(config: &str) -> Runner {
    let home = Home::new(&format!("{BRISK}{config}"));
    let mut command = home.command(&["run", "--listen", "127.0.0.1:0", "--data-dir", "state"]);
    command.env("MQTT_PASSWORD", PASSWORD);
    home.start_by(command)
}

/// One of Mosquitto's own clients, as the user `probe`.
fn client(program: &str, port: u16, arguments: &[&str]) -> Command {
    let mut command = Command::new(servers::find(program).unwrap());
    command.args(["-h", "127.0.0.1", "-u", "probe", "-P", PASSWORD, "-p", &port.to_string()]).args(arguments);
    command.stdin(Stdio::null());
    command
}

/// What Mosquitto's own client hears.
fn hear(port: u16, arguments: &[&str]) -> String {
    let heard = client("mosquitto_sub", port, arguments).output().unwrap();
    String::from_utf8(heard.stdout).unwrap()
}

#[test]
fn a_broker_is_watched_through_freeze_crash_and_return() {
    let folder = servers::folder();
    let Some(users) = admit(folder.path()) else { return };
    let Some(mut server) = mosquitto(folder, users) else { return };
    if servers::find("mosquitto_sub").is_none() {
        return;
    }
    let port = server.port();
    let say = |topic: &str, flags: &[&str]| {
        let status = client("mosquitto_pub", port, &[&["-t", topic, "-m", "of others"], flags].concat()).status();
        assert!(status.unwrap().success());
    };
    // Whoever subscribes to this gets a message of somebody else's first.
    say("probity/shared", &["-r", "-q", "1"]);

    let probe = |more: &str| logged_in("probe", more);
    let wrong = |more: &str| format!(r#", user = "probe", password = "wrong-horse"{more}"#);
    let (lasting, passing) = (true, false);
    let (five, well, unhealthy) = (r#", protocol = "5""#, "delivered a message", "unhealthy");
    let cases = [
        ("good", probe(""), "healthy", well, passing),
        ("unacknowledged", probe(", qos = 0"), "healthy", well, passing),
        ("twice-acknowledged", probe(", qos = 2"), "healthy", well, passing),
        ("five", probe(five), "healthy", well, passing),
        ("five-twice-acknowledged", probe(&format!("{five}, qos = 2")), "healthy", well, passing),
        ("limited", logged_in("limited", r#", topic = "foo""#), "healthy", well, passing),
        ("named", probe(r#", client_id = "my-own", ask_version = true"#), "healthy", well, passing),
        ("many", probe(", messages = 30, payload_bytes = 60000"), "healthy", "delivered 30 messages", passing),
        ("shared", probe(r#", channel = "shared""#), "healthy", well, passing),
        ("slow", probe(r#", degraded_after = "0s""#), "degraded", "more than 0.0 ms", passing),
        ("wrong-password", wrong(""), unhealthy, "refused the credentials: not authorized (0x05)", lasting),
        ("wrong-password-five", wrong(five), unhealthy, "refused the credentials: not authorized (0x87)", lasting),
        ("no-password", String::new(), unhealthy, "asks for credentials: not authorized (0x05)", lasting),
        // Mosquitto says that it takes the message, and drops it: MQTT 3.1.1 has no other answer.
        ("forbidden", logged_in("limited", r#", wait = "300ms""#), unhealthy, "it did not deliver the mess", passing),
        (
            "forbidden-five",
            logged_in("limited", five),
            unhealthy,
            "refused the message: not authorized (0x87)",
            lasting,
        ),
        ("no-tls", probe(", tls = true"), unhealthy, "TLS handshake with 127.0.0.1 failed: ", passing),
    ];
    let mut config: String = cases.iter().map(|(name, settings, ..)| check(name, port, settings)).collect();
    config += &check("wrong-port", nobody().port(), "");
    let runner = runner(&config);
    let all_are_judged = || {
        for (name, _, status, part, _) in &cases {
            runner.wait_for_verdict(name, status, part);
        }
    };
    all_are_judged();
    let refused = runner.check("wrong-password").unwrap().0;
    assert!(refused["details"]["address"].is_string(), "{refused}");
    runner.wait_for_check("wrong-port", "is refused", |check| check.message().starts_with("connection refused"));
    for (name, .., lasting) in &cases {
        runner.wait_for(&format!("{name} to be a lasting failure, or none: {lasting}"), || {
            if runner.was_permanent(name) == *lasting { Ok(()) } else { Err(runner.log()) }
        });
    }

    // Others see what the probe sends, and the probe puts up with what others send.
    let heard = hear(port, &["-t", "probity/shared", "-C", "1", "-W", "20", "-R"]);
    assert!(heard.trim().len() == 64 && heard.trim().bytes().all(|byte| byte.is_ascii_hexdigit()), "{heard}");
    say("probity/shared", &["-q", "2"]);
    let shared = runner.wait_for_runs("shared", 2).0;
    assert_eq!(shared["status"], "healthy", "{shared}");
    let others = shared["measurements"].as_array().unwrap().iter().find(|one| one["name"] == "messages-of-others");
    assert!(others.unwrap()["value"].as_f64().unwrap() >= 1.0, "{shared}");
    let named = runner.wait_for_check("named", "tells the version", |check| check.0["details"]["version"].is_string());
    assert!(named.0["details"]["version"].as_str().unwrap().starts_with("mosquitto version 2."), "{named:?}");
    let five = runner.check("five").unwrap().0;
    assert_eq!(five["details"]["protocol"], "5", "{five}");
    for measured in ["resolve", "connect", "auth", "subscribe", "round-trip", "total"] {
        assert!(five["measurements"].to_string().contains(&format!("\"{measured}\"")), "{measured}: {five}");
    }

    // A frozen broker accepts connections and says nothing: that is a verdict, and no fault of the probe's.
    server.freeze();
    runner.wait_for_verdict("good", "unhealthy", "while waiting for the answer of 127.0.0.1:");
    server.thaw();
    runner.wait_for_check("good", "is well again", |check| check.status() == "healthy");

    server.kill();
    runner.wait_for_verdict("good", "unhealthy", "connection refused");
    server.restart();
    all_are_judged();

    let told = runner.stop_and_tell_all();
    assert!(told.contains("refused the credentials") && !told.contains(PASSWORD), "{told}");
    // Nothing is left behind: no session beside that of whoever asks, and no message that is kept.
    let patient = Deadline::new();
    let sessions = || hear(port, &["-t", "$SYS/broker/clients/total", "-C", "1", "-W", "5"]);
    // Whoever asks may have come after the broker last counted.
    while !matches!(sessions().trim(), "0" | "1") {
        patient.pause(|| format!("nobody else to have a session; there are {}", sessions()));
    }
    let kept = hear(port, &["-t", "#", "--retained-only", "-W", "1"]);
    assert!(!kept.lines().any(|line| line != "of others"), "{kept}");
}

#[test]
fn a_secure_broker_must_be_who_it_says() {
    let (authority, stranger) = (Authority::new("one"), Authority::new("two"));
    let tls = "allow_anonymous true\ncertfile server.crt\nkeyfile server.key";
    let (folder, late) = (servers::folder(), servers::folder());
    authority.certify(&["127.0.0.1"], folder.path());
    authority.certify_late(&["127.0.0.1"], late.path());
    let Some(server) = mosquitto(folder, tls) else { return };
    let Some(expired) = mosquitto(late, tls) else { return };
    let secure = |name: &str, port: u16| check(name, port, r#", tls = true, protocol = "5""#);
    let config = format!(
        "{BRISK}{}{}{}{}",
        secure("good", server.port()),
        secure("other-name", server.port()).replace("127.0.0.1", "localhost"),
        secure("expired", expired.port()),
        check("in-the-clear", server.port(), "")
    );
    let runner = authority.trusting_runner(&config);
    let other = stranger.trusting_runner(&format!("{BRISK}{}", secure("good", server.port())));
    let good = runner.wait_for_check("good", "is well", |check| check.status() == "healthy");
    assert!(good.0["measurements"].to_string().contains("\"tls\""), "{good:?}");
    for (runner, name, part) in [
        (&runner, "other-name", "TLS handshake with localhost failed: the certificate is not for "),
        (&runner, "expired", "TLS handshake with 127.0.0.1 failed: the certificate of 127.0.0.1 expired on "),
        (&runner, "in-the-clear", "while waiting for the answer of 127.0.0.1:"),
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

/// Answers what it is told with one of these after the other; then it is silent.
fn reciting(answers: &'static [&'static [u8]]) -> Target {
    Target::tcp(move |mut stream| {
        let mut buffer = [0; 64 * 1024];
        let mut answers = answers.iter();
        while stream.read(&mut buffer).is_ok_and(|read| read > 0) {
            // Whoever connected may leave at any time.
            answers.next().map(|answer| stream.write_all(answer));
        }
    })
}

/// Lets everybody in, and then says this without end.
fn flooding(bytes: Vec<u8>) -> Target {
    Target::tcp(move |mut stream| {
        let _ = stream.write_all(ADMITTED);
        while stream.write_all(&bytes).is_ok() {}
    })
}

/// The next packet of a client's: its first byte, and its body. The lengths here take two bytes at most.
fn packet(stream: &mut TcpStream) -> Option<(u8, Vec<u8>)> {
    let mut byte = || {
        let mut byte = [0];
        stream.read_exact(&mut byte).ok().map(|()| byte[0])
    };
    let (kind, low) = (byte()?, byte()?);
    let high = if low < 0x80 { 0 } else { byte()? };
    let mut body = vec![0; usize::from(low & 0x7f) | usize::from(high) << 7];
    stream.read_exact(&mut body).ok()?;
    Some((kind, body))
}

/// A broker that says what it need not, grants QoS 0 alone, and does with a message as `deliver` says.
fn chatty(deliver: fn(Vec<u8>) -> Vec<Vec<u8>>) -> Target {
    Target::tcp(move |mut stream| {
        const ASIDE: &[u8] = b"\xd0\0";
        while let Some((kind, body)) = packet(&mut stream) {
            let answers = match kind >> 4 {
                1 => vec![ADMITTED.to_vec()],
                8 => vec![ASIDE.to_vec(), vec![0x90, 3, body[0], body[1], 0]],
                3 => {
                    let topic = 2 + usize::from(body[1]);
                    let (topic, rest) = body.split_at(topic);
                    let (id, payload) = rest.split_at(2);
                    let message = |payload: Vec<u8>| {
                        // Beneath 128 bytes.
                        let length = u8::try_from(topic.len() + payload.len()).unwrap();
                        [&[0x30, length], topic, &payload].concat()
                    };
                    let mut answers = vec![ASIDE.to_vec()];
                    answers.extend(deliver(payload.to_vec()).into_iter().map(message));
                    answers.push(vec![0x40, 2, id[0], id[1]]);
                    answers
                }
                _ => vec![],
            };
            // Whoever connected may leave at any time.
            let _ = stream.write_all(&answers.concat());
        }
    })
}

/// Lets a client in.
const ADMITTED: &[u8] = b"\x20\x02\0\0";
/// Agrees to the first subscription, with QoS 1.
const SUBSCRIBED: &[u8] = b"\x90\x03\0\x01\x01";

#[test]
fn what_only_looks_like_a_broker_gets_a_verdict() {
    let well = chatty(|payload| vec![payload]);
    let corrupting = chatty(|payload| vec![[b"x", &payload[1..]].concat()]);
    let doubling = chatty(|payload| vec![payload.clone(), payload]);
    let swallowing = chatty(|_| vec![]);
    let deaf = reciting(&[ADMITTED, SUBSCRIBED]);
    let cut = reciting(&[ADMITTED, b"\x90\x03\0"]);
    let huge = reciting(&[ADMITTED, b"\x30\xff\xff\xff\x7f"]);
    let malformed = reciting(&[ADMITTED, b"\x90\x01\0"]);
    let eager = reciting(&[b"\xd0\0"]);
    let forbidding = reciting(&[ADMITTED, b"\x90\x03\0\x01\x80"]);
    let forbidding_five = reciting(&[b"\x20\x03\0\0\0", b"\x90\x04\0\x01\0\x87"]);
    let old = reciting(&[b"\x20\x02\0\x01"]);
    let picky = reciting(&[b"\x20\x02\0\x02"]);
    let crowded = reciting(&[b"\x20\x02\0\x03"]);
    let quota = reciting(&[b"\x20\x0a\0\x97\x07\x1f\0\x04full"]);
    let plain = reciting(&[b"\x20\x05\0\0\x02\x24\0"]);
    let taken = reciting(&[b"\x20\x03\0\0\0", b"\xe0\x01\x8e"]);
    let babbling = flooding(b"\xd0\0".repeat(1024));
    let rambling = flooding([b"\x30\x80\xf1\x04\0\x01a".as_slice(), &[b'x'; 79_997]].concat());
    let endless = Target::endless("", b"x");
    let endless_later = flooding(vec![b'x'; 1024]);
    let mail = Target::greeting("220 mail.example ESMTP\r\n");
    let web = Target::reciting("", &["HTTP/1.1 400 Bad Request\r\n\r\n"]);
    let noise = Target::greeting("\x00\x01\x7f\r\n");
    let frozen = Target::tcp(freeze);
    let rude = Target::tcp(drop);
    let dribble = Target::dribbling(ADMITTED);
    let at = |target: &Target, more: &str| {
        format!("settings = {{ host = \"127.0.0.1\", port = {}{more} }}\n{EAGER}", target.port())
    };
    let five = r#", protocol = "5""#;
    let nowhere = at(&mail, "").replace("127.0.0.1", "nowhere.invalid");
    let on_and_on = "goes on and on, and the answer to SUBSCRIBE is not in what it says";
    let unhealthy = "unhealthy";
    try_out(
        "mqtt",
        &[
            ("well", at(&well, ""), "degraded", "it granted the subscription QoS 0, and 1 was asked for"),
            ("corrupting", at(&corrupting, ""), unhealthy, "corrupted a message: it delivered \"x"),
            ("doubling", at(&doubling, ""), "degraded", "it delivered the message 2 times"),
            ("swallowing", at(&swallowing, ""), unhealthy, "it did not deliver the message"),
            ("deaf", at(&deaf, ""), unhealthy, &format!("waiting for the answer of {} to PUBLISH", deaf.address)),
            ("deaf-0", at(&deaf, ", qos = 0"), unhealthy, "it did not deliver the message"),
            ("cut", at(&cut, ""), unhealthy, "no answer within"),
            ("huge", at(&huge, ""), unhealthy, "it answered SUBSCRIBE with 268435455 bytes, expected 262144 at most"),
            ("malformed", at(&malformed, ""), unhealthy, "does not speak MQTT: it answered SUBSCRIBE with"),
            ("eager", at(&eager, ""), unhealthy, "does not speak MQTT: it answered CONNECT with"),
            ("forbidding", at(&forbidding, ""), unhealthy, "refused the subscription: unspecified error (0x80)"),
            ("forbidding-five", at(&forbidding_five, five), unhealthy, "the subscription: not authorized (0x87)"),
            ("old", at(&old, five), unhealthy, "does not speak this version of MQTT, which `protocol` asks for"),
            ("picky", at(&picky, ""), unhealthy, "refused the client identifier: identifier rejected (0x02)"),
            ("crowded", at(&crowded, ""), unhealthy, "refused the connection: server unavailable (0x03)"),
            ("quota", at(&quota, five), unhealthy, "refused the connection: quota exceeded (0x97): it said \"full\""),
            ("plain", at(&plain, five), unhealthy, "takes messages of QoS 0 at most: set `qos` to that"),
            ("taken", at(&taken, five), unhealthy, "ended the session: session taken over (0x8e)"),
            ("babbling", at(&babbling, ""), unhealthy, on_and_on),
            ("rambling", at(&rambling, ""), unhealthy, on_and_on),
            ("endless", at(&endless, ""), unhealthy, "does not speak MQTT: it answered CONNECT with \"xxx"),
            ("endless-later", at(&endless_later, ""), unhealthy, "does not speak MQTT: it answered SUBSCRIBE with"),
            ("mail", at(&mail, ""), unhealthy, r#"does not speak MQTT: it answered CONNECT with "220 mail"#),
            ("mail-tls", at(&mail, ", tls = true"), unhealthy, "the answer is not TLS"),
            ("web", at(&web, ""), unhealthy, r#"does not speak MQTT: it answered CONNECT with "HTTP/1.1"#),
            ("noise", at(&noise, ""), unhealthy, "does not speak MQTT"),
            ("frozen", at(&frozen, ""), unhealthy, "no answer within"),
            ("rude", at(&rude, ""), unhealthy, &format!("while waiting for the answer of {} to CONNECT", rude.address)),
            ("dribble", at(&dribble, ""), unhealthy, "no answer within"),
            ("nowhere", nowhere, unhealthy, "while resolving nowhere.invalid"),
        ],
    );
}

#[test]
fn a_password_that_the_broker_repeats_is_not_shown() {
    let echo = Target::tcp(|mut stream| {
        let Some((_, hello)) = packet(&mut stream) else { return };
        let repeated = &hello[hello.len() - PASSWORD.len()..];
        let length = u8::try_from(repeated.len()).unwrap();
        let refusal = [&[0x20, length + 6, 0, 0x86, length + 3, 0x1f, 0, length], repeated].concat();
        // Whoever connected may leave at any time.
        let _ = stream.write_all(&refusal);
    });
    // Written out, so that the runner does not know it for a secret.
    let settings = format!(r#", protocol = "5", user = "u", password = "{PASSWORD}""#);
    let runner = Home::new(&format!("{BRISK}{}", check("echo", echo.port(), &settings))).start();
    let seen = runner.wait_for_check("echo", "is refused", |check| check.status() == "unhealthy");
    let expected = "refused the credentials: bad user name or password (0x86): it said \"***\"";
    assert!(seen.message().ends_with(expected), "{seen:?}");
    assert!(!runner.stop_and_tell_all().contains(PASSWORD));
}
