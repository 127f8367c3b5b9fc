//! C, C++ and Zig: a header is generated from the WIT, and Zig compiles.

use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};
use wit_bindgen_core::Files;

use super::{Job, built, encode, printed, run, tools::Tool};

/// Where the generated headers go, below the target folder.
const BINDINGS: &str = "bindings";
/// What Zig calls the one that it has a C library for. What a probe does not call is not linked.
const TARGET: &str = "wasm32-wasi";
/// Bytes of a probe's stack. Zig's own choice of 16 MiB would be most of what an instance occupies.
const STACK: &str = "-Wl,-z,stack-size=65536";

/// What the probe's own source is written in.
#[derive(Clone, Copy)]
pub(super) enum Dialect {
    /// `probe.c`.
    C,
    /// `probe.cpp`, without exceptions, which are off in a runner.
    Cpp,
    /// `probe.zig`.
    Zig,
}

/// Compiles the probe to a core module.
///
/// # Errors
/// If the WIT or the source is not as it should be, or Zig is missing.
pub(super) fn module(job: &Job<'_>, dialect: Dialect) -> Result<Vec<u8>> {
    let bindings = job.target.join(BINDINGS);
    generate(job, &bindings)?;
    let core = job.target.join("probe.core.wasm");
    compile(job, dialect, &bindings, &core)?;
    built(&core)
}

/// Generates `probe.h`, `probe.c`, and an object that names the world.
fn generate(job: &Job<'_>, bindings: &Path) -> Result<()> {
    let (mut resolve, package) = encode::read(job.wit)?;
    let world = resolve.select_world(&[package], None)?;
    // Whatever the author calls his world, the header is `probe.h`.
    let options = wit_bindgen_c::Opts { rename_world: Some("probe".to_owned()), ..Default::default() };
    let mut files = Files::default();
    options.build().generate(&mut resolve, world, &mut files)?;
    fs::create_dir_all(bindings)?;
    for (name, text) in files.iter() {
        let path = bindings.join(name);
        fs::write(&path, text).with_context(|| format!("can't write {}", path.display()))?;
    }
    Ok(())
}

fn compile(job: &Job<'_>, dialect: Dialect, bindings: &Path, core: &Path) -> Result<()> {
    // What is generated is C in any case.
    let object = job.target.join("bindings.o");
    let mut generated = job.tools.command(Tool::Zig)?;
    generated.args(["cc", "-target", TARGET, "-Oz", "-c"]).arg(bindings.join("probe.c")).arg("-o").arg(&object);
    run(cached(&mut generated, job))?;
    let mut compile = job.tools.command(Tool::Zig)?;
    let source = match dialect {
        Dialect::C => {
            compile.arg("cc");
            job.folder.join("probe.c")
        }
        Dialect::Cpp => {
            compile.args(["c++", "-std=c++20", "-fno-exceptions", "-fno-rtti"]);
            job.folder.join("probe.cpp")
        }
        Dialect::Zig => {
            compile.arg("cc");
            object_of_zig(job, bindings)?
        }
    };
    compile.args(["-target", TARGET, "-mexec-model=reactor", "-Oz", "-s", "-Wall", "-Wextra", STACK]);
    compile.arg("-I").arg(bindings).arg(source).arg(&object);
    // The world, for whoever makes a component of what is linked.
    compile.arg(bindings.join("probe_component_type.o")).arg("-o").arg(core);
    run(cached(&mut compile, job))
}

/// Compiles `probe.zig`, which sees the header as the module `probe`.
fn object_of_zig(job: &Job<'_>, bindings: &Path) -> Result<PathBuf> {
    let mut translate = job.tools.command(Tool::Zig)?;
    translate.args(["translate-c", "-target", TARGET, "-lc", "-I"]).arg(bindings).arg(bindings.join("probe.h"));
    let header = job.target.join("probe_h.zig");
    fs::write(&header, printed(cached(&mut translate, job))?)?;

    let module = |name: &str, file: &Path| {
        let mut argument = OsString::from(format!("-M{name}="));
        argument.push(file);
        argument
    };
    let object = job.target.join("probe.o");
    let mut emit = OsString::from("-femit-bin=");
    emit.push(&object);
    // What comes before a module is meant for it.
    let options = ["-target", TARGET, "-O", "ReleaseSmall", "-fstrip", "-lc"];
    let mut compile = job.tools.command(Tool::Zig)?;
    compile.arg("build-obj").args(options).args(["--dep", "probe"]).arg(module("root", &job.folder.join("probe.zig")));
    compile.args(options).arg(module("probe", &header)).arg(emit);
    run(cached(&mut compile, job))?;
    Ok(object)
}

/// What Zig keeps for later goes where everything else goes.
fn cached<'a>(command: &'a mut Command, job: &Job<'_>) -> &'a mut Command {
    command.env("ZIG_LOCAL_CACHE_DIR", job.target.join("zig-cache")).current_dir(job.target)
}
