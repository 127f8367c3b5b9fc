//! Debian's Rust for Wasm and Debian's Go, unpacked below the target folder: nothing is installed, and no rights are needed.
//!
//! A toolchain of rustup without its Wasm target can't be given one where rustup's server is out of reach; Debian's mirrors
//! often are not. The compiler comes from a newer Debian than the one it runs on, and therefore with all its libraries, down
//! to the loader.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Result, ensure};

use crate::toolchain::{output, run};

/// The first release whose Rust has a standard library for Wasm without an operating system.
const SUITE: &str = "forky";

/// Signs what the mirror serves.
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// What is unpacked of Rust together with everything that it depends on.
const WITH_DEPENDENCIES: [&str; 2] = ["libstd-rust-dev", "libstd-rust-dev-wasm32"];

/// What is unpacked alone: it depends on a C compiler, which compiling for Wasm does not take.
const ALONE: [&str; 1] = ["rustc"];

/// What is unpacked of Go, whose programs need nothing else, and the folder in it that Go's makers call `go`.
const GO: [&str; 2] = ["golang-1.27-go", "golang-1.27-src"];
const GO_ROOT: &str = "usr/lib/go-1.27";

/// Starts the compiler through its own loader, with its own libraries.
const WRAPPER: &str = r#"#!/bin/sh
root=$(dirname "$0")/usr
libraries=$root/lib/x86_64-linux-gnu
exec "$libraries/ld-linux-x86-64.so.2" --library-path "$libraries" "$root/bin/rustc" "$@"
"#;

/// The rustc in `folder`, which is filled first if it does not exist. `None` if this is no Debian on x86-64, or has no mirror.
pub(crate) fn unpacked_rustc(folder: &Path) -> Result<Option<PathBuf>> {
    let rustc = folder.join("rustc");
    if rustc.is_file() {
        return Ok(Some(rustc));
    }
    if !is_debian() {
        return Ok(None);
    }
    let Some(mirror) = mirror()? else {
        return Ok(None);
    };

    eprintln!(
        "no Rust here can compile for Wasm: unpacking Debian's into {} (190 MB to fetch, 800 MB on disk)",
        folder.display()
    );
    // Renamed once it is whole: a fill that was cut short must not pass for a compiler.
    let partial = folder.with_extension("partial");
    if partial.exists() {
        fs::remove_dir_all(&partial)?;
    }
    fs::create_dir_all(&partial)?;
    for package in fetch(&partial.join("apt"), &mirror, &WITH_DEPENDENCIES, &ALONE)? {
        run(Command::new("dpkg-deb").arg("--extract").arg(package).arg(&partial))?;
    }
    for needless in ["apt", "etc", "var", "usr/share"] {
        let needless = partial.join(needless);
        if needless.exists() {
            fs::remove_dir_all(needless)?;
        }
    }
    write_wrapper(&partial.join("rustc"))?;
    fs::rename(&partial, folder)?;
    Ok(Some(rustc))
}

/// Puts a Go into the folder that tools are looked for in, unless there is one; nothing if this is no Debian on x86-64, or has no
/// mirror. Debian's stable releases have one that is too old.
pub(crate) fn provide_go(tools: &Path) -> Result<()> {
    let (place, unpacked) = (tools.join("go"), tools.join("go-debian"));
    if place.exists() || !is_debian() {
        return Ok(());
    }
    let Some(mirror) = mirror()? else {
        return Ok(());
    };
    eprintln!("unpacking Debian's Go into {} (50 MB to fetch, 280 MB on disk)", unpacked.display());
    let partial = unpacked.with_extension("partial");
    for begun in [&partial, &unpacked] {
        if begun.exists() {
            fs::remove_dir_all(begun)?;
        }
    }
    fs::create_dir_all(&partial)?;
    for package in fetch(&partial.join("apt"), &mirror, &[], &GO)? {
        run(Command::new("dpkg-deb").arg("--extract").arg(package).arg(&partial))?;
    }
    fs::remove_dir_all(partial.join("apt"))?;
    fs::rename(&partial, &unpacked)?;
    // The last step, so that what is there is whole.
    link(&Path::new("go-debian").join(GO_ROOT), &place)
}

#[cfg(unix)]
fn link(to: &Path, place: &Path) -> Result<()> {
    Ok(std::os::unix::fs::symlink(to, place)?)
}

#[cfg(not(unix))]
fn link(_: &Path, _: &Path) -> Result<()> {
    anyhow::bail!("there is no Debian without links")
}

fn is_debian() -> bool {
    let release = fs::read_to_string("/etc/os-release").unwrap_or_default();
    cfg!(target_arch = "x86_64") && release.lines().any(|line| line == "ID=debian")
}

/// The mirror that this system takes its packages from; `None` if it has none.
fn mirror() -> Result<Option<String>> {
    // What is configured, whether or not its lists were ever fetched.
    let listing = ["indextargets", "--no-release-info", "--format", "$(REPO_URI)", "Created-By: Packages"];
    let listed = output(Command::new("apt-get").args(listing))?;
    // Security updates come from elsewhere, where there are no other releases.
    Ok(listed.lines().find(|uri| !uri.contains("security")).map(str::to_owned))
}

/// Fetches the packages by an APT whose every folder is within `apt`.
fn fetch(apt: &Path, mirror: &str, with_dependencies: &[&str], alone: &[&str]) -> Result<Vec<PathBuf>> {
    let archives = apt.join("var/cache/apt/archives");
    for folder in ["etc/apt/sources.list.d", "etc/apt/preferences.d", "var/lib/apt/lists/partial", "alone"] {
        fs::create_dir_all(apt.join(folder))?;
    }
    fs::create_dir_all(archives.join("partial"))?;
    let source = format!("Types: deb\nURIs: {mirror}\nSuites: {SUITE}\nComponents: main\nSigned-By: {KEYRING}\n");
    fs::write(apt.join("etc/apt/sources.list.d/mirror.sources"), source)?;
    // Nothing counts as installed, or the libraries that this system has would not be fetched.
    let status = apt.join("status");
    fs::write(&status, "")?;

    let apt_get = || {
        let mut command = Command::new("apt-get");
        let path = |name: &str, path: &Path| format!("{name}={}", path.display());
        command.args(["--quiet=2", "-o", "APT::Sandbox::User=root", "-o", "APT::Install-Recommends=false"]);
        command.args(["-o", "Acquire::Languages=none", "-o", "Acquire::Retries=3"]);
        command.args(["-o", &path("Dir", apt), "-o", &path("Dir::State::status", &status)]);
        command
    };
    run(apt_get().arg("update"))?;
    if !with_dependencies.is_empty() {
        // It prints what it would install, which is of no interest.
        output(apt_get().args(["--yes", "--download-only", "install"]).args(with_dependencies))?;
    }
    run(apt_get().arg("download").args(alone).current_dir(apt.join("alone")))?;

    let mut packages = Vec::new();
    for folder in [archives, apt.join("alone")] {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "deb") {
                packages.push(path);
            }
        }
    }
    ensure!(packages.len() >= with_dependencies.len() + alone.len(), "APT fetched too little: {packages:?}");
    Ok(packages)
}

#[cfg(unix)]
fn write_wrapper(path: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;

    fs::write(path, WRAPPER)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755))?;
    Ok(())
}

#[cfg(not(unix))]
fn write_wrapper(path: &Path) -> Result<()> {
    Ok(fs::write(path, WRAPPER)?)
}
