//! The probe `websocket`, whose connection stays open from run to run, against a real server.

use std::{
    fs,
    io::{Read, Write},
    net::TcpStream,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::{
    ServerConfig, ServerConnection, StreamOwned,
    pki_types::{CertificateDer, PrivateKeyDer},
};
use tungstenite::{
    Bytes, Message, WebSocket, accept_hdr,
    handshake::server::{ErrorResponse, Request, Response},
    http::StatusCode,
    protocol::{CloseFrame, frame::coding::CloseCode},
};

use crate::{
    probes::try_out,
    runner::{BRISK, Home},
    target::{Target, freeze, nobody},
};

/// What a server does about a ping.
#[derive(Clone, Copy, Default, PartialEq)]
enum Mood {
    /// Answers it.
    #[default]
    Well,
    /// Says much else, and asks for pongs itself.
    Chatty,
    /// Is silent from now on.
    Frozen,
    /// Answers it, and closes the connection with a word: before the next check.
    Leaving,
    /// Answers it, and is gone.
    Dropping,
    /// Answers with what is no frame.
    Raving,
    /// Answers with a pong that is not the right one.
    Confused,
}

/// A server's state, and what it saw.
#[derive(Clone, Default)]
struct Server {
    mood: Arc<Mutex<Mood>>,
    connections: Arc<AtomicU64>,
    pongs: Arc<AtomicU64>,
    /// The status codes with which clients took leave.
    leaves: Arc<Mutex<Vec<u16>>>,
}

impl Server {
    fn with(mood: Mood) -> Server {
        let server = Server::default();
        server.set(mood);
        server
    }

    fn set(&self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
    }

    fn connections(&self) -> u64 {
        self.connections.load(Ordering::Relaxed)
    }

    fn listen(&self) -> Target {
        let server = self.clone();
        Target::tcp(move |stream| server.serve(stream))
    }

    fn serve(&self, stream: impl Read + Write) {
        #[expect(clippy::result_large_err, reason = "the library has it so")]
        let answer = |request: &Request, mut response: Response| {
            let header = |name: &str| request.headers().get(name).cloned();
            match request.uri().path() {
                "/secret" if header("authorization").is_none_or(|value| value != "Bearer abc") => {
                    let mut refusal = ErrorResponse::new(None);
                    *refusal.status_mut() = StatusCode::UNAUTHORIZED;
                    return Err(refusal);
                }
                "/none" => {
                    let mut refusal = ErrorResponse::new(None);
                    *refusal.status_mut() = StatusCode::NOT_FOUND;
                    return Err(refusal);
                }
                "/mqtt" => drop(response.headers_mut().insert("sec-websocket-protocol", "mqtt".parse().unwrap())),
                _ => {}
            }
            Ok(response)
        };
        // Whoever only connected, or was refused.
        let Ok(mut socket) = accept_hdr(stream, answer) else { return };
        self.connections.fetch_add(1, Ordering::Relaxed);
        while let Ok(message) = socket.read() {
            match message {
                Message::Ping(_) => {
                    let mood = *self.mood.lock().unwrap();
                    if self.answer(mood, &mut socket).is_err() {
                        return;
                    }
                }
                Message::Pong(_) => drop(self.pongs.fetch_add(1, Ordering::Relaxed)),
                Message::Close(frame) => {
                    self.leaves.lock().unwrap().push(frame.map_or(0, |frame| frame.code.into()));
                }
                _ => {}
            }
        }
    }

    /// Does as its mood is. The library holds the pong ready, and sends it with the next word. An error is the end of the
    /// connection.
    fn answer<S: Read + Write>(&self, mood: Mood, socket: &mut WebSocket<S>) -> Result<(), ()> {
        let over = |_: tungstenite::Error| ();
        match mood {
            Mood::Well => socket.flush().map_err(over),
            Mood::Chatty => {
                for number in 0..100 {
                    socket.write(Message::text(format!("price {number}"))).map_err(over)?;
                    socket.write(Message::binary(vec![0; 70_000])).map_err(over)?;
                }
                socket.write(Message::Ping(Bytes::from_static(b"and you?"))).map_err(over)?;
                socket.flush().map_err(over)
            }
            Mood::Frozen => {
                wait_for_end(socket);
                Err(())
            }
            Mood::Leaving => {
                socket.flush().map_err(over)?;
                let frame = CloseFrame { code: CloseCode::Away, reason: "maintenance".into() };
                socket.close(Some(frame)).map_err(over)?;
                socket.flush().map_err(over)
            }
            Mood::Dropping => {
                socket.flush().map_err(over)?;
                Err(())
            }
            Mood::Raving => {
                // What the library thinks of it is no matter.
                let _ = socket.get_mut().write_all(b"HTTP/1.1 500 Internal Server Error\r\n\r\n");
                Ok(())
            }
            Mood::Confused => {
                let _ = socket.get_mut().write_all(b"\x8a\x03you");
                wait_for_end(socket);
                Err(())
            }
        }
    }
}

/// Past the library, which would answer with its next word.
fn wait_for_end<S: Read>(socket: &mut WebSocket<S>) {
    let mut buffer = [0; 1024];
    while socket.get_mut().read(&mut buffer).is_ok_and(|read| read > 0) {}
}

#[test]
fn a_server_is_judged_by_what_it_does() {
    let (well, chatty) = (Server::default(), Server::with(Mood::Chatty));
    let moods = [Mood::Frozen, Mood::Leaving, Mood::Dropping, Mood::Raving, Mood::Confused].map(Server::with);
    let (server, chatter, ill) = (well.listen(), chatty.listen(), moods.each_ref().map(Server::listen));
    let [frozen, leaving, dropping, raving, confused] = &ill;
    let (silent, mail) = (Target::tcp(freeze), Target::greeting("220 mail.example ESMTP\r\n\r\n"));
    let page = Target::http(|_| "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n".to_owned());
    let judged = "connection = { fall = 1, reconnect_delay = \"200ms\" }";
    let at = |port: u16, path: &str, more: &str| {
        format!("settings = {{ url = \"ws://127.0.0.1:{port}{path}\"{more} }}\n{judged}")
    };
    let brief = "\ntimeout = \"2s\"";
    try_out(
        "websocket",
        &[
            ("well", at(server.port(), "/x?y=1", ""), "healthy", "/x answered a ping"),
            ("by-name", at(server.port(), "", "").replace("127.0.0.1", "localhost"), "healthy", "answered a ping"),
            ("chatty", at(chatter.port(), "", ""), "healthy", "answered a ping"),
            ("slow", at(server.port(), "", r#", degraded_after = "0s""#), "degraded", "more than 0.0 ms"),
            ("agreed", at(server.port(), "/mqtt", r#", subprotocol = "mqtt""#), "healthy", "answered a ping"),
            (
                "not-agreed",
                at(server.port(), "", r#", subprotocol = "mqtt""#),
                "unhealthy",
                "take the subprotocol mqtt",
            ),
            ("not-asked", at(server.port(), "/mqtt", ""), "unhealthy", r#"nobody asked for: "mqtt""#),
            (
                "let-in",
                at(server.port(), "/secret", r#", headers = { authorization = "Bearer abc" }"#),
                "healthy",
                "answered a ping",
            ),
            ("kept-out", at(server.port(), "/secret", ""), "unhealthy", "refused the upgrade: 401 Unauthorized"),
            ("no-page", at(server.port(), "/none", ""), "unhealthy", "refused the upgrade: 404 Not Found"),
            ("page", at(page.port(), "", ""), "unhealthy", "refused the upgrade: 200 OK"),
            ("mail", at(mail.port(), "", ""), "unhealthy", r#"does not speak HTTP: it answered "220 mail"#),
            ("silent", at(silent.port(), "", "") + brief, "unhealthy", "did not answer the upgrade within 1.9 s"),
            ("frozen", at(frozen.port(), "", "") + brief, "unhealthy", "the connection is open, but nothing answers"),
            ("confused", at(confused.port(), "", "") + brief, "unhealthy", "no pong from ws://127.0.0.1:"),
            ("leaving", at(leaving.port(), "", ""), "unhealthy", ": 1001 going away (maintenance)"),
            ("dropping", at(dropping.port(), "", ""), "unhealthy", "was lost"),
            ("raving", at(raving.port(), "", ""), "unhealthy", "broke the protocol: a frame has the reserved bits"),
            ("closed", at(nobody().port(), "", ""), "unhealthy", "connection refused while connecting to 127.0.0.1:"),
            (
                "no-tls",
                at(mail.port(), "", "").replace("ws://", "wss://"),
                "unhealthy",
                "TLS handshake with 127.0.0.1 failed: the answer is not TLS",
            ),
        ],
    );
    assert!(chatty.pongs.load(Ordering::Relaxed) > 0, "the probe answers pings");
}

#[test]
fn one_connection_serves_many_runs_and_a_lost_one_is_regained() {
    let server = Server::default();
    let target = server.listen();
    let config = format!(
        "{BRISK}[[check]]\nname = \"feed\"\nprobe = \"websocket\"\ntimeout = \"2s\"\n\
         settings = {{ url = \"ws://{}/\" }}\nconnection = {{ fall = 1, reconnect_delay = \"200ms\" }}\n",
        target.address
    );
    let runner = Home::new(&config).start();
    runner.wait_for_check("feed", "has had five healthy runs", |check| check.count("healthy") >= 5);
    assert_eq!(server.connections(), 1, "all of them over one connection");

    for (lost, (mood, message)) in (1..).zip([
        (Mood::Leaving, "the server closed the connection"),
        (Mood::Dropping, "was lost"),
        (Mood::Frozen, "no pong from"),
    ]) {
        server.set(mood);
        runner.wait_for_check("feed", "notices", |check| check.message().contains(message));
        server.set(Mood::Well);
        runner.wait_for_check("feed", "is well again", |check| check.status() == "healthy");
        assert!(server.connections() > lost, "{} connections", server.connections());
    }
    runner.stop();
}

#[test]
fn an_old_connection_is_left_politely() {
    let server = Server::default();
    let target = server.listen();
    let config = format!(
        "{BRISK}[[check]]\nname = \"feed\"\nprobe = \"websocket\"\n\
         settings = {{ url = \"ws://{}/\" }}\nconnection.max_age = \"1s\"\n",
        target.address
    );
    let runner = Home::new(&config).start();
    runner.wait_for("two leaves", || {
        let leaves = server.leaves.lock().unwrap().clone();
        if leaves.len() >= 2 { Ok(()) } else { Err(format!("{leaves:?}")) }
    });
    let check = runner.check("feed").unwrap();
    assert_eq!((check.count("unhealthy"), check.status()), (0, "healthy"));
    assert!(server.leaves.lock().unwrap().iter().all(|code| *code == 1000));
    assert!(server.connections() >= 2);
    runner.stop();
}

#[test]
fn a_check_by_hand_opens_and_leaves() {
    let server = Server::default();
    let target = server.listen();
    let url = format!("url=ws://{}/", target.address);
    let ended = Home::empty().run(&["check", "websocket", "--set", &url]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.stdout.contains("answered a ping"), "{ended:?}");
    let patient = crate::runner::Deadline::new();
    while *server.leaves.lock().unwrap() != [1000] {
        patient.pause(|| format!("a polite leave; there was {:?}", server.leaves.lock().unwrap()));
    }
}

/// A certificate for these names by an authority of our own, and the authority's in PEM.
fn certify(by: &str, names: &[&str]) -> (Arc<ServerConfig>, String) {
    let mut authority = CertificateParams::default();
    authority.distinguished_name.push(DnType::CommonName, by);
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority_key = KeyPair::generate().unwrap();
    let pem = authority.self_signed(&authority_key).unwrap().pem();
    let key = KeyPair::generate().unwrap();
    let names: Vec<String> = names.iter().map(ToString::to_string).collect();
    let certificate =
        CertificateParams::new(names).unwrap().signed_by(&key, &Issuer::new(authority, authority_key)).unwrap();
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let chain: Vec<CertificateDer<'static>> = vec![certificate.der().clone()];
    let config = ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key).unwrap();
    (Arc::new(config), pem)
}

fn listen_securely(server: &Server, config: Arc<ServerConfig>) -> Target {
    let server = server.clone();
    Target::tcp(move |stream: TcpStream| {
        let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
        server.serve(StreamOwned::new(connection, stream));
    })
}

#[test]
fn a_secure_server_must_be_who_it_says() {
    let (trusted, authority) = certify("one", &["localhost", "127.0.0.1"]);
    let (strange, _) = certify("two", &["localhost"]);
    let (elsewhere, other_authority) = certify("three", &["elsewhere.example"]);
    let servers = [(); 3].map(|()| Server::default());
    let targets: Vec<Target> = servers
        .iter()
        .zip([trusted, strange, elsewhere])
        .map(|(server, config)| listen_securely(server, config))
        .collect();
    let mut config = BRISK.to_owned();
    for (name, host, target) in [
        ("good", "localhost", &targets[0]),
        ("by-address", "127.0.0.1", &targets[0]),
        ("stranger", "localhost", &targets[1]),
        ("other-name", "localhost", &targets[2]),
    ] {
        config += &format!(
            "[[check]]\nname = \"{name}\"\nprobe = \"websocket\"\nsettings = {{ url = \"wss://{host}:{}/\" }}\n\
             connection = {{ fall = 1, reconnect_delay = \"200ms\" }}\n",
            target.port()
        );
    }
    let home = Home::new(&config);
    fs::write(home.path("authorities.pem"), authority + &other_authority).unwrap();
    let mut command = home.command(&["run", "--listen", "127.0.0.1:0", "--data-dir", "state"]);
    command.env("SSL_CERT_FILE", home.path("authorities.pem")).env_remove("SSL_CERT_DIR");
    let runner = home.start_by(command);
    for name in ["good", "by-address"] {
        runner.wait_for_check(name, "has had three healthy runs", |check| check.count("healthy") >= 3);
    }
    assert_eq!(servers[0].connections(), 2, "one connection a check");
    for (name, part) in [
        ("stranger", "the issuer of the certificate of localhost is not trusted by this system: CN=two"),
        ("other-name", "the certificate is not for localhost but for elsewhere.example"),
    ] {
        runner.wait_for_check(name, &format!("is refused: {part}"), |check| {
            let message = check.message();
            check.status() == "unhealthy"
                && message.contains("TLS handshake with localhost failed: ")
                && message.contains(part)
        });
    }

    // It lasts as well as one in the clear, and its end is noticed.
    for (mood, message) in
        [(Mood::Leaving, "1001 going away (maintenance)"), (Mood::Dropping, "was lost: closed without a word of TLS")]
    {
        servers[0].set(mood);
        runner.wait_for_check("good", message, |check| check.message().contains(message));
        servers[0].set(Mood::Well);
        runner.wait_for_check("good", "is well again", |check| check.status() == "healthy");
    }
    runner.stop();
}
