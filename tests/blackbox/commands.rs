//! Programs as probes: dropped in as they come from a compiler, and judged by their exit code and their output.

use std::{fs, path::PathBuf, process::Command};

use crate::{
    guest::{self, repository},
    runner::{BRISK, EAGER, Home, Runner},
};

#[test]
fn a_dropped_program_is_a_check_by_its_exit_code() {
    let home = Home::new(&format!("[defaults]\n{EAGER}interval = \"200ms\"\njitter = 0.0\n"));
    let said = "LOAD OK - 0.5 | load1=50%;80;90;0;100 'time to look'=12ms\nprocesses: 7\n";
    home.drop_in("load", &guest::command(0, said));
    let runner = home.start();
    let check = runner.wait_for_message("load", "LOAD OK - 0.5");
    assert_eq!((check.status(), check.state(), check.generation()), ("healthy", "CONNECTED", 1));
    assert_eq!(
        check.0["measurements"],
        serde_json::json!([
            { "name": "load1", "unit": "1", "value": 0.5 },
            { "name": "time to look", "unit": "s", "value": 0.012 },
        ])
    );
    let details = check.0["details"].to_string();
    assert!(details.contains("processes: 7") && details.contains("50%;80;90;0;100"), "{details}");
    let metrics = runner.get("/metrics").text();
    assert!(metrics.contains(r#"probity_check_measurement{check="load",name="load1",unit="1"} 0.5"#), "{metrics}");
    let digest = probity::engine::digest(&guest::command(0, said));
    let probe = runner.wait_for_probe("load", "is loaded", |probe| probe["state"] == "loaded");
    assert!(probe["digest"].as_str().unwrap().ends_with(&digest), "it is that of the file: {probe}");
    assert!(probe["imports"].to_string().contains("wasi:cli/exit@0.2.12"), "{probe}");

    // Each new version takes the place of the one before.
    for (code, status, said) in
        [(1, "degraded", "LOAD WARNING - 5"), (2, "unhealthy", "LOAD CRITICAL - 50"), (0, "healthy", "LOAD OK - 1")]
    {
        runner.home.drop_in("load", &guest::command(code, said));
        assert_eq!(runner.wait_for_message("load", said).status(), status);
    }
    for (code, fault, said) in [(3, "host", "LOAD UNKNOWN - no idea"), (77, "trap", "ended with exit code 77")] {
        runner.home.drop_in("load", &guest::command(code, said));
        let check = runner.wait_for_check("load", fault, |check| check.fault() == fault);
        assert!(check.status() == "unknown" && check.message().contains(said), "{}", check.message());
        assert_eq!(check.state(), "CONNECTED", "it says nothing of the target");
    }
    // A probe of our contract can take a command's place, and the other way round.
    runner.home.drop_in("load", &guest::saying("by the contract"));
    assert_eq!(runner.wait_for_message("load", "by the contract").status(), "healthy");
    runner.stop();
}

#[test]
fn settings_are_arguments_and_environment_and_their_secrets_stay_secret() {
    let config = format!(
        "{BRISK}[[check]]\nname = \"told\"\nprobe = \"tells-its-start\"\n\
         settings = {{ args = [\"-p\", 5432, \"${{env:SECRET}}\"], env = {{ PASSWORD = \"${{env:SECRET}}\" }}, host = \"db\" }}\n\
         [[check]]\nname = \"wrong\"\nprobe = \"tells-its-start\"\nsettings = {{ args = \"-p 5432\", env = [1] }}\n\
         [[check]]\nname = \"complains\"\nprobe = \"returns\"\nsettings = {{ env = {{ A = \"${{env:SECRET}}\" }} }}\n"
    );
    let home = Home::new(&config);
    home.drop_in("tells-its-start", &guest::program("tells-its-start"));
    home.drop_in("returns", &guest::program("returns"));
    let mut command = home.command(&["run", "--listen", "127.0.0.1:0", "--data-dir", "state"]);
    command.env("SECRET", "hunter2");
    let runner = home.start_by(command);
    let check = runner.wait_for_check("told", "is healthy", |check| check.status() == "healthy");
    assert_eq!(
        check.message(),
        "told\0-p\x005432\0***\0PASSWORD=***\0{\"args\":[\"-p\",5432,\"***\"],\"env\":{\"PASSWORD\":\"***\"},\"host\":\"db\"} \
         and no files"
    );
    let wrong = runner.wait_for_check("wrong", "is refused", |check| check.fault() == "invalid-settings");
    for part in ["/args: must be a list of texts and numbers", "/env: must be a table of texts and numbers"] {
        assert!(wrong.message().contains(part), "{}", wrong.message());
    }
    // What a command writes to its standard error is in the log.
    runner.wait_for_log("the password is ***, and nobody may know");
    assert!(!runner.log().contains("hunter2") && !runner.get("/health/checks").text().contains("hunter2"));
    runner.stop();
}

#[test]
fn the_command_line_takes_programs_as_it_takes_probes() {
    let home = Home::new(BRISK);
    home.put("says.wasm", &guest::command(1, "LOAD WARNING - 5 | load1=5;4;8\n"));
    home.put("tells.wasm", &guest::program("tells-its-start"));
    home.put("floods.wasm", &guest::program("floods-output"));
    home.put("dials.wasm", &guest::dialling_command());
    let table: [(&[&str], i32, &str); 6] = [
        (&["./says.wasm"], 1, "degraded: LOAD WARNING - 5\n  load1 = 5;4;8\n  load1: 5\n"),
        (&["./tells.wasm", "--set", "args=[\"-H\", \"db\"]"], 0, "healthy: tells\0-H\0db\0{\"args\""),
        (&["./tells.wasm", "--set", "args=5"], 3, "unknown (invalid-settings): "),
        (&["./floods.wasm"], 3, "unknown (output-too-large): the command wrote more than 65536 bytes"),
        (&["./dials.wasm"], 3, "unknown (denied): the check does not let its probe reach tcp:127.0.0.1:1"),
        (&["./dials.wasm", "--allow", "tcp:127.0.0.1:1"], 2, "unhealthy: the command said nothing"),
    ];
    for (arguments, code, said) in table {
        let ended = home.run(&[&["check"], arguments].concat());
        assert_eq!(ended.code, Some(code), "{arguments:?}: {ended:?}");
        assert!(ended.stdout.starts_with(said), "{arguments:?}: {ended:?}");
    }
    let ended = home.run(&["inspect", "dials.wasm"]);
    for part in ["exports  wasi:cli/run@0.2.12", "asks for tcp:HOST:PORT", "manifest none"] {
        assert!(ended.stdout.contains(part), "{part:?} is missing in:\n{}", ended.stdout);
    }
    home.put("probes.d/says.wasm", &guest::command(0, "fine"));
    home.put("probity.toml", b"[[check]]\nname = \"a\"\nprobe = \"says\"\nsettings = { args = [[]] }\n");
    let ended = home.run(&["validate", "probity.toml", "says.wasm"]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stdout.contains("/args/0: must be a text or a number"), "{ended:?}");
    assert!(ended.stdout.contains("says.wasm: all is well"), "{ended:?}");
}

#[test]
fn a_plug_in_in_c_is_a_probe_as_it_is() {
    let home = Home::new(BRISK);
    let Some(plug_in) = compiled(&home, "check_value.c") else { return };
    home.put("probes.d/check_value.wasm", &plug_in);
    let sidecar = |settings: &str| format!("[[check]]\nname = \"value\"\nsettings = {{ {settings} }}\n");
    let bounds = "args = [\"-w\", 5, \"-c\", 10, \"-l\", \"queue length\", \"-u\", \"ms\",";
    home.put("probes.d/check_value.toml", sidecar(&format!("{bounds} 3]")).as_bytes());
    let runner: Runner = home.start();
    let check = runner.wait_for_message("value", "VALUE OK - queue length is 3ms");
    assert_eq!(check.status(), "healthy");
    let figures = &check.0["measurements"];
    assert_eq!(*figures, serde_json::json!([{ "name": "queue length", "unit": "s", "value": 0.003 }]));
    for (settings, status, message) in [
        (format!("{bounds} 7]"), "degraded", "VALUE WARNING - queue length is 7ms"),
        (format!("{bounds} \"-\"], env = {{ VALUE = 70 }}"), "unhealthy", "VALUE CRITICAL - queue length is 70ms"),
        ("args = [\"-w\", 5]".to_owned(), "unknown", "VALUE UNKNOWN - thresholds and a value are needed"),
    ] {
        runner.home.put("probes.d/check_value.toml", sidecar(&settings).as_bytes());
        assert_eq!(runner.wait_for_message("value", message).status(), status);
    }
    runner.wait_for_log("the thresholds are 5 and 10");
    runner.stop();
}

/// A fixture in C, compiled for WASI preview 1. `None`, said aloud, if this machine can't do that; under `PROBITY_TEST_STRICT`
/// that is a failure.
fn compiled(home: &Home, name: &str) -> Option<Vec<u8>> {
    let source: PathBuf = repository().join("tests/fixtures/commands").join(name);
    let object = home.path("compiled");
    let mut clang = Command::new("clang");
    clang.args(["--target=wasm32-wasi", "-O2", "-Wall", "-Werror", "-o"]).args([&object, &source]);
    match clang.output() {
        Ok(output) if output.status.success() => Some(fs::read(object).unwrap()),
        failed => {
            let why = match failed {
                Ok(output) => String::from_utf8_lossy(&output.stderr).into_owned(),
                Err(error) => error.to_string(),
            };
            assert!(
                std::env::var_os("PROBITY_TEST_STRICT").is_none(),
                "this test needs a compiler of C for WASI: {why}"
            );
            eprintln!(
                "SKIPPED: no compiler of C for WASI ({why}); on Debian: apt-get install clang lld wasi-libc \
                 libclang-rt-dev-wasm32"
            );
            None
        }
    }
}
