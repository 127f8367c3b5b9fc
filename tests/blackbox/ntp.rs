//! The probe `ntp` against chrony, and against servers that do as a test says.

use std::{fs, process::Command, time::SystemTime};

use crate::{
    probes::try_out,
    runner::{BRISK, Home},
    servers::{self, Ready, Server},
    target::Target,
};

/// chrony, which takes the machine's own clock for a good one, and leaves it alone.
fn chrony() -> Option<Server> {
    let program = servers::find("chronyd")?;
    let port = servers::free_port();
    Some(Server::start_until(Ready::Unseen, servers::folder(), port, move |folder| {
        let path = |name: &str| folder.join(name).display().to_string();
        let config = format!(
            "port {port}\ncmdport 0\nbindcmdaddress /\nbindaddress 127.0.0.1\nallow 127.0.0.0/8\nlocal stratum 8\n\
             driftfile {}\npidfile {}\n",
            path("drift"),
            path("pid")
        );
        // A crash leaves it behind, and a new one would not start over it.
        let _ = fs::remove_file(path("pid"));
        fs::write(folder.join("chrony.conf"), config).unwrap();
        let mut command = Command::new(&program);
        command.args(["-d", "-x", "-f", &path("chrony.conf")]);
        if rustix::process::geteuid().is_root() {
            // It would become another user, whom this folder does not belong to.
            command.args(["-u", "root"]);
        }
        command
    }))
}

#[test]
fn a_time_server_is_watched_through_freeze_crash_and_return() {
    let Some(mut server) = chrony() else { return };
    let config = format!(
        "{BRISK}timeout = \"1s\"\nconnection = {{ fall = 1, reconnect_delay = \"100ms\", reconnect_multiplier = 1.0 }}\n\
         [[check]]\nname = \"time\"\nprobe = \"ntp\"\nsettings = {{ host = \"127.0.0.1\", port = {0} }}\n\
         [[check]]\nname = \"near\"\nprobe = \"ntp\"\nsettings = {{ host = \"127.0.0.1\", port = {0}, max_stratum = 3 }}\n",
        server.port()
    );
    let runner = Home::new(&config).start();
    let well = runner.wait_for_check("time", "is well", |check| check.status() == "healthy");
    assert!(well.message().contains("this machine's"), "{}", well.message());
    assert_eq!(well.0["details"]["stratum"], 8);
    let offset = well.0["measurements"].as_array().unwrap().iter().find(|figure| figure["name"] == "offset").unwrap();
    assert!(offset["value"].as_f64().unwrap().abs() < 0.1 && offset["unit"] == "s", "{offset}");
    let far = runner.wait_for_check("near", "is too far", |check| check.status() == "unhealthy");
    assert!(far.message().ends_with("is of stratum 8, more than 3"), "{}", far.message());

    server.freeze();
    runner.wait_for_check("time", "is frozen", |check| check.message().starts_with("no answer within"));
    server.thaw();
    runner.wait_for_check("time", "is well again", |check| check.status() == "healthy");
    server.kill();
    runner.wait_for_verdict("time", "unhealthy", "connection refused");
    server.restart();
    runner.wait_for_check("time", "is back", |check| check.status() == "healthy");
    assert_eq!(runner.check("time").unwrap().0["counters"]["faults"]["timeout"], 0);
    runner.stop();
}

/// An answer of a server whose clock is so far ahead.
fn time(question: &[u8], first: u8, stratum: u8, reference: &[u8; 4], ahead: i64) -> Vec<u8> {
    let unix = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    let fraction = (u64::from(unix.subsec_nanos()) << 32) / 1_000_000_000;
    let seconds = (unix.as_secs() + 2_208_988_800).wrapping_add_signed(ahead);
    let now = (seconds << 32 | fraction).to_be_bytes();
    let mut answer = vec![first, stratum, 6, 0xec, 0, 0, 0, 0, 0, 0, 0, 0];
    answer.extend(reference);
    answer.extend([[0; 8], question[40..48].try_into().unwrap(), now, now].concat());
    answer
}

#[test]
fn what_a_time_server_may_say() {
    let at = |target: &Target, more: &str| {
        let port = target.port();
        format!("timeout = \"1s\"\nsettings = {{ host = \"127.0.0.1\", port = {port}{more} }}")
    };
    let ahead = Target::udp(|question| vec![time(question, 0x24, 2, &[192, 0, 2, 1], 3600)]);
    let behind = Target::udp(|question| vec![time(question, 0x24, 1, b"GPS\0", -2)]);
    let unset = Target::udp(|question| vec![time(question, 0xe4, 16, b"INIT", 0)]);
    let kiss = Target::udp(|question| vec![time(question, 0xe4, 0, b"RATE", 0)]);
    let garbage = Target::udp(|_| vec![b"what?".to_vec(), vec![0x24; 48], vec![0; 500]]);
    let forged = Target::udp(|question| {
        let forgery = time(&[0; 48], 0x24, 1, b"EVIL", 9999);
        vec![forgery, time(question, 0x24, 1, b"GPS\0", 0)]
    });
    let silent = Target::udp(|_| vec![]);
    try_out(
        "ntp",
        &[
            ("ahead", at(&ahead, ""), "unhealthy", "ahead of this machine's: more than 1.0 s"),
            (
                "behind",
                at(&behind, r#", offset_critical = "5s", offset_warn = "1s""#),
                "degraded",
                "behind this machine's: more than 1.0 s",
            ),
            ("unset", at(&unset, ""), "unhealthy", "has no time to give: its own clock is not set"),
            ("kiss", at(&kiss, ""), "unhealthy", "gives no time, but says `RATE`"),
            ("garbage", at(&garbage, ""), "unhealthy", "datagrams came, and none answered the question"),
            ("forged", at(&forged, ""), "healthy", "this machine's"),
            ("silent", at(&silent, ""), "unhealthy", "no answer within"),
            (
                "no-name",
                at(&silent, "").replace("127.0.0.1", "absent.invalid"),
                "unhealthy",
                "while resolving absent.invalid",
            ),
            ("misfit", at(&silent, ", max_stratum = 20"), "invalid-settings", "must be from 1 to 15"),
        ],
    );
}
