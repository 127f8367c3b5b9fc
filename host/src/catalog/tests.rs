//! What a folder is found to hold, and when it is believed.
#![allow(clippy::unwrap_used)]

use std::time::{Duration, SystemTime};

use super::*;

struct Folder {
    dir: tempfile::TempDir,
    catalog: Catalog,
    now: Instant,
}

impl Folder {
    fn new() -> Folder {
        let dir = tempfile::tempdir().unwrap();
        let catalog = Catalog::new(dir.path().to_owned(), None, 1_000, Arc::default());
        Folder { dir, catalog, now: Instant::now() }
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        fs::write(self.dir.path().join(name), bytes).unwrap();
    }

    fn scan_after(&mut self, wait: Duration) -> Listing {
        self.now += wait;
        self.catalog.scan(self.now).0
    }
}

#[test]
fn only_components_and_side_cars_count() {
    let mut folder = Folder::new();
    for name in ["a.wasm", "a.toml", ".hidden.wasm", "notes.txt", "no-ending"] {
        folder.write(name, b"x");
    }
    fs::create_dir(folder.dir.path().join("folder.wasm")).unwrap();
    std::os::unix::fs::symlink("nowhere", folder.dir.path().join("dangling.wasm")).unwrap();
    let listing = folder.scan_after(Duration::ZERO);
    assert_eq!(listing.components.keys().collect::<Vec<_>>(), ["a"]);
    assert_eq!(listing.sidecars.keys().collect::<Vec<_>>(), ["a"]);
}

#[test]
fn a_file_settles_once_it_is_left_alone() {
    let mut folder = Folder::new();
    folder.write("a.wasm", b"one");
    assert!(!folder.scan_after(Duration::ZERO).settled());
    folder.write("a.wasm", b"other");
    let growing = folder.scan_after(SETTLED);
    assert!(!growing.settled(), "it was just written to");
    let settled = folder.scan_after(SETTLED);
    assert!(settled.settled());
    assert_eq!(settled.components["a"].digest, growing.components["a"].digest);
}

#[test]
fn a_file_that_was_written_long_ago_is_settled_at_first_sight() {
    let mut folder = Folder::new();
    folder.write("a.wasm", b"one");
    let file = fs::File::options().append(true).open(folder.dir.path().join("a.wasm")).unwrap();
    file.set_modified(SystemTime::now() - SETTLED).unwrap();
    assert!(folder.scan_after(Duration::ZERO).settled());
}

#[test]
fn a_rewrite_that_leaves_the_same_stamp_is_seen_while_it_is_fresh() {
    let mut folder = Folder::new();
    folder.write("a.toml", b"one");
    let path = folder.dir.path().join("a.toml");
    let stamp = Stamp::read(&path).unwrap();
    let known = Known { stamp, since: folder.now, settled: false, gone: None, content: Ok(Arc::from("eno")) };
    folder.catalog.texts.insert(path, known);
    let listing = folder.scan_after(Duration::ZERO);
    assert_eq!(listing.sidecars["a"].text, Ok("one".into()));
}

#[test]
fn a_link_is_followed_and_its_swap_is_seen() {
    let mut folder = Folder::new();
    folder.write("v1", b"one");
    folder.write("v2", b"two");
    let link = folder.dir.path().join("a.wasm");
    std::os::unix::fs::symlink("v1", &link).unwrap();
    folder.scan_after(Duration::ZERO);
    let first = folder.scan_after(SETTLED).components["a"].digest.clone();
    fs::remove_file(&link).unwrap();
    std::os::unix::fs::symlink("v2", &link).unwrap();
    assert_ne!(folder.scan_after(SETTLED).components["a"].digest, first);
}

#[test]
fn a_file_that_is_removed_is_gone_unless_it_comes_back_at_once() {
    let mut folder = Folder::new();
    folder.write("a.wasm", b"one");
    folder.write("b.wasm", b"two");
    folder.scan_after(Duration::ZERO);
    for name in ["a.wasm", "b.wasm"] {
        fs::remove_file(folder.dir.path().join(name)).unwrap();
    }
    let away = folder.scan_after(SETTLED);
    assert!(!away.settled() && away.components.len() == 2);
    folder.write("b.wasm", b"three");
    let after = folder.scan_after(SETTLED);
    assert_eq!(after.components.keys().collect::<Vec<_>>(), ["b"]);
}

#[test]
fn what_can_not_be_a_probe_says_why() {
    let mut folder = Folder::new();
    folder.write("Upper.wasm", b"");
    folder.write("large.wasm", &[0; 1_001]);
    folder.write("text.wasm", b"hello");
    folder.write("empty.wasm", b"");
    let listing = folder.scan_after(Duration::ZERO);
    let flaw = |name: &str| listing.components[name].verdict.as_ref().unwrap_err().to_string();
    assert!(flaw("Upper").contains("rename the file"), "{}", flaw("Upper"));
    assert!(flaw("large").contains("1001 bytes") && flaw("large").contains("may have 1000"), "{}", flaw("large"));
    assert!(flaw("text").contains("not WebAssembly: the file begins with `hello`"), "{}", flaw("text"));
    assert!(flaw("empty").contains("nothing at all"), "{}", flaw("empty"));
}

#[test]
fn a_folder_that_is_gone_is_an_error_and_forgets_nothing() {
    let mut folder = Folder::new();
    folder.write("a.wasm", b"one");
    folder.scan_after(Duration::ZERO);
    let aside = folder.dir.path().with_extension("aside");
    fs::rename(folder.dir.path(), &aside).unwrap();
    assert!(folder.catalog.scan(folder.now).1.is_err());
    fs::rename(&aside, folder.dir.path()).unwrap();
    assert!(folder.scan_after(SETTLED).settled());
}
