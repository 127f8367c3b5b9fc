//! What standard probes tell of a target beside the message, and what they keep to themselves.

use std::io::Read;

use rustls::{ServerConnection, StreamOwned};
use serde_json::Value;

use crate::{
    authority::{Authority, server_of},
    probes::rebuilt,
    runner::Home,
    servers,
    target::{Target, freeze, greet},
};

/// What is filled in from a file, and is in no text by chance.
const SECRET: &str = "kQ7xJ2wZ9vB4nM6pL1rT8yH3";
/// Its beginning, which would give it away.
const BEGINNING: &str = "kQ7";

/// A home with these checks.
fn home(checks: &str) -> Home {
    let home = Home::new(checks);
    for probe in ["dns", "grpc", "http", "imap", "ntp", "ping", "smtp", "ssh", "tcp", "tls", "udp", "websocket"] {
        rebuilt(probe).iter().for_each(|bytes| home.drop_in(probe, bytes));
    }
    home
}

/// A check of the configuration.
fn check(name: &str, probe: &str, settings: &str) -> String {
    format!("[[check]]\nname = \"{name}\"\nprobe = \"{probe}\"\ntimeout = \"1s\"\nsettings = {{ {settings} }}\n")
}

/// The only run of a check.
fn run(home: &Home, name: &str) -> Value {
    let ended = home.run(&["check", name, "--config", "probity.toml", "-o", "json"]);
    let told: Value = serde_json::from_str(&ended.stdout).unwrap_or_else(|error| panic!("{error}: {ended:?}"));
    told["runs"][0].clone()
}

fn has_detail(run: &Value, key: &str) -> bool {
    run["details"].as_object().is_some_and(|details| details.contains_key(key))
}

#[test]
fn no_quote_is_cut_within_a_secret() {
    // The usual quote of 120 characters, and that of 200, would end in the middle of it.
    let (short, long) = ("a".repeat(110) + SECRET + " b", "a".repeat(190) + SECRET + " b");
    let banner = Target::greeting(format!("{short}\r\n").leak());
    let datagram = {
        let short = short.clone();
        Target::udp(move |_| vec![short.clone().into_bytes()])
    };
    let web = Target::http(move |_| {
        format!("HTTP/1.1 200 {short}\r\nx-seen: {short}\r\ncontent-length: {}\r\n\r\n{long}", long.len())
    });
    let garbage = Target::tcp(greet(format!("{}{SECRET}\r\n\r\n", "a".repeat(110)).leak()));
    let secret = "${file:secret}";
    let at = |target: &Target| format!("host = \"127.0.0.1\", port = {}", target.port());
    let ws =
        |target: &Target| format!("url = \"ws://127.0.0.1:{}/\", headers = {{ x-mine = \"{secret}\" }}", target.port());
    let http = format!(
        "url = \"http://127.0.0.1:{}/\", headers = {{ x-mine = \"{secret}\" }}, \
         expect_header = {{ x-seen = \"no\" }}, expect_body = [\"no\"]",
        web.port()
    );
    let cases = [
        ("tcp-other", "tcp", format!("{}, send = \"AUTH {secret}\", expect = \"no\"", at(&banner))),
        ("tcp-well", "tcp", format!("{}, send = \"AUTH {secret}\", expect = \"aaa\"", at(&banner))),
        ("udp-other", "udp", format!("{}, send = \"{secret}\", expect = \"no\"", at(&datagram))),
        ("udp-well", "udp", format!("{}, send = \"{secret}\"", at(&datagram))),
        ("websocket-refused", "websocket", ws(&web)),
        ("websocket-garbage", "websocket", ws(&garbage)),
        ("web", "http", http),
    ];
    let home = home(&cases.iter().map(|(name, probe, settings)| check(name, probe, settings)).collect::<String>());
    home.put("secret", SECRET.as_bytes());
    for (name, ..) in &cases {
        let told = run(&home, name).to_string();
        assert!(told.contains("aaa***"), "{name}: {told}");
        assert!(!told.contains(BEGINNING), "{name}: {told}");
    }
}

#[test]
fn what_is_known_of_a_target_is_told_of_an_unhealthy_one_too() {
    let folder = servers::folder();
    Authority::new("Corner CA").certify(&["localhost"], folder.path());
    let config = server_of(folder.path());
    let untrusted = Target::tcp(move |stream| {
        let connection = ServerConnection::new(std::sync::Arc::clone(&config)).unwrap();
        // Whoever connected leaves when he has seen the certificate.
        let _ = StreamOwned::new(connection, stream).read(&mut [0]);
    });
    let banner = Target::greeting("220 mail\r\n");
    let silent = Target::tcp(freeze);
    let datagram = Target::udp(|_| vec![b"busy".to_vec()]);
    let html = Target::http(|_| "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n".to_owned());
    let at = |target: &Target| format!("host = \"localhost\", port = {}", target.port());
    let cases = [
        ("tcp", format!("{}, expect = \"250\"", at(&banner)), &["address", "answer"][..], &["resolve", "connect"][..]),
        ("tcp", format!("{}, expect = \"250\"", at(&silent)), &["address"], &["resolve", "connect"]),
        ("udp", format!("{}, send = \"ping\", expect = \"pong\"", at(&datagram)), &["address", "answer"], &["resolve"]),
        ("tls", at(&untrusted), &["address", "subject"], &["resolve", "connect", "handshake"]),
        (
            "http",
            format!("url = \"https://localhost:{}/\"", untrusted.port()),
            &["address", "certificate-not-after"],
            &["resolve", "connect"],
        ),
        ("http", format!("url = \"http://localhost:{}/\"", silent.port()), &["address"], &["resolve", "connect"]),
        (
            "grpc",
            format!("{}, tls = true", at(&untrusted)),
            &["address", "certificate-not-after"],
            &["resolve", "connect"],
        ),
        ("grpc", at(&html), &["address"], &["resolve", "connect"]),
    ];
    let mut checks = String::new();
    for (number, (probe, settings, ..)) in cases.iter().enumerate() {
        checks += &check(&format!("case-{number}"), probe, settings);
    }
    let home = home(&checks);
    for (number, (_, _, details, measurements)) in cases.iter().enumerate() {
        let run = run(&home, &format!("case-{number}"));
        assert_eq!(run["status"], "unhealthy", "{run}");
        for key in *details {
            assert!(has_detail(&run, key), "{key}: {run}");
        }
        for name in *measurements {
            assert!(run["measurements"].to_string().contains(&format!("\"{name}\"")), "{name}: {run}");
        }
    }
}

#[test]
fn a_host_is_a_name_or_an_address_alone() {
    for probe in ["tcp", "udp", "ping", "dns", "ssh", "smtp", "imap", "ntp", "tls", "grpc"] {
        let (key, more) = match probe {
            "dns" => ("server", ", name = \"a\""),
            "tcp" | "grpc" => ("host", ", port = 1"),
            "udp" => ("host", ", port = 1, send = \"x\""),
            _ => ("host", ""),
        };
        let hosts = ["db.internal:5432", "http://x", "a b", "user@x", "[::1"];
        // Each run compiles its probe: one probe is told all of them, and the others the commonest.
        let hosts = if probe == "tcp" { &hosts[..] } else { &hosts[..1] };
        let checks = hosts
            .iter()
            .enumerate()
            .map(|(number, host)| check(&format!("case-{number}"), probe, &format!("{key} = \"{host}\"{more}")));
        let home = home(&checks.collect::<String>());
        for (number, host) in hosts.iter().enumerate() {
            let run = run(&home, &format!("case-{number}"));
            assert_eq!(run["fault"], "invalid-settings", "{probe} {host}: {run}");
            let message = run["message"].as_str().unwrap();
            let told =
                format!("/{key}: invalid value: string \"{host}\", expected a name or an address and nothing else");
            assert!(message.contains(&told), "{probe} {host}: {message}");
        }
    }
}
