//! What a new probe consists of. The examples of the repository are the templates; those of the kinds that have no example lie in
//! `host/templates`.

use anyhow::{Result, bail};
use clap::ValueEnum;

use crate::cli::{
    build::language::{Kind, Language},
    sdk,
};

/// What templates are called; in a new probe, its own name stands there.
const NAMES: [&str; 3] = ["banner-probe", "line-probe", "value-probe"];
/// Where the SDK of each language lies for its example; for a new probe, it lies beside it.
const SDKS: [&str; 5] = ["../../probes/sdk", "../../sdk/go", "../../sdk/c", "../../sdk/javascript", "../../sdk/python"];

/// Files, and what is in them.
type Files = &'static [(&'static str, &'static str)];

macro_rules! files {
    ($folder:literal, $name:literal, $($file:literal),*) => {
        Some(&[
            (concat!($name, ".toml"), include_str!(concat!("../../../../", $folder, "/", $name, ".toml"))),
            (concat!($name, ".case.toml"), include_str!(concat!("../../../../", $folder, "/", $name, ".case.toml"))),
            ("README.md", include_str!(concat!("../../../../", $folder, "/README.md"))),
            ("build.toml", include_str!(concat!("../../../../", $folder, "/build.toml"))),
            $(($file, include_str!(concat!("../../../../", $folder, "/", $file)))),*
        ])
    };
}

fn template(language: Language, kind: Kind) -> Option<Files> {
    match (language, kind) {
        (Language::Rust, Kind::Checker) => {
            files!("examples/rust", "banner-probe", "src/lib.rs", "Cargo.toml", "Cargo.lock")
        }
        (Language::C, Kind::Checker) => files!("examples/c", "banner-probe", "probe.c"),
        (Language::Cpp, Kind::Checker) => files!("examples/cpp", "banner-probe", "probe.cpp"),
        (Language::Zig, Kind::Checker) => files!("examples/zig", "banner-probe", "probe.zig"),
        (Language::Go, Kind::Checker) => files!("examples/go", "banner-probe", "probe.go", "go.mod"),
        (Language::Js, Kind::Checker) => files!("examples/javascript", "banner-probe", "probe.js"),
        (Language::Ts, Kind::Checker) => files!("examples/typescript", "banner-probe", "probe.ts", "tsconfig.json"),
        (Language::Python, Kind::Checker) => files!("examples/python", "banner-probe", "probe.py"),
        (Language::Assemblyscript, Kind::Checker) => files!("examples/assemblyscript", "banner-probe", "probe.ts"),
        (Language::Wat, Kind::Checker) => files!("examples/wat", "banner-probe", "probe.wat"),
        (Language::Rust, Kind::Connector) => {
            files!("host/templates/connector-rust", "line-probe", "src/lib.rs", "Cargo.toml", "Cargo.lock")
        }
        (Language::C, Kind::Connector) => files!("host/templates/connector-c", "line-probe", "probe.c"),
        (Language::Cpp, Kind::Connector) => files!("host/templates/connector-cpp", "line-probe", "probe.cpp"),
        (Language::Go, Kind::Connector) => files!("host/templates/connector-go", "line-probe", "probe.go", "go.mod"),
        (Language::Js, Kind::Connector) => files!("host/templates/connector-js", "line-probe", "probe.js"),
        (Language::Ts, Kind::Connector) => {
            files!("host/templates/connector-ts", "line-probe", "probe.ts", "tsconfig.json")
        }
        (Language::Python, Kind::Connector) => files!("host/templates/connector-python", "line-probe", "probe.py"),
        (Language::Rust, Kind::Command) => {
            files!("host/templates/command-rust", "value-probe", "src/main.rs", "Cargo.toml", "Cargo.lock")
        }
        (Language::C, Kind::Command) => files!("host/templates/command-c", "value-probe", "probe.c"),
        (Language::Go, Kind::Command) => files!("host/templates/command-go", "value-probe", "probe.go", "go.mod"),
        _ => None,
    }
}

/// The template for a kind of probe in a language.
///
/// # Errors
/// There is none; the message has those that there are.
pub(super) fn find(language: Language, kind: Kind) -> Result<Files> {
    if let Some(files) = template(language, kind) {
        return Ok(files);
    }
    let listed: Vec<String> = Kind::value_variants()
        .iter()
        .map(|kind| {
            let all = Language::value_variants().iter().filter(|language| template(**language, *kind).is_some());
            let languages: Vec<String> = all.map(ToString::to_string).collect();
            format!("  {kind:<10} {}", languages.join(", "))
        })
        .collect();
    bail!("there is no template for a {kind} in {}; there are:\n\n{}\n", language.title(), listed.join("\n"))
}

/// A text of a template, for a probe of this name.
pub(super) fn named(text: &str, name: &str) -> String {
    // Text in WebAssembly is preceded by its length, and this one has it in the description's first field.
    let length = |name: &str| format!("\\{:02x}\\00\\00\\00\"  ;; name: {} bytes", name.len(), name.len());
    let text = text.replace(&length(NAMES[0]), &length(name));
    let text = NAMES.iter().fold(text, |text, example| text.replace(example, name));
    // A module of Go's is named by a path of its own, which begins so.
    SDKS.iter().fold(text, |text, place| {
        let beside = if place.ends_with("go") { format!("./{}", sdk::FOLDER) } else { sdk::FOLDER.to_owned() };
        text.replace(place, &beside)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> impl Iterator<Item = (Language, Kind, Files)> {
        let kinds = Kind::value_variants().iter();
        kinds.flat_map(|kind| {
            let languages = Language::value_variants().iter();
            languages.filter_map(|language| Some((*language, *kind, template(*language, *kind)?)))
        })
    }

    #[test]
    fn every_template_has_one_place_to_begin_at() {
        for (language, kind, files) in all() {
            let todos: usize = files.iter().map(|(_, text)| text.matches("TODO:").count()).sum();
            assert_eq!(todos, 1, "{language} {kind}");
        }
    }

    #[test]
    fn every_language_has_a_checker_and_nothing_keeps_a_templates_name() {
        assert_eq!(all().filter(|(_, kind, _)| *kind == Kind::Checker).count(), Language::value_variants().len());
        for (language, kind, files) in all() {
            for (file, text) in files {
                let (file, text) = (named(file, "db"), named(text, "db"));
                assert!(
                    !NAMES.iter().any(|name| text.contains(name) || file.contains(name)),
                    "{language} {kind} {file}"
                );
                assert!(!text.contains("../../"), "{language} {kind} {file}");
            }
        }
    }

    #[test]
    fn what_there_is_no_template_for_is_refused_with_what_there_is() {
        let error = find(Language::Zig, Kind::Connector).unwrap_err().to_string();
        let wanted = "there is no template for a connector in Zig; there are:\n\n  checker    rust, c, cpp, zig, go, ";
        assert!(error.starts_with(wanted), "{error}");
        let others = "\n  connector  rust, c, cpp, go, js, ts, python\n  command    rust, c, go\n";
        assert!(error.contains(others), "{error}");
    }

    #[test]
    fn the_length_of_a_name_goes_with_it() {
        let files = template(Language::Wat, Kind::Checker).unwrap();
        let (_, text) = files.iter().find(|(name, _)| *name == "probe.wat").unwrap();
        let text = named(text, "db");
        assert!(text.contains(r#"\02\00\00\00"  ;; name: 2 bytes"#) && text.contains(r#""db")"#), "{text}");
    }
}
