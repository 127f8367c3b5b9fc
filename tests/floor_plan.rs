//! The house keeps its floor plan: who may see whom, and who may name which library.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// What each module of the host may see of the others. Arrows point down only, so nothing here may lead in a circle.
const MAY_SEE: [(&str, &[&str]); 28] = [
    ("alerts", &["board", "client", "config", "events"]),
    (
        "app",
        &["alerts", "board", "clock", "config", "engine", "events", "http", "otlp", "store", "supervisor", "worker"],
    ),
    ("board", &["clock", "limits", "store"]),
    ("catalog", &["config", "engine", "trust"]),
    (
        "cli",
        &[
            "alerts",
            "app",
            "board",
            "catalog",
            "client",
            "clock",
            "config",
            "engine",
            "events",
            "experiments",
            "http",
            "identity",
            "name",
            "secrets",
            "store",
            "supervisor",
            "telemetry",
            "trust",
            "worker",
        ],
    ),
    ("client", &["identity"]),
    ("clock", &[]),
    ("config", &["experiments", "grant", "identity", "limits", "name", "secrets", "trust"]),
    ("engine", &["board", "experiments", "grant", "identity", "limits", "secrets"]),
    ("events", &[]),
    ("experiments", &[]),
    ("grant", &["name"]),
    ("http", &["alerts", "board", "config", "events", "limits", "probing", "protobuf", "store", "totals", "worker"]),
    ("identity", &[]),
    ("limits", &[]),
    ("manager", &["board", "clock", "events", "totals", "worker"]),
    ("name", &[]),
    ("store", &["clock", "events"]),
    ("otlp", &["board", "client", "config", "http", "identity", "protobuf", "worker"]),
    ("probing", &[]),
    ("protobuf", &[]),
    ("secrets", &[]),
    (
        "supervisor",
        &[
            "alerts", "board", "catalog", "config", "engine", "events", "grant", "identity", "limits", "probing",
            "store", "trust", "watch", "worker",
        ],
    ),
    ("telemetry", &[]),
    ("totals", &[]),
    ("trust", &[]),
    ("watch", &[]),
    ("worker", &["board", "clock", "events", "store"]),
];

/// Who alone may name a library. Those that read and write components belong to nobody: the engine adapts modules, and the command
/// line builds them.
const BELONGS_TO: [(&str, &str); 16] = [
    ("fjall", "store"),
    ("postcard", "store"),
    ("wasmtime", "engine"),
    ("wasmtime_wasi", "engine"),
    ("wasmtime_wasi_http", "engine"),
    ("wasmtime_wasi_tls", "engine"),
    ("nix", "engine"),
    ("socket2", "engine"),
    ("axum", "http"),
    ("tonic", "http"),
    ("minisign_verify", "trust"),
    ("notify", "watch"),
    ("clap", "cli"),
    ("clap_complete", "cli"),
    ("clap_mangen", "cli"),
    ("termion", "cli"),
];

/// What the core may not name: whatever waits, reads a clock or touches the world.
const NOT_IN_CORE: [&str; 9] =
    ["tokio", "wasmtime", "axum", "notify", "std::fs", "std::net", "std::thread", "std::process", "std::env"];

#[test]
fn modules_see_only_what_lies_below_them() {
    let source = host().join("src");
    for file in rust_files(&source) {
        let module = module_of(&source, &file);
        let Some((_, may_see)) = MAY_SEE.iter().find(|(name, _)| *name == module) else {
            assert!(
                matches!(module.as_str(), "lib" | "main"),
                "`{module}` has no place in the floor plan: {}",
                file.display()
            );
            continue;
        };
        for seen in seen_modules(&code(&file)) {
            assert!(
                seen == module || may_see.contains(&seen.as_str()),
                "`{module}` must not see `{seen}`: {}",
                file.display()
            );
        }
    }
}

#[test]
fn the_plan_has_no_circle() {
    let below = |name: &str| MAY_SEE.iter().find(|(known, _)| *known == name).unwrap().1;
    for (name, _) in MAY_SEE {
        let (mut reached, mut next) = (BTreeSet::new(), below(name).to_vec());
        while let Some(other) = next.pop() {
            assert_ne!(other, name, "`{name}` sees itself");
            if reached.insert(other) {
                next.extend(below(other));
            }
        }
    }
}

#[test]
fn each_library_has_one_owner() {
    let source = host().join("src");
    for file in rust_files(&source) {
        let module = module_of(&source, &file);
        for (library, owner) in BELONGS_TO {
            // The log's format is an argument of the command line.
            let allowed = module == owner || (library == "clap" && module == "telemetry");
            assert!(allowed || !names(&code(&file), library), "only `{owner}` may name {library}: {}", file.display());
        }
    }
}

#[test]
fn the_core_is_pure() {
    for file in rust_files(&host().join("core/src")) {
        for library in NOT_IN_CORE {
            assert!(!names(&code(&file), library), "the core must not name {library}: {}", file.display());
        }
    }
}

#[test]
fn only_one_module_is_unsafe() {
    for file in rust_files(&host()) {
        let is_the_one = file.ends_with("src/engine/compiled.rs");
        let is_unsafe = code(&file).contains("unsafe {") || code(&file).contains("allow(unsafe_code)");
        assert!(is_the_one || !is_unsafe, "unsafe code: {}", file.display());
    }
}

fn host() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

/// The Rust files below a folder, but for those that hold tests alone.
fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            if path.file_name().is_some_and(|name| name != "target" && name != "tests") {
                files.extend(rust_files(&path));
            }
        } else if path.extension().is_some_and(|ending| ending == "rs") && !path.ends_with("tests.rs") {
            files.push(path);
        }
    }
    files
}

/// The name of the top module that a file is part of.
fn module_of(source: &Path, file: &Path) -> String {
    let first = file.strip_prefix(source).unwrap().components().next().unwrap();
    first.as_os_str().to_str().unwrap().trim_end_matches(".rs").to_owned()
}

/// A file's text without comments and without its tests.
fn code(file: &Path) -> String {
    let text = fs::read_to_string(file).unwrap();
    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
    text.lines().map(|line| line.split("//").next().unwrap()).collect::<Vec<_>>().join("\n")
}

/// The top modules named after `crate::`, also within braces.
fn seen_modules(code: &str) -> BTreeSet<String> {
    let word = |text: &str| {
        text.trim_start().split(|letter: char| !letter.is_alphanumeric() && letter != '_').next().unwrap().to_owned()
    };
    let mut seen = BTreeSet::new();
    for (at, _) in code.match_indices("crate::") {
        let after = &code[at + "crate::".len()..];
        let Some(group) = after.strip_prefix('{') else {
            seen.insert(word(after));
            continue;
        };
        let mut depth = 0;
        let mut start = 0;
        for (at, letter) in group.char_indices() {
            match letter {
                '{' => depth += 1,
                '}' if depth == 0 => {
                    seen.insert(word(&group[start..at]));
                    break;
                }
                '}' => depth -= 1,
                ',' if depth == 0 => {
                    seen.insert(word(&group[start..at]));
                    start = at + 1;
                }
                _ => {}
            }
        }
    }
    seen.remove("");
    seen
}

/// Whether a path that begins with this name is in the text.
fn names(code: &str, library: &str) -> bool {
    code.match_indices(&format!("{library}::")).any(|(at, _)| {
        let before = code[..at].chars().next_back();
        before.is_none_or(|letter| !letter.is_alphanumeric() && letter != '_' && letter != ':')
    })
}
