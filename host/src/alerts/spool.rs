//! What must outlive the runner: the alerts and silences, and every message that was not taken yet.
//!
//! A file that is only ever added to, a line a record, each with a digest of itself: what a crash leaves of the last one is
//! recognised, and left out. Once most of it is of the past it is written anew beside itself, and takes its place in one step.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use probity_core::alert::{Letter, Memory};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// The file, within the folder.
const FILE: &str = "notifications.log";
/// What it is written anew as.
const ANEW: &str = "notifications.new";
/// Who holds it is the only one to write.
const LOCK: &str = "notifications.lock";
/// Hex digits of a line's digest: no accident makes the same of another line.
const DIGEST: usize = 16;
/// The file is written anew when it is so many times as large as what it says,
const WASTE: u64 = 4;
/// and larger than this, in bytes: less is not worth the trouble.
const WORTH_IT: u64 = 256 * 1024;

/// One line, as it is written.
#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Written<'a> {
    Memory(&'a Memory),
    Queued { sink: &'a str, letter: &'a Letter },
    Done { sink: &'a str, id: &'a str },
}

/// The same, as it is read.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Read {
    Memory(Memory),
    Queued { sink: Arc<str>, letter: Arc<Letter> },
    Done { sink: Arc<str>, id: Arc<str> },
}

/// Something to write down.
pub(super) struct Record {
    line: String,
    what: What,
}

enum What {
    Memory,
    Queued(Key),
    Done(Key),
}

/// A sink, and the id of a message for it.
type Key = (Arc<str>, Arc<str>);

impl Record {
    pub(super) fn memory(memory: &Memory) -> Record {
        Record { line: line(&Written::Memory(memory)), what: What::Memory }
    }

    pub(super) fn queued(sink: &Arc<str>, letter: &Letter) -> Record {
        let key = (Arc::clone(sink), Arc::clone(&letter.id));
        Record { line: line(&Written::Queued { sink, letter }), what: What::Queued(key) }
    }

    pub(super) fn done(sink: &Arc<str>, id: &Arc<str>) -> Record {
        let key = (Arc::clone(sink), Arc::clone(id));
        Record { line: line(&Written::Done { sink, id }), what: What::Done(key) }
    }
}

fn line(record: &Written<'_>) -> String {
    // All keys are texts, so it can always be written.
    let json = serde_json::to_string(record).unwrap_or_default();
    format!("{} {json}\n", digest(&json))
}

fn digest(json: &str) -> String {
    let digest = Sha256::digest(json.as_bytes());
    let mut hex = String::with_capacity(DIGEST);
    for byte in &digest[..DIGEST / 2] {
        // A text takes whatever is written to it.
        let _ = write!(hex, "{byte:02x}");
    }
    hex
}

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
                Some((_, Read::Memory(read))) => {
                    self.memory = Some(String::from_utf8_lossy(line).into_owned());
                    memory = Some(read);
                }
                Some((_, Read::Queued { sink, letter })) => {
                    letters.insert(self.next, Arc::clone(&letter));
                    let key = (sink, Arc::clone(&letter.id));
                    self.queue(key, String::from_utf8_lossy(line).into_owned());
                }
                Some((_, Read::Done { sink, id })) => self.finish(&(sink, id)),
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

/// A line, if it is whole.
fn read(line: &[u8]) -> Option<(&str, Read)> {
    let line = std::str::from_utf8(line).ok()?.strip_suffix('\n')?;
    let (mark, json) = line.split_once(' ')?;
    (mark == digest(json)).then_some(())?;
    Some((json, serde_json::from_str(json).ok()?))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use jiff::Timestamp;
    use proptest::prelude::*;

    use super::*;

    fn letter(id: u32) -> Arc<Letter> {
        Arc::new(Letter::test(format!("m{id}").into(), "node", Timestamp::UNIX_EPOCH))
    }

    fn ids(recalled: &Recalled) -> Vec<String> {
        recalled.letters.iter().map(|(sink, letter)| format!("{sink}:{}", letter.id)).collect()
    }

    fn append(spool: &Spool, records: Vec<Record>) {
        spool.0.lock().unwrap().append(records);
    }

    #[test]
    fn what_was_not_taken_is_recalled_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let (a, b): (Arc<str>, Arc<str>) = ("a".into(), "b".into());
        let (spool, recalled) = Spool::open(Some(folder.path()));
        assert!(recalled.memory.is_none() && recalled.letters.is_empty());
        append(
            &spool,
            vec![Record::memory(&Memory::default()), Record::queued(&b, &letter(1)), Record::queued(&a, &letter(1))],
        );
        append(&spool, vec![Record::queued(&a, &letter(2)), Record::done(&a, &letter(1).id)]);
        drop(spool);
        let (spool, recalled) = Spool::open(Some(folder.path()));
        assert_eq!(ids(&recalled), ["b:m1", "a:m2"]);
        assert_eq!(recalled.memory, Some(Memory::default()));
        assert_eq!(spool.trouble(), None);
    }

    #[test]
    fn two_runners_do_not_share_a_folder() {
        let folder = tempfile::tempdir().unwrap();
        let (first, _) = Spool::open(Some(folder.path()));
        let (second, _) = Spool::open(Some(folder.path()));
        assert_eq!(first.trouble(), None);
        assert!(second.trouble().unwrap().contains("another runner uses this folder"));
        append(&second, vec![Record::queued(&"a".into(), &letter(1))]);
        drop((first, second));
        assert_eq!(ids(&Spool::open(Some(folder.path())).1), Vec::<String>::new());
    }

    #[test]
    fn the_file_does_not_grow_for_ever() {
        let folder = tempfile::tempdir().unwrap();
        let (spool, _) = Spool::open(Some(folder.path()));
        let sink: Arc<str> = "a".into();
        for id in 0..2_000 {
            append(&spool, vec![Record::queued(&sink, &letter(id))]);
            append(&spool, vec![Record::done(&sink, &letter(id).id)]);
        }
        let size = fs::metadata(folder.path().join(FILE)).unwrap().len();
        assert!(size <= WORTH_IT + 4_096, "{size}");
    }

    #[test]
    fn a_disk_that_fails_is_told_of_and_made_use_of_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state");
        let (spool, _) = Spool::open(Some(&path));
        // Nothing can be made in a folder that is gone, whoever asks.
        fs::remove_dir_all(&path).unwrap();
        spool.0.lock().unwrap().file = None;
        append(&spool, vec![Record::queued(&"a".into(), &letter(1))]);
        assert!(spool.trouble().unwrap().starts_with("notifications are not kept on disk"));
        fs::create_dir(&path).unwrap();
        append(&spool, vec![Record::queued(&"a".into(), &letter(2))]);
        assert_eq!(spool.trouble(), None);
        drop(spool);
        assert_eq!(ids(&Spool::open(Some(&path)).1), ["a:m1", "a:m2"], "and nothing is missing");
    }

    #[test]
    fn what_could_not_be_read_at_the_start_is_recalled_later() {
        let folder = tempfile::tempdir().unwrap();
        let (spool, _) = Spool::open(Some(folder.path()));
        append(&spool, vec![Record::queued(&"a".into(), &letter(1))]);
        drop(spool);
        let lock = folder.path().join(LOCK);
        fs::remove_file(&lock).unwrap();
        fs::create_dir(&lock).unwrap();
        let (spool, recalled) = Spool::open(Some(folder.path()));
        assert!(recalled.letters.is_empty() && spool.trouble().is_some());
        append(&spool, vec![Record::queued(&"a".into(), &letter(2))]);
        assert!(spool.trouble().is_some(), "what lies there is not written over");
        fs::remove_dir(&lock).unwrap();
        let recalled = spool.0.lock().unwrap().mend();
        assert_eq!(ids(&recalled), ["a:m1"]);
        assert_eq!(spool.trouble(), None);
        drop(spool);
        assert_eq!(ids(&Spool::open(Some(folder.path())).1), ["a:m2", "a:m1"]);
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

        /// Cut off anywhere, and with garbage after that, what was whole is recalled.
        #[test]
        fn whatever_a_crash_leaves_is_read(cut in 0.0f64..1.0, garbage in prop::collection::vec(any::<u8>(), 0..40)) {
            let folder = tempfile::tempdir().unwrap();
            let (spool, _) = Spool::open(Some(folder.path()));
            let lines: Vec<usize> = (0..6).map(|id| {
                append(&spool, vec![Record::queued(&"a".into(), &letter(id))]);
                fs::metadata(folder.path().join(FILE)).unwrap().len() as usize
            }).collect();
            drop(spool);
            let path = folder.path().join(FILE);
            let mut bytes = fs::read(&path).unwrap();
            let at = (bytes.len() as f64 * cut) as usize;
            bytes.truncate(at);
            bytes.extend(garbage);
            fs::write(&path, &bytes).unwrap();
            let whole = lines.iter().filter(|end| **end <= at).count();
            let (_, recalled) = Spool::open(Some(folder.path()));
            prop_assert!(recalled.letters.len() >= whole);
            prop_assert_eq!(recalled.letters.len() - whole, 0);
        }
    }
}
