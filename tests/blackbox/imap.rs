//! The probe `imap` against Dovecot, and against servers that do as a test says.

use std::{fs, process::Command};

use crate::{
    probes::{try_out, watch},
    servers::{self, Server},
    target::{Target, freeze, nobody},
};

fn dovecot() -> Option<Server> {
    let program = servers::find("dovecot")?;
    let port = servers::free_port();
    Some(Server::start(servers::folder(), port, move |folder| {
        let path = |name: &str| folder.join(name).display().to_string();
        let root = rustix::process::geteuid().is_root();
        let user = if root { "" } else { "default_internal_user = $USER\ndefault_login_user = $USER\n" };
        let config = format!(
            "protocols = imap\nbase_dir = {}\nlog_path = /dev/stderr\nssl = no\nmail_location = maildir:{}\n{user}\
             passdb {{\n driver = static\n args = nopassword=y\n}}\nuserdb {{\n driver = static\n args = uid=nobody gid=nogroup home={}\n}}\n\
             service imap-login {{\n inet_listener imap {{\n address = 127.0.0.1\n port = {port}\n }}\n inet_listener imaps {{\n port = 0\n }}\n}}\n",
            path("run"),
            path("mail"),
            path("home")
        );
        // A crash leaves it behind, and a new one would take it for a server that runs.
        let _ = fs::remove_file(folder.join("run/master.pid"));
        fs::write(folder.join("dovecot.conf"), config).unwrap();
        let mut command = Command::new(&program);
        command.args(["-F", "-c", &path("dovecot.conf")]);
        command
    }))
}

#[test]
fn a_server_is_watched_through_freeze_crash_and_return() {
    let Some(mut server) = dovecot() else { return };
    let at = |more: &str| format!("settings = {{ host = \"127.0.0.1\", port = {}{more} }}", server.port());
    try_out(
        "imap",
        &[
            ("good", at(r#", capabilities = ["imap4rev1", "IDLE"]"#), "healthy", "is ready"),
            ("unable", at(r#", capabilities = ["STARTTLS"]"#), "unhealthy", "can't do STARTTLS, but IMAP4rev1"),
            ("slow", at(r#", degraded_after = "0ms""#), "degraded", "more than 0.0 ms"),
        ],
    );
    let settings = at("");
    watch(&mut server, "imap", &settings, "no answer within");
}

#[test]
fn what_else_may_answer() {
    let bye = Target::greeting("* BYE too many of you\r\n");
    let pop = Target::greeting("+OK POP3 ready\r\n");
    let deaf = Target::greeting("* OK ready\r\n");
    let rude = Target::greeting("* OK ready\r\na1 BAD what?\r\n");
    let known = Target::greeting("* PREAUTH hello\r\n* CAPABILITY IMAP4rev2\r\na1 OK done\r\n");
    let endless = Target::tcp(|mut stream| while std::io::Write::write_all(&mut stream, b"* OK more\r\n").is_ok() {});
    let frozen = Target::tcp(freeze);
    let at =
        |port: u16, more: &str| format!("timeout = \"1s\"\nsettings = {{ host = \"127.0.0.1\", port = {port}{more} }}");
    try_out(
        "imap",
        &[
            ("bye", at(bye.port(), ""), "unhealthy", "takes nobody in now: it said \"* BYE too many of you\""),
            ("pop", at(pop.port(), ""), "unhealthy", "it greeted with \"+OK POP3 ready\""),
            ("deaf", at(deaf.port(), ""), "unhealthy", "no answer within"),
            ("rude", at(rude.port(), ""), "unhealthy", "it answered CAPABILITY with \"a1 BAD what?\""),
            ("known", at(known.port(), r#", capabilities = ["IMAP4rev2"]"#), "healthy", "is ready"),
            ("tls", at(known.port(), ", tls = true"), "unhealthy", "TLS"),
            ("endless", at(endless.port(), ""), "unhealthy", "has more than 128 lines"),
            ("frozen", at(frozen.port(), ""), "unhealthy", "no answer within"),
            ("nobody", at(nobody().port(), ""), "unhealthy", "connection refused"),
            ("misfit", at(1, r#", capabilities = [""]"#), "invalid-settings", "name one such as"),
        ],
    );
}
