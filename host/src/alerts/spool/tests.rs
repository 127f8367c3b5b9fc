//! What is found again after a runner has ended, in whatever way.

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
