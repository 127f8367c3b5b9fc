//! The runner as a server of TLS: its certificate, its change, and the certificates of clients.

use std::{
    fs,
    io::{self, ErrorKind, Read, Write},
    net::TcpStream,
    path::Path,
    process::{Command, Stdio},
    sync::Arc,
};

use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject},
};

use crate::{
    authority::Authority,
    runner::{Home, PATIENCE, Runner, run_to_end},
    servers,
};

const TLS: &str = "[http.tls]\ncert_file = \"server.crt\"\nkey_file = \"server.key\"\n";

/// A home with a certificate of this authority.
fn home(authority: &Authority, more: &str) -> Home {
    let home = Home::new(&format!("{TLS}{more}"));
    authority.certify(&["localhost"], &home.path(""));
    home
}

/// Somebody who trusts these authorities, and may have a certificate with its key of this stem.
struct Client(Arc<ClientConfig>);

impl Client {
    fn new(authorities: &[&Authority], own: Option<(&Path, &str)>) -> Client {
        let mut roots = RootCertStore::empty();
        for authority in authorities {
            roots.add(CertificateDer::from_pem_slice(authority.pem().as_bytes()).unwrap()).unwrap();
        }
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        let config = match own {
            None => builder.with_no_client_auth(),
            Some((folder, stem)) => {
                let file = |ending: &str| folder.join(format!("{stem}.{ending}"));
                let chain = vec![CertificateDer::from_pem_file(file("crt")).unwrap()];
                builder.with_client_auth_cert(chain, PrivateKeyDer::from_pem_file(file("key")).unwrap()).unwrap()
            }
        };
        Client(Arc::new(config))
    }

    fn connect(&self, runner: &Runner) -> StreamOwned<ClientConnection, TcpStream> {
        let name = ServerName::try_from("localhost").unwrap();
        let stream = TcpStream::connect(runner.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        StreamOwned::new(ClientConnection::new(Arc::clone(&self.0), name).unwrap(), stream)
    }

    /// What is answered to a request, and the certificate of whoever answers.
    fn ask(&self, runner: &Runner, path: &str) -> io::Result<(String, Vec<u8>)> {
        let mut stream = self.connect(runner);
        ask(&mut stream, path, "close")
    }
}

fn ask(stream: &mut StreamOwned<ClientConnection, TcpStream>, path: &str, then: &str) -> io::Result<(String, Vec<u8>)> {
    stream.write_all(format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: {then}\r\n\r\n").as_bytes())?;
    let mut text = Vec::new();
    if then == "close" {
        stream.read_to_end(&mut text)?;
    } else {
        while !text.ends_with(b"}") {
            let mut byte = [0; 1];
            stream.read_exact(&mut byte)?;
            text.extend(byte);
        }
    }
    let certificate = stream.conn.peer_certificates().unwrap()[0].to_vec();
    Ok((String::from_utf8(text).unwrap(), certificate))
}

fn certificate(home: &Home) -> Vec<u8> {
    CertificateDer::from_pem_file(home.path("server.crt")).unwrap().to_vec()
}

#[test]
fn who_has_a_certificate_speaks_tls_alone() {
    let authority = Authority::new("ours");
    let runner = home(&authority, "").start();
    runner.wait_for_log("listening on https://127.0.0.1:");
    let client = Client::new(&[&authority], None);
    let (answer, shown) = client.ask(&runner, "/health/live").unwrap();
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("x-content-type-options: nosniff"), "{answer}");
    assert_eq!(shown, certificate(&runner.home));
    let stranger = Client::new(&[&Authority::new("theirs")], None);
    assert!(stranger.ask(&runner, "/health/live").is_err());

    let mut plain = TcpStream::connect(runner.address).unwrap();
    plain.set_read_timeout(Some(PATIENCE)).unwrap();
    plain.write_all(b"GET /health/live HTTP/1.1\r\nhost: localhost\r\n\r\n").unwrap();
    let mut text = Vec::new();
    // It may be a reset, if the runner hung up before it had read all.
    let _ = plain.read_to_end(&mut text);
    assert!(!String::from_utf8_lossy(&text).contains("200"), "{text:?}");
    runner.stop();
}

#[test]
fn openssl_agrees() {
    let Some(openssl) = servers::find("openssl") else { return };
    let authority = Authority::new("ours");
    let home = home(&authority, "");
    home.put("authority.pem", authority.pem().as_bytes());
    let runner = home.start();
    for version in ["-tls1_2", "-tls1_3"] {
        let mut command = Command::new(&openssl);
        command.args([
            "s_client",
            "-quiet",
            "-verify_return_error",
            "-verify_hostname",
            "localhost",
            "-alpn",
            "http/1.1",
            version,
        ]);
        command.arg("-CAfile").arg(runner.home.path("authority.pem")).arg("-connect").arg(runner.address.to_string());
        runner.home.put("request", b"GET /health/live HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
        command.stdin(fs::File::open(runner.home.path("request")).unwrap()).stderr(Stdio::null());
        let ended = run_to_end(command);
        assert!(ended.stdout.starts_with("HTTP/1.1 200"), "{version}: {ended:?}");
    }
    let mut old = Command::new(&openssl);
    old.args(["s_client", "-tls1_1", "-cipher", "DEFAULT:@SECLEVEL=0", "-connect", &runner.address.to_string()])
        .stdin(Stdio::null());
    assert_ne!(run_to_end(old).code, Some(0), "TLS 1.1 is not spoken");
    runner.stop();
}

#[test]
fn a_new_certificate_is_taken_up_and_a_broken_one_is_not() {
    let (old, new) = (Authority::new("old"), Authority::new("new"));
    let runner = home(&old, "").start();
    let client = Client::new(&[&old, &new], None);
    let shown = |client: &Client| client.ask(&runner, "/health/live").unwrap().1;
    let first = certificate(&runner.home);
    let mut kept = client.connect(&runner);
    assert!(ask(&mut kept, "/health/live", "keep-alive").unwrap().0.starts_with("HTTP/1.1 200"));

    let mut last = first;
    for broken in ["server.crt", "server.key"] {
        let file = runner.home.path(broken);
        let good = fs::read(&file).unwrap();
        fs::write(&file, "-----BEGIN NOTHING-----\n").unwrap();
        let key = if broken == "server.crt" { "cert_file: " } else { "key_file: " };
        runner.wait_for("the broken file to be told of", || {
            let log = runner.log();
            let tells = |line: &str| line.contains("the last good certificate stays in use") && line.contains(key);
            if log.lines().any(tells) { Ok(()) } else { Err(log) }
        });
        assert_eq!(shown(&client), last, "the last good one stays");
        fs::write(&file, good).unwrap();

        // A certificate without its key is half of a change.
        new.certify(&["localhost"], &runner.home.path(""));
        let next = certificate(&runner.home);
        runner.wait_for("the new certificate", || {
            let now = shown(&client);
            if now == next { Ok(()) } else { Err(now == last) }
        });
        last = next;
    }
    assert!(ask(&mut kept, "/health/live", "close").unwrap().0.starts_with("HTTP/1.1 200"), "a connection outlives it");
    let events = client.ask(&runner, "/health").unwrap().0;
    assert!(!events.contains("PRIVATE"), "{events}");
    runner.stop();
}

#[test]
fn clients_show_certificates_if_they_must_or_may() {
    let (ours, theirs, clients) = (Authority::new("ours"), Authority::new("theirs"), Authority::new("clients"));
    for (mode, without) in [("required", false), ("optional", true)] {
        let home = home(&ours, &format!("client_ca_file = \"clients.pem\"\nclient_certificates = \"{mode}\"\n"));
        home.put("clients.pem", clients.pem().as_bytes());
        clients.certify_for_days("somebody", 1, &home.path(""), "good");
        clients.certify_for_days("somebody", -1, &home.path(""), "late");
        theirs.certify_for_days("somebody", 1, &home.path(""), "strange");
        let runner = home.start();
        let folder = runner.home.path("");
        for (stem, may) in [(None, without), (Some("good"), true), (Some("late"), false), (Some("strange"), false)] {
            let client = Client::new(&[&ours], stem.map(|stem| (folder.as_path(), stem)));
            let answer = client.ask(&runner, "/health/live");
            assert_eq!(answer.is_ok_and(|(answer, _)| answer.starts_with("HTTP/1.1 200")), may, "{mode}, {stem:?}");
        }
        // Others are let in as soon as somebody else vouches for clients.
        runner.home.put("clients.pem", theirs.pem().as_bytes());
        let [known, strange] = ["good", "strange"].map(|stem| Client::new(&[&ours], Some((folder.as_path(), stem))));
        runner.wait_for("the new authority to count", || match strange.ask(&runner, "/health/live") {
            Ok((answer, _)) if answer.starts_with("HTTP/1.1 200") => Ok(()),
            Ok((answer, _)) => Err(answer),
            Err(error) => Err(error.to_string()),
        });
        assert!(known.ask(&runner, "/health/live").is_err(), "and the old one does not");
        runner.stop();
    }
}

#[test]
fn who_does_not_shake_hands_is_hung_up_on() {
    let authority = Authority::new("ours");
    let runner = home(&authority, "[http.timeouts]\nhandshake = \"300ms\"\n").start();
    let mut silent = TcpStream::connect(runner.address).unwrap();
    silent.set_read_timeout(Some(PATIENCE)).unwrap();
    let read = silent.read(&mut [0; 1]);
    assert!(
        read.as_ref().is_ok_and(|read| *read == 0)
            || read.as_ref().is_err_and(|error| error.kind() == ErrorKind::ConnectionReset),
        "{read:?}"
    );
    runner.stop();
}

#[test]
fn what_can_not_be_served_is_an_error_that_says_so() {
    let authority = Authority::new("ours");
    for (file, text, why) in [
        ("server.crt", "hello", "probity.toml:2: cert_file: `"),
        ("server.key", "hello", "probity.toml:3: key_file: there is no private key in it"),
        ("clients.pem", "hello", "probity.toml:4: client_ca_file: `"),
    ] {
        let home = home(&authority, "client_ca_file = \"clients.pem\"\n");
        home.put("clients.pem", authority.pem().as_bytes());
        home.put(file, text.as_bytes());
        let refusal = home.refusal();
        assert!(refusal.contains(why), "{refusal}");
    }
    let refusal = Home::new("[http.tls]\ncert_file = \"server.crt\"\n").refusal();
    assert!(refusal.contains("[http.tls] lacks `key_file`, for example key_file = \"server.key\""), "{refusal}");
    let home = home(&authority, "client_certificates = \"optional\"\n");
    let refusal = home.refusal();
    assert!(refusal.contains("`client_certificates` has no meaning without `client_ca_file`"), "{refusal}");
}
