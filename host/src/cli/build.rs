//! `probity build`

mod assemblyscript;
mod c;
pub(super) mod contract;
mod encode;
mod go;
mod javascript;
pub(super) mod language;
mod parts;
pub(super) mod project;
mod python;
mod rust;
pub(super) mod sources;
pub(super) mod tools;

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

use anyhow::{Context, Result, bail};
use clap::Args;

use self::{
    language::{Kind, Language},
    parts::World,
    project::Project,
    tools::Tools,
};
use super::sdk;

/// Builds the probe in a folder: compiles it, makes a component of it, and says what came out.
///
/// What it is to build is in the folder's build.toml; `probity new` makes one. Tools are looked for in the folder's own
/// node_modules, in PROBITY_TOOLS (or, without it, ~/.local/share/probity/tools), and in the PATH.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  probity build\n  probity build banner && probity check banner/target/banner.wasm --set host=localhost --set port=22"
)]
pub(super) struct Build {
    /// The folder.
    #[arg(default_value = ".")]
    folder: PathBuf,
    /// Where everything that is built goes; without it, the folder's own `target`.
    #[arg(long, value_name = "DIR")]
    target_dir: Option<PathBuf>,
}

/// What a tool-chain is asked for.
struct Job<'a> {
    /// Where the sources are.
    folder: &'a Path,
    /// Where everything goes that is built.
    target: &'a Path,
    language: Language,
    tools: &'a Tools,
}

impl Job<'_> {
    /// Where what probes share in this language is.
    fn sdk(&self) -> Result<PathBuf> {
        sdk::lay_out(self.folder, self.target, self.language)
    }
}

impl Build {
    #[expect(clippy::print_stdout, reason = "it is this command's output")]
    pub(super) fn execute(self) -> Result<ExitCode> {
        let folder = fs::canonicalize(&self.folder).with_context(|| format!("no folder {}", self.folder.display()))?;
        let project = Project::read(&folder)?;
        let target = self.target_dir.unwrap_or_else(|| folder.join("target"));
        fs::create_dir_all(&target).with_context(|| format!("can't make the folder {}", target.display()))?;
        let target = fs::canonicalize(target)?;
        let tools = Tools::for_folder(&folder);

        let Project { language, kind, .. } = project;
        let job = Job { folder: &folder, target: &target, language, tools: &tools };
        let component = match kind {
            Kind::Command => command(&job)?,
            Kind::Checker | Kind::Connector => component(&job, &World::of(&folder, &target, language, kind)?)?,
        };
        let digest = sources::digest(&folder, &target)?;
        let component = encode::with_metadata(&component, &project, &digest)?;
        let file = target.join(format!("{}.wasm", project.name));
        // Whoever watches the folder must not find half of it.
        let partial = file.with_extension("part");
        fs::write(&partial, &component)
            .and_then(|()| fs::rename(&partial, &file))
            .with_context(|| format!("can't write {}", file.display()))?;
        print!("{}", encode::summary(&file, &component)?);
        Ok(ExitCode::SUCCESS)
    }
}

/// Builds a component.
fn component(job: &Job<'_>, world: &World) -> Result<Vec<u8>> {
    match job.language {
        Language::Rust => encode::component_of(&rust::module(job)?),
        Language::C | Language::Cpp | Language::Zig => encode::component_of(&c::module(job, world)?),
        Language::Go => encode::adapted(&go::module(job)?, world),
        Language::Js => javascript::component(job, world),
        Language::Ts => javascript::component_of_typescript(job, world),
        Language::Python => python::component(job, world),
        Language::Assemblyscript => encode::with_world(&assemblyscript::module(job, world)?, world),
        Language::Wat => encode::with_world(&wat::parse_file(job.folder.join("probe.wat"))?, world),
    }
}

/// Builds a program for WASI preview 1, which a runner makes a component of when it loads it.
fn command(job: &Job<'_>) -> Result<Vec<u8>> {
    match job.language {
        Language::Rust => rust::command(job),
        Language::C | Language::Cpp | Language::Zig => c::command(job),
        Language::Go => go::command(job),
        language => bail!("a command can't be built of {}; those of C, C++, Go, Rust and Zig can", language.title()),
    }
}

/// Runs a tool, whose output is shown only if it fails.
fn run(command: &mut Command) -> Result<()> {
    printed(command).map(drop)
}

/// Runs a tool; what it prints.
fn printed(command: &mut Command) -> Result<Vec<u8>> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.output().with_context(|| format!("can't run {program}"))?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let said = [output.stdout, output.stderr].concat();
    bail!("{program} failed ({}):\n{}", output.status, String::from_utf8_lossy(&said).trim_end())
}

/// Reads what a tool was to write.
fn built(file: &Path) -> Result<Vec<u8>> {
    fs::read(file).with_context(|| format!("the tool said that all was well, but there is no {}", file.display()))
}
