//! Finding a Rust that can compile guests.

use std::{
    env,
    ffi::OsString,
    path::{self, Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail, ensure};

use crate::debian;

/// The target of guests: it has no system interface of its own, so that a component imports exactly what it calls.
pub(crate) const TARGET: &str = "wasm32-unknown-unknown";

/// Names a rustc, or a folder that has one.
const VARIABLE: &str = "PROBITY_WASM_RUST";

/// What guests are compiled with.
pub(crate) struct Toolchain {
    pub(crate) rustc: PathBuf,
    /// LLVM's linker for Wasm, as Rust ships it.
    pub(crate) linker: PathBuf,
}

impl Toolchain {
    /// The first of: what the environment names; the installed Rust; Debian's, unpacked below `target_dir`.
    pub(crate) fn find(target_dir: &Path) -> Result<Self> {
        let rustc = match env::var_os(VARIABLE) {
            // Who names one means that one.
            Some(named) => named_rustc(Path::new(&named))?,
            None => installed_rustc()?.map_or_else(|| debian_rustc(target_dir), Ok)?,
        };
        let linker = linker(&rustc)?;
        Ok(Self { rustc, linker })
    }

    /// The versions of compiler and linker, as far as they decide about the bytes that come out.
    pub(crate) fn versions(&self) -> Result<(String, String)> {
        let rustc = output(Command::new(&self.rustc).arg("--version"))?;
        let linker = output(Command::new(&self.linker).args(["-flavor", "wasm", "--version"]))?;
        // After the version comes the folder that the linker was built in.
        let linker = linker.split(" (").next().unwrap_or_default().to_owned();
        Ok((rustc, linker))
    }
}

fn named_rustc(named: &Path) -> Result<PathBuf> {
    // Not through links: one of rustup's is told by its name what to be.
    let named = path::absolute(named)?;
    ensure!(named.exists(), "{VARIABLE} names {}, which does not exist", named.display());
    let rustc = if named.is_dir() {
        let within = [named.join("rustc"), named.join("bin/rustc")];
        within
            .into_iter()
            .find(|path| path.is_file())
            .with_context(|| format!("{VARIABLE} names a folder without rustc"))?
    } else {
        named
    };
    ensure!(has_target(&rustc)?, "{} has no standard library for {TARGET}", rustc.display());
    Ok(rustc)
}

/// The rustc that is in use here, if it has the target.
fn installed_rustc() -> Result<Option<PathBuf>> {
    let rustc = PathBuf::from(env::var_os("RUSTC").unwrap_or_else(|| OsString::from("rustc")));
    Ok(has_target(&rustc)?.then_some(rustc))
}

fn debian_rustc(target_dir: &Path) -> Result<PathBuf> {
    let lacking = || {
        format!(
            "no Rust here can compile for {TARGET}. Install it by\n\n    rustup target add {TARGET}\n\n\
             or name a rustc that has it in {VARIABLE}"
        )
    };
    debian::unpacked_rustc(&target_dir.join("xtask/rust-wasm")).with_context(lacking)?.with_context(lacking)
}

fn has_target(rustc: &Path) -> Result<bool> {
    let folder = output(Command::new(rustc).args(["--print", "target-libdir", "--target", TARGET]))?;
    Ok(Path::new(&folder).is_dir())
}

/// The linker that comes with this rustc, or else with the one that is in use here: distributions leave it out.
fn linker(rustc: &Path) -> Result<PathBuf> {
    for rustc in [rustc, Path::new("rustc")] {
        let sysroot = output(Command::new(rustc).args(["--print", "sysroot"]))?;
        let host = output(Command::new(rustc).args(["--print", "host-tuple"]))?;
        let linker = Path::new(&sysroot).join("lib/rustlib").join(host).join("bin/rust-lld");
        if linker.is_file() {
            return Ok(linker);
        }
    }
    bail!("rust-lld, the linker for Wasm, is not with this Rust; rustup's toolchains have it")
}

/// What a command prints, without the newline at its end.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let shown = format!("{command:?}");
    let output = command.output().with_context(|| format!("running {shown}"))?;
    ensure!(
        output.status.success(),
        "{shown} failed ({}):\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    let text = String::from_utf8(output.stdout).with_context(|| format!("{shown} printed what is not text"))?;
    Ok(text.trim_end().to_owned())
}

/// Runs a command whose output is shown as it comes.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let shown = format!("{command:?}");
    let status = command.status().with_context(|| format!("running {shown}"))?;
    ensure!(status.success(), "{shown} failed ({status})");
    Ok(())
}
