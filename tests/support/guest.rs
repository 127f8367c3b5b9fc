//! Guests for tests and benches: core modules written by hand, made into components with the contract's own WIT.

use std::path::{Path, PathBuf};

use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// The root of the repository.
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().expect("the host's folder lies in the repository")
}

/// A component from the text of a core module that implements `world` of the contract, such as `bare-checker-probe`.
pub fn component(wat: &str, world: &str) -> Vec<u8> {
    let mut module = wat::parse_str(wat).expect("the module's text is valid");
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_dir(repository().join("wit")).expect("the contract is valid");
    let world = resolve.select_world(&[package], Some(world)).expect("the world is part of the contract");
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).expect("the module takes a section");
    ComponentEncoder::default()
        .module(&module)
        .expect("the module is one of the world")
        .validate(true)
        .encode()
        .expect("the module fits the world")
}

/// A fixture from `tests/fixtures/guests`, by the name of its file.
pub fn fixture(name: &str) -> Vec<u8> {
    from("guests", name, &[])
}

/// A fixture from `tests/fixtures/hostile`, by the name of its file, with what the test writes into it.
#[allow(dead_code, reason = "not all who share this need it")]
pub fn hostile(name: &str, written: &[(&str, &str)]) -> Vec<u8> {
    from("hostile", name, written)
}

fn from(folder: &str, name: &str, written: &[(&str, &str)]) -> Vec<u8> {
    let path = repository().join("tests/fixtures").join(folder).join(name).with_extension("wat");
    let wat = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let world = if wat.contains("probe/connector") { "bare-connector-probe" } else { "bare-checker-probe" };
    // What is said of it in comments is not meant.
    let code: String =
        wat.lines().filter(|line| !line.starts_with(";;")).fold(String::new(), |code, line| code + line + "\n");
    component(&written.iter().fold(code, |code, (place, text)| code.replace(place, text)), world)
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
