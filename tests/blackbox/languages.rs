//! Probes in every language: the examples, and the way of somebody who writes one.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use crate::{
    guest::repository,
    runner::{BRISK, Check, EAGER, Ended, Home, Runner},
    target::{Target, nobody},
};

/// How long a component may take to be compiled: that of Python is 18 MB, and others are compiled beside it.
const COMPILING: Duration = Duration::from_secs(300);

/// Where what is built goes, and where tools are.
fn target_dir() -> &'static Path {
    Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap()
}

/// The program with these arguments in this folder, as its author runs it, to its end.
fn author(folder: &Path, arguments: &[&str]) -> Ended {
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
fn is_ready(language: &str) -> bool {
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

/// A check that uses the probe of its name.
pub fn side_car(name: &str, port: u16) -> String {
    format!(
        "[[check]]\nname = \"{name}\"\nsettings = {{ host = \"127.0.0.1\", port = {port}, expect = \"hello\" }}\n{EAGER}"
    )
}

/// Waits until a component is compiled.
#[track_caller]
pub fn wait_until_loaded(runner: &Runner, name: &str) {
    let begun = Instant::now();
    while runner.probe(name).is_none_or(|probe| probe["state"] != "loaded") {
        assert!(begun.elapsed() < COMPILING, "{:?}\n{}", runner.probe(name), runner.log());
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[track_caller]
pub fn wait_for(runner: &Runner, name: &str, status: &str, part: &str) -> Check {
    runner.wait_for_check(name, &format!("is {status}: {part}"), |check| {
        check.status() == status && check.message().contains(part)
    })
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
    wait_until_loaded(&runner, "banner-probe");
    let check = wait_for(&runner, "banner-probe", "healthy", "greets with");
    assert!(check.message().contains("hello from a server"), "{check:?}");
    let measured = check.0.to_string();
    assert!(measured.contains("\"connect\"") && measured.contains("\"banner\""), "{measured}");
    drop(server);
    let check = wait_for(&runner, "banner-probe", "unhealthy", "connect");
    assert!(check.message().replace('-', " ").contains("connection refused"), "{check:?}");
    runner.stop();

    // Silent is unhealthy, and not a fault of the probe; what is not granted is a fault, and not the target's.
    let silent = Target::greeting("");
    let checked = |set: &[&str]| {
        let file = target.join("banner-probe.wasm");
        author(&repository(), &[&["check", file.to_str().unwrap(), "--timeout", "2s"], set].concat())
    };
    if language != "python" {
        let ended = checked(&["--set", "host=127.0.0.1", "--set", &format!("port={}", silent.port())]);
        assert_eq!(ended.code, Some(2), "{ended:?}");
        let ended = checked(&["--set", "port=0"]);
        assert!(ended.code == Some(3) && ended.stdout.contains("invalid-settings"), "{ended:?}");
    }
}

#[test]
fn a_probe_in_c() {
    try_example("c", "c");
}

#[test]
fn a_probe_in_cpp() {
    try_example("cpp", "cpp");
}

#[test]
fn a_probe_in_javascript() {
    try_example("javascript", "js");
}

#[test]
fn a_probe_in_python() {
    try_example("python", "python");
}

#[test]
fn a_probe_in_rust() {
    try_example("rust", "rust");
}

#[test]
fn a_probe_in_typescript() {
    try_example("typescript", "ts");
}

#[test]
fn a_probe_in_webassembly_text() {
    try_example("wat", "wat");
}

#[test]
fn a_probe_in_zig() {
    try_example("zig", "zig");
}

/// The whole tour: from nothing to a live check, changed, broken and removed.
#[track_caller]
fn tour(language: &str, source: &str) {
    if !is_ready(language) {
        return;
    }
    let begun = Instant::now();
    let home = Home::new(BRISK);
    let made = author(&home.path(""), &["new", "greeter", "--lang", language]);
    assert_eq!(made.code, Some(0), "{made:?}");
    let again = author(&home.path(""), &["new", "greeter", "--lang", language]);
    assert!(again.code == Some(3) && again.stderr.contains("is there already"), "{again:?}");
    let folder: PathBuf = home.path("greeter");
    let source = folder.join(source);
    assert_eq!(fs::read_to_string(&source).unwrap().matches("TODO:").count(), 1);

    let target = folder.join("target");
    let first = build(&folder, &target, "greeter");
    let server = Target::greeting("hello\r\n");
    let checked = |port: u16| {
        let port = format!("port={port}");
        author(&folder, &["check", "target/greeter.wasm", "--set", "host=127.0.0.1", "--set", &port])
    };
    let ended = checked(server.port());
    assert!(ended.code == Some(0) && ended.stdout.contains("greets with"), "{ended:?}");
    let ended = checked(nobody().port());
    assert!(ended.code == Some(2), "{ended:?}");

    let runner = home.start();
    runner.home.put("probes.d/greeter.toml", side_car("greeter", server.port()).as_bytes());
    runner.home.drop_in("greeter", &first);
    let live = wait_for(&runner, "greeter", "healthy", "greets with");
    println!("{language}: {:.1?} from nothing to a live check", begun.elapsed());

    // Changed: the new version is live, and there was no failure in between.
    let text = fs::read_to_string(&source).unwrap();
    fs::write(&source, text.replace("greets with", "welcomes by")).unwrap();
    runner.home.drop_in("greeter", &build(&folder, &target, "greeter"));
    let second = wait_for(&runner, "greeter", "healthy", "welcomes by");
    assert_eq!(second.generation(), live.generation() + 1);
    assert_eq!(second.count("unhealthy"), 0, "{second:?}");

    // Broken: it does not build, and what was built before is still there; broken in the folder, the last good one goes on.
    let built = fs::read(target.join("greeter.wasm")).unwrap();
    fs::write(&source, "this is no program").unwrap();
    let ended = author(&folder, &["build"]);
    assert!(ended.code == Some(3) && !ended.stderr.is_empty(), "{ended:?}");
    assert!(fs::read(target.join("greeter.wasm")).unwrap() == built, "a build that failed leaves the last one alone");
    runner.home.drop_in("greeter", &built[..built.len() / 2]);
    runner.wait_for_rejection("greeter");
    runner.wait_for_runs("greeter", 2);
    wait_for(&runner, "greeter", "healthy", "welcomes by");

    runner.home.remove("probes.d/greeter.toml");
    runner.home.remove("probes.d/greeter.wasm");
    runner.wait_until_gone("greeter");
    runner.stop();
}

#[test]
fn the_tour_in_c() {
    tour("c", "probe.c");
}

#[test]
fn the_tour_in_rust() {
    tour("rust", "src/lib.rs");
}

#[test]
fn the_tour_in_webassembly_text() {
    tour("wat", "probe.wat");
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
    assert!(ended.stdout.contains("\nwat      ready "), "{ended:?}");

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
