//! The probe `smtp` against OpenSMTPD, and against servers that do as a test says.

use std::{fs, os::unix::fs::PermissionsExt, process::Command};

use crate::{
    authority::Authority,
    probes::{try_out, watch},
    servers::{self, Ready, Server},
    target::{Target, freeze, greet, nobody},
};

fn smtpd() -> Option<Server> {
    let program = servers::find("smtpd")?;
    if !rustix::process::geteuid().is_root() {
        assert!(std::env::var_os("PROBITY_TEST_STRICT").is_none(), "this test needs root, as smtpd does");
        eprintln!("SKIPPED: this test needs root, as smtpd does");
        return None;
    }
    let (folder, port) = (servers::folder(), servers::free_port());
    Authority::new("mail").certify(&["localhost"], folder.path());
    fs::set_permissions(folder.path().join("server.key"), fs::Permissions::from_mode(0o600)).unwrap();
    Some(Server::start_until(Ready::Greets, folder, port, move |folder| {
        let path = |name: &str| folder.join(name).display().to_string();
        let config = format!(
            "pki localhost cert \"{}\"\npki localhost key \"{}\"\nlisten on 127.0.0.1 port {port} tls pki localhost\n\
             action \"drop\" maildir \"{}\"\nmatch from local for any action \"drop\"\n",
            path("server.crt"),
            path("server.key"),
            path("mail")
        );
        fs::write(folder.join("smtpd.conf"), config).unwrap();
        let mut command = Command::new(&program);
        command.args(["-d", "-f", &path("smtpd.conf")]);
        command
    }))
}

#[test]
fn a_server_is_watched_through_freeze_crash_and_return() {
    let Some(mut server) = smtpd() else { return };
    let at = |more: &str| format!("settings = {{ host = \"127.0.0.1\", port = {}{more} }}", server.port());
    try_out(
        "smtp",
        &[
            ("good", at(r#", capabilities = ["starttls", "8BITMIME"]"#), "healthy", "is ready for mail"),
            ("unable", at(r#", capabilities = ["STARTTLS", "CHUNKING"]"#), "unhealthy", "can't do CHUNKING, but"),
            ("slow", at(r#", degraded_after = "0ms""#), "degraded", "more than 0.0 ms"),
        ],
    );
    let settings = at("");
    watch(&mut server, "smtp", &settings, "no answer within");
}

#[test]
fn what_else_may_answer() {
    let busy = Target::greeting("421 mail.example too busy\r\n");
    let dead = Target::greeting("554-mail.example\r\n554 no mail here\r\n");
    let ssh = Target::greeting("SSH-2.0-OpenSSH_9.2\r\n");
    let deaf = Target::greeting("220 mail.example\r\n");
    let rude = Target::greeting("220 mail.example\r\n501 who?\r\n");
    let plain = Target::tcp(|stream| greet("220 mail.example\r\n250 mail.example\r\n")(stream));
    let endless = Target::tcp(|mut stream| while std::io::Write::write_all(&mut stream, b"220-more\r\n").is_ok() {});
    let frozen = Target::tcp(freeze);
    let at =
        |port: u16, more: &str| format!("timeout = \"1s\"\nsettings = {{ host = \"127.0.0.1\", port = {port}{more} }}");
    try_out(
        "smtp",
        &[
            ("busy", at(busy.port(), ""), "unhealthy", "takes no mail now: it answered the connection with \"421 "),
            ("dead", at(dead.port(), ""), "unhealthy", "takes no mail now: it answered the connection with \"554-"),
            ("ssh", at(ssh.port(), ""), "unhealthy", "it answered the connection with \"SSH-2.0-"),
            ("deaf", at(deaf.port(), ""), "unhealthy", "no answer within"),
            ("rude", at(rude.port(), ""), "unhealthy", "is not ready: it answered EHLO with \"501 who?\""),
            ("plain", at(plain.port(), ""), "healthy", "is ready for mail"),
            ("no-tls", at(plain.port(), r#", capabilities = ["STARTTLS"]"#), "unhealthy", "can't do STARTTLS"),
            ("tls", at(plain.port(), ", tls = true"), "unhealthy", "TLS"),
            ("endless", at(endless.port(), ""), "unhealthy", "has more than 128 lines"),
            ("frozen", at(frozen.port(), ""), "unhealthy", "no answer within"),
            ("nobody", at(nobody().port(), ""), "unhealthy", "connection refused"),
            ("misfit", at(1, r#", helo = "a b""#), "invalid-settings", "must be a name"),
        ],
    );
}
