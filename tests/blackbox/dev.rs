//! `probity dev`: sources that change, built and swapped into a runner while somebody watches.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use rustix::process::{Pid, Signal, kill_process, test_kill_process};

use crate::{
    runner::{Deadline, EAGER, Home, Log, Runner},
    target::Target,
};

/// A home with a new probe `greeter`, and its check of a server.
fn home(language: &str, server: &Target) -> Home {
    let home = Home::empty();
    let made = home.run(&["new", "greeter", "--lang", language]);
    assert_eq!(made.code, Some(0), "{made:?}");
    home.put("greeter/greeter.toml", check(server.port()).as_bytes());
    home
}

fn check(port: u16) -> String {
    format!(
        "[[check]]\nname = \"greeter\"\ninterval = \"200ms\"\njitter = 0.0\n\
         settings = {{ host = \"127.0.0.1\", port = {port}, expect = \"hello\" }}\n{EAGER}"
    )
}

fn edit(home: &Home, old: &str, new: &str) {
    let source = home.path("greeter/probe.wat");
    let text = fs::read_to_string(&source).unwrap();
    assert!(text.contains(old), "{old:?} is in the source");
    fs::write(source, text.replace(old, new)).unwrap();
}

#[track_caller]
fn wait_for_output(runner: &Runner, part: &str) {
    runner.wait_for(&format!("it says {part:?}"), || if runner.log().contains(part) { Ok(()) } else { Err("not yet") });
}

#[test]
fn what_is_edited_is_live_and_what_does_not_build_is_shown() {
    let server = Target::greeting("hello\r\n");
    let home = home("wat", &server);
    let command = home.command(&["dev", "greeter"]);
    let runner = home.start_by(command);
    let first = runner.wait_for_check("greeter", "is live", |check| check.message().contains("greets with"));
    assert_eq!(first.status(), "healthy");
    wait_for_output(&runner, " healthy: 127.0.0.1 greets with");
    wait_for_output(&runner, "built ");

    edit(&runner.home, "greets with", "welcomes by");
    let second = runner.wait_for_check("greeter", "is the new one", |check| check.message().contains("welcomes by"));
    assert!(second.generation() > first.generation(), "{second:?}");
    wait_for_output(&runner, " healthy: 127.0.0.1 welcomes by");

    // It does not compile: that is told, and the last good build goes on.
    edit(&runner.home, "(module", "(modul");
    wait_for_output(&runner, "it does not build, and what was built before goes on:\nprobity: ");
    wait_for_output(&runner, "probe.wat");
    let third = runner.wait_for_runs("greeter", 2);
    assert!(third.message().contains("welcomes by") && third.generation() == second.generation(), "{third:?}");

    // Put right, it is the next version; without a failure ever since.
    edit(&runner.home, "(modul", "(module");
    edit(&runner.home, "welcomes by", "salutes via");
    let fourth = runner.wait_for_check("greeter", "is put right", |check| check.message().contains("salutes via"));
    assert_eq!((fourth.count("unhealthy"), fourth.count("missed_ticks")), (0, 0), "{fourth:?}");

    // The check beside it is live as well, and takes no build.
    let other = Target::greeting("good day\r\n");
    runner.home.put("greeter/greeter.toml", check(other.port()).replace("hello", "good").as_bytes());
    runner.wait_for_check("greeter", "has another target", |check| check.message().contains("good day"));
    assert_eq!(runner.log().matches("building ...").count(), 4, "{}", runner.log());

    runner.stop();
}

#[test]
fn a_folder_without_a_probe_is_refused() {
    let home = Home::empty();
    let ended = home.run(&["dev", "nowhere"]);
    assert!(ended.code == Some(3) && ended.stderr.contains("no folder nowhere"), "{ended:?}");
    let ended = home.run(&["dev"]);
    assert!(ended.code == Some(3) && ended.stderr.contains("build.toml"), "{ended:?}");
    assert!(!home.path("target").exists(), "and nothing is left behind");
}

/// A process that is ended with the test.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn ctrl_c_ends_a_build_that_is_under_way() {
    let server = Target::greeting("hello\r\n");
    let home = home("c", &server);
    // A compiler that never ends, and says who it is.
    let zig: PathBuf = home.path("tools/ziglang/ziglang/zig");
    fs::create_dir_all(zig.parent().unwrap()).unwrap();
    let noted = home.path("compiler.pid");
    fs::write(&zig, format!("#!/bin/sh\necho $$ > {0}.part && mv {0}.part {0}\nexec sleep 1000\n", noted.display()))
        .unwrap();
    fs::set_permissions(&zig, fs::Permissions::from_mode(0o755)).unwrap();

    let mut command: Command = home.command(&["dev", "greeter"]);
    command.env("PROBITY_TOOLS", home.path("tools")).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut dev = Killed(command.spawn().unwrap());
    let log = Log::default();
    log.follow(dev.0.stdout.take().unwrap());
    log.follow(dev.0.stderr.take().unwrap());
    let patient = Deadline::new();
    let compiler = loop {
        match fs::read_to_string(&noted) {
            Ok(id) => break Pid::from_raw(id.trim().parse().unwrap()).unwrap(),
            Err(_) => patient.pause(|| format!("the compiler to start; it said:\n{}", log.text())),
        }
    };
    assert!(test_kill_process(compiler).is_ok(), "it runs");
    kill_process(Pid::from_child(&dev.0), Signal::INT).unwrap();
    let patient = Deadline::new();
    let status = loop {
        match dev.0.try_wait().unwrap() {
            Some(status) => break status,
            None => patient.pause(|| format!("it to end; it said:\n{}", log.text())),
        }
    };
    assert_eq!(status.code(), Some(0), "{}", log.text());
    let patient = Deadline::new();
    while test_kill_process(compiler).is_ok() {
        patient.pause(|| format!("the compiler {compiler:?} to end"));
    }
}
