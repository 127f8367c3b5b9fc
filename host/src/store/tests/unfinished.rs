//! A store that could not be finished is no history, and no damage.

use super::*;

/// A history that was set aside before, with something in it.
fn set_aside(folder: &Path) -> PathBuf {
    let aside = folder.join("history/damaged/keyspaces/1/tables");
    fs::create_dir_all(&aside).unwrap();
    fs::write(aside.join("7"), "what somebody may still want").unwrap();
    aside.join("7")
}

/// What a full disk left of a new store, as its library makes one: the last file has no room for its four bytes.
fn half_made(db: &Path) {
    fs::create_dir_all(db.join("keyspaces")).unwrap();
    for file in ["lock", "version"] {
        fs::write(db.join(file), "").unwrap();
    }
    fs::File::create(db.join("0.jnl")).unwrap().set_len(64 << 20).unwrap();
}

#[test]
fn a_store_that_was_never_finished_takes_no_damaged_ones_place() {
    for name in ["db", "db.new"] {
        let folder = tempfile::tempdir().unwrap();
        let kept = set_aside(folder.path());
        half_made(&folder.path().join("history").join(name));
        let (store, _) = open(options(folder.path()));
        let standing = store.standing();
        assert!(standing.keeps && standing.message == "keeps what happens", "{name}: {standing:?}");
        assert_eq!((store.figures().damaged, store.figures().errors), (0, 0), "{name}");
        assert!(kept.exists(), "{name}");
        let mut check = Check::begin(&Arc::new(store), past());
        check.run(verdict(Status::Healthy, "well"));
        assert_eq!(check.results().len(), 1, "{name}");
        assert!(!folder.path().join("history/db.new").exists(), "{name}");
    }
}

#[test]
fn a_store_in_which_nothing_was_kept_is_not_set_aside() {
    let folder = tempfile::tempdir().unwrap();
    let kept = set_aside(folder.path());
    let place = folder.path().join("history/db");
    drop(db::Db::open_or_begin(&place).unwrap());
    // Whatever is wrong with it, there is nothing in it.
    fs::write(place.join("version"), "???").unwrap();
    let (store, _) = open(options(folder.path()));
    assert!(store.standing().keeps && store.figures().damaged == 0, "{:?}", store.standing());
    assert!(kept.exists());
}

#[test]
fn what_a_store_takes_of_the_disk_is_what_is_written_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _) = open(options(folder.path()));
    let mut check = Check::begin(&Arc::new(store), past());
    check.run(verdict(Status::Healthy, "well"));
    check.results();
    let size = check.store.figures().size;
    assert!(size > 0 && size < 1 << 20, "{size}");
}
