//! `cargo xtask test`: every test there is, after getting what they need.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Result, bail};

use crate::{examples::Author, npm, python, toolchain::run};

/// A program that tests use, and the Debian package that has it, with those that it is of no use without.
struct Needed {
    program: &'static str,
    package: &'static str,
    why: &'static str,
}

/// What the tests need beyond Rust.
const NEEDED: [Needed; 36] = [
    Needed { program: "python3", package: "python3", why: "its HTTP server is a target that is not ours" },
    Needed { program: "pip3", package: "python3-pip", why: "some servers come as Python packages" },
    Needed { program: "chromium", package: "chromium", why: "the dashboard is looked at in it" },
    Needed { program: "chronyd", package: "chrony", why: "a time server for the probe `ntp`" },
    Needed { program: "kcat", package: "kcat", why: "its library has brokers that the probe kafka is held to" },
    Needed { program: "etcd", package: "etcd-server", why: "the probe etcd is held to it" },
    Needed { program: "mariadbd", package: "mariadb-server", why: "the probe mysql is held to it" },
    Needed { program: "memcached", package: "memcached", why: "the probe memcached is held to it" },
    Needed { program: "minisign", package: "minisign", why: "it has to agree with what is signed here" },
    Needed { program: "mosquitto", package: "mosquitto", why: "the probe mqtt is held to it" },
    Needed { program: "mosquitto_sub", package: "mosquitto-clients", why: "it sees what the probe mqtt sends" },
    Needed { program: "nats-server", package: "nats-server", why: "the probe nats is held to it" },
    Needed { program: "nginx", package: "nginx", why: "the probe http is held to it" },
    Needed {
        program: "prometheus-alertmanager",
        package: "prometheus-alertmanager",
        why: "notifications are sent to it",
    },
    Needed { program: "curl", package: "curl", why: "it asks the runner by HTTP/2" },
    Needed { program: "prometheus", package: "prometheus", why: "it scrapes our metrics" },
    Needed { program: "promtool", package: "prometheus", why: "it has to accept our metrics" },
    Needed { program: "script", package: "bsdutils", why: "it gives a program a terminal of its own" },
    Needed { program: "rabbitmq-server", package: "rabbitmq-server", why: "the probe amqp is held to it" },
    Needed { program: "redis-server", package: "redis-server", why: "the probe redis is held to it" },
    Needed { program: "sshd", package: "openssh-server", why: "the probe ssh is held to it" },
    Needed { program: "smtpd", package: "opensmtpd", why: "the probe smtp is held to it" },
    Needed { program: "dovecot", package: "dovecot-imapd", why: "the probe imap is held to it" },
    Needed { program: "postgres", package: "postgresql", why: "the probe postgres is held to it" },
    Needed { program: "ip", package: "iproute2", why: "it makes the network that the probe ping is held to" },
    Needed { program: "nft", package: "nftables", why: "it loses packets in that network" },
    Needed { program: "strace", package: "strace", why: "it sees whether a run that is replayed opens a socket" },
    Needed { program: "sysctl", package: "procps", why: "it says who may send echo requests there" },
    Needed { program: "node", package: "nodejs", why: "what is done in that browser is written for it" },
    Needed {
        program: "npm",
        package: "npm",
        why: "it gets the tool for probes in JavaScript, and what drives that browser",
    },
    Needed { program: "nsenter", package: "util-linux", why: "it goes to where that network is" },
    Needed { program: "mount", package: "mount", why: "it makes file systems for the probe disk to look at" },
    Needed { program: "unbound", package: "unbound", why: "the probe dns is held to it" },
    Needed {
        program: "wasm-ld",
        package: "lld clang wasi-libc libclang-rt-dev-wasm32",
        why: "a plug-in in C is made a probe by it",
    },
    Needed { program: "xz", package: "xz-utils", why: "it unpacks the golden component in Python" },
    Needed { program: "openssl", package: "openssl", why: "its TLS server is a target that is not ours" },
];

/// Where programs lie that are not in everybody's path.
const MORE_FOLDERS: [&str; 2] = ["/usr/sbin", "/usr/local/sbin"];
/// Where each version of PostgreSQL has a folder of its own.
const POSTGRES: &str = "/usr/lib/postgresql";

/// Gets what is missing, and runs the tests of the host, and those of the guests' pure parts.
pub(crate) fn all(repository: &Path, target: &Path) -> Result<()> {
    provide()?;
    python::provide(target)?;
    npm::provide(target)?;
    let author = Author::equipped(repository, target)?;
    let cargo = |folder: &str| {
        let mut command = Command::new(env!("CARGO"));
        command.current_dir(repository.join(folder)).args(["test", "--locked", "--workspace"]);
        // Under this no test may skip itself for want of a program.
        command.env("PROBITY_TEST_STRICT", "1");
        command
    };
    let mut host = cargo(".");
    author.tell(&mut host);
    run(&mut host)?;
    // The guests are a workspace of their own, and here built for this machine: a folder apart keeps both builds warm.
    run(cargo("probes").env("CARGO_TARGET_DIR", target.join("probes")))?;
    sdks(&repository.join("sdk"), target)
}

/// Runs the tests of what probes in other languages share, each by its language's own means.
fn sdks(folder: &Path, target: &Path) -> Result<()> {
    let test = target.join("sdk-settings-test");
    let mut compile = Command::new("cc");
    compile.args(["-std=c11", "-Wall", "-Wextra", "-Werror", "-g", "-fsanitize=address,undefined", "-I."]);
    compile.args(["tests/settings_test.c", "settings.c", "memory.c", "-o"]).arg(&test);
    run(compile.current_dir(folder.join("c")))?;
    // What it allocates lives for one run, in a test as in a probe.
    run(Command::new(&test).env("ASAN_OPTIONS", "detect_leaks=0"))?;
    let mut go = Command::new(target.join("tools/go/bin/go"));
    run(go.args(["test", "."]).env("GOTOOLCHAIN", "local").current_dir(folder.join("go")))?;
    run(Command::new("node").args(["--test", "test/probe.test.js"]).current_dir(folder.join("javascript")))?;
    let mut python = Command::new("python3");
    run(python.args(["-B", "-m", "unittest", "discover", "-s", "tests"]).current_dir(folder.join("python")))
}

/// Has the packages of all missing programs installed, in one go.
fn provide() -> Result<()> {
    let missing: Vec<&Needed> = NEEDED.iter().filter(|needed| !is_there(needed.program)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    for Needed { program, why, .. } in &missing {
        println!("{program} is missing: {why}");
    }
    let packages: Vec<&str> = missing.iter().flat_map(|needed| needed.package.split(' ')).collect();
    let install = format!("apt-get install {}", packages.join(" "));
    println!("running: apt-get update && {install}");
    let apt = |arguments: &[&str]| {
        let mut command = Command::new("apt-get");
        // Nobody is there to answer questions.
        command.args(arguments).env("DEBIAN_FRONTEND", "noninteractive");
        command.status().is_ok_and(|status| status.success())
    };
    let options = ["install", "--yes", "--quiet", "--no-install-recommends"];
    let installed = apt(&["update", "--quiet"]) && apt(&[&options, packages.as_slice()].concat());
    let still_missing: Vec<&str> = missing.iter().map(|needed| needed.program).filter(|name| !is_there(name)).collect();
    if !installed || !still_missing.is_empty() {
        bail!("the tests need {}; install what has them and run this again: {install}", still_missing.join(", "));
    }
    Ok(())
}

fn is_there(program: &str) -> bool {
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let versions =
        fs::read_dir(POSTGRES).into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path().join("bin")));
    let mut folders = std::env::split_paths(&paths).chain(MORE_FOLDERS.map(PathBuf::from)).chain(versions);
    folders.any(|folder| folder.join(program).is_file())
}
