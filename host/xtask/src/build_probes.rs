//! `build-probes`: from the sources of the guests to the components that are kept in the repository.
//!
//! They are kept because most people who build Probity have no Wasm target, and because what is shipped should be what was
//! reviewed. So the bytes must depend on nothing but the sources and the recorded compiler, and a check builds them anew.

use std::{
    collections::BTreeMap,
    env,
    ffi::{OsStr, OsString},
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use crate::{
    component::{self, Component},
    record::{BuiltWith, Entry, Record},
    stable_rustc,
    toolchain::{TARGET, Toolchain, output, run},
};

/// Where guests are, and where their components are kept, relative to the repository.
const WORKSPACES: [(&str, &str); 2] =
    [("probes", "probes/dist"), ("examples/quickstart/hello", "examples/quickstart/probes.d")];

/// Where those are kept that are no probes by themselves, in the folder of the others: what `probity compose` takes.
const PARTS: &str = "parts";

/// What is known of all components, relative to the repository.
const RECORD: &str = "probes/dist/dist.json";

/// Bytes of a guest's stack. Rust's own choice of a megabyte would be most of what an instance occupies; a probe's calls are
/// shallow, and one that goes deeper traps.
const STACK: u32 = 64 * 1024;

/// Bytes of the heap that a guest begins with: as much as its allocator asks for at a time. Most probes need no more, and who does
/// not grow its memory costs the runner no change of its address space.
const HEAP: u32 = 64 * 1024;

/// What to do about every difference that a check finds.
const HOW_TO_FIX: &str = "run `cargo xtask build-probes` and commit what it changes";

/// Builds all components and puts them into their places, or into `out`.
pub(crate) fn build(repository: &Path, out: Option<&Path>) -> Result<()> {
    let (built_with, components) = build_all(repository)?;
    match out {
        Some(out) => write_to(out, &components)?,
        None => {
            for component in &components {
                write(&repository.join(&component.kept), &component.bytes)?;
            }
            Record::new(built_with, &components).write(&repository.join(RECORD))?;
        }
    }
    print!("{}", component::table(&components)?);
    Ok(())
}

/// Builds all components and compares them with the kept ones; puts the new ones into `out` in any case.
pub(crate) fn check(repository: &Path, out: Option<&Path>) -> Result<()> {
    let recorded = Record::read(&repository.join(RECORD)).context(HOW_TO_FIX)?;
    let (built_with, components) = build_all(repository)?;
    if let Some(out) = out {
        write_to(out, &components)?;
    }
    print!("{}", component::table(&components)?);

    let built = Record::new(built_with, &components);
    ensure!(
        built.components.keys().eq(recorded.components.keys()),
        "{RECORD} does not list the components that the sources build: {HOW_TO_FIX}"
    );
    for component in &components {
        let kept = fs::read(repository.join(&component.kept))
            .with_context(|| format!("reading {}", component.kept.display()))?;
        ensure!(
            recorded.components.get(&component.name) == Some(&Entry::of(&kept)),
            "{} is not what {RECORD} says of it: {HOW_TO_FIX}",
            component.kept.display()
        );
    }

    if built.built_with != recorded.built_with {
        println!(
            "The kept components were built with {}, {}; here are {}, {}. So their bytes can't be compared.",
            recorded.built_with.rustc, recorded.built_with.linker, built.built_with.rustc, built.built_with.linker
        );
        return Ok(());
    }
    let differing: Vec<&str> = built
        .components
        .iter()
        .filter(|(name, entry)| recorded.components.get(*name) != Some(entry))
        .map(|(name, _)| name.as_str())
        .collect();
    ensure!(differing.is_empty(), "the sources no longer build the kept {}: {HOW_TO_FIX}", differing.join(" and "));
    println!("The kept components are what the sources build.");
    Ok(())
}

fn build_all(repository: &Path) -> Result<(BuiltWith, Vec<Component>)> {
    let target_dir = Workspace::of(repository)?.target_directory;
    let toolchain = Toolchain::find(&target_dir)?;
    let built_with = BuiltWith::of(&toolchain)?;
    let guests_dir = target_dir.join("xtask/guests");

    let mut components = Vec::new();
    for (source, kept) in WORKSPACES {
        let source = repository.join(source);
        let mut compositions = Vec::new();
        for guest in Workspace::of(&source)?.guests() {
            compile(&guest.package, &source, repository, &toolchain, &guests_dir)?;
            let module = guests_dir.join(TARGET).join("release").join(format!("{}.wasm", guest.module));
            let module = fs::read(&module).with_context(|| format!("reading {}", module.display()))?;
            // What Rust calls `json_metric`, people call `json-metric`.
            let name = guest.module.replace('_', "-");
            let component = Component::of_module(name, Path::new(kept), &module)?;
            if guest.compositions.is_empty() {
                components.push(component);
            } else {
                compositions.push((component, guest.compositions));
            }
        }
        for (adapter, probes) in compositions {
            for (name, probe) in probes {
                let probe = components.iter().find(|component| component.name == probe);
                let probe = probe.with_context(|| format!("{name} is composed of a probe that is not there"))?;
                components.push(Component::of_two(name, Path::new(kept), probe, &adapter)?);
            }
        }
    }
    for component in &mut components {
        if component.is_part()? {
            component.keep_in(PARTS);
        }
    }
    components.sort_by(|one, other| one.name.cmp(&other.name));
    Ok((built_with, components))
}

/// Compiles a guest of a workspace to a core module.
fn compile(package: &str, source: &Path, repository: &Path, toolchain: &Toolchain, target_dir: &Path) -> Result<()> {
    let cargo_home = match env::var_os("CARGO_HOME") {
        Some(home) => PathBuf::from(home),
        None => env::home_dir().context("there is no home folder, and CARGO_HOME is not set")?.join(".cargo"),
    };
    let mut flags = [format!("-Clink-arg=-zstack-size={STACK}"), format!("-Clink-arg=--initial-heap={HEAP}")]
        .map(OsString::from)
        .to_vec();
    // Panics tell their place in the source. The last prefix that fits is replaced, and the other folders may be within the
    // repository.
    for (folder, name) in [(repository, "probity"), (cargo_home.as_path(), "cargo"), (target_dir, "target")] {
        let mut flag = OsString::from("--remap-path-prefix=");
        flag.push(folder);
        flag.push(format!("=/{name}"));
        flags.push(flag);
    }
    let mut cargo = cargo();
    cargo
        // Nothing else than that: a guest that is a library as well would be linked without optimising all of it at once,
        // and be a third larger.
        .args(["rustc", "--release", "--locked", "--quiet", "--crate-type", "cdylib", "--package", package])
        .args(["--target", TARGET, "--manifest-path"])
        .arg(source.join("Cargo.toml"))
        .arg("--target-dir")
        .arg(target_dir)
        .env("RUSTC", &toolchain.rustc)
        .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", &toolchain.linker)
        // Stronger than any flags that are configured for the host; 0x1f is what separates them.
        .env("CARGO_ENCODED_RUSTFLAGS", flags.join(OsStr::new("\x1f")));
    stable_rustc::set_for(&mut cargo, repository)?;
    run(&mut cargo)
}

/// What cargo tells of a workspace.
#[derive(Deserialize)]
struct Workspace {
    packages: Vec<Package>,
    target_directory: PathBuf,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    targets: Vec<Target>,
    metadata: Option<Metadata>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
    crate_types: Vec<String>,
}

/// What a guest's manifest says under `[package.metadata]`.
#[derive(Default, Deserialize)]
struct Metadata {
    /// The probes that an adapter makes: the name of each, and what it is composed with.
    #[serde(default)]
    compose: BTreeMap<String, String>,
}

/// What is linked to a module.
struct Guest {
    package: String,
    module: String,
    compositions: BTreeMap<String, String>,
}

impl Workspace {
    fn of(folder: &Path) -> Result<Self> {
        let told = output(
            cargo()
                .args(["metadata", "--no-deps", "--format-version", "1", "--manifest-path"])
                .arg(folder.join("Cargo.toml")),
        )?;
        serde_json::from_str(&told).with_context(|| format!("asking cargo about {}", folder.display()))
    }

    /// The libraries that are linked.
    fn guests(self) -> Vec<Guest> {
        let guest = |package: Package| {
            let mut targets = package.targets.into_iter();
            let target = targets.find(|target| target.crate_types.iter().any(|kind| kind == "cdylib"))?;
            Some(Guest {
                package: package.name,
                module: target.name,
                compositions: package.metadata.unwrap_or_default().compose,
            })
        };
        self.packages.into_iter().filter_map(guest).collect()
    }
}

/// The cargo that runs this.
fn cargo() -> Command {
    Command::new(env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo")))
}

fn write_to(folder: &Path, components: &[Component]) -> Result<()> {
    for component in components {
        write(&folder.join(&component.name).with_extension("wasm"), &component.bytes)?;
    }
    Ok(())
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let folder = path.parent().context("a component has no folder")?;
    fs::create_dir_all(folder)?;
    fs::write(path, bytes).with_context(|| format!("writing {}", path.display()))
}
