//! One build: `probity build`, in a process of its own that can be ended with all that it started.

use std::{
    env,
    fs::{self, File},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process_group};

/// How often it is seen whether a build has ended.
const LOOK: Duration = Duration::from_millis(20);

/// A build that is under way. When it is dropped, it ends, and the compilers with it.
pub(super) struct Build {
    child: Child,
    /// What it says.
    said: PathBuf,
    begun: Instant,
}

impl Build {
    /// Starts to build a folder.
    ///
    /// # Errors
    ///
    /// This program can't start itself.
    pub(super) fn start(folder: &Path, target: &Path) -> Result<Build> {
        let said = target.join("dev/build.log");
        let log = || File::create(&said).with_context(|| format!("can't write {}", said.display()));
        let output = log()?;
        let mut command = Command::new(env::current_exe().context("this program does not know where it is")?);
        command.arg("build").arg(folder).arg("--target-dir").arg(target);
        // Ctrl-C is not for it: that it ends is the part of whoever started it, however that was told to end.
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(output).process_group(0);
        let child = command.spawn().context("can't start a build")?;
        Ok(Build { child, said, begun: Instant::now() })
    }

    /// Waits until it is done: how long it took, or what is wrong with the sources.
    ///
    /// # Errors
    ///
    /// What it said can't be read.
    pub(super) async fn finish(mut self) -> Result<Result<Duration, String>> {
        loop {
            if let Some(status) = self.child.try_wait().context("a build can't be waited for")? {
                let took = self.begun.elapsed();
                let said = || fs::read(&self.said).with_context(|| format!("can't read {}", self.said.display()));
                return Ok(if status.success() {
                    Ok(took)
                } else {
                    Err(String::from_utf8_lossy(&said()?).into_owned())
                });
            }
            tokio::time::sleep(LOOK).await;
        }
    }
}

impl Drop for Build {
    fn drop(&mut self) {
        // One that was waited for has no group any more.
        if let Ok(None) = self.child.try_wait() {
            if let Some(group) = Pid::from_raw(self.child.id().cast_signed()) {
                let _ = kill_process_group(group, Signal::KILL);
            }
            let _ = self.child.wait();
        }
    }
}
