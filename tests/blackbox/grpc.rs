//! The probe `grpc`, against a real server and against some that only look like one.

mod impostors;
mod scripted;

use std::{fs, io::Read, path::Path, process::Command, sync::Arc};

use rustls::{
    ServerConfig, ServerConnection, StreamOwned,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use tempfile::TempDir;

use crate::{
    authority::Authority,
    runner::{BRISK, EAGER, Home, Runner},
    servers::{self, Server},
    target::{Target, nobody},
};

/// The token of servers that ask for one.
const TOKEN: &str = "correct-horse";
/// The same in base 64.
const TOKEN_IN_BASE_64: &str = "Y29ycmVjdC1ob3JzZQ";

/// What a server tells of itself and of its services.
const STATUSES: &str = " SERVING\norders.v1.Orders SERVING\ndown NOT_SERVING\ndazed UNKNOWN\nlost SERVICE_UNKNOWN\n";

/// The server of grpcio on a port of its own, with more arguments.
fn grpcio(more: &'static [&'static str]) -> Option<Server> {
    grpcio_in(servers::folder(), more)
}

fn grpcio_in(folder: TempDir, more: &'static [&'static str]) -> Option<Server> {
    let (python, packages) = (servers::find("python3")?, servers::python_package("grpcio-health-checking")?);
    fs::write(folder.path().join("server.py"), include_str!("grpc/server.py")).unwrap();
    tell(folder.path(), STATUSES);
    let port = servers::free_port();
    Some(Server::start(folder, port, move |folder| {
        let mut command = Command::new(&python);
        command.current_dir(folder).env("PYTHONPATH", &packages);
        command.args(["server.py", "--port", &port.to_string()]).args(more);
        command
    }))
}

/// Changes what a server tells.
fn tell(folder: &Path, statuses: &str) {
    let (new, kept) = (folder.join("statuses.new"), folder.join("statuses"));
    fs::write(&new, statuses).unwrap();
    fs::rename(new, kept).unwrap();
}

fn settings(port: u16, more: &str) -> String {
    format!("settings = {{ host = \"127.0.0.1\", port = {port}{more} }}\n{EAGER}")
}

fn check(name: &str, port: u16, more: &str) -> String {
    format!("[[check]]\nname = \"{name}\"\nprobe = \"grpc\"\n{}", settings(port, more))
}

/// Waits until a failure has been found to be lasting, or not to be.
#[track_caller]
fn wait_lasting(runner: &Runner, name: &str, lasting: bool) {
    runner.wait_for(&format!("{name} to be a lasting failure, or none: {lasting}"), || {
        if runner.was_permanent(name) == lasting { Ok(()) } else { Err(runner.log()) }
    });
}

#[test]
fn a_server_is_watched_through_freeze_crash_and_return() {
    let Some(mut server) = grpcio(&[]) else { return };
    let port = server.port();
    let of = |service: &str| format!(r#", service = "{service}""#);
    let cases = [
        ("whole", String::new(), "healthy", "is serving"),
        ("one", of("orders.v1.Orders"), "healthy", "serves orders.v1.Orders"),
        ("slow", r#", degraded_after = "0s""#.to_owned(), "degraded", "is serving, but it took"),
        ("down", of("down"), "unhealthy", "does not serve down: it answered NOT_SERVING"),
        ("dazed", of("dazed"), "unhealthy", "does not know the health of dazed: it answered UNKNOWN"),
        ("lost", of("lost"), "unhealthy", "knows no service lost: it answered SERVICE_UNKNOWN"),
        ("missing", of("no.such.Thing"), "unhealthy", "knows no service no.such.Thing: it answered NOT_FOUND"),
    ];
    let mut config = BRISK.to_owned() + &check("wrong-port", nobody().port(), "");
    config.extend(cases.iter().map(|(name, settings, ..)| check(name, port, settings)));
    let runner = Home::new(&config).start();
    for (name, _, status, part) in &cases {
        runner.wait_for_verdict(name, status, &format!("127.0.0.1:{port} {part}"));
        wait_lasting(&runner, name, false);
    }
    runner.wait_for_verdict("wrong-port", "unhealthy", "connection refused while asking http://127.0.0.1:");
    let one = runner.check("one").unwrap().0;
    let details = &one["details"];
    assert_eq!((&details["service"], &details["status"]), (&"orders.v1.Orders".into(), &"SERVING".into()), "{one:#}");
    for measured in ["first-byte", "answer", "total"] {
        assert!(one["measurements"].to_string().contains(&format!("\"{measured}\"")), "{measured}: {one:#}");
    }
    assert_eq!(runner.check("down").unwrap().0["details"]["status"], "NOT_SERVING");

    // It says so itself that it is out of service, and in it again.
    let folder = server.folder();
    tell(folder, &STATUSES.replace("Orders SERVING", "Orders NOT_SERVING"));
    runner.wait_for_verdict("one", "unhealthy", "does not serve orders.v1.Orders: it answered NOT_SERVING");
    tell(folder, STATUSES);
    runner.wait_for_verdict("one", "healthy", "serves orders.v1.Orders");

    // A frozen server accepts connections and answers nothing: that is a verdict, and no fault of the probe's.
    server.freeze();
    runner.wait_for_verdict("whole", "unhealthy", "no answer within");
    server.thaw();
    runner.wait_for_verdict("whole", "healthy", "is serving");

    server.kill();
    runner.wait_for_verdict("whole", "unhealthy", "connection refused");
    server.restart();
    for (name, _, status, part) in &cases {
        runner.wait_for_verdict(name, status, part);
    }
    let counters = runner.check("whole").unwrap().0["counters"].clone();
    assert!(counters["faults"].as_object().unwrap().values().all(|count| *count == 0), "{counters:#}");
    runner.stop();
}

#[test]
fn a_server_lets_in_who_knows_its_token() {
    let Some(guarded) = grpcio(&["--token", TOKEN]) else { return };
    let Some(bare) = grpcio(&["--unhealthy"]) else { return };
    let shown = |pair: &str| format!(", metadata = {{ {pair} }}");
    let cases = [
        ("text", &guarded, shown(&format!(r#"Authorization = "Bearer {TOKEN}""#)), "healthy", "is serving", false),
        ("bytes", &guarded, shown(&format!(r#"token-bin = "{TOKEN_IN_BASE_64}==""#)), "healthy", "is serving", false),
        (
            "wrong",
            &guarded,
            shown(r#"authorization = "Bearer wrong-horse""#),
            "unhealthy",
            r#"refused the credentials: it answered UNAUTHENTICATED "who is „***“?""#,
            true,
        ),
        (
            "wrong-bytes",
            &guarded,
            shown(r#"token-bin = "d3JvbmctaG9yc2U""#),
            "unhealthy",
            r#"refused the credentials: it answered UNAUTHENTICATED "who is „***“?""#,
            true,
        ),
        ("nobody", &guarded, String::new(), "unhealthy", "asks for credentials: it answered UNAUTHENTICATED", true),
        (
            "guest",
            &guarded,
            shown(r#"authorization = "Bearer guest""#),
            "unhealthy",
            r#"does not permit this call: it answered PERMISSION_DENIED "no ***s""#,
            true,
        ),
        (
            "bare",
            &bare,
            String::new(),
            "unhealthy",
            "has no health service (grpc.health.v1.Health): it answered UNIMPLEMENTED",
            true,
        ),
    ];
    let mut config = BRISK.to_owned();
    config.extend(cases.iter().map(|(name, server, more, ..)| check(name, server.port(), more)));
    let runner = Home::new(&config).start();
    for (name, _, _, status, part, lasting) in &cases {
        runner.wait_for_verdict(name, status, part);
        wait_lasting(&runner, name, *lasting);
    }
    let told = runner.stop_and_tell_all();
    for secret in [TOKEN, TOKEN_IN_BASE_64, "wrong-horse", "d3JvbmctaG9yc2U"] {
        assert!(!told.contains(secret), "{secret} is told:\n{told}");
    }
}

#[test]
fn a_secure_server_must_be_who_it_says() {
    let (authority, stranger) = (Authority::new("one"), Authority::new("two"));
    let (folder, late) = (servers::folder(), servers::folder());
    authority.certify(&["127.0.0.1"], folder.path());
    authority.certify_late(&["127.0.0.1"], late.path());
    let (unable, older) = (secure(&folder, &[]), secure(&folder, &["http/1.1"]));
    let Some(server) = grpcio_in(folder, &["--tls"]) else { return };
    let Some(late) = grpcio_in(late, &["--tls"]) else { return };
    let over_tls = |name: &str, port: u16| check(name, port, ", tls = true");
    let config = [
        BRISK.to_owned(),
        over_tls("good", server.port()),
        over_tls("other-name", server.port()).replace("127.0.0.1", "localhost"),
        over_tls("told-by-name", server.port()).replace("127.0.0.1", "localhost") + "tls.server_name = \"127.0.0.1\"\n",
        over_tls("late", late.port()),
        check("in-the-clear", server.port(), ""),
        over_tls("unable", unable.port()),
        over_tls("older", older.port()),
        over_tls("forbidden", server.port()) + "tls.alpn = [\"http/1.1\"]\n",
    ];
    let runner = authority.trusting_runner(&config.concat());
    let other = stranger.trusting_runner(&format!("{BRISK}{}", over_tls("good", server.port())));
    runner.wait_for_verdict("good", "healthy", "is serving");
    let good = runner.check("good").unwrap().0;
    assert!(good["details"]["certificate-not-after"].is_string(), "{good:#}");
    assert!(good["measurements"].to_string().contains("\"certificate-days-left\""), "{good:#}");
    runner.wait_for_verdict("told-by-name", "healthy", "is serving");
    let no_http2 = "does not speak HTTP/2, without which there is no gRPC";
    for (runner, name, part) in [
        (
            &runner,
            "other-name",
            "the certificate is not for localhost but for 127.0.0.1 while asking https://localhost:",
        ),
        (&runner, "late", "the certificate of 127.0.0.1 expired on 20"),
        (&runner, "in-the-clear", "while asking http://127.0.0.1:"),
        (&runner, "unable", no_http2),
        (&runner, "older", no_http2),
        (&other, "good", "the issuer of the certificate of 127.0.0.1 is not trusted by this system"),
    ] {
        runner.wait_for_verdict(name, "unhealthy", part);
    }
    runner.wait_for_check("forbidden", "is a fault of the configuration", |check| {
        check.fault() == "denied" && check.message().contains("which the check's `tls.alpn` does not offer; add \"h2\"")
    });
    server.freeze();
    runner.wait_for_verdict("good", "unhealthy", "no answer within");
    server.thaw();
    runner.wait_for_verdict("good", "healthy", "is serving");
    runner.stop();
    other.stop();
}

/// A server with the certificate that lies in a folder, which speaks these protocols, and nothing over them.
fn secure(folder: &TempDir, protocols: &[&str]) -> Target {
    let file = |name: &str| folder.path().join(name);
    let certificate = CertificateDer::from_pem_file(file("server.crt")).unwrap();
    let key = PrivateKeyDer::from_pem_file(file("server.key")).unwrap();
    let config = ServerConfig::builder().with_no_client_auth().with_single_cert(vec![certificate], key);
    let mut config = config.unwrap();
    config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
    let config = Arc::new(config);
    Target::tcp(move |stream| {
        let mut stream = StreamOwned::new(ServerConnection::new(Arc::clone(&config)).unwrap(), stream);
        let mut buffer = [0; 1024];
        while stream.read(&mut buffer).is_ok_and(|read| read > 0) {}
    })
}
