//! `probity test`

mod case;
mod expectation;
mod target;

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use clap::Args;

use self::case::Case;
use super::{
    component, out,
    recording::{Recorded, Recorder},
    subject::examiner,
};
use crate::{
    config::Bounds,
    engine::{Engine, Prepared},
    experiments::Experiments,
    worker::Examine,
};

/// What the name of a case's file ends with.
const CASE: &str = ".case.toml";

/// Runs the cases that lie beside a probe, each a `*.case.toml`, and says which of them come out as expected.
///
/// A case has the settings of a run, what is to come of it, and the targets that it finds: servers on this machine that go by a script,
/// or a recording of a run against real ones, so that the probe needs no other network. The exit code is 0 if all come out as expected, 1 if some do not, and 3 if there is none,
/// or one that can't be run.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  probity test\n  probity test banner\n  probity test banner/banner.closed.case.toml\n  \
                  probity test shop --record"
)]
pub(super) struct Test {
    /// A folder with cases, or the file of one.
    #[arg(value_name = "DIR", default_value = ".")]
    place: PathBuf,
    /// Run the cases that are replayed from a recording against their real targets, and record them anew.
    #[arg(long)]
    record: bool,
}

impl Test {
    pub(super) async fn execute(self) -> Result<ExitCode> {
        let files = self.files()?;
        // All that can't be read is told before anything runs.
        let cases: Vec<Case> = read_all(&files)?;
        let engine = component::sandbox(Bounds::default(), Experiments::ALL)?;
        let mut loaded: Vec<(String, Arc<Prepared>)> = Vec::new();
        let (mut passed, mut failed) = (0_u32, 0_u32);
        for case in &cases {
            let probe = case.probe()?;
            let known = loaded.iter().find(|(name, _)| *name == probe).map(|(_, prepared)| Arc::clone(prepared));
            let prepared = match known {
                Some(prepared) => prepared,
                None => Arc::new(component::load(&engine, &probe, u64::MAX).await?),
            };
            loaded.push((probe, Arc::clone(&prepared)));
            let (flaws, took) = self.run(&engine, &prepared, case).await?;
            let name = case.file.display();
            if flaws.is_empty() {
                passed += 1;
                out::say(format!("passed  {name} ({took:.1?})\n"))?;
            } else {
                failed += 1;
                out::say(format!("FAILED  {name}: {}\n", flaws.join("; ")))?;
            }
        }
        out::say(format!("{passed} passed, {failed} failed\n"))?;
        Ok(ExitCode::from(u8::from(failed > 0)))
    }

    /// Runs a case; what of it came out otherwise than expected, and how long the run took.
    async fn run(
        &self,
        engine: &Arc<Engine>,
        prepared: &Arc<Prepared>,
        case: &Case,
    ) -> Result<(Vec<String>, Duration)> {
        let targets = case.start_targets()?;
        let recording = case.recording();
        let recorded = match &recording {
            Some(file) if !self.record => Some(Recorded::read(file)?),
            _ => None,
        };
        let check = case.check(&targets, recorded.as_ref())?;
        let player = recorded.map(|recorded| recorded.put_on(engine, prepared, &check)).transpose()?;
        let recorder = match recording {
            Some(file) if self.record => Some(Recorder::new(&file, engine, prepared, &check, &case.probe()?)?),
            _ => None,
        };
        let begun = Instant::now();
        let attempt = match &player {
            Some(player) => player.play(engine, &check).await?,
            None => {
                let prepared = recorder.as_ref().map_or(prepared, Recorder::prepared);
                let (examiner, _) = examiner(&check, engine, prepared)?;
                let attempt = examiner.attempt(&[]).await;
                examiner.close().await;
                attempt
            }
        };
        let took = begun.elapsed();
        if let Some(recorder) = recorder {
            recorder.write()?;
        }
        let mut flaws = case.expect.flaws(&attempt, &targets);
        for target in targets {
            flaws.extend(target.finish());
        }
        Ok((flaws, took))
    }

    /// The files of the cases, by their names.
    fn files(&self) -> Result<Vec<PathBuf>> {
        let place = self.place.display();
        if self.place.is_file() {
            return Ok(vec![self.place.clone()]);
        }
        let entries = fs::read_dir(&self.place).with_context(|| format!("can't look for cases in {place}"))?;
        let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
        let mut files: Vec<_> = paths.filter(|path| path.to_string_lossy().ends_with(CASE)).collect();
        files.sort();
        if files.is_empty() {
            bail!("there is no case in {place}: none of its files ends in {CASE}; host/COMMANDS.md shows one");
        }
        Ok(files)
    }
}

/// Reads all cases, or says what is wrong with each that can't be read.
fn read_all(files: &[PathBuf]) -> Result<Vec<Case>> {
    let (mut cases, mut flaws) = (Vec::new(), Vec::new());
    for file in files {
        match Case::read(file) {
            Ok(case) => cases.push(case),
            Err(flaw) => flaws.push(format!("{flaw:#}")),
        }
    }
    if flaws.is_empty() { Ok(cases) } else { bail!(flaws.join("\n")) }
}

/// What a case's file is called up to its first dot: what its probe is called, unless it says otherwise.
fn stem(file: &Path) -> &str {
    file.file_name().and_then(|name| name.to_str()).and_then(|name| name.split('.').next()).unwrap_or_default()
}
