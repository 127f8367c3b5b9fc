//! The probe `ssh` against OpenSSH, and against servers that do as a test says.

use std::{fs, process::Command};

use crate::{
    probes::{try_out, watch},
    servers::{self, Server},
    target::{Target, freeze, greet, nobody},
};

fn sshd() -> Option<Server> {
    let (program, keygen) = (servers::find("sshd")?, servers::find("ssh-keygen")?);
    let (folder, port) = (servers::folder(), servers::free_port());
    let key = folder.path().join("key");
    let made = Command::new(keygen).args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(&key).status().unwrap();
    assert!(made.success());
    // It gives up its rights in this folder, which a machine that starts it otherwise has.
    if rustix::process::geteuid().is_root() {
        fs::create_dir_all("/run/sshd").unwrap();
    }
    Some(Server::start(folder, port, move |folder| {
        let mut command = Command::new(&program);
        command.args(["-D", "-e", "-f", "/dev/null", "-h"]).arg(folder.join("key"));
        for option in [
            format!("ListenAddress=127.0.0.1:{port}"),
            format!("PidFile={}", folder.join("pid").display()),
            "UsePAM=no".into(),
            "MaxStartups=1000".into(),
        ] {
            command.args(["-o", &option]);
        }
        command
    }))
}

#[test]
fn a_server_is_watched_through_freeze_crash_and_return() {
    let Some(mut server) = sshd() else { return };
    let at = |more: &str| format!("settings = {{ host = \"127.0.0.1\", port = {}{more} }}", server.port());
    try_out(
        "ssh",
        &[
            ("good", at(r#", software = "OpenSSH", host_key = "ssh-ed25519""#), "healthy", "is OpenSSH_"),
            ("software", at(r#", software = "dropbear""#), "unhealthy", "expected dropbear"),
            ("host-key", at(r#", host_key = "ssh-dss""#), "unhealthy", "has no host key ssh-dss, but ssh-ed25519"),
            ("slow", at(r#", degraded_after = "0ms""#), "degraded", "more than 0.0 ms"),
        ],
    );
    let settings = at("");
    watch(&mut server, "ssh", &settings, "no answer within");
}

#[test]
fn what_else_may_answer() {
    let old = Target::greeting("SSH-1.5-Cisco\r\n");
    let wordy = Target::tcp(|stream| greet("Welcome!\r\nLog in.\r\nSSH-2.0-x\r\n")(stream));
    let full = Target::greeting("Exceeded MaxStartups\r\n");
    let mail = Target::tcp(|mut stream| drop(std::io::Write::write_all(&mut stream, b"220 mail.example ESMTP\r\n")));
    let lying = Target::greeting("SSH-2.0-x\r\n\u{7f}\u{7f}\u{7f}\u{7f}\u{7f}\u{7f}");
    let endless = Target::tcp(|mut stream| while std::io::Write::write_all(&mut stream, &[b'x'; 1024]).is_ok() {});
    let frozen = Target::tcp(freeze);
    let at = |port: u16| format!("timeout = \"1s\"\nsettings = {{ host = \"127.0.0.1\", port = {port} }}");
    try_out(
        "ssh",
        &[
            ("old", at(old.port()), "unhealthy", "speaks version 1.5 of SSH, and not 2.0"),
            ("wordy", at(wordy.port()), "unhealthy", "no answer within"),
            ("full", at(full.port()), "unhealthy", "has no room for another connection"),
            ("mail", at(mail.port()), "unhealthy", "closed"),
            ("lying", at(lying.port()), "unhealthy", "is no packet of SSH"),
            ("endless", at(endless.port()), "unhealthy", "1024 bytes"),
            ("frozen", at(frozen.port()), "unhealthy", "no answer within"),
            ("nobody", at(nobody().port()), "unhealthy", "connection refused"),
        ],
    );
}
