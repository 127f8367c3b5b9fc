//! Recordings: runs that are kept in a file with all that they asked of their runner, and replayed from it.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context, Result, bail};
use jiff::Timestamp;
use probity_core::{
    outcome::{Attempt, Fault, FaultKind, Outcome},
    time::nanoseconds,
};
use serde_json::Value;
use toml::Table;

use super::{component, subject::examiner};
use crate::{
    config::Check,
    engine::{Engine, Header, Prepared, Recording, Tape},
    secrets::HIDDEN,
    worker::Examine,
};

/// Takes down what a run asks of its runner.
pub(super) struct Recorder {
    file: PathBuf,
    header: Header,
    tape: Arc<Tape>,
    prepared: Arc<Prepared>,
}

/// A recording, and the file that it was read from.
pub(super) struct Recorded {
    file: PathBuf,
    recording: Recording,
}

/// Replays a recording.
pub(super) struct Player {
    file: PathBuf,
    /// What to say besides where a replay goes astray.
    hint: &'static str,
    tape: Arc<Tape>,
    prepared: Arc<Prepared>,
}

impl Recorder {
    /// One for the next run of a check, to be written to that file. `component` is the file of its component, or the name of its
    /// standard probe.
    ///
    /// # Errors
    ///
    /// The component imports something that can't be recorded.
    pub(super) fn new(
        file: &Path,
        engine: &Engine,
        prepared: &Arc<Prepared>,
        check: &Check,
        component: &str,
    ) -> Result<Recorder> {
        let tape = Tape::empty(&check.settings.secrets());
        let prepared = Arc::new(engine.record(prepared, &component::read(component)?, &tape)?);
        let plan = check.plan(component::suggestions(prepared.manifest.as_ref()), std::time::Duration::ZERO)?;
        let header = Header {
            recording: Header::FORMAT,
            world: prepared.shape.world().to_owned(),
            check: check.name.clone(),
            probe: check.probe.clone(),
            digest: prepared.digest.to_string(),
            settings: check.settings.covered(),
            timeout: nanoseconds(plan.timeout),
            recorded: Timestamp::now().to_string(),
        };
        Ok(Recorder { file: file.to_owned(), header, tape, prepared })
    }

    /// The probe that is recorded.
    pub(super) fn prepared(&self) -> &Arc<Prepared> {
        &self.prepared
    }

    /// Writes down what was recorded. What has the file's name already is replaced, once all of it is written.
    ///
    /// # Errors
    ///
    /// It can't be written, or there is nothing to write, as no run came to its end.
    pub(super) fn write(&self) -> Result<()> {
        let file = &self.file;
        let shown = file.display();
        let text = self.tape.text(&self.header)?;
        let text = text.with_context(|| format!("there is nothing to write to {shown}: the probe was not run"))?;
        let mut name = file.file_name().unwrap_or_default().to_owned();
        name.push(".part");
        let part = file.with_file_name(name);
        let written = fs::write(&part, text).and_then(|()| fs::rename(&part, file));
        written.with_context(|| format!("can't write {shown}"))
    }
}

impl Recorded {
    /// Reads a recording.
    ///
    /// # Errors
    ///
    /// It can't be read, or is none.
    pub(super) fn read(file: &Path) -> Result<Recorded> {
        let shown = file.display();
        let text = fs::read_to_string(file).with_context(|| format!("can't read {shown}"))?;
        let recording = Recording::read(&text).with_context(|| shown.to_string())?;
        Ok(Recorded { file: file.to_owned(), recording })
    }

    /// The settings of what was recorded.
    pub(super) fn settings(&self) -> Result<Table> {
        Ok(Table::try_from(&self.recording.header.settings)?)
    }

    /// The text of a check, with the settings that were recorded under those that it has.
    ///
    /// # Errors
    ///
    /// The recording leaves out secrets, and the check does not have them.
    pub(super) fn under(&self, text: &str) -> Result<String> {
        let mut config: Table = toml::from_str(text)?;
        let check = config.get_mut("check").and_then(|checks| checks.get_mut(0)).and_then(toml::Value::as_table_mut);
        if let Some(check) = check {
            let settings = check.entry("settings").or_insert_with(|| Table::new().into());
            if let Some(settings) = settings.as_table_mut() {
                for (name, value) in self.settings()? {
                    settings.entry(name).or_insert(value);
                }
                self.refuse_hidden(settings)?;
            }
        }
        Ok(toml::to_string(&config)?)
    }

    /// Refuses settings of which the recording has left a part out.
    pub(super) fn refuse_hidden(&self, settings: &Table) -> Result<()> {
        let hidden = |(_, value): &(&String, &toml::Value)| value.to_string().contains(HIDDEN);
        if let Some((name, _)) = settings.iter().find(hidden) {
            let file = self.file.display();
            bail!("{file} has no secrets, and `settings.{name}` has one: give it again, as --set {name}=…");
        }
        Ok(())
    }

    /// Gives a probe what is in the recording.
    ///
    /// # Errors
    ///
    /// It is the recording of another one.
    pub(super) fn put_on(self, engine: &Engine, prepared: &Arc<Prepared>, check: &Check) -> Result<Player> {
        let Header { probe, digest, settings, .. } = &self.recording.header;
        let file = self.file.display();
        if *digest != *prepared.digest {
            bail!(
                "{file} is a recording of `{probe}` with the digest {digest}, and this component has {}: record it anew",
                prepared.digest
            );
        }
        let same = as_given(settings) == as_given(&check.settings.covered());
        let hint = if same { "" } else { " (its settings are not those that were recorded)" };
        let tape = Tape::of(self.recording, &check.settings.secrets());
        let prepared = Arc::new(engine.replay(prepared, &tape)?);
        Ok(Player { file: self.file, hint, tape, prepared })
    }
}

/// Settings in an order of their own.
fn as_given(settings: &Value) -> Vec<(&String, &Value)> {
    let mut members: Vec<_> = settings.as_object().into_iter().flatten().collect();
    members.sort_by_key(|(name, _)| *name);
    members
}

impl Player {
    /// Replays the recording from its beginning.
    ///
    /// # Errors
    ///
    /// What the probe suggests can't be.
    pub(super) async fn play(&self, engine: &Arc<Engine>, check: &Arc<Check>) -> Result<Attempt> {
        self.tape.rewind();
        let (examiner, _) = examiner(check, engine, &self.prepared)?;
        let attempt = examiner.attempt(&[]).await;
        examiner.close().await;
        Ok(match self.tape.divergence() {
            None => attempt,
            Some(divergence) => {
                let message = format!("{}: {divergence}{}", self.file.display(), self.hint);
                let outcome = Outcome::Fault(Fault::new(FaultKind::Divergence, check.settings.redact(&message)));
                Attempt { outcome, ..attempt }
            }
        })
    }
}
