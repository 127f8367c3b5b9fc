//! Probes in every language: the way of somebody who writes one, and the examples as they lie.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use crate::{
    guest::repository,
    runner::{BRISK, EAGER, Ended, Home, Runner},
    target::{Target, nobody},
};

/// How long a component may take to be compiled: that of Python is 18 MB, and others are compiled beside it.
const COMPILING: Duration = Duration::from_secs(300);

/// Where what is built goes, and where tools are.
pub fn target_dir() -> &'static Path {
    Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap()
}

/// The program with these arguments in this folder, as its author runs it, to its end.
pub fn author(folder: &Path, arguments: &[&str]) -> Ended {
    let mut command = Command::new(env!("CARGO_BIN_EXE_probity"));
    command.current_dir(folder).args(arguments).env("PROBITY_TOOLS", target_dir().join("tools"));
    // `cargo xtask` unpacks it there where there is no other.
    let rust = target_dir().join("xtask/rust-wasm");
    if std::env::var_os("PROBITY_WASM_RUST").is_none() && rust.is_dir() {
        command.env("PROBITY_WASM_RUST", rust);
    }
    // For as long as compilers take; a test that hangs is stopped by whoever started it.
    let output = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ended { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

/// Whether a language's tools are here. If not, that is said aloud; under `PROBITY_TEST_STRICT` it is a failure.
pub fn is_ready(language: &str) -> bool {
    let ended = author(&repository(), &["doctor", language]);
    if ended.code != Some(0) {
        assert!(std::env::var_os("PROBITY_TEST_STRICT").is_none(), "this test needs tools: {ended:?}");
        eprintln!("SKIPPED: this test needs tools: {ended:?}");
    }
    ended.code == Some(0)
}

/// Builds the probe in a folder; the component.
#[track_caller]
fn build(folder: &Path, target: &Path, name: &str) -> Vec<u8> {
    let ended = author(folder, &["build", "--target-dir", target.to_str().unwrap()]);
    assert_eq!(ended.code, Some(0), "{}\n{}", ended.stdout, ended.stderr);
    let component = fs::read(target.join(name).with_extension("wasm")).unwrap();
    assert!(ended.stdout.contains(&format!("size     {} bytes", component.len())), "{ended:?}");
    assert!(ended.stdout.contains("wasi:sockets/tcp@0.2."), "{ended:?}");
    component
}

/// A check that uses the probe of its name. Its interval is longer than a run can take, however busy the machine: a tick that is missed
/// was missed for want of a probe.
pub fn side_car(name: &str, port: u16) -> String {
    format!(
        "[[check]]\nname = \"{name}\"\ninterval = \"1500ms\"\n\
         settings = {{ host = \"127.0.0.1\", port = {port}, expect = \"hello\" }}\n{EAGER}"
    )
}

/// Waits until a component is compiled, the first one of its name or one after it.
#[track_caller]
pub fn wait_until_loaded(runner: &Runner, name: &str, generation: u64) {
    let begun = Instant::now();
    while runner
        .probe(name)
        .is_none_or(|probe| probe["state"] != "loaded" || probe["generation"].as_u64() < Some(generation))
    {
        assert!(begun.elapsed() < COMPILING, "{:?}\n{}", runner.probe(name), runner.log());
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Builds an example, and drops it into a runner whose target is well, and then gone.
#[track_caller]
fn try_example(folder: &str, language: &str) {
    if !is_ready(language) {
        return;
    }
    let target = target_dir().join("languages").join(folder);
    let component = build(&repository().join("examples").join(folder), &target, "banner-probe");

    let server = Target::greeting("hello from a server\r\nand more\r\n");
    let home = Home::new(BRISK);
    home.drop_in("banner-probe", &component);
    home.put("probes.d/banner-probe.toml", side_car("banner-probe", server.port()).as_bytes());
    let runner = home.start();
    wait_until_loaded(&runner, "banner-probe", 1);
    let check = runner.wait_for_verdict("banner-probe", "healthy", "greets with");
    assert!(check.message().contains("hello from a server"), "{check:?}");
    let measured = check.0.to_string();
    assert!(measured.contains("\"connect\"") && measured.contains("\"banner\""), "{measured}");
    drop(server);
    let check = runner.wait_for_verdict("banner-probe", "unhealthy", "connect");
    assert!(check.message().replace('-', " ").contains("connection refused"), "{check:?}");
    runner.stop();

    // Silent is unhealthy, and not a fault of the probe; what is not granted is a fault, and not the target's.
    let silent = Target::greeting("");
    let checked = |set: &[&str]| {
        let file = target.join("banner-probe.wasm");
        author(&repository(), &[&["check", file.to_str().unwrap(), "--timeout", "2s"], set].concat())
    };
    let ended = checked(&["--set", "host=127.0.0.1", "--set", &format!("port={}", silent.port())]);
    assert_eq!(ended.code, Some(2), "{ended:?}");
    let ended = checked(&["--set", "port=0"]);
    assert!(ended.code == Some(3) && ended.stdout.contains("invalid-settings"), "{ended:?}");
}

#[test]
fn a_probe_in_c() {
    try_example("c", "c");
}

#[test]
fn a_probe_in_go() {
    try_example("go", "go");
}

#[test]
fn a_probe_in_rust() {
    try_example("rust", "rust");
}

#[test]
fn a_probe_in_webassembly_text() {
    try_example("wat", "wat");
}

#[test]
fn a_probe_in_zig() {
    try_example("zig", "zig");
}

/// How a probe is tried out that is no small thing to compile: that is done once for all cases, and not for each run.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Weight {
    Light,
    Heavy,
}

/// The whole tour: from nothing to a live check, changed, broken and removed.
#[track_caller]
fn tour(language: &str, source: &str, weight: Weight) {
    if !is_ready(language) {
        return;
    }
    let home = Home::new(BRISK);
    let runner = home.start();
    let home = &runner.home;
    let server = Target::greeting("hello\r\n");
    let begun = Instant::now();
    let made = author(&home.path(""), &["new", "greeter", "--lang", language]);
    assert_eq!(made.code, Some(0), "{made:?}");
    let folder: PathBuf = home.path("greeter");
    let target = folder.join("target");
    let first = build(&folder, &target, "greeter");
    home.put("probes.d/greeter.toml", side_car("greeter", server.port()).as_bytes());
    home.drop_in("greeter", &first);
    wait_until_loaded(&runner, "greeter", 1);
    let live = runner.wait_for_verdict("greeter", "healthy", "greets with");
    println!("{language}: {:.1?} from `probity new` to the first verdict in a runner", begun.elapsed());

    let again = author(&home.path(""), &["new", "greeter", "--lang", language]);
    assert!(again.code == Some(3) && again.stderr.contains("is there already"), "{again:?}");

    // Tried out by itself: against a target that is well, and one that is gone.
    let case = fs::read_to_string(folder.join("greeter.case.toml")).unwrap();
    let gone = "settings = { host = \"{server.host}\", port = \"{server.port}\" }\ntarget.server.refuse = true\n\
                expect = { status = \"unhealthy\", message = \"connect\" }\n";
    assert!(case.contains("[target.server]"), "{case}");
    fs::write(folder.join("greeter.gone.case.toml"), gone).unwrap();
    let tested = author(&folder, &["test"]);
    assert!(tested.code == Some(0) && tested.stdout.ends_with("2 passed, 0 failed\n"), "{tested:?}");
    if weight == Weight::Light {
        let checked = |port: u16| {
            let port = format!("port={port}");
            author(&folder, &["check", "target/greeter.wasm", "--set", "host=127.0.0.1", "--set", &port])
        };
        let ended = checked(server.port());
        assert!(ended.code == Some(0) && ended.stdout.contains("greets with"), "{ended:?}");
        let ended = checked(nobody().port());
        assert!(ended.code == Some(2), "{ended:?}");
    }

    // Changed: the new version is live, and there was neither a failure nor a missed tick in between. What the SDK is is known without
    // its being there, but for languages that name its place.
    let source = folder.join(source);
    let text = fs::read_to_string(&source).unwrap();
    assert_eq!(text.matches("TODO:").count(), 1);
    fs::write(&source, text.replace("greets with", "welcomes by")).unwrap();
    if !matches!(language, "rust" | "go") && folder.join("sdk").exists() {
        fs::remove_dir_all(folder.join("sdk")).unwrap();
    }
    home.drop_in("greeter", &build(&folder, &target, "greeter"));
    wait_until_loaded(&runner, "greeter", 2);
    let second = runner.wait_for_verdict("greeter", "healthy", "welcomes by");
    assert_eq!(second.generation(), live.generation() + 1);
    assert_eq!((second.count("unhealthy"), second.count("missed_ticks")), (0, 0), "{second:?}");

    // Broken: it does not build, and what was built before is still there; broken in the folder, the last good one goes on.
    let built = fs::read(target.join("greeter.wasm")).unwrap();
    fs::write(&source, "this is no program").unwrap();
    let ended = author(&folder, &["build"]);
    assert!(ended.code == Some(3) && !ended.stderr.is_empty(), "{ended:?}");
    assert!(fs::read(target.join("greeter.wasm")).unwrap() == built, "a build that failed leaves the last one alone");
    home.drop_in("greeter", &built[..built.len() / 2]);
    let reason = runner.wait_for_rejection("greeter");
    assert!(!reason.is_empty());
    runner.wait_for_runs("greeter", 2);
    let third = runner.wait_for_verdict("greeter", "healthy", "welcomes by");
    assert_eq!(third.generation(), second.generation());

    home.remove("probes.d/greeter.toml");
    home.remove("probes.d/greeter.wasm");
    runner.wait_until_gone("greeter");
    runner.stop();
}

#[test]
fn the_tour_in_assemblyscript() {
    tour("assemblyscript", "probe.ts", Weight::Light);
}

#[test]
fn the_tour_in_c() {
    tour("c", "probe.c", Weight::Light);
}

#[test]
fn the_tour_in_cpp() {
    tour("cpp", "probe.cpp", Weight::Light);
}

#[test]
fn the_tour_in_go() {
    tour("go", "probe.go", Weight::Heavy);
}

#[test]
fn the_tour_in_javascript() {
    tour("js", "probe.js", Weight::Heavy);
}

#[test]
fn the_tour_in_python() {
    tour("python", "probe.py", Weight::Heavy);
}

#[test]
fn the_tour_in_rust() {
    tour("rust", "src/lib.rs", Weight::Light);
}

#[test]
fn the_tour_in_typescript() {
    tour("ts", "probe.ts", Weight::Heavy);
}

#[test]
fn the_tour_in_webassembly_text() {
    tour("wat", "probe.wat", Weight::Light);
}

#[test]
fn the_tour_in_zig() {
    tour("zig", "probe.zig", Weight::Light);
}

/// A program in a language: laid out, built, tried out, and run by a runner as what lies beside it says.
#[track_caller]
fn try_command(language: &str, file: &str) {
    if !is_ready(language) {
        return;
    }
    let home = Home::new(BRISK);
    let made = author(&home.path(""), &["new", "queue", "--lang", language, "--kind", "command"]);
    assert!(made.code == Some(0) && made.stdout.contains("is a command in"), "{made:?}");
    let folder = home.path("queue");
    assert_eq!(fs::read_to_string(folder.join(file)).unwrap().matches("TODO:").count(), 1);
    let ended = author(&folder, &["build"]);
    assert!(ended.code == Some(0) && ended.stdout.contains("wasi_snapshot_preview1"), "{ended:?}");
    let tested = author(&folder, &["test"]);
    assert!(tested.code == Some(0) && tested.stdout.ends_with("1 passed, 0 failed\n"), "{tested:?}");
    home.put("probes.d/queue.wasm", &fs::read(folder.join("target/queue.wasm")).unwrap());
    home.put("probes.d/queue.toml", &fs::read(folder.join("queue.toml")).unwrap());
    let runner = home.start();
    wait_until_loaded(&runner, "queue", 1);
    let check = runner.wait_for_verdict("queue", "healthy", "queue is 3");
    assert!(check.0["measurements"].to_string().contains("\"queue\""), "{check:?}");
    runner.stop();
}

#[test]
fn a_command_in_c() {
    try_command("c", "probe.c");
}

#[test]
fn a_command_in_go() {
    try_command("go", "probe.go");
}

#[test]
fn a_command_in_rust() {
    try_command("rust", "src/main.rs");
}

/// A probe whose connection stays open, in a language: laid out, built, tried out, and run by a runner.
#[track_caller]
fn try_connector(language: &str) {
    if !is_ready(language) {
        return;
    }
    let home = Home::new(BRISK);
    let made = author(&home.path(""), &["new", "asker", "--lang", language, "--kind", "connector"]);
    assert!(made.code == Some(0) && made.stdout.contains("is a connector in"), "{made:?}");
    let folder = home.path("asker");
    // What it depends on is compiled there already, or will be of use there.
    let component = build(&folder, &target_dir().join("connectors").join(language), "asker");
    fs::create_dir_all(folder.join("target")).unwrap();
    fs::write(folder.join("target/asker.wasm"), &component).unwrap();
    let tested = author(&folder, &["test"]);
    assert!(tested.code == Some(0) && tested.stdout.ends_with("1 passed, 0 failed\n"), "{tested:?}");
    // One connection for many runs.
    let is_gone = Arc::new(AtomicBool::new(false));
    let gone = Arc::clone(&is_gone);
    let server = Target::tcp(move |mut stream| {
        let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
        while let Some(Ok(line)) = lines.next() {
            if line == "QUIT" || gone.load(Ordering::Relaxed) || stream.write_all(b"+PONG\r\n").is_err() {
                return;
            }
        }
    });
    home.drop_in("asker", &component);
    let check = side_car("asker", server.port()).replace("expect = \"hello\"", "expect = \"PONG\"");
    home.put("probes.d/asker.toml", check.as_bytes());
    let runner = home.start();
    wait_until_loaded(&runner, "asker", 1);
    runner.wait_for_verdict("asker", "healthy", "\"+PONG\", 3 times so far");
    // That it goes is noticed over the connection, and another one is dialled, which begins to count anew.
    is_gone.store(true, Ordering::Relaxed);
    runner.wait_for_verdict("asker", "unhealthy", "");
    is_gone.store(false, Ordering::Relaxed);
    runner.wait_for_verdict("asker", "healthy", "\"+PONG\", 3 times so far");
    runner.stop();
}

#[test]
fn a_connector_in_c() {
    try_connector("c");
}

#[test]
fn a_connector_in_cpp() {
    try_connector("cpp");
}

#[test]
fn a_connector_in_go() {
    try_connector("go");
}

#[test]
fn a_connector_in_javascript() {
    try_connector("js");
}

#[test]
fn a_connector_in_python() {
    try_connector("python");
}

#[test]
fn a_connector_in_rust() {
    try_connector("rust");
}

#[test]
fn a_connector_in_typescript() {
    try_connector("ts");
}

#[test]
fn a_missing_tool_is_named_with_how_to_get_it() {
    let home = Home::empty();
    let no_tools = |arguments: &[&str]| {
        let mut command = home.command(arguments);
        command.env("PROBITY_TOOLS", home.path("tools")).env("PATH", home.path("nowhere"));
        command.env_remove("PROBITY_WASM_RUST");
        crate::runner::run_to_end(command)
    };
    let ended = no_tools(&["new", "greeter", "--lang", "c"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let line = format!("--target {} ziglang==", home.path("tools/ziglang").display());
    let ended = no_tools(&["build", "greeter"]);
    assert!(ended.code == Some(3) && ended.stderr.contains("zig is missing"), "{ended:?}");
    assert!(ended.stderr.contains(&line), "{ended:?}");
    let ended = no_tools(&["doctor"]);
    assert!(ended.code == Some(1) && ended.stdout.contains(&line), "{ended:?}");
    assert!(ended.stdout.contains("\nwat            ready "), "{ended:?}");
    assert!(ended.stdout.contains("\ngo             missing  mkdir -p "), "{ended:?}");

    let ended = no_tools(&["new", "other", "--lang", "tinygo"]);
    assert!(ended.code == Some(3) && ended.stderr.contains("no template for TinyGo"), "{ended:?}");
    let ended = no_tools(&["new", "other", "--lang", "zig", "--kind", "connector"]);
    assert!(
        ended.code == Some(3) && ended.stderr.contains("no template for a connector in Zig; there are:"),
        "{ended:?}"
    );
    assert!(ended.stderr.contains("  command    rust, c, go\n"), "{ended:?}");
    assert!(!home.path("other").exists(), "nothing is left behind");

    let ended = no_tools(&["new", "Not A Name", "--lang", "wat"]);
    assert!(ended.code == Some(3) && ended.stderr.contains("`Not A Name` is no name"), "{ended:?}");
    let ended = no_tools(&["build", "nowhere"]);
    assert!(ended.code == Some(3) && ended.stderr.contains("nowhere"), "{ended:?}");
    home.put("greeter/build.toml", b"name = \"greeter\"\nlanguage = \"cobol\"\n");
    let ended = no_tools(&["build", "greeter"]);
    assert!(
        ended.code == Some(3) && ended.stderr.contains("build.toml") && ended.stderr.contains("cobol"),
        "{ended:?}"
    );
}
