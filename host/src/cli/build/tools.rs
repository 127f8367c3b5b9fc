//! The programs that building takes: where they are, and how to get them.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, anyhow};

/// Names the folder that tools are installed in.
const VARIABLE: &str = "PROBITY_TOOLS";
/// The folder below a home, unless the variable names another.
const USUAL: &str = ".local/share/probity/tools";

/// A program, or a set of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cli) enum Tool {
    /// A rustc with the target for guests.
    Rust,
    /// Zig, which compiles C as well, and has a C library for Wasm.
    Zig,
    /// Makes a component of JavaScript.
    ComponentizeQjs,
    /// Makes JavaScript of TypeScript.
    TypeScript,
    /// Makes a component of Python.
    ComponentizePy,
    /// The official compiler of Go.
    Go,
    /// Compiles AssemblyScript.
    AssemblyScript,
}

/// Where a tool comes from.
#[derive(Clone, Copy)]
enum Source {
    /// PyPI: the package, and its version.
    Pip(&'static str, &'static str),
    /// The registry of npm, likewise.
    Npm(&'static str, &'static str),
    Rustup,
    /// The archives that its makers hand out: of this version.
    GoArchive(&'static str),
}

impl Tool {
    /// The program to run.
    pub(in crate::cli) fn program(self) -> &'static str {
        match self {
            Self::Rust => "rustc",
            Self::Zig => "zig",
            Self::ComponentizeQjs => "componentize-qjs",
            Self::TypeScript => "tsc",
            Self::ComponentizePy => "componentize-py",
            Self::Go => "go",
            Self::AssemblyScript => "asc",
        }
    }

    /// Versions are those that the examples were tried with: others can have another command line, or emit what is off here.
    fn source(self) -> Source {
        match self {
            Self::Rust => Source::Rustup,
            Self::Zig => Source::Pip("ziglang", "0.17.1"),
            Self::ComponentizeQjs => Source::Npm("componentize-qjs", "0.4.5"),
            Self::TypeScript => Source::Npm("typescript", "7.0.2"),
            Self::ComponentizePy => Source::Pip("componentize-py", "0.25.0"),
            Self::Go => Source::GoArchive("1.27.3"),
            Self::AssemblyScript => Source::Npm("assemblyscript", "0.28.20"),
        }
    }

    /// The command that gets it for this user; nothing of the system's is changed.
    pub(in crate::cli) fn install(self) -> Vec<String> {
        let words = |words: &[&str]| words.iter().map(ToString::to_string).collect();
        let into = |package: &str| folder().join(package).display().to_string();
        match self.source() {
            Source::Rustup => words(&["rustup", "target", "add", super::rust::TARGET]),
            Source::GoArchive(version) => {
                let architecture = if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" };
                let system = if cfg!(target_os = "macos") { "darwin" } else { "linux" };
                let archive = format!("https://go.dev/dl/go{version}.{system}-{architecture}.tar.gz");
                let folder = folder().display().to_string();
                words(&["sh", "-c", &format!("mkdir -p '{folder}' && curl -fsSL {archive} | tar -xzC '{folder}'")])
            }
            Source::Pip(package, version) => {
                let wanted = format!("{package}=={version}");
                // Building from source would take compilers, and most of an hour.
                let how = ["--quiet", "--only-binary", ":all:", "--target"];
                let pip = ["python3", "-m", "pip", "install"];
                words(&[&pip[..], &how, &[&into(package), &wanted]].concat())
            }
            Source::Npm(package, version) => {
                let wanted = format!("{package}@{version}");
                words(&["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", &into(package), &wanted])
            }
        }
    }

    /// Where in the folder of tools it is once it is installed.
    fn installed(self) -> Option<PathBuf> {
        let folder = folder();
        match self.source() {
            Source::Rustup => None,
            Source::GoArchive(_) => Some(folder.join("go/bin/go")),
            // The wheel has the program within its module.
            Source::Pip("ziglang", _) => Some(folder.join("ziglang/ziglang/zig")),
            Source::Pip(package, _) => Some(folder.join(package).join("bin").join(self.program())),
            Source::Npm(package, _) => Some(folder.join(package).join("node_modules/.bin").join(self.program())),
        }
    }

    /// How to say that it is missing, and what to do.
    pub(super) fn missing(self) -> anyhow::Error {
        anyhow!("{} is missing. To install it:\n\n    {}\n", self.program(), self.line())
    }

    /// The same, as it is written in a shell.
    pub(in crate::cli) fn line(self) -> String {
        match self.install().as_slice() {
            [sh, c, script] if sh == "sh" && c == "-c" => script.clone(),
            words => words.join(" "),
        }
    }
}

/// The folder that tools are installed in.
pub(in crate::cli) fn folder() -> PathBuf {
    let usual = || env::home_dir().unwrap_or_default().join(USUAL);
    env::var_os(VARIABLE).map_or_else(usual, PathBuf::from)
}

/// Where tools are looked for.
pub(in crate::cli) struct Tools {
    /// Where npm puts the programs of a probe's own packages.
    of_probe: PathBuf,
}

impl Tools {
    /// For the probe in `folder`.
    pub(in crate::cli) fn for_folder(folder: &Path) -> Self {
        Self { of_probe: folder.join("node_modules/.bin") }
    }

    /// The place of a tool; `None` if it is missing.
    ///
    /// # Errors
    /// If a tool that was named is none.
    pub(in crate::cli) fn find(&self, tool: Tool) -> Result<Option<PathBuf>> {
        if tool == Tool::Rust {
            return super::rust::find();
        }
        let paths = env::var_os("PATH").unwrap_or_default();
        let of_probe = Some(self.of_probe.join(tool.program()));
        let in_path = env::split_paths(&paths).map(|folder| folder.join(tool.program()));
        let mut places = of_probe.into_iter().chain(tool.installed()).chain(in_path);
        // One that is too old would say so in words of its own, after a while.
        Ok(places.find(|place| place.is_file() && (tool != Tool::Go || super::go::is_recent(place))))
    }

    /// A command that runs a tool.
    ///
    /// # Errors
    /// If it is missing; the message says how to get it.
    pub(super) fn command(&self, tool: Tool) -> Result<Command> {
        let place = self.find(tool)?.ok_or_else(|| tool.missing())?;
        let mut command = Command::new(&place);
        if let Source::Pip(package, _) = tool.source()
            && Some(&place) == tool.installed().as_ref()
        {
            // Python does not look there by itself.
            command.env("PYTHONPATH", folder().join(package));
        }
        Ok(command)
    }
}

/// The version that a tool tells of itself.
///
/// # Errors
/// If it does not run.
pub(in crate::cli) fn version(place: &Path, tool: Tool) -> Result<String> {
    let mut command = Command::new(place);
    if let Source::Pip(package, _) = tool.source() {
        command.env("PYTHONPATH", folder().join(package));
    }
    if let (Tool::ComponentizeQjs, Source::Npm(_, version)) = (tool, tool.source()) {
        // It does not tell.
        return Ok(version.to_owned());
    }
    command.arg(if matches!(tool, Tool::Zig | Tool::Go) { "version" } else { "--version" });
    let output = command.output().with_context(|| format!("can't run {}", place.display()))?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
