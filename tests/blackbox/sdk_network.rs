//! What the SDK of each language does over the network: one probe in each asks by UDP, TLS and HTTP, and looks a name up, against
//! servers that are well, silent, gone, not trusted, and not granted.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    sync::Arc,
};

use rustls::{ServerConnection, StreamOwned};

use crate::{
    authority::{Authority, server_of},
    guest::repository,
    languages::{author, is_ready, target_dir, wait_until_loaded},
    runner::{EAGER, Home},
    target::{Target, freeze, nobody},
};

/// A server of TLS that answers a line with another.
fn echo(authority: &Authority, home: &Home) -> Target {
    authority.certify(&["localhost"], &home.path(""));
    let config = server_of(&home.path(""));
    Target::tcp(move |stream| {
        let mut secured = StreamOwned::new(ServerConnection::new(Arc::clone(&config)).unwrap(), stream);
        let mut line = String::new();
        // Whoever does not trust it leaves.
        if BufReader::new(&mut secured).read_line(&mut line).is_ok_and(|read| read > 0) {
            let _ = secured.write_all(format!("you said {line}").as_bytes());
            secured.conn.send_close_notify();
            let _ = secured.flush();
        }
    })
}

/// Builds the probe of a language, and tries it out. `late` is what it says of who is silent.
#[track_caller]
fn try_network(folder: &str, language: &str, late: &str) {
    if !is_ready(language) {
        return;
    }
    let target = target_dir().join("network").join(folder);
    let source = repository().join("tests/fixtures/network").join(folder);
    let built = author(&source, &["build", "--target-dir", target.to_str().unwrap()]);
    assert_eq!(built.code, Some(0), "{}\n{}", built.stdout, built.stderr);
    let component = fs::read(target.join("network.wasm")).unwrap();

    let (authority, stranger) = (Authority::new("trusted"), Authority::new("stranger"));
    let (one, other) = (Home::empty(), Home::empty());
    let (secure, distrusted) = (echo(&authority, &one), echo(&stranger, &other));
    let pong = Target::udp(|datagram| vec![b"busy".to_vec(), [b"you said ", datagram].concat()]);
    let mute = Target::udp(|_| vec![]);
    let frozen = Target::tcp(freeze);
    let page = Target::http(|head| {
        let is_as_sent = head.starts_with("POST /page?q=1 HTTP/1.1") && head.to_lowercase().contains("x-probe: yes");
        let body = if is_as_sent { "you said ping, and much more" } else { head };
        format!("HTTP/1.1 201 Created\r\nX-Answer: well\r\ncontent-length: {}\r\n\r\n{body}", body.len())
    });
    let nobody = nobody().port();

    let mut config = "[defaults]\ninterval = \"1s\"\n".to_owned();
    let mut cases = Vec::new();
    let mut case = |name: &'static str, settings: &str, allow: &str, came: &'static str, part: &str| {
        config += &format!(
            "[[check]]\nname = \"{name}\"\nprobe = \"network\"\nsettings = {{ {settings} }}\nallow = [{allow}]\n{EAGER}\n"
        );
        cases.push((name, came, part.to_owned()));
    };
    let at = |what: &str, host: &str, port: u16| format!("what = \"{what}\", host = \"{host}\", port = {port}");
    let udp = |port: u16| (at("udp", "127.0.0.1", port), format!("\"udp:127.0.0.1:{port}\""));
    let tls = |port: u16| (at("tls", "localhost", port), format!("\"tcp:localhost:{port}\", \"tls\""));
    let http = |port: u16| (at("http", "127.0.0.1", port), format!("\"http:127.0.0.1:{port}\""));

    case("lookup", &at("lookup", "localhost", 1), "\"resolve:localhost\"", "healthy", "127.0.0.1");
    case("lookup-denied", &at("lookup", "localhost", 1), "", "denied", "resolve:localhost");
    let (settings, allow) = udp(pong.port());
    case("udp", &settings, &allow, "healthy", "you said ping");
    case("udp-denied", &settings, "", "denied", &format!("udp:127.0.0.1:{}", pong.port()));
    let (settings, allow) = udp(mute.port());
    case("udp-silent", &settings, &allow, "unhealthy", late);
    let (settings, allow) = udp(nobody);
    case("udp-gone", &settings, &allow, "unhealthy", "refused");
    let (settings, allow) = tls(secure.port());
    case("tls", &settings, &allow, "healthy", "you said ping");
    let (settings, allow) = tls(distrusted.port());
    case("tls-distrusted", &settings, &allow, "unhealthy", "TLS handshake");
    let (settings, allow) = tls(frozen.port());
    case("tls-silent", &settings, &allow, "unhealthy", late);
    let (settings, allow) = http(page.port());
    // Of the body the probe wants no more than this.
    case("http", &settings, &allow, "healthy", "201 well: you said ping!");
    case("http-denied", &settings, "", "denied", &format!("http:127.0.0.1:{}", page.port()));
    let (settings, allow) = http(frozen.port());
    case("http-silent", &settings, &allow, "unhealthy", late);
    let (settings, allow) = http(nobody);
    case("http-gone", &settings, &allow, "unhealthy", "refused");

    let home = Home::new(&config);
    home.drop_in("network", &component);
    let runner = authority.trusted_at(home);
    wait_until_loaded(&runner, "network", 1);
    for (name, came, part) in cases {
        let check = runner.wait_for_check(name, &format!("{came}, because {part:?}"), |check| {
            let found = if check.fault().is_empty() { check.status() } else { check.fault() };
            found == came && check.message().contains(&part)
        });
        if came == "healthy" && name != "lookup" {
            let phases = check.0["measurements"].to_string();
            let wanted = if name == "http" { "first-byte" } else { "resolve" };
            assert!(phases.contains(&format!("\"{wanted}\"")) && phases.contains("\"total\""), "{name}: {phases}");
        }
    }
    runner.stop();
}

#[test]
fn the_network_in_c() {
    try_network("c", "c", "in time");
}

#[test]
fn the_network_in_go() {
    try_network("go", "go", "in time");
}

#[test]
fn the_network_in_javascript() {
    try_network("javascript", "js", "in time");
}

#[test]
fn the_network_in_python() {
    try_network("python", "python", "in time");
}

#[test]
fn the_network_in_rust() {
    try_network("rust", "rust", "no answer within");
}

#[test]
fn the_network_in_typescript() {
    try_network("typescript", "ts", "in time");
}
