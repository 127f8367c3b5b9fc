//! What must outlive the runner: the alerts and silences, and every message that was not taken yet.
//!
//! A file that is only ever added to, a line a record, each with a digest of itself: what a crash leaves of the last one is
//! recognised, and left out. Once most of it is of the past it is written anew beside itself, and takes its place in one step.

mod line;

use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use probity_core::alert::{Letter, Memory};

pub(super) use self::line::Record;
use self::line::{Key, Read, What, read};

/// The file, within the folder.
const FILE: &str = "notifications.log";
/// What it is written anew as.
const ANEW: &str = "notifications.new";
/// Who holds it is the only one to write.
const LOCK: &str = "notifications.lock";
/// The file is written anew when it is so many times as large as what it says,
const WASTE: u64 = 4;
/// and larger than this, in bytes: less is not worth the trouble.
const WORTH_IT: u64 = 256 * 1024;

/// What was found at the start.
#[derive(Default)]
pub(super) struct Recalled {
    pub(super) memory: Option<Memory>,
    /// The messages that were not taken yet, the oldest first.
    pub(super) letters: Vec<(Arc<str>, Arc<Letter>)>,
}

/// The file.
pub(super) struct Spool(Arc<Mutex<State>>);

struct State {
    /// `None`: nothing is written.
    folder: Option<PathBuf>,
    /// `None`: it could not be opened, or the last write failed: it is written anew with the next.
    file: Option<File>,
    /// Held for as long as the runner lives.
    lock: Option<File>,
    /// Bytes of the file.
    size: u64,
    /// Lines that still count: the memory, and each message that waits, in order.
    memory: Option<String>,
    queued: BTreeMap<u64, (Key, String)>,
    numbers: BTreeMap<Key, u64>,
    next: u64,
    trouble: Option<String>,
}

impl Spool {
    /// Opens the file in the folder, and recalls what it says.
    pub(super) fn open(folder: Option<&Path>) -> (Spool, Recalled) {
        let mut state = State {
            folder: folder.map(Path::to_owned),
            file: None,
            lock: None,
            size: 0,
            memory: None,
            queued: BTreeMap::new(),
            numbers: BTreeMap::new(),
            next: 0,
            trouble: None,
        };
        let mut recalled = Recalled::default();
        if let Some(folder) = folder {
            let found = state.recall(folder);
            recalled = state.note(found).unwrap_or_default();
        }
        (Spool(Arc::new(Mutex::new(state))), recalled)
    }

    /// Writes records down, and waits until they are on disk. What can't be written is kept in memory, and tried again with the
    /// next.
    pub(super) async fn append(&self, records: Vec<Record>) {
        let state = Arc::clone(&self.0);
        let work = move || state.lock().unwrap_or_else(PoisonError::into_inner).append(records);
        // A runtime that is on its way out writes nothing more.
        let _ = tokio::task::spawn_blocking(work).await;
    }

    /// Tries again what failed, if something did. What is recalled by that could not be read at the start; a memory is only if there is
    /// none that is newer.
    pub(super) async fn mend(&self) -> Recalled {
        let state = Arc::clone(&self.0);
        let work = move || state.lock().unwrap_or_else(PoisonError::into_inner).mend();
        // A runtime that is on its way out writes nothing more.
        tokio::task::spawn_blocking(work).await.unwrap_or_default()
    }

    /// Why nothing is written, if it is not.
    pub(super) fn trouble(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).trouble.clone()
    }
}

impl State {
    fn recall(&mut self, folder: &Path) -> io::Result<Recalled> {
        fs::create_dir_all(folder)?;
        let lock = OpenOptions::new().create(true).truncate(false).write(true).open(folder.join(LOCK))?;
        lock.try_lock().map_err(|error| match error {
            fs::TryLockError::WouldBlock => {
                self.folder = None;
                io::Error::other("another runner uses this folder; give each its own `data_dir`")
            }
            fs::TryLockError::Error(error) => error,
        })?;
        // What is known by now, if it could not be read at the start.
        let newer = self.memory.clone();
        let text = match fs::read(folder.join(FILE)) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(error),
        };
        let mut memory = None;
        let mut letters: BTreeMap<u64, Arc<Letter>> = BTreeMap::new();
        let mut damaged = 0;
        for line in text.split_inclusive(|byte| *byte == b'\n') {
            match read(line) {
                Some(Read::Memory(read)) => {
                    self.memory = Some(String::from_utf8_lossy(line).into_owned());
                    memory = Some(read);
                }
                Some(Read::Queued { sink, letter }) => {
                    letters.insert(self.next, Arc::clone(&letter));
                    let key = (sink, Arc::clone(&letter.id));
                    self.queue(key, String::from_utf8_lossy(line).into_owned());
                }
                Some(Read::Done { sink, id }) => self.finish(&(sink, id)),
                None => damaged += 1,
            }
        }
        if damaged > 0 {
            // The last one is what was being written when the machine or the runner stopped.
            tracing::warn!("{damaged} records of {} are damaged, and left out", folder.join(FILE).display());
        }
        if newer.is_some() {
            (self.memory, memory) = (newer, None);
        }
        let waiting = self
            .queued
            .iter()
            .filter_map(|(number, (key, _))| Some((Arc::clone(&key.0), Arc::clone(letters.get(number)?))));
        let recalled = Recalled { memory, letters: waiting.collect() };
        self.rewrite()?;
        self.lock = Some(lock);
        Ok(recalled)
    }

    fn mend(&mut self) -> Recalled {
        let Some(folder) = self.folder.clone().filter(|_| self.trouble.is_some()) else { return Recalled::default() };
        let mended =
            if self.lock.is_some() { self.rewrite().map(|()| Recalled::default()) } else { self.recall(&folder) };
        self.note(mended).unwrap_or_default()
    }

    fn append(&mut self, records: Vec<Record>) {
        let mut text = String::new();
        for Record { line, what } in records {
            text.push_str(&line);
            match what {
                What::Memory => self.memory = Some(line),
                What::Queued(key) => self.queue(key, line),
                What::Done(key) => self.finish(&key),
            }
        }
        // What was never opened may have messages in it, and is not written over.
        if self.folder.is_none() || self.lock.is_none() {
            return;
        }
        let is_wasted = self.size >= self.worth_it();
        let written = match &mut self.file {
            Some(file) if !is_wasted => {
                let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_data());
                self.size += text.len() as u64;
                written
            }
            _ => self.rewrite(),
        };
        self.note(written);
    }

    /// Remembers whether something could be written.
    fn note<T>(&mut self, done: io::Result<T>) -> Option<T> {
        match done {
            Ok(value) => {
                if self.trouble.take().is_some() {
                    tracing::info!("notifications are kept on disk again");
                }
                Some(value)
            }
            Err(error) => {
                self.fail(&error);
                None
            }
        }
    }

    /// The size above which the file is written anew.
    fn worth_it(&self) -> u64 {
        let lines = self.memory.iter().chain(self.queued.values().map(|(_, line)| line));
        // Every line that counts is counted: there are few, and a write waits for the disk for longer than this takes.
        (lines.map(|line| line.len() as u64).sum::<u64>() * WASTE).max(WORTH_IT)
    }

    fn queue(&mut self, key: Key, line: String) {
        self.finish(&key);
        self.numbers.insert(key.clone(), self.next);
        self.queued.insert(self.next, (key, line));
        self.next += 1;
    }

    fn finish(&mut self, key: &Key) {
        if let Some(number) = self.numbers.remove(key) {
            self.queued.remove(&number);
        }
    }

    /// Writes all that counts, and nothing else.
    fn rewrite(&mut self) -> io::Result<()> {
        let Some(folder) = &self.folder else { return Ok(()) };
        self.file = None;
        let lines = self.memory.iter().chain(self.queued.values().map(|(_, line)| line));
        let text: String = lines.map(String::as_str).collect();
        let (file, anew) = (folder.join(FILE), folder.join(ANEW));
        let mut new = File::create(&anew)?;
        new.write_all(text.as_bytes())?;
        new.sync_all()?;
        fs::rename(&anew, &file)?;
        // Without this, the old one may be back after the machine has crashed.
        File::open(folder)?.sync_all()?;
        self.size = text.len() as u64;
        self.file = Some(OpenOptions::new().append(true).open(&file)?);
        Ok(())
    }

    fn fail(&mut self, error: &io::Error) {
        self.file = None;
        let trouble = format!("notifications are not kept on disk, and would be lost with the runner: {error}");
        if self.trouble.as_ref() != Some(&trouble) {
            tracing::error!("{trouble}");
        }
        self.trouble = Some(trouble);
    }
}

#[cfg(test)]
mod tests;
