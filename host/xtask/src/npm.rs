//! What tests need from npm, each beneath the target folder, in a folder of its own. Tests ask `servers::npm_package` for it by name.

use std::{fs, path::Path, process::Command};

use anyhow::{Context, Result};

use crate::toolchain::run;

/// A package that tests use, and what is installed for it.
struct Package {
    name: &'static str,
    /// Pinned, and without dependencies of their own: what a test is held to should not change by itself.
    requirements: &'static [&'static str],
    why: &'static str,
}

/// What the tests need.
const NEEDED: [Package; 1] = [Package {
    name: "playwright-core",
    requirements: &["playwright-core@1.65.1", "axe-core@4.14.1"],
    why: "it drives the browser that the dashboard is looked at in, and says whether everybody can use it",
}];

/// What is installed, so that another version is noticed.
const RECORD: &str = "installed.txt";

/// Gets what is missing, or is there in another version.
pub(crate) fn provide(target: &Path) -> Result<()> {
    NEEDED.iter().try_for_each(|package| package.provide(&target.join("npm")))
}

impl Package {
    fn provide(&self, folder: &Path) -> Result<()> {
        let (finished, begun) = (folder.join(self.name), folder.join(format!("{}.part", self.name)));
        let wanted = self.requirements.join("\n");
        if fs::read_to_string(finished.join(RECORD)).is_ok_and(|installed| installed == wanted) {
            return Ok(());
        }
        println!("the npm package {} is missing: {}", self.name, self.why);
        for folder in [&begun, &finished] {
            if folder.exists() {
                fs::remove_dir_all(folder).with_context(|| format!("removing {}", folder.display()))?;
            }
        }
        fs::create_dir_all(&begun)?;
        let mut npm = Command::new("npm");
        npm.args(["install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix"]).arg(&begun);
        npm.args(self.requirements);
        println!("running: {npm:?}");
        run(&mut npm).with_context(|| format!("the tests need the npm package {}; {}", self.name, self.why))?;
        fs::write(begun.join(RECORD), wanted)?;
        // The last step, so that what is there is whole.
        fs::rename(&begun, &finished).with_context(|| format!("moving {} into its place", begun.display()))
    }
}
