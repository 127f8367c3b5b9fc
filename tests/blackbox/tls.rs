//! The probe `tls`, and what `[check.tls]` says, against real servers.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    sync::{Arc, Mutex},
    time::{Duration, SystemTime},
};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, PKCS_ECDSA_P256_SHA256};
use rustix::process::Signal;
use rustls::{
    RootCertStore, ServerConfig, ServerConnection, StreamOwned,
    pki_types::{CertificateDer, PrivateKeyDer},
    server::WebPkiClientVerifier,
};

use crate::{
    runner::{BRISK, Home},
    servers,
    target::{Target, freeze},
};

/// Who vouches for certificates in a test.
struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate with its key.
struct Identity {
    certificate: rcgen::Certificate,
    key: KeyPair,
}

impl Authority {
    fn new(name: &str) -> Authority {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Authority(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    fn certificate(&self) -> &rcgen::Certificate {
        self.0.as_ref()
    }

    /// A certificate for `localhost` that ends this many days from now.
    fn certify(&self, days: i64) -> Identity {
        self.certify_for("localhost", days)
    }

    fn certify_for(&self, name: &str, days: i64) -> Identity {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        let now = SystemTime::now();
        let day = Duration::from_secs(86_400);
        let end = day * u32::try_from(days.abs()).unwrap();
        // An hour more than whole days, so that none is lost while the test runs.
        params.not_after = (if days < 0 { now - end } else { now + end + Duration::from_secs(3_600) }).into();
        params.not_before = (now - 400 * day).into();
        Identity { certificate: params.signed_by(&key, &self.0).unwrap(), key }
    }
}

impl Identity {
    fn itself(name: &str) -> Identity {
        let key = KeyPair::generate().unwrap();
        Identity { certificate: CertificateParams::new([name.to_owned()]).unwrap().self_signed(&key).unwrap(), key }
    }

    /// A server that shows it, and does with each connection as told.
    fn serve(&self, serve: impl Fn(&mut Secured) + Send + Sync + 'static) -> Target {
        let config = ServerConfig::builder().with_no_client_auth();
        let config = config.with_single_cert(self.chain(), self.private()).unwrap();
        listen(config, serve)
    }

    /// A server that shows it, and asks for a certificate of this authority.
    fn serve_members(&self, of: &Authority, serve: impl Fn(&mut Secured) + Send + Sync + 'static) -> Target {
        let mut roots = RootCertStore::empty();
        roots.add(of.certificate().der().clone()).unwrap();
        let members = WebPkiClientVerifier::builder(Arc::new(roots)).build().unwrap();
        let config = ServerConfig::builder().with_client_cert_verifier(members);
        listen(config.with_single_cert(self.chain(), self.private()).unwrap(), serve)
    }

    fn chain(&self) -> Vec<CertificateDer<'static>> {
        vec![self.certificate.der().clone()]
    }

    fn private(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::try_from(self.key.serialize_der()).unwrap()
    }
}

type Secured = StreamOwned<ServerConnection, TcpStream>;

fn listen(config: ServerConfig, serve: impl Fn(&mut Secured) + Send + Sync + 'static) -> Target {
    let config = Arc::new(config);
    Target::tcp(move |stream| {
        let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
        serve(&mut StreamOwned::new(connection, stream));
    })
}

/// Waits for the other side to leave, or to be refused.
fn wait(stream: &mut Secured) {
    let mut buffer = [0; 1024];
    while stream.read(&mut buffer).is_ok_and(|read| read > 0) {}
}

/// Answers each request with a page.
fn page(stream: &mut Secured) {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|read| read == 1) {
        head.push(byte[0]);
    }
    // Whoever asked may be gone.
    let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok");
    stream.conn.send_close_notify();
    let _ = stream.flush();
}

/// A name, a probe, further keys, and the status and the message that they come to.
type Case<'a> = (&'a str, &'a str, String, &'a str, &'a str);

/// Runs all cases side by side, in a home with these files; `also` looks at the runner.
#[track_caller]
fn try_out(files: &[(&str, String)], cases: &[Case<'_>], also: impl FnOnce(&crate::runner::Runner)) {
    let mut config = "[defaults]\ninterval = \"1s\"\ntimeout = \"20s\"\ntls.ca_file = \"ca.pem\"\n".to_owned();
    for (name, probe, keys, ..) in cases {
        config += &format!(
            "[[check]]\nname = \"{name}\"\nprobe = \"{probe}\"\n\
             connection = {{ fall = 1, reconnect_delay = \"200ms\" }}\n{keys}\n"
        );
    }
    let home = Home::new(&config);
    for (name, text) in files {
        fs::write(home.path(name), text).unwrap();
    }
    if let Some(rebuilt) = std::env::var_os("PROBITY_REBUILT_PROBES") {
        for probe in ["tls", "http"] {
            let file = std::path::Path::new(&rebuilt).join(format!("{probe}.wasm"));
            home.drop_in(probe, &fs::read(&file).unwrap());
        }
    }
    let runner = home.start();
    for (name, _, _, expected, part) in cases {
        runner.wait_for_check(name, &format!("{expected}, because {part:?}"), |check| {
            let came = if check.fault().is_empty() { check.status() } else { check.fault() };
            came == *expected && check.message().contains(part)
        });
    }
    also(&runner);
    runner.stop();
}

fn at(target: &Target, more: &str) -> String {
    format!("settings = {{ host = \"localhost\", port = {}{more} }}", target.port())
}

fn of(target: &Target) -> String {
    format!("settings = {{ url = \"https://localhost:{}/\" }}", target.port())
}

#[test]
fn tls_takes_a_grant_of_its_own() {
    let authority = Authority::new("here");
    let home = Home::new("");
    home.put("ca.pem", authority.certificate().pem().as_bytes());
    let server = authority.certify(30).serve(wait);
    let check = |name: &str, allow: &str| {
        format!(
            "[[check]]\nname = \"{name}\"\nprobe = \"tls\"\nallow = {allow}\n\
             settings = {{ host = \"localhost\", port = {} }}\ntls = {{ ca_file = \"ca.pem\" }}\n",
            server.port()
        )
    };
    let config = format!(
        "{BRISK}[security]\nimplicit_grants = false\n{}{}",
        check("without", "[\"tcp:localhost:*\"]"),
        check("with", "[\"tcp:localhost:*\", \"tls\"]")
    );
    home.put("probity.toml", config.as_bytes());
    let runner = home.start();
    let check = runner.wait_for_check("without", "is denied", |check| check.fault() == "denied");
    assert!(
        check.message().ends_with(r#"reach tls; to allow it, add to the check: allow = ["tls"]"#),
        "{}",
        check.message()
    );
    runner.wait_for_check("with", "is healthy", |check| check.status() == "healthy");
    runner.stop();
}

#[test]
fn a_certificate_is_judged_by_whom_it_is_of_and_how_long_it_lasts() {
    let (known, unknown) = (Authority::new("Known CA"), Authority::new("Unknown CA"));
    let good = known.certify(90).serve(page);
    let elsewhere = known.certify_for("elsewhere.test", 90).serve(page);
    let ended = known.certify(-3).serve(page);
    let (soon, very_soon) = (known.certify(10).serve(wait), known.certify(2).serve(wait));
    let strange = unknown.certify(90).serve(page);
    let itself = Identity::itself("localhost");
    let alone = itself.serve(wait);
    let (frozen, mail, rude) = (Target::tcp(freeze), Target::greeting("220 mail.test ESMTP\r\n"), Target::tcp(drop));
    let brief = "\ntimeout = \"2s\"";
    let anybody = "\ntls.insecure_skip_verify = true";
    try_out(
        &[
            ("ca.pem", known.certificate().pem()),
            ("other.pem", unknown.certificate().pem()),
            ("itself.pem", itself.certificate.pem()),
        ],
        &[
            ("good", "tls", at(&good, ""), "healthy", "the certificate of localhost is good for 90 days, until 20"),
            ("modern", "tls", at(&good, r#", min_version = "1.3""#), "healthy", "is good for 90 days"),
            ("slow", "tls", at(&good, r#", degraded_after = "0s""#), "degraded", "more than 0.0 ms"),
            ("soon", "tls", at(&soon, ""), "degraded", "the certificate of localhost expires in 10 days, on 20"),
            ("soon-enough", "tls", at(&soon, ", warn_days = 9"), "healthy", "is good for 10 days"),
            ("very-soon", "tls", at(&very_soon, ""), "unhealthy", "expires in 2 days, on 20"),
            ("ended", "tls", at(&ended, ""), "unhealthy", "the certificate of localhost expired on 20"),
            (
                "elsewhere",
                "tls",
                at(&elsewhere, ""),
                "unhealthy",
                "the certificate is not for localhost but for elsewhere.test",
            ),
            (
                "asked-by-name",
                "tls",
                at(&elsewhere, r#", server_name = "elsewhere.test""#),
                "healthy",
                "good for 90 days",
            ),
            (
                "told-by-name",
                "tls",
                at(&elsewhere, "") + "\ntls.server_name = \"elsewhere.test\"",
                "healthy",
                "the certificate of elsewhere.test is good",
            ),
            (
                "strange",
                "tls",
                at(&strange, ""),
                "unhealthy",
                "the issuer of the certificate of localhost is not trusted by `ca_file`: CN=Unknown CA",
            ),
            ("no-stranger", "tls", at(&strange, "") + "\ntls.ca_file = \"other.pem\"", "healthy", "good for 90 days"),
            (
                "alone",
                "tls",
                at(&alone, ""),
                "unhealthy",
                "the certificate of localhost is signed by itself, and is not",
            ),
            ("trusted-alone", "tls", at(&alone, "") + "\ntls.ca_file = \"itself.pem\"", "healthy", "is good for"),
            ("anybody", "tls", at(&strange, "") + anybody, "healthy", "; unverified: the issuer of the certificate"),
            ("anybody-ended", "tls", at(&ended, "") + anybody, "unhealthy", "the certificate of localhost expired on"),
            (
                "frozen",
                "tls",
                at(&frozen, "") + brief,
                "unhealthy",
                "TLS handshake with localhost failed: no answer within 1.",
            ),
            ("mail", "tls", at(&mail, ""), "unhealthy", "TLS handshake with localhost failed: the answer is not TLS"),
            ("rude", "tls", at(&rude, ""), "unhealthy", "TLS handshake with localhost failed: "),
            ("page", "http", of(&good), "healthy", "answered 200"),
            ("ended-page", "http", of(&ended), "unhealthy", "the certificate of localhost expired on 20"),
            (
                "other-page",
                "http",
                of(&elsewhere),
                "unhealthy",
                "the certificate is not for localhost but for elsewhere.test",
            ),
            (
                "named-page",
                "http",
                of(&elsewhere) + "\ntls.server_name = \"elsewhere.test\"",
                "healthy",
                "answered 200",
            ),
            ("strange-page", "http", of(&strange), "unhealthy", "is not trusted by `ca_file`: CN=Unknown CA"),
            ("known-page", "http", of(&strange) + "\ntls.ca_file = \"other.pem\"", "healthy", "answered 200"),
            ("any-page", "http", of(&strange) + anybody, "healthy", "answered 200"),
        ],
        |runner| {
            for (name, is_marked) in
                [("good", false), ("strange", false), ("anybody", true), ("anybody-ended", true), ("any-page", true)]
            {
                let details = runner.check(name).unwrap().0["details"].clone();
                let mark = details["tls-verification"].as_str();
                assert_eq!(mark, is_marked.then_some("off (insecure_skip_verify)"), "{name}: {details:#}");
            }
            let good = runner.check("good").unwrap().0;
            let details = &good["details"];
            assert_eq!(details["protocol"], "TLSv1.3", "{good:#}");
            assert_eq!(details["names"], "localhost");
            assert_eq!(details["issuer"], "CN=Known CA");
            assert_eq!(details["chain-length"], 1);
            assert_eq!(details["fingerprint"].as_str().unwrap().len(), 64);
            let measured = |check: &str, name: &str| {
                let check = runner.check(check).unwrap().0;
                let all = check["measurements"].to_string();
                assert!(all.contains(&format!("\"{name}\"")), "{all}");
            };
            for name in ["resolve", "connect", "handshake", "total", "days-left"] {
                measured("good", name);
            }
            measured("ended", "days-left");
            measured("page", "certificate-days-left");
            measured("ended-page", "certificate-days-left");
        },
    );
}

#[test]
fn a_server_that_asks_is_shown_the_certificate_of_the_check_and_nobody_its_key() {
    let (authority, members) = (Authority::new("Known CA"), Authority::new("Members CA"));
    let (member, stranger) = (members.certify_for("member", 90), authority.certify_for("stranger", 90));
    let club = authority.certify(90).serve_members(&members, wait);
    let pages = authority.certify(90).serve_members(&members, page);
    let shown =
        |name: &str| format!("\n[check.tls]\ncert_file = \"{name}.pem\"\nkey_file = \"private-place/{name}.key\"");
    let (own_key, own) = (member.key.serialize_pem(), member.certificate.pem());
    let files =
        [("ca.pem", authority.certificate().pem()), ("member.pem", own), ("stranger.pem", stranger.certificate.pem())];
    let mut config = "[defaults]\ninterval = \"1s\"\ntimeout = \"20s\"\ntls.ca_file = \"ca.pem\"\n".to_owned();
    let cases = [
        ("let-in", shown("member"), "healthy", "is good for 90 days"),
        ("nobody", String::new(), "unhealthy", "the server wants a client certificate, and the check has none"),
        ("stranger", shown("stranger"), "unhealthy", "the server does not accept the client certificate"),
    ];
    for (name, keys, ..) in &cases {
        config += &format!("[[check]]\nname = \"{name}\"\nprobe = \"tls\"\n{}{keys}\n", at(&club, ""));
    }
    for (name, keys) in [("page", shown("member")), ("no-page", String::new())] {
        config += &format!("[[check]]\nname = \"{name}\"\nprobe = \"http\"\n{}{keys}\n", of(&pages));
    }
    let home = Home::new(&config);
    fs::create_dir(home.path("private-place")).unwrap();
    for (name, text) in files {
        fs::write(home.path(name), text).unwrap();
    }
    fs::write(home.path("private-place/member.key"), &own_key).unwrap();
    fs::write(home.path("private-place/stranger.key"), stranger.key.serialize_pem()).unwrap();
    let runner = home.start();
    for (name, _, status, part) in &cases {
        runner.wait_for_check(name, &format!("{status}: {part}"), |check| {
            check.count("runs") > 0 && check.fault().is_empty() && check.message().contains(part)
        });
        assert!(runner.check(name).unwrap().fault().is_empty());
    }

    runner.wait_for_check("page", "is shown to a member", |check| check.message().ends_with("answered 200"));
    // The server may be gone before its reason is heard: a request was on its way to it.
    let no_page = runner.wait_for_check("no-page", "has been asked for", |check| check.count("unhealthy") > 0);
    assert_eq!((no_page.count("healthy"), no_page.fault()), (0, ""));

    let secret = own_key.lines().nth(1).unwrap().to_owned();
    let is_secret = |told: &str| told.contains("private-place") || told.contains(&secret);
    let nothing_is_told = || {
        for path in ["/health", "/health/checks/let-in", "/probes", "/metrics", "/connections/let-in", "/openapi.json"]
        {
            assert!(!is_secret(&runner.get(path).text()), "{path}");
        }
        assert!(!is_secret(&runner.log()), "{}", runner.log());
    };
    nothing_is_told();

    // The files are read again with the configuration; a key that is gone changes nothing but what is told.
    let gone = runner.home.path("private-place/member.key");
    fs::remove_file(&gone).unwrap();
    runner.signal(Signal::HUP);
    let flaw = runner.wait_for_flaw("probity.toml");
    assert!(flaw.contains("key_file: the file can't be read: No such file"), "{flaw}");
    runner.wait_for_runs("let-in", 2);
    assert_eq!(runner.check("let-in").unwrap().status(), "healthy");
    nothing_is_told();

    // A certificate that is no longer the right one is taken up all the same, and found out by the server.
    fs::write(runner.home.path("member.pem"), stranger.certificate.pem()).unwrap();
    fs::write(&gone, stranger.key.serialize_pem()).unwrap();
    runner.signal(Signal::HUP);
    runner.wait_for_no_flaw("probity.toml");
    runner.wait_for_check("let-in", "is let in no more", |check| check.message().contains("does not accept"));
    runner.stop();
}

/// A server that speaks this protocol over TLS, asks for a certificate, and hangs up without a word on whoever has none.
fn rude(server: &Identity, members: &Authority, protocol: &str) -> Target {
    let mut roots = RootCertStore::empty();
    roots.add(members.certificate().der().clone()).unwrap();
    let members = WebPkiClientVerifier::builder(Arc::new(roots)).build().unwrap();
    let config = ServerConfig::builder().with_client_cert_verifier(members);
    let mut config = config.with_single_cert(server.chain(), server.private()).unwrap();
    config.alpn_protocols = vec![protocol.as_bytes().to_vec()];
    let config = Arc::new(config);
    Target::tcp(move |mut stream| {
        let mut connection = ServerConnection::new(Arc::clone(&config)).unwrap();
        while connection.is_handshaking() {
            while connection.wants_write() {
                if connection.write_tls(&mut stream).is_err() {
                    return;
                }
            }
            let read = connection.read_tls(&mut stream);
            // What it has to say to that stays where it is.
            if !read.is_ok_and(|read| read > 0) || connection.process_new_packets().is_err() {
                return;
            }
        }
    })
}

#[test]
fn a_server_that_hangs_up_on_strangers_has_asked_for_a_certificate() {
    let (authority, members) = (Authority::new("Known CA"), Authority::new("Members CA"));
    let [server, modern] = ["http/1.1", "h2"].map(|protocol| rude(&authority.certify(90), &members, protocol));
    let why = "closed after the server asked for a client certificate, and the check has none";
    let cases = [
        ("handshake", "tls", at(&server, ""), "unhealthy", why),
        ("page", "http", of(&server), "unhealthy", why),
        ("service", "grpc", at(&modern, ", tls = true"), "unhealthy", why),
    ];
    try_out(&[("ca.pem", authority.certificate().pem())], &cases, |_| {});
}

/// Speaks the first part of a dialogue: says a greeting, and to each line that comes the next answer.
fn converse(stream: &TcpStream, greeting: &str, answers: &[&str]) -> Option<Vec<String>> {
    let mut writer = stream;
    writer.write_all(greeting.as_bytes()).ok()?;
    let mut reader = BufReader::with_capacity(1, stream);
    let mut heard = Vec::new();
    for answer in answers {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
        heard.push(line);
        writer.write_all(answer.as_bytes()).ok()?;
    }
    Some(heard)
}

#[test]
fn a_server_that_speaks_another_protocol_first_is_asked_to_begin() {
    let authority = Authority::new("Known CA");
    let identity = authority.certify(90);
    let config = ServerConfig::builder().with_no_client_auth();
    let config = Arc::new(config.with_single_cert(identity.chain(), identity.private()).unwrap());
    let heard: Arc<Mutex<Vec<String>>> = Arc::default();
    let after = |greeting: &'static str, answers: &'static [&'static str]| {
        let (config, all) = (Arc::clone(&config), Arc::clone(&heard));
        Target::tcp(move |stream| {
            let Some(heard) = converse(&stream, greeting, answers) else { return };
            all.lock().unwrap().extend(heard);
            let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
            wait(&mut StreamOwned::new(connection, stream));
        })
    };
    let smtp =
        after("220-mail.test\r\n220 ESMTP\r\n", &["250-mail.test\r\n250-STARTTLS\r\n250 HELP\r\n", "220 go on\r\n"]);
    let unable = after("220 mail.test\r\n", &["250 mail.test\r\n"]);
    let injecting = after("220 mail.test\r\n", &["250 STARTTLS\r\n", "220 go on\r\n250 injected\r\n"]);
    let imap = after("* OK ready\r\n", &["* CAPABILITY IMAP4rev1\r\np1 OK begin\r\n"]);
    let silent = Target::tcp(freeze);
    // Their words are no lines.
    let postgres = {
        let config = Arc::clone(&config);
        Target::tcp(move |mut stream| {
            let mut request = [0; 8];
            if stream.read_exact(&mut request).is_err() || stream.write_all(b"S").is_err() {
                return;
            }
            wait(&mut StreamOwned::new(ServerConnection::new(Arc::clone(&config)).unwrap(), stream));
        })
    };
    let clear = Target::tcp(|mut stream| {
        let mut request = [0; 8];
        // Whoever asked may be gone.
        let _ = stream.read_exact(&mut request).and_then(|()| stream.write_all(b"N"));
    });
    let by = |protocol: &str| format!(", starttls = \"{protocol}\"");
    try_out(
        &[("ca.pem", authority.certificate().pem())],
        &[
            ("smtp", "tls", at(&smtp, &by("smtp")), "healthy", "is good for 90 days"),
            ("imap", "tls", at(&imap, &by("imap")), "healthy", "is good for 90 days"),
            ("postgres", "tls", at(&postgres, &by("postgres")), "healthy", "is good for 90 days"),
            ("unable", "tls", at(&unable, &by("smtp")), "unhealthy", "does not offer STARTTLS"),
            ("in-the-clear", "tls", at(&clear, &by("postgres")), "unhealthy", "does not offer TLS"),
            ("injecting", "tls", at(&injecting, &by("smtp")), "unhealthy", "does not begin TLS as SMTP does: it said"),
            ("other", "tls", at(&imap, &by("smtp")), "unhealthy", r#"does not begin TLS as SMTP does: it said "* OK"#),
            ("unasked", "tls", at(&smtp, ""), "unhealthy", "the answer is not TLS"),
            (
                "silent",
                "tls",
                at(&silent, &by("smtp")) + "\ntimeout = \"2s\"",
                "unhealthy",
                "no answer within 1.9 s while waiting for the answer of 127.0.0.1:",
            ),
        ],
        |runner| {
            let check = runner.check("smtp").unwrap().0;
            assert!(check["measurements"].to_string().contains("\"starttls\""), "{check:#}");
        },
    );
    let heard = heard.lock().unwrap();
    assert!(heard.iter().any(|line| line == "STARTTLS\r\n") && heard.iter().any(|line| line == "p1 STARTTLS\r\n"));
}

#[test]
fn what_an_older_program_serves_is_understood() {
    let Some(openssl) = servers::find("openssl") else { return };
    let authority = Authority::new("Known CA");
    let identity = authority.certify(90);
    let folder = servers::folder();
    fs::write(folder.path().join("own.pem"), identity.certificate.pem()).unwrap();
    fs::write(folder.path().join("own.key"), identity.key.serialize_pem()).unwrap();
    let port = servers::free_port();
    let server = servers::Server::start(folder, port, move |folder| {
        let mut command = std::process::Command::new(&openssl);
        command.current_dir(folder).args(["s_server", "-quiet", "-tls1_2", "-cert", "own.pem", "-key", "own.key"]);
        command.args(["-accept", &format!("127.0.0.1:{port}")]);
        command
    });
    let settings = |more: &str| format!("settings = {{ host = \"localhost\", port = {port}{more} }}");
    let mut config = format!("{BRISK}tls.ca_file = \"ca.pem\"\n");
    for (name, more) in [("older", ""), ("too-old", r#", min_version = "1.3""#)] {
        config += &format!("[[check]]\nname = \"{name}\"\nprobe = \"tls\"\ntimeout = \"2s\"\n{}\n", settings(more));
    }
    let home = Home::new(&config);
    fs::write(home.path("ca.pem"), authority.certificate().pem()).unwrap();
    let runner = home.start();
    runner.wait_for_check("older", "has had three healthy runs", |check| check.count("healthy") >= 3);
    assert_eq!(runner.check("older").unwrap().0["details"]["protocol"], "TLSv1.2");
    runner.wait_for_check("too-old", "is refused", |check| {
        check.message() == "localhost speaks TLSv1.2, expected TLSv1.3 at least"
    });
    server.freeze();
    runner.wait_for_check("older", "is noticed to be frozen", |check| check.message().contains("no answer within"));
    server.thaw();
    runner.stop();
}
