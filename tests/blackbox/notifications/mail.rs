//! Mail, to a real server (Python's aiosmtpd), in the clear, over STARTTLS with a password, and over TLS.

use std::{fs, process::Command};

use rcgen::{CertifiedKey, generate_simple_self_signed};
use serde_json::Value;

use super::{check, listening_at, silent_port};
use crate::{
    runner::{BRISK, Home},
    servers::{self, Server},
};

/// Takes mail, and writes each as a line of JSON. Its arguments: port, how it is secured, and the folder of its certificate.
const SERVER: &str = r#"
import json, ssl, sys, threading
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

port, security, folder = int(sys.argv[1]), sys.argv[2], sys.argv[3]

class Handler:
    async def handle_DATA(self, server, session, envelope):
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
    let (python, package) = (servers::find("python3")?, servers::python_package("aiosmtpd")?);
    let folder = servers::folder();
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
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
            assert!(!refused.stdout.contains("wrong"), "{refused:?}");
        }
        assert_eq!(mails(&server).len(), 1);
    }
}
