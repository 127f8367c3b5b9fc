//! The commands: what they say, and the exit codes that scripts rely on.

use std::fs;

use crate::{
    guest,
    runner::{BRISK, Home, run_to_end},
    target::{Target, nobody},
};

/// A home with components of all kinds.
fn home() -> Home {
    let home = Home::new(BRISK);
    home.put("healthy.wasm", &guest::saying("all is well"));
    home.put("degraded.wasm", &guest::verdict(1, "rather slow"));
    home.put("unhealthy.wasm", &guest::verdict(2, "not at all well"));
    home.put("traps.wasm", &guest::fixture("traps"));
    home.put("dials.wasm", &guest::fixture("dials"));
    home.put("loops.wasm", &guest::fixture("loops"));
    home.put("junk.wasm", b"junk");
    home
}

#[test]
fn a_check_ends_with_the_exit_code_of_its_outcome() {
    let home = home();
    let table: [(&[&str], i32, &str); 8] = [
        (&["./healthy.wasm"], 0, "healthy: all is well\n"),
        (&["./degraded.wasm"], 1, "degraded: rather slow\n"),
        (&["./unhealthy.wasm"], 2, "unhealthy: not at all well\n"),
        (&["./traps.wasm"], 3, "unknown (trap): the probe crashed"),
        (&["./dials.wasm"], 3, "unknown (denied): the check does not let its probe reach tcp:127.0.0.1:1"),
        (&["./dials.wasm", "--allow", "tcp:127.0.0.1:1"], 2, "unhealthy: "),
        (&["./loops.wasm", "--fuel", "1000"], 3, "unknown (out-of-fuel): the probe used up its 1000 units"),
        (
            &["./loops.wasm", "--timeout", "100ms", "--fuel", "1000000000000"],
            3,
            "unknown (timeout): no verdict within 100ms",
        ),
    ];
    for (arguments, code, said) in table {
        let ended = home.run(&[&["check"], arguments].concat());
        assert_eq!(ended.code, Some(code), "{arguments:?}: {ended:?}");
        assert!(ended.stdout.starts_with(said), "{arguments:?}: {ended:?}");
        assert!(ended.stdout.contains("\ntook "), "{ended:?}");
    }
}

#[test]
fn a_check_of_a_standard_probe_takes_its_settings_from_the_command_line() {
    let home = Home::new("");
    let (target, closed) = (Target::greeting("ready when you are\r\n"), nobody());
    let check = |port: u16, more: &[&str]| {
        let port = format!("port={port}");
        home.run(&[&["check", "tcp", "--set", "host=127.0.0.1", "--set", &port], more].concat())
    };
    let ended = check(target.port(), &["--set", "expect=ready"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.stdout.contains(&format!("healthy: {} answered as expected", target.address)), "{ended:?}");
    assert!(ended.stdout.contains("  connect: ") && ended.stdout.contains("  answer = "), "{ended:?}");
    let ended = check(closed.port(), &[]);
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert!(ended.stdout.contains("unhealthy: connection refused"), "{ended:?}");
    let ended = check(0, &[]);
    assert_eq!(ended.code, Some(3), "{ended:?}");
    assert!(ended.stdout.contains("unknown (invalid-settings)") && ended.stdout.contains("/port"), "{ended:?}");
}

#[test]
fn a_check_that_can_not_be_made_is_unknown() {
    let home = home();
    let table: [(&[&str], &str); 6] = [
        (&["./absent.wasm"], "there is no file `./absent.wasm`, and no standard probe of this name; there are "),
        (&["./junk.wasm"], "./junk.wasm is not a probe that can run here: this is not WebAssembly"),
        (&["tcp", "--set", "host"], "`--set host` has no value; write it as `--set host=localhost`"),
        (&["tcp", "--timeout", "soon"], "the command line:3: timeout = \"soon\": not a duration"),
        (&["tcp", "--allow", "everything"], "`everything` names no protocol"),
        // 2, the usual code for this, would say that a target is unhealthy.
        (&["tcp", "--no-such-option"], "--no-such-option"),
    ];
    for (arguments, said) in table {
        let ended = home.run(&[&["check"], arguments].concat());
        assert_eq!(ended.code, Some(3), "{arguments:?}: {ended:?}");
        assert!(ended.stderr.contains(said), "{arguments:?}: {ended:?}");
    }
}

#[test]
fn help_and_version_and_schemas_are_printed() {
    let home = Home::empty();
    let help = home.run(&["--help"]);
    assert_eq!(help.code, Some(0), "{help:?}");
    for command in ["run", "check", "inspect", "validate", "schema"] {
        assert!(help.stdout.contains(&format!("\n  {command} ")), "{command} is missing in:\n{}", help.stdout);
        let ended = home.run(&[command, "--help"]);
        assert_eq!(ended.code, Some(0), "{ended:?}");
        assert!(ended.stdout.contains("Usage: probity"), "{ended:?}");
    }
    let version = home.run(&["--version"]);
    assert_eq!(
        (version.code, version.stdout.as_str()),
        (Some(0), concat!("probity ", env!("CARGO_PKG_VERSION"), "\n"))
    );
    let schema: serde_json::Value = serde_json::from_str(&home.run(&["schema", "config"]).stdout).unwrap();
    assert!(schema["properties"]["check"].is_object());
    let openapi: serde_json::Value = serde_json::from_str(&home.run(&["schema", "openapi"]).stdout).unwrap();
    assert!(openapi["paths"]["/health"].is_object());
}

#[test]
fn with_nothing_at_all_the_quickstart_runs() {
    let home = Home::empty();
    // Without a command and with the port from the environment, as in a container.
    let mut command = home.command(&[]);
    command.env("PROBITY_LISTEN", "127.0.0.1:0");
    let runner = home.start_by(command);
    assert_ne!(runner.address.port(), 8081, "the environment was not heard");
    runner.wait_for_log("this is the quickstart. It lies in ./probity-quickstart");
    for name in ["hello", "localhost", "port", "probity"] {
        runner.wait_for_check(name, "is healthy", |check| check.status() == "healthy");
    }
    runner.wait_for_checks(&["hello", "localhost", "port", "probity"]);
    runner.wait_for_status("healthy");

    // It is there to be played with.
    let folder = runner.home.path("probity-quickstart");
    fs::write(folder.join("probes.d/mine.wasm"), guest::saying("my own")).unwrap();
    runner.wait_for_message("mine", "my own");
    let config = fs::read_to_string(folder.join("probity.toml")).unwrap();
    fs::write(folder.join("probity.toml"), config + "\n[[check]]\nname = \"again\"\nprobe = \"mine\"\n").unwrap();
    runner.wait_for_message("again", "my own");
    let home = runner.stop();

    // And what was made of it is there the next time.
    let command = home.command(&["run", "--listen", "127.0.0.1:0"]);
    let runner = home.start_by(command);
    runner.wait_for_message("again", "my own");
    runner.wait_for_checks(&["again", "hello", "localhost", "port", "probity"]);
    runner.stop();
}

#[test]
fn a_folder_alone_is_a_whole_configuration() {
    let home = Home::empty();
    fs::create_dir(home.path("mine")).unwrap();
    fs::write(home.path("mine/a.wasm"), guest::saying("hello")).unwrap();
    let command = home.command(&["run", "--probes", "mine", "--listen", "127.0.0.1:0"]);
    let runner = home.start_by(command);
    runner.wait_for_message("a", "hello");
    assert!(!runner.home.path("probity-quickstart").exists());
    runner.stop();
}

#[test]
fn compiled_code_is_kept_from_start_to_start() {
    let home = Home::new(BRISK);
    home.drop_in("a", &guest::saying("hello"));
    let runner = home.start();
    runner.wait_for_message("a", "hello");
    let home = runner.stop();
    let kept = || fs::read_dir(home.path("state/compiled")).unwrap().count();
    let before = kept();
    assert!(before > 0);
    let runner = home.start();
    runner.wait_for_message("a", "hello");
    let home = runner.stop();
    assert_eq!(fs::read_dir(home.path("state/compiled")).unwrap().count(), before);
}

#[test]
fn log_lines_are_json_where_that_is_wanted() {
    let home = Home::new("intervall = 1\n");
    let ended = run_to_end(home.command(&["--log-format", "yaml"]));
    assert_ne!(ended.code, Some(0), "{ended:?}");

    let home = Home::new(BRISK);
    home.drop_in("a", &guest::saying("hello"));
    let command = home.command(&["run", "--listen", "127.0.0.1:0", "--data-dir", "state", "--log-format", "json"]);
    let runner = home.start_by(command);
    // What is served is told a moment later.
    runner.wait_for_log("health-change");
    let log = runner.log();
    let lines: Vec<_> = log.lines().filter(|line| !line.starts_with("listening on ")).collect();
    for line in lines {
        let line: serde_json::Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        assert!(line["level"].is_string() && line["timestamp"].is_string(), "{line}");
    }
    runner.stop();
}
