//! The probe `imap` against Dovecot, and against servers that do as a test says.

use std::{fs, process::Command};

use crate::{
    authority::Authority,
    probes::{try_out, watch},
    runner::BRISK,
    servers::{self, Server},
    target::{Target, freeze, nobody},
};

/// A server, which speaks TLS if there is an authority to certify it: after STARTTLS, and from the beginning at the second port.
fn dovecot(authority: Option<&Authority>) -> Option<(Server, u16)> {
    let program = servers::find("dovecot")?;
    let (folder, port, secure) = (servers::folder(), servers::free_port(), servers::free_port());
    let mut ssl = "ssl = no\n".to_owned();
    if let Some(authority) = authority {
        authority.certify(&["localhost"], folder.path());
        let here = folder.path().display();
        ssl = format!("ssl = yes\nssl_cert = <{here}/server.crt\nssl_key = <{here}/server.key\n");
    }
    let imaps = if authority.is_some() { secure } else { 0 };
    let server = Server::start(folder, port, move |folder| {
        let path = |name: &str| folder.join(name).display().to_string();
        let root = rustix::process::geteuid().is_root();
        let user = if root { "" } else { "default_internal_user = $USER\ndefault_login_user = $USER\n" };
        let listener =
            |name: &str, port: u16| format!("inet_listener {name} {{\n address = 127.0.0.1\n port = {port}\n }}\n ");
        let config = format!(
            "protocols = imap\nbase_dir = {}\nlog_path = /dev/stderr\n{ssl}mail_location = maildir:{}\n{user}\
             passdb {{\n driver = static\n args = nopassword=y\n}}\nuserdb {{\n driver = static\n args = uid=nobody gid=nogroup home={}\n}}\n\
             service imap-login {{\n {}{}}}\n",
            path("run"),
            path("mail"),
            path("home"),
            listener("imap", port),
            listener("imaps", imaps),
        );
        // A crash leaves it behind, and a new one would take it for a server that runs.
        let _ = fs::remove_file(folder.join("run/master.pid"));
        fs::write(folder.join("dovecot.conf"), config).unwrap();
        let mut command = Command::new(&program);
        command.args(["-F", "-c", &path("dovecot.conf")]);
        command
    });
    Some((server, secure))
}

#[test]
fn a_server_is_watched_through_freeze_crash_and_return() {
    let Some((mut server, _)) = dovecot(None) else { return };
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
fn a_secure_server_is_spoken_to_from_the_beginning_or_in_the_middle() {
    const STEPS: &str = r#"
        { expect = { matches = "^\\* OK .*STARTTLS" } },
        { send = "a1 STARTTLS\r\n", expect = "a1 OK", starttls = true },
        { send = "a2 CAPABILITY\r\n", expect = { matches = "^a2 OK" } },
        { send = "a3 LOGOUT\r\n", expect = "a3 OK" }"#;
    let authority = Authority::new("mail");
    let Some((server, secure)) = dovecot(Some(&authority)) else { return };
    let (clear, steps) = (server.port(), |steps: &str| format!(", dialogue = [{steps}]"));
    let cases = [
        ("imap", "localhost", secure, ", tls = true".to_owned(), "healthy", "is ready"),
        ("imap", "127.0.0.1", secure, ", tls = true".to_owned(), "unhealthy", "is not for 127.0.0.1 but for localhost"),
        ("tcp", "localhost", secure, r#", tls = true, expect = "* OK""#.to_owned(), "healthy", "answered as expected"),
        ("tcp", "localhost", clear, steps(STEPS), "healthy", "answered as expected"),
        ("tcp", "127.0.0.1", clear, steps(STEPS), "unhealthy", "is not for 127.0.0.1 but for localhost"),
        (
            "tcp",
            "localhost",
            clear,
            steps(&STEPS.replace("a3 OK", "nothing")),
            "unhealthy",
            r#"did not answer "nothing" but "* BYE Logging out\r\na3 OK "#,
        ),
    ];
    let mut config = BRISK.to_owned();
    for (at, (probe, host, port, more, ..)) in cases.iter().enumerate() {
        let settings = format!("{{ host = \"{host}\", port = {port}{more} }}");
        config += &format!("[[check]]\nname = \"c{at}\"\nprobe = \"{probe}\"\nsettings = {settings}\n");
    }
    let runner = authority.trusting_runner(&config);
    for (at, (.., status, part)) in cases.into_iter().enumerate() {
        let check = runner.wait_for_verdict(&format!("c{at}"), status, part);
        if at == 3 {
            assert!(check.0["details"]["answer"].to_string().contains("a3 OK"), "{check:?}");
            assert!(check.0["measurements"].to_string().contains("\"tls\""), "{check:?}");
        }
    }
    runner.stop();
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
