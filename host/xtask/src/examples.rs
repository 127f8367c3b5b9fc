//! `examples`: builds the probe that is there in every language, runs it, and says what each costs.

mod measure;

use std::{
    ffi::OsString,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail, ensure};

use crate::{
    debian,
    toolchain::{Toolchain, output, run},
};
use measure::Measured;

/// The page with the table, relative to the repository.
const PAGE: &str = "examples/README.md";
/// What the table lies between.
const MARKS: [&str; 2] = ["<!-- made by cargo xtask examples -->\n", "<!-- end -->\n"];
/// The columns of the table. Those of the first four depend on the sources and the tools alone, and are compared by a check.
const HEAD: &str = "| language | folder | tool | build | size, bytes | compile, ms | run, µs (p50) | memory, KiB | fuel |\n\
                    |---|---|---|---|---|---|---|---|---|\n";
/// Columns that are compared.
const COMPARED: usize = 4;

/// An example.
struct Example {
    /// Its folder within `examples/`.
    folder: &'static str,
    title: &'static str,
    /// What `probity` calls the language.
    language: &'static str,
}

/// All of them.
const ALL: [Example; 10] = [
    Example { folder: "wat", title: "WebAssembly text", language: "wat" },
    Example { folder: "assemblyscript", title: "AssemblyScript", language: "assemblyscript" },
    Example { folder: "c", title: "C", language: "c" },
    Example { folder: "cpp", title: "C++", language: "cpp" },
    Example { folder: "zig", title: "Zig", language: "zig" },
    Example { folder: "rust", title: "Rust", language: "rust" },
    Example { folder: "go", title: "Go", language: "go" },
    Example { folder: "javascript", title: "JavaScript", language: "js" },
    Example { folder: "typescript", title: "TypeScript", language: "ts" },
    Example { folder: "python", title: "Python", language: "python" },
];

/// The built program, and where it finds tools.
pub(crate) struct Author<'a> {
    program: PathBuf,
    repository: &'a Path,
    target: &'a Path,
    environment: [(&'static str, OsString); 2],
}

impl<'a> Author<'a> {
    /// Builds the program, and gets the tools that are missing: beneath the target folder, as everything else.
    pub(crate) fn equipped(repository: &'a Path, target: &'a Path) -> Result<Self> {
        let mut cargo = Command::new(env!("CARGO"));
        // All that `cargo test` builds, and so no more than that: for less there would be other features, and wasmtime be built anew.
        let all = ["--workspace", "--bins", "--tests", "--examples"];
        run(cargo.current_dir(repository).args(["build", "--locked", "--quiet"]).args(all))?;
        let rust = Toolchain::find(target)?.rustc;
        let author = Self {
            program: target.join("debug").join(format!("probity{}", std::env::consts::EXE_SUFFIX)),
            repository,
            target,
            environment: [("PROBITY_TOOLS", target.join("tools").into()), ("PROBITY_WASM_RUST", rust.into())],
        };
        debian::provide_go(&target.join("tools")).context("getting Go")?;
        run(author.command().args(["doctor", "--install"])).context("getting the tools of the examples")?;
        Ok(author)
    }

    /// What tests have to be told to find the same tools.
    pub(crate) fn tell(&self, tests: &mut Command) {
        tests.envs(self.environment.clone());
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.envs(self.environment.clone());
        command
    }

    /// What the tool of a language says of itself.
    fn tool(&self, example: &Example) -> Result<String> {
        let told = output(self.command().args(["doctor", example.language]))?;
        let versions = told.lines().map(|line| {
            let (_, version) = line.split_once("ready").context("`probity doctor` says something else than it did")?;
            // After the version comes where it is, and who built it.
            Ok(version.split(" (").next().unwrap_or_default().trim())
        });
        let versions = versions.collect::<Result<Vec<&str>>>()?.join(", componentize-qjs ");
        Ok(match example.language {
            "assemblyscript" => versions.replace("Version", "assemblyscript"),
            "c" | "cpp" | "zig" => format!("ziglang {versions}"),
            // After it comes what it runs on.
            "go" => {
                versions.split_whitespace().take(3).skip(1).collect::<Vec<_>>().join(" ").replace("version go", "go ")
            }
            "js" => format!("componentize-qjs {versions}"),
            "ts" => versions.replace("Version", "typescript"),
            "wat" => "none".to_owned(),
            _ => versions,
        })
    }

    /// Builds an example; the component's file.
    fn build(&self, example: &Example) -> Result<PathBuf> {
        let target = self.target.join("languages").join(example.folder);
        let folder = self.repository.join("examples").join(example.folder);
        output(self.command().arg("build").arg(folder).arg("--target-dir").arg(&target))?;
        Ok(target.join("banner-probe.wasm"))
    }
}

/// Builds and runs the examples of these folders, or all; writes the table if they are all, and compares it with `check`.
pub(crate) fn run_all(repository: &Path, target: &Path, names: &[String], check: bool) -> Result<()> {
    let known = ALL.map(|example| example.folder);
    if let Some(unknown) = names.iter().find(|name| !known.contains(&name.as_str())) {
        bail!("there is no example {unknown}; there are {}", known.join(", "));
    }
    let author = Author::equipped(repository, target)?;
    let mut table = HEAD.to_owned();
    for example in ALL.iter().filter(|example| names.is_empty() || names.iter().any(|name| name == example.folder)) {
        let component = author.build(example)?;
        let Measured { size, compile, run, memory, fuel } = measure::measure(&author, &component)
            .with_context(|| format!("running the example in {}", example.title))?;
        let (title, folder, tool) = (example.title, example.folder, author.tool(example)?);
        writeln!(
            table,
            "| {title} | [{folder}]({folder}) | {tool} | `probity build examples/{folder}` | {size} | {} | {} | {} | {fuel} |",
            compile.as_millis(),
            run.as_micros(),
            memory / 1024
        )?;
    }
    print!("{table}");
    if !names.is_empty() {
        return Ok(());
    }
    let page = repository.join(PAGE);
    let text = fs::read_to_string(&page).with_context(|| format!("reading {PAGE}"))?;
    let (before, rest) = text.split_once(MARKS[0]).with_context(|| format!("{PAGE} has no place for the table"))?;
    let (kept, after) = rest.split_once(MARKS[1]).with_context(|| format!("the table in {PAGE} has no end"))?;
    if check {
        ensure!(
            compared(kept) == compared(&table),
            "the table in {PAGE} is old: run `cargo xtask examples`, and commit it"
        );
        return Ok(());
    }
    fs::write(&page, [before, MARKS[0], &table, MARKS[1], after].concat()).with_context(|| format!("writing {PAGE}"))
}

/// What does not depend on the machine.
fn compared(table: &str) -> Vec<Vec<&str>> {
    table.lines().map(|line| line.split('|').skip(1).take(COMPARED).map(str::trim).collect()).collect()
}
