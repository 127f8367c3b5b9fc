//! Mail, to a real server (Python's aiosmtpd), in the clear, over STARTTLS with a password, and over TLS.

use std::{fs, process::Command};

use rcgen::{BasicConstraints, CertificateParams, CertifiedKey, IsCa, KeyPair, generate_simple_self_signed};
use serde_json::{Value, json};

use super::{check, listening_at, notice, silent_port};
use crate::{
    runner::{BRISK, Home, Runner},
    servers::{self, Server},
    target::Target,
};

/// Takes mail, and writes each as a line of JSON. Its arguments: port, how it is secured, and the folder of its certificate.
const SERVER: &str = r#"
import json, ssl, sys, threading
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

port, security, folder = int(sys.argv[1]), sys.argv[2], sys.argv[3]

class Handler:
    deferred = set()

    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith("nobody"):
            return "550 5.1.1 no such mailbox"
        if address.startswith("later") and address not in self.deferred:
            self.deferred.add(address)
            return "451 4.7.1 come again"
        envelope.rcpt_tos.append(address)
        return "250 taken"

    async def handle_DATA(self, server, session, envelope):
        if b"poison" in envelope.content:
            return "554 5.6.0 no such words here"
        login = session.auth_data if getattr(session, "authenticated", False) else None
        with open(folder + "/mails", "a") as mails:
            mails.write(json.dumps({
                "from": envelope.mail_from, "to": envelope.rcpt_tos, "login": login,
                "tls": security == "tls" or session.ssl is not None, "text": envelope.content.decode(),
            }) + "\n")
        return "250 taken"

def login(server, session, envelope, mechanism, data):
    known = (data.login.decode(), data.password.decode()) == ("probity", "s3cret")
    return AuthResult(success=known, handled=False, auth_data=data.login.decode())

context = None
if security != "none":
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder + "/cert.pem", folder + "/key.pem")
asked = {"authenticator": login, "auth_required": security == "starttls"}
if security == "starttls":
    asked |= {"tls_context": context, "require_starttls": True}
controller = Controller(Handler(), hostname="127.0.0.1", port=port,
                        ssl_context=context if security == "tls" else None, **asked)
controller.start()
threading.Event().wait()
"#;

fn serve(security: &'static str) -> Option<Server> {
    serve_as(security, generate_simple_self_signed(["localhost".to_owned()]).unwrap())
}

fn serve_as(security: &'static str, CertifiedKey { cert, signing_key }: CertifiedKey<KeyPair>) -> Option<Server> {
    let (python, package) = (servers::find("python3")?, servers::python_package("aiosmtpd")?);
    let folder = servers::folder();
    fs::write(folder.path().join("cert.pem"), cert.pem()).unwrap();
    fs::write(folder.path().join("key.pem"), signing_key.serialize_pem()).unwrap();
    fs::write(folder.path().join("mails"), "").unwrap();
    let port = servers::free_port();
    Some(Server::start(folder, port, move |folder| {
        let mut command = Command::new(&python);
        command.env("PYTHONPATH", &package).env("PYTHONDONTWRITEBYTECODE", "1").args(["-c", SERVER]);
        command.args([&port.to_string(), security]).arg(folder);
        command
    }))
}

fn mails(server: &Server) -> Vec<Value> {
    let text = fs::read_to_string(server.folder().join("mails")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn sink(server: &Server, security: &str, more: &str) -> String {
    format!(
        "[[notify.sink]]\nname = \"mail\"\ntype = \"email\"\nserver = \"localhost:{}\"\nsecurity = \"{security}\"\n\
         from = \"Probity <probity@example.com>\"\nto = [\"ops@example.com\", \"Ann <ann@example.com>\"]\n{more}",
        server.port()
    )
}

/// A runner that sends mail at once, of a check of this name whose target is gone.
fn sending(server: &Server, to: &str, name: &str, target: u16) -> Home {
    let all = "to = [\"ops@example.com\", \"Ann <ann@example.com>\"]\n";
    let sink = sink(server, "none", "").replace(all, &format!("to = {to}\n"));
    Home::new(&format!(
        "{BRISK}[notify]\nwindow = \"0s\"\n[[notify.rule]]\nname = \"page\"\nsinks = [\"mail\"]\n{sink}{}",
        check(name, target, "")
    ))
}

/// Whom each mail was for; waits for so many.
fn recipients(server: &Server, runner: &Runner, count: usize) -> Vec<Value> {
    runner.wait_for("mail", || {
        let all: Vec<Value> = mails(server).into_iter().map(|mail| mail["to"].clone()).collect();
        if all.len() >= count { Ok(all) } else { Err(format!("{all:?}")) }
    })
}

#[test]
fn who_is_refused_keeps_the_mail_from_nobody_else() {
    let Some(server) = serve("none") else { return };
    let target = silent_port();
    let home = sending(&server, r#"["nobody@example.com", "ops@example.com"]"#, "door", target);
    let tried = home.run(&["notify", "test", "mail"]);
    assert_eq!(tried.code, Some(1), "{tried:?}");
    assert!(tried.stdout.contains("did not take it for nobody@example.com (permanent error (550)"), "{tried:?}");
    assert!(tried.stdout.contains("it took it for 1 of 2; a runner would give such a message up"), "{tried:?}");
    let runner = home.start();
    recipients(&server, &runner, 2);
    let failed = notice(&runner, "delivery-failed");
    assert_eq!(failed["dropped"], true, "{failed}");
    assert!(failed["error"].as_str().unwrap().contains("nobody@example.com"), "{failed}");
    // What comes after is not kept waiting.
    let _open = listening_at(target);
    assert_eq!(recipients(&server, &runner, 3), vec![json!(["ops@example.com"]); 3]);
    runner.stop();
}

#[test]
fn who_is_to_come_again_later_does_and_nobody_else_gets_it_twice() {
    let Some(server) = serve("none") else { return };
    let runner = sending(&server, r#"["ops@example.com", "later@example.com"]"#, "door", silent_port()).start();
    let all = recipients(&server, &runner, 2);
    assert_eq!(all, [json!(["ops@example.com"]), json!(["later@example.com"])]);
    let ids = mails(&server);
    let id = |mail: &Value| {
        mail["text"].as_str().unwrap().lines().find(|line| line.starts_with("Message-ID")).unwrap().to_owned()
    };
    assert_eq!(id(&ids[0]), id(&ids[1]), "it is one message");
    runner.stop();
}

#[test]
fn a_message_that_will_never_be_taken_keeps_no_other_waiting() {
    let Some(server) = serve("none") else { return };
    let runner = sending(&server, r#"["ops@example.com"]"#, "poison", silent_port()).start();
    let failed = notice(&runner, "delivery-failed");
    assert_eq!(failed["dropped"], true, "{failed}");
    assert!(failed["error"].as_str().unwrap().contains("554"), "{failed}");
    let text = fs::read_to_string(runner.home.path("probity.toml")).unwrap();
    runner.home.put("probity.toml", (text + &check("door", silent_port(), "")).as_bytes());
    recipients(&server, &runner, 1);
    assert!(mails(&server)[0]["text"].as_str().unwrap().contains("door is unhealthy"));
    runner.stop();
}

#[test]
fn what_is_wrong_is_said_once_and_with_what_would_be_right() {
    let key = KeyPair::generate().unwrap();
    let mut authority = CertificateParams::new(["localhost".to_owned()]).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let cert = authority.self_signed(&key).unwrap();
    let Some(server) = serve_as("tls", CertifiedKey { cert, signing_key: key }) else { return };
    let once = |home: &Home, part: &str, more: &str| {
        let tried = home.run(&["notify", "test", "mail"]);
        assert_eq!((tried.code, tried.stdout.matches(part).count()), (Some(1), 1), "{part}: {tried:?}");
        assert!(tried.stdout.contains(more), "{more}: {tried:?}");
    };
    let trusting = format!("tls = {{ ca_file = \"{}\" }}\n", server.folder().join("cert.pem").display());
    let home = Home::new(&sink(&server, "tls", &trusting));
    once(&home, "its certificate is that of an authority", "`tls.ca_file` says who vouches for the server");
    let nowhere = sink(&server, "none", "").replace(&server.port().to_string(), &silent_port().to_string());
    home.put("probity.toml", nowhere.as_bytes());
    once(&home, "Connection refused", "can't talk to localhost:");
    // Over TLS to whoever speaks HTTP in the clear.
    let clear = Target::greeting("HTTP/1.1 400 Bad Request\r\n\r\n");
    let url = format!("https://127.0.0.1:{}/", clear.port());
    let webhook = format!("[[notify.sink]]\nname = \"mail\"\ntype = \"webhook\"\nurl = \"{url}\"\n");
    home.put("probity.toml", webhook.as_bytes());
    let tried = home.run(&["notify", "test", "mail"]);
    assert!(tried.stdout.contains("no TLS with 127.0.0.1") && !tried.stdout.contains("ca_file"), "{tried:?}");
}

#[test]
fn trouble_and_its_end_come_by_mail() {
    let Some(server) = serve("none") else { return };
    let target = silent_port();
    let runner = Home::new(&format!(
        "node_id = \"n1\"\n{BRISK}[notify]\nwindow = \"0s\"\n[[notify.rule]]\nname = \"page\"\nsinks = [\"mail\"]\n{}{}",
        sink(&server, "none", ""),
        check("door", target, "")
    ))
    .start();
    let wait = |count: usize| {
        runner.wait_for("mail", || {
            let all = mails(&server);
            if all.len() >= count { Ok(all) } else { Err(format!("{all:?}")) }
        })
    };
    let first = wait(1).remove(0);
    let text = first["text"].as_str().unwrap();
    assert_eq!(first["from"], "probity@example.com");
    assert_eq!(first["to"], serde_json::json!(["ops@example.com", "ann@example.com"]));
    for line in [
        "Subject: [probity] door is unhealthy\r\n",
        "Auto-Submitted: auto-generated\r\n",
        "@n1>\r\n",
        "connection refused",
    ] {
        assert!(text.contains(line), "{line:?} is not in {text}");
    }
    let _open = listening_at(target);
    let text = wait(2).remove(1)["text"].as_str().unwrap().to_owned();
    assert!(text.contains("Subject: [probity] door is resolved\r\n"), "{text}");
    runner.stop();
}

#[test]
fn mail_goes_over_tls_to_whom_it_can_be_sure_of() {
    for security in ["starttls", "tls"] {
        let Some(server) = serve(security) else { return };
        let ca = server.folder().join("cert.pem");
        let login = |password: &str| match security {
            "starttls" => format!("username = \"probity\"\npassword = \"{password}\"\n"),
            _ => String::new(),
        };
        let trusting = |password: &str| format!("{}tls = {{ ca_file = \"{}\" }}\n", login(password), ca.display());
        let home = Home::new(&sink(&server, security, &trusting("s3cret")));
        let taken = home.run(&["notify", "test", "mail"]);
        assert_eq!(taken.code, Some(0), "{security}: {taken:?}");
        let mail = mails(&server).remove(0);
        assert_eq!(mail["tls"], true, "{mail}");
        // A server that nobody vouches for is told nothing.
        home.put("probity.toml", sink(&server, security, &login("s3cret")).as_bytes());
        let refused = home.run(&["notify", "test", "mail"]);
        assert_eq!(refused.code, Some(1), "{security}: {refused:?}");
        assert!(refused.stdout.to_lowercase().contains("certificate"), "{security}: {refused:?}");
        if security == "starttls" {
            home.put("probity.toml", sink(&server, security, &trusting("wrong")).as_bytes());
            let refused = home.run(&["notify", "test", "mail"]);
            assert!(refused.code == Some(1) && refused.stdout.contains("535"), "{refused:?}");
            assert_eq!(refused.stdout.matches("invalid").count(), 1, "it is said once: {refused:?}");
            assert!(!refused.stdout.contains("wrong"), "{refused:?}");
        }
        assert_eq!(mails(&server).len(), 1);
    }
}
