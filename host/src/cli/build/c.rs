//! C, C++ and Zig: a header is generated from the WIT, and Zig compiles.

use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};
use wit_bindgen_core::Files;

use super::{
    Job, built,
    language::Language,
    parts::{HEADER, World},
    printed, run,
    tools::Tool,
};

/// Where the generated headers go, below the target folder.
const BINDINGS: &str = "bindings";
/// What Zig calls the one that it has a C library for. What a probe does not call is not linked.
const TARGET: &str = "wasm32-wasi";
/// Bytes of a probe's stack. Zig's own choice of 16 MiB would be most of what an instance occupies.
const STACK: &str = "-Wl,-z,stack-size=65536";

/// What the library consists of, beside what exports a kind of probe, which is called after it. What is not called is not linked.
const LIBRARY: [&str; 7] = ["http", "memory", "net", "probity", "settings", "tls", "udp"];

/// Compiles the probe to a core module.
///
/// # Errors
/// If the WIT or the source is not as it should be, or Zig is missing.
pub(super) fn module(job: &Job<'_>, world: &World) -> Result<Vec<u8>> {
    let bindings = job.target.join(BINDINGS);
    generate(world, &bindings)?;
    let core = job.target.join("probe.core.wasm");
    compile(job, world, &bindings, &core)?;
    built(&core)
}

/// Compiles a program to a core module for WASI preview 1.
///
/// # Errors
/// If it does not compile, or Zig is missing.
pub(super) fn command(job: &Job<'_>) -> Result<Vec<u8>> {
    let core = job.target.join("probe.core.wasm");
    let mut compile = compiler(job)?;
    if job.language == Language::Zig {
        let mut emit = OsString::from("-femit-bin=");
        emit.push(&core);
        compile = job.tools.command(Tool::Zig)?;
        compile.args(["build-exe", "-target", TARGET, "-O", "ReleaseSmall", "-fstrip"]).arg(source(job)).arg(emit);
    } else {
        compile.args(["-target", TARGET, "-Oz", "-s", "-Wall", "-Wextra", STACK]).arg(source(job)).arg("-o").arg(&core);
    }
    run(cached(&mut compile, job))?;
    built(&core)
}

/// The probe's own source.
fn source(job: &Job<'_>) -> PathBuf {
    job.folder.join(match job.language {
        Language::Cpp => "probe.cpp",
        Language::Zig => "probe.zig",
        _ => "probe.c",
    })
}

/// What compiles C, or C++ without exceptions, which are off in a runner.
fn compiler(job: &Job<'_>) -> Result<Command> {
    let mut compile = job.tools.command(Tool::Zig)?;
    if job.language == Language::Cpp {
        // A setting says what is special about it, and nothing of the rest.
        let off = ["-fno-exceptions", "-fno-rtti", "-Wno-missing-designated-field-initializers"];
        compile.args(["c++", "-std=c++20"]).args(off);
    } else {
        compile.arg("cc");
    }
    Ok(compile)
}

/// Generates `probe.h`, `probe.c`, and an object that names the world.
fn generate(world: &World, bindings: &Path) -> Result<()> {
    let (mut resolve, world) = world.read()?;
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

fn compile(job: &Job<'_>, world: &World, bindings: &Path, core: &Path) -> Result<()> {
    // What is generated is C in any case, and so is the library.
    let mut objects = vec![object_of(job, bindings, &bindings.join("probe.c"), "bindings.o")?];
    let source = source(job);
    let text = fs::read(&source).with_context(|| format!("can't read {}", source.display()))?;
    let mut compile = compiler(job)?;
    if String::from_utf8_lossy(&text).contains(HEADER) {
        let library = job.sdk()?;
        let exports = world.kind.to_string();
        for part in LIBRARY.into_iter().chain([exports.as_str()]) {
            objects.push(object_of(job, bindings, &library.join(part).with_extension("c"), &format!("sdk-{part}.o"))?);
        }
        if job.language == Language::Cpp {
            compile.arg(library.join("abort.cpp"));
        }
        compile.arg("-I").arg(library);
    }
    let source = if job.language == Language::Zig { object_of_zig(job, bindings)? } else { source };
    compile.args(["-target", TARGET, "-mexec-model=reactor", "-Oz", "-s", "-Wall", "-Wextra", STACK]);
    compile.arg("-I").arg(bindings).arg(source).args(&objects);
    // The world, for whoever makes a component of what is linked.
    compile.arg(bindings.join("probe_component_type.o")).arg("-o").arg(core);
    run(cached(&mut compile, job))
}

/// Compiles a file of C that is not the probe's own.
fn object_of(job: &Job<'_>, bindings: &Path, source: &Path, name: &str) -> Result<PathBuf> {
    let object = job.target.join(name);
    let mut compile = job.tools.command(Tool::Zig)?;
    compile.args(["cc", "-target", TARGET, "-Oz", "-c", "-I"]).arg(bindings).arg(source).arg("-o").arg(&object);
    run(cached(&mut compile, job))?;
    Ok(object)
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
