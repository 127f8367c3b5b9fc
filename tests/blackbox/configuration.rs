//! Bad configurations: the runner refuses to start with one, and says all that is wrong with it at once.

use std::net::TcpListener;

use crate::{
    cover::{MORE_PROBES, TRIED_PROBES},
    guest,
    runner::{BRISK, Home},
};

#[test]
fn everything_that_is_wrong_is_told_at_once_with_its_line() {
    let home = Home::new(
        r#"intervall = "5s"
[defaults]
timeout = "soon"
[[check]]
name = "a"
probe = "tcp"
cron = "61 * * * *"
[[check]]
name = "b"
probe = "dns"
settings = { name = "localhost", password = "${file:no/such/secret}" }
[[check]]
name = "a"
probe = "http"
"#,
    );
    let said = home.refusal();
    for part in [
        "probity.toml:1: unknown key `intervall` at the top of the file; did you mean `interval`",
        "probity.toml:3: timeout = \"soon\": not a duration; write it as \"30s\"",
        "probity.toml:7: cron: in `61 * * * *`, the minute field (number 1): `61` is not one of",
        "probity.toml:11: settings.password: the file `",
        "no/such/secret` can't be read: No such file or directory",
        "probity.toml:12: `a` is the name of the check at ",
        "probity.toml:4 already",
        "5 problems",
    ] {
        assert!(said.contains(part), "{part:?} is missing in:\n{said}");
    }
}

#[test]
fn a_probe_that_there_is_not_is_refused_and_those_that_there_are_are_named() {
    let home = Home::new("[[check]]\nname = \"a\"\nprobe = \"tpc\"\n");
    home.drop_in("mine", &guest::saying("one"));
    let said = home.refusal();
    assert!(said.contains("probity.toml:3: there is no probe `tpc`"), "{said}");
    let mut standard = [TRIED_PROBES.as_slice(), &MORE_PROBES].concat();
    standard.sort_unstable();
    assert!(said.contains(&format!("there are {}, mine", standard.join(", "))), "{said}");
}

#[test]
fn a_secret_is_never_shown() {
    // One check is refused by its probe, and the other one's probe tells of the name that it can't resolve.
    let config = r#"
[defaults]
interval = "200ms"
[[check]]
name = "door"
probe = "tcp"
settings = { host = "${file:secret}", port = 1, password = "${env:DOOR_PASSWORD}" }
[[check]]
name = "window"
probe = "tcp"
settings = { host = "${file:secret}", port = 1 }
"#;
    let home = Home::new(config);
    home.put("secret", b"Hunter2.Invalid\n");
    let mut command =
        home.command(&["run", "--listen", "127.0.0.1:0", "--data-dir", "state", "--log", "debug,probity=trace"]);
    command.env("DOOR_PASSWORD", "correct-horse");
    let runner = home.start_by(command);
    runner.wait_for_check("door", "is a fault", |check| check.fault() == "invalid-settings");
    let window = runner.wait_for_check("window", "is unhealthy", |check| check.status() == "unhealthy");
    assert!(window.message().contains("while resolving ***"), "{}", window.message());
    let shown = ["/health", "/health/checks/door", "/health/checks/window", "/probes", "/metrics"];
    let shown = shown.map(|path| runner.get(path).text());
    for text in shown.iter().chain([&runner.log()]) {
        let text = text.to_lowercase();
        assert!(!text.contains("hunter2") && !text.contains("correct-horse"), "{text}");
    }
    runner.stop();
}

#[test]
fn what_a_probe_logs_shows_no_secret_not_even_half_of_one() {
    // So long that the line is cut in the middle of the secret.
    let padding = "x".repeat(990);
    let config = format!(
        "{BRISK}[[check]]\nname = \"short\"\nprobe = \"tells-its-settings\"\nsettings = {{ password = \"${{env:PASSWORD}}\" }}\n\
         [[check]]\nname = \"long\"\nprobe = \"tells-its-settings\"\n\
         settings = {{ a = \"{padding}\", password = \"${{env:PASSWORD}}\" }}\n"
    );
    let home = Home::new(&config);
    home.drop_in("tells-its-settings", &guest::fixture("tells-its-settings"));
    let mut command = home.command(&["run", "--listen", "127.0.0.1:0", "--data-dir", "state"]);
    command.env("PASSWORD", "correct-horse-battery-staple");
    let runner = home.start_by(command);
    runner.wait_for_log(r#"{"password":"***"}"#);
    runner.wait_for_log(r#"xxx","password":"***"#);
    assert!(!runner.log().contains("correct"), "{}", runner.log());
    runner.stop();
}

#[test]
fn an_address_that_is_taken_is_said_to_be() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let home = Home::new(BRISK);
    let ended = home.run(&["run", "--listen", &address, "--data-dir", "state"]);
    assert_eq!(ended.code, Some(3), "{ended:?}");
    assert!(
        ended.stderr.contains(&format!("another program listens on {address}; stop it, or choose another")),
        "{ended:?}"
    );
    assert_eq!(ended.stdout, "");
}

#[test]
fn a_configuration_that_is_not_there_is_refused() {
    let home = Home::new(BRISK);
    let ended = home.run(&["run", "--config", "absent.toml", "--listen", "127.0.0.1:0", "--data-dir", "state"]);
    assert_eq!(ended.code, Some(3), "{ended:?}");
    assert!(ended.stderr.contains("absent.toml: the config can't be read: No such file"), "{ended:?}");
}

#[test]
fn what_is_not_toml_is_refused_without_showing_the_line() {
    let home = Home::new("[[check]]\nname = \"a\nsettings = { password = \"hunter2 }\n");
    let said = home.refusal();
    assert!(said.contains("probity.toml:2: not TOML"), "{said}");
    assert!(!said.contains("hunter2"), "{said}");
}
