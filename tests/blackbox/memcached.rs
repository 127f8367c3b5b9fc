//! The probe `memcached`, against the real server and against some that only look like one.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    process::Command,
};

use crate::{
    probes::try_out,
    runner::{BRISK, EAGER, Home},
    servers::{self, Server},
    target::{Target, freeze, nobody},
};

/// A server on a port of its own, with more arguments.
fn memcached(more: &'static [&'static str]) -> Option<Server> {
    let program = servers::find("memcached")?;
    let port = servers::free_port();
    Some(Server::start(servers::folder(), port, move |folder| {
        fs::write(folder.join("users"), "probe:secret\n").unwrap();
        let mut command = Command::new(&program);
        // The user matters to root alone, as which it does not run unless told to.
        command.current_dir(folder).args(["-u", "root", "-l", "127.0.0.1", "-U", "0", "-m", "16"]).args(more);
        command.args(["-p", &port.to_string()]);
        command
    }))
}

fn settings(port: u16, more: &str) -> String {
    format!("settings = {{ host = \"127.0.0.1\", port = {port}{more} }}\n{EAGER}")
}

fn check(name: &str, port: u16, more: &str) -> String {
    format!("[[check]]\nname = \"{name}\"\nprobe = \"memcached\"\n{}", settings(port, more))
}

/// One of a server's counters.
fn count(port: u16, what: &str) -> u64 {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.write_all(b"stats\r\nquit\r\n").unwrap();
    let mut stats = String::new();
    stream.read_to_string(&mut stats).unwrap();
    let stat = stats.lines().find_map(|line| line.strip_prefix("STAT ")?.strip_prefix(what)?.strip_prefix(' '));
    stat.unwrap_or_else(|| panic!("{what}: {stats}")).parse().unwrap()
}

#[test]
fn a_server_is_watched_through_freeze_crash_and_return() {
    let Some(mut server) = memcached(&[]) else { return };
    let Some(guarded) = memcached(&["-Y", "users"]) else { return };
    let port = server.port();
    let config = BRISK.to_owned()
        + &check("good", port, "")
        + &check("slow", port, r#", degraded_after = "0s""#)
        + &check("guarded", guarded.port(), "")
        + &check("wrong-port", nobody().port(), "");
    let runner = Home::new(&config).start();
    for (name, status, part) in [
        ("good", "healthy", "kept a value and gave it back"),
        ("slow", "degraded", "more than 0.0 ms"),
        ("guarded", "unhealthy", "asks for credentials, and this probe gives none"),
        ("wrong-port", "unhealthy", "connection refused"),
    ] {
        runner.wait_for_verdict(name, status, part);
    }
    runner.wait_for("a lasting failure", || if runner.was_permanent("guarded") { Ok(()) } else { Err(runner.log()) });
    assert!(!runner.was_permanent("wrong-port"));
    let good = runner.check("good").unwrap().0;
    assert!(good["details"]["version"].as_str().is_some_and(|version| version.contains('.')), "{good}");
    for measured in ["resolve", "connect", "version", "set", "get", "delete", "total"] {
        assert!(good["measurements"].to_string().contains(&format!("\"{measured}\"")), "{measured}: {good}");
    }

    // A frozen server accepts connections and answers nothing: that is a verdict, and no fault of the probe's.
    server.freeze();
    runner.wait_for_verdict("good", "unhealthy", "while waiting for the answer of 127.0.0.1:");
    server.thaw();
    runner.wait_for_check("good", "is well again", |check| check.status() == "healthy");

    server.kill();
    runner.wait_for_verdict("good", "unhealthy", "connection refused");
    server.restart();
    runner.wait_for_check("good", "is back", |check| check.status() == "healthy");
    runner.stop();
}

#[test]
fn nothing_is_left_behind() {
    let Some(server) = memcached(&[]) else { return };
    let port = server.port();
    let port_setting = format!("port={port}");
    let arguments = ["check", "memcached", "--set", "host=127.0.0.1", "--set", &port_setting];
    let ended = Home::empty().run(&arguments);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(["cmd_set", "get_hits", "delete_hits", "curr_items"].map(|what| count(port, what)), [1, 1, 1, 0]);
}

/// A server that answers `get` with what `corrupt` makes of the key and the value.
fn forgetful(corrupt: impl Fn(&str, &str) -> String + Send + Sync + 'static) -> Target {
    Target::tcp(move |stream| {
        let mut answers = stream.try_clone().unwrap();
        let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
        let (mut key, mut value) = (String::new(), String::new());
        while let Some(line) = lines.next() {
            let answer = match line.split(' ').collect::<Vec<_>>()[..] {
                ["version"] => "VERSION 1.2.3\r\n".to_owned(),
                ["set", stored, ..] => {
                    key = stored.to_owned();
                    value = lines.next().unwrap_or_default();
                    "STORED\r\n".to_owned()
                }
                ["get", ..] => corrupt(&key, &value),
                ["delete", ..] if value.is_empty() => "NOT_FOUND\r\n".to_owned(),
                ["delete", ..] => "DELETED\r\n".to_owned(),
                _ => "ERROR\r\n".to_owned(),
            };
            // Whoever asked may have seen enough.
            let _ = answers.write_all(answer.as_bytes());
        }
    })
}

fn value(key: &str, value: &str) -> String {
    format!("VALUE {key} 0 {}\r\n{value}\r\nEND\r\n", value.len())
}

#[test]
fn what_only_looks_like_a_server_gets_a_verdict() {
    let faithful = forgetful(value);
    let corrupting = forgetful(|key, stored| value(key, &stored.replace(|digit: char| digit.is_ascii_digit(), "x")));
    let shortening = forgetful(|key, stored| value(key, &stored[1..]));
    let losing = forgetful(|_, _| "END\r\n".to_owned());
    let swapping = forgetful(|_, stored| value("other", stored));
    let unending = forgetful(|key, stored| format!("VALUE {key} 0 {}\r\n{stored}more\r\nEND\r\n", stored.len()));
    let huge = forgetful(|key, _| format!("VALUE {key} 0 99999999999\r\n"));
    let twice = forgetful(|key, stored| value(key, stored).replace("END", "VALUE a 0 1\r\nx\r\nEND"));
    let gone = Target::reciting("", &["VERSION 1\r\n", "STORED\r\n", "NOT_FOUND\r\n"]);
    let full = Target::reciting("", &["VERSION 1\r\n", "SERVER_ERROR out of memory storing object\r\n"]);
    let unwilling = Target::reciting("", &["VERSION 1\r\n", "NOT_STORED\r\n"]);
    let crowded = Target::tcp(|mut stream| drop(stream.write_all(b"ERROR Too many open connections\r\n")));
    let strange = Target::reciting("", &["ERROR\r\n"]);
    let frozen = Target::tcp(freeze);
    let rude = Target::tcp(drop);
    let mail = Target::greeting("220 mail.example ESMTP\r\n");
    let noise = Target::greeting("\x00\x01\x7f\r\n");
    let endless = Target::endless("", b"x");
    let dribble = Target::dribbling(b"VERSION 1.6.18\r\n");
    let at = |target: &Target| settings(target.port(), "");
    let nowhere = at(&mail).replace("127.0.0.1", "nowhere.invalid");
    let unhealthy = "unhealthy";
    try_out(
        "memcached",
        &[
            ("faithful", at(&faithful), "healthy", "kept a value and gave it back"),
            ("corrupting", at(&corrupting), unhealthy, "corrupted a value: it gave \""),
            ("shortening", at(&shortening), unhealthy, "corrupted a value: it gave 31 bytes back, of 32 stored"),
            ("losing", at(&losing), unhealthy, "lost a value that it had just stored"),
            (
                "swapping",
                at(&swapping),
                unhealthy,
                r#"it answered get with "VALUE other 0 32", expected VALUE probity-"#,
            ),
            ("unending", at(&unending), unhealthy, r#"it answered get with "more", expected the end of the value"#),
            ("huge", at(&huge), unhealthy, "it gave 99999999999 bytes back, of 32 stored"),
            ("twice", at(&twice), unhealthy, r#"it answered get with "VALUE a 0 1", expected END"#),
            ("gone", at(&gone), unhealthy, r#"it answered get with "NOT_FOUND", expected VALUE"#),
            ("full", at(&full), unhealthy, "has no memory left: it answered set with"),
            ("unwilling", at(&unwilling), unhealthy, r#"it answered set with "NOT_STORED", expected STORED"#),
            ("crowded", at(&crowded), unhealthy, "takes no more clients"),
            ("strange", at(&strange), unhealthy, r#"refused the command: it answered version with "ERROR""#),
            ("frozen", at(&frozen), unhealthy, "no answer within"),
            ("rude", at(&rude), unhealthy, "while waiting for the answer of 127.0.0.1:"),
            ("mail", at(&mail), unhealthy, r#"does not speak memcached: it answered version with "220 mail"#),
            ("noise", at(&noise), unhealthy, "does not speak memcached"),
            ("endless", at(&endless), unhealthy, "protocol violated (a line of more than 2048 bytes)"),
            ("dribble", at(&dribble), unhealthy, "no answer within"),
            ("nowhere", nowhere, unhealthy, "while resolving nowhere.invalid"),
        ],
    );
}
