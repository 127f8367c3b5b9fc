//! Guests for tests and benches: core modules written by hand, made into components with the contract's own WIT.

use std::path::{Path, PathBuf};

use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// The worlds of a command that does with what every probe may import, and of one that describes itself as well.
const COMMAND: &str = "package test:command;
    world command { include probity:probe/imports@0.1.0; export wasi:cli/run@0.2.12; }
    world described-command { include command; export probity:probe/manifest@0.1.0; }";

/// The root of the repository, in which the contract is.
pub fn repository() -> PathBuf {
    let mut above = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
    above.find(|folder| folder.join("wit").is_dir()).expect("the crate lies in the repository").to_path_buf()
}

/// A component from the text of a core module that implements `world` of the contract, such as `bare-checker-probe`, or one of
/// [`COMMAND`].
pub fn component(wat: &str, world: &str) -> Vec<u8> {
    let mut module = wat::parse_str(wat).expect("the module's text is valid");
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_dir(repository().join("wit")).expect("the contract is valid");
    resolve.push_dir(repository().join("wit/draft")).expect("the draft of the next contract is valid");
    let package = match world {
        "command" | "described-command" => resolve.push_str("command.wit", COMMAND).expect("the world is valid"),
        _ => package,
    };
    let world = resolve.select_world(&[package], Some(world)).expect("the world is part of the contract");
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).expect("the module takes a section");
    ComponentEncoder::default()
        .module(&module)
        .expect("the module is one of the world")
        .validate(true)
        .encode()
        .expect("the module fits the world")
}

/// A command that writes this, and ends with this exit code: a core module for WASI preview 1, as it comes from a compiler.
#[allow(dead_code, reason = "not all who share this need it")]
pub fn command(code: u8, text: &str) -> Vec<u8> {
    let escaped: String = text.bytes().map(|byte| format!("\\{byte:02x}")).collect();
    let (length, code) = (text.len().to_string(), code.to_string());
    let written = [("TEXT", &*escaped), ("LENGTH", &*length), ("CODE", &*code)];
    wat::parse_str(code_of("commands", "says", &written)).expect("the module's text is valid")
}

/// A command from `tests/fixtures/commands`, by the name of its file.
#[allow(dead_code, reason = "not all who share this need it")]
pub fn program(name: &str) -> Vec<u8> {
    wat::parse_str(code_of("commands", name, &[])).expect("the module's text is valid")
}

/// The fixture `dials` as a command: a component that dials by `wasi:sockets`, and fails.
#[allow(dead_code, reason = "not all who share this need it")]
pub fn dialling_command() -> Vec<u8> {
    let checker = code_of("guests", "dials", &[]);
    let (start, _) = checker.split_once("(func (export \"probity").expect("it exports a checker");
    let body = &checker[checker.find("(call $create").expect("it dials")..];
    let module = format!("{start}(func (export \"wasi:cli/run@0.2.12#run\") (result i32) {body}");
    // What it returns is that it failed.
    let module = module.replacen("i32.const 0))", "i32.const 1))", 1);
    component(&module, "command")
}

/// A fixture from `tests/fixtures/guests`, by the name of its file.
pub fn fixture(name: &str) -> Vec<u8> {
    from("guests", name, &[])
}

/// A hook from `tests/fixtures/hooks`, by the name of its file, with what the test writes into it.
#[allow(dead_code, reason = "not all who share this need it")]
pub fn hook(name: &str, written: &[(&str, &str)]) -> Vec<u8> {
    component(&code_of("hooks", name, written), "hook")
}

/// A fixture from `tests/fixtures/hostile`, by the name of its file, with what the test writes into it.
#[allow(dead_code, reason = "not all who share this need it")]
pub fn hostile(name: &str, written: &[(&str, &str)]) -> Vec<u8> {
    from("hostile", name, written)
}

fn from(folder: &str, name: &str, written: &[(&str, &str)]) -> Vec<u8> {
    let code = code_of(folder, name, written);
    let world = if code.contains("probe/connector") {
        "bare-connector-probe"
    } else if code.contains("@0.2.0-draft") {
        "probity:probe/bare-checker-probe@0.2.0-draft"
    } else {
        "bare-checker-probe"
    };
    component(&code, world)
}

/// The text of a fixture, with what the test writes into it.
fn code_of(folder: &str, name: &str, written: &[(&str, &str)]) -> String {
    let path = repository().join("tests/fixtures").join(folder).join(name).with_extension("wat");
    let wat = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    // What is said of it in comments is not meant.
    let code: String =
        wat.lines().filter(|line| !line.starts_with(";;")).fold(String::new(), |code, line| code + line + "\n");
    written.iter().fold(code, |code, (place, text)| code.replace(place, text))
}

/// A probe that says `healthy` and the message, and does nothing else. Different messages are different components.
pub fn saying(message: &str) -> Vec<u8> {
    verdict(0, message)
}

/// A probe whose verdict is always the same; `status` is 0 for healthy, 1 for degraded, 2 for unhealthy.
pub fn verdict(status: u8, message: &str) -> Vec<u8> {
    let text: String = message.bytes().map(|byte| format!("\\{byte:02x}")).collect();
    let wat = format!(
        r#"(module
            (memory (export "memory") 1)
            ;; result: ok at 0; verdict at 8: status, then message at 12 and its length at 16; all else is zero.
            (data (i32.const 8) "\{status:02x}")
            (data (i32.const 12) "\00\01\00\00")
            (data (i32.const 256) "{text}")
            (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) i32.const 32768)
            (func (export "probity:probe/checker@0.1.0#check")
                (param i32 i32 i32 i32 i32 i64 i32 i32 i32 i32) (result i32)
                (i32.store (i32.const 16) (i32.const {length}))
                i32.const 0))"#,
        length = message.len()
    );
    component(&wat, "bare-checker-probe")
}

/// A component of one function that adds so many times.
#[allow(dead_code, reason = "not all who share this need it")]
pub fn large(additions: usize) -> Vec<u8> {
    let body = "local.get 0 i32.load local.get 0 i32.add local.set 0 ".repeat(additions);
    let wat = format!(
        r#"(module
            (memory (export "memory") 1)
            (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) i32.const 1024)
            (func (export "probity:probe/checker@0.1.0#check")
                (param i32 i32 i32 i32 i32 i64 i32 i32 i32 i32) (result i32) {body} i32.const 0))"#
    );
    component(&wat, "bare-checker-probe")
}
