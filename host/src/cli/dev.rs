//! `probity dev`

mod builds;
mod show;

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, Result};
use clap::Args;

use self::builds::Build;
use super::{
    build::{project::Project, sources::Sources},
    out,
};
use crate::{
    app::{self, Configuration},
    config::Overrides,
};

/// What is logged: what a runner logs, and every line of the probe.
pub(super) const LOG: &str = "info,probe=debug";

/// How often the sources are looked at. They are few files, and to look at them costs well under a millisecond; unlike file
/// events, it works on a share and in a container.
const LOOK: Duration = Duration::from_millis(200);

/// Builds the probe in a folder whenever a source of it changes, and runs the latest build in a runner of its own.
///
/// The runner is the real one: it serves HTTP, and has the probe's own check file (NAME.toml) beside it, which is taken over when it
/// changes. Each verdict is a line on standard output; the log is on standard error. What does not build is said, and the last
/// good build goes on. Ends on Ctrl-C, and the build and the runner with it.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  probity dev\n  probity dev banner --listen 127.0.0.1:8090")]
pub(super) struct Dev {
    /// The folder.
    #[arg(default_value = ".")]
    folder: PathBuf,
    /// Where everything that is built goes; without it, the folder's own `target`.
    #[arg(long, value_name = "DIR")]
    target_dir: Option<PathBuf>,
    /// Where to answer HTTP; port 0 takes any free one.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:0")]
    listen: SocketAddr,
}

/// Where things lie.
struct Workshop {
    /// The sources.
    folder: PathBuf,
    /// What is built.
    target: PathBuf,
    /// The runner's folder.
    probes: PathBuf,
}

impl Dev {
    pub(super) async fn execute(self) -> Result<ExitCode> {
        let folder = fs::canonicalize(&self.folder).with_context(|| format!("no folder {}", self.folder.display()))?;
        // Whoever is in the wrong folder is told so at once.
        Project::read(&folder)?;
        let target = self.target_dir.unwrap_or_else(|| folder.join("target"));
        let runner = target.join("dev");
        let probes = runner.join("probes.d");
        // What was built the last time may be older than the sources.
        if probes.exists() {
            fs::remove_dir_all(&probes).with_context(|| format!("can't clear {}", probes.display()))?;
        }
        fs::create_dir_all(&probes).with_context(|| format!("can't make the folder {}", probes.display()))?;
        let target = fs::canonicalize(target)?;

        let overrides = Overrides {
            listen: Some(self.listen),
            probes: Some(probes.clone()),
            data_dir: Some(runner.join("state")),
            // A probe that is being written has no past worth keeping.
            ephemeral: true,
        };
        let workshop = Workshop { folder, target, probes };
        let building = tokio::spawn(async move { workshop.build_forever().await });
        let ended = app::run_beside(Configuration { path: None, overrides }, |board| {
            tokio::spawn(show::verdicts(Arc::clone(board)));
        });
        let ended = ended.await;
        // A build that is under way ends with it.
        building.abort();
        let built = building.await;
        ended?;
        match built {
            Ok(Err(error)) => Err(error),
            _ => Ok(ExitCode::SUCCESS),
        }
    }
}

impl Workshop {
    /// Builds whenever there is something new. Only what keeps it from saying so ends it.
    async fn build_forever(&self) -> Result<()> {
        let (mut built, mut beside) = (None, None);
        loop {
            let sources = Sources::settled(&self.folder, &self.target, LOOK).await;
            if built.as_ref() != Some(&sources.code) {
                // Of what changes meanwhile the next look knows.
                built = Some(sources.code);
                self.build_once().await?;
                beside = None;
            }
            if beside.as_ref() != Some(&sources.checks) {
                beside = Some(sources.checks);
                self.take_over_check()?;
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    async fn build_once(&self) -> Result<()> {
        out::say("building ...\n")?;
        let built = Build::start(&self.folder, &self.target)?.finish().await?;
        match built {
            Ok(took) => {
                let project = Project::read(&self.folder)?;
                let component = self.target.join(format!("{}.wasm", project.name));
                let size = fs::metadata(&component).map_or(0, |about| about.len());
                self.hand_over(&component)?;
                out::say(format!("built {} in {took:.1?}: {size} bytes\n", component.display()))
            }
            Err(why) => {
                out::say(format!("it does not build, and what was built before goes on:\n{}\n", why.trim_end()))
            }
        }
    }

    /// Gives the runner the check that lies beside the probe.
    fn take_over_check(&self) -> Result<()> {
        // What is wrong with the project has been told when it was built.
        let Ok(project) = Project::read(&self.folder) else { return Ok(()) };
        let check = format!("{}.toml", project.name);
        // Without it the runner knows what the probe suggests.
        if self.folder.join(&check).is_file() { self.hand_over(&self.folder.join(check)) } else { Ok(()) }
    }

    /// Puts a file into the runner's folder, whole.
    fn hand_over(&self, file: &Path) -> Result<()> {
        let name = file.file_name().unwrap_or_default();
        let partial = self.target.join("dev").join(name).with_added_extension("part");
        fs::copy(file, &partial)
            .and_then(|_| fs::rename(&partial, self.probes.join(name)))
            .with_context(|| format!("can't hand {} over to the runner", file.display()))
    }
}
