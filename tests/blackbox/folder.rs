//! The ways in which programs, people and orchestrators put files into a folder.

use std::{
    fs::{self, File},
    io::Write,
    os::unix::fs::symlink,
    thread,
    time::{Duration, Instant},
};

use crate::{
    guest,
    runner::{BRISK, Home},
};

/// Less than a file must be left alone for before it is judged, and away for before it is gone.
const LEFT_ALONE: Duration = Duration::from_millis(450);

/// Components that say `<prefix>-000000` and so on: one is made, and the others are patched, for making one takes a while.
fn crowd(prefix: &str, count: usize) -> Vec<(String, Vec<u8>)> {
    let word = |number: usize| format!("{prefix}-{number:06}");
    let first = guest::saying(&word(0));
    let at = first.windows(word(0).len()).position(|bytes| bytes == word(0).as_bytes()).unwrap();
    let patched = |number| {
        let mut bytes = first.clone();
        bytes[at..at + word(number).len()].copy_from_slice(word(number).as_bytes());
        (word(number), bytes)
    };
    (0..count).map(patched).collect()
}

#[test]
fn a_file_can_be_rewritten_in_place() {
    let runner = Home::new(BRISK).start();
    fs::write(runner.home.path("probes.d/a.wasm"), guest::saying("one")).unwrap();
    runner.wait_for_message("a", "one");
    fs::write(runner.home.path("probes.d/a.wasm"), guest::saying("two")).unwrap();
    let second = runner.wait_for_message("a", "two");
    assert_eq!(second.generation(), 2);
    runner.stop();
}

#[test]
fn a_slow_copy_is_not_judged_before_it_is_over() {
    let home = Home::new(BRISK);
    home.drop_in("old", &guest::saying("one"));
    let runner = home.start();
    runner.wait_for_message("old", "one");

    let bytes = guest::saying("arrived slowly");
    let mut copies =
        ["new", "old"].map(|name| File::create(runner.home.path(&format!("probes.d/{name}.wasm"))).unwrap());
    // Once this test itself was held up for so long that a file was left alone, it may rightly have been judged.
    let mut was_steady = true;
    for chunk in bytes.chunks(bytes.len().div_ceil(10)) {
        let written = Instant::now();
        for copy in &mut copies {
            copy.write_all(chunk).unwrap();
        }
        // This is the slowness itself; nothing is expected to have happened by its end.
        thread::sleep(Duration::from_millis(150));
        let rejected = ["new", "old"].map(|name| runner.probe(name).is_some_and(|probe| probe["state"] == "rejected"));
        was_steady &= written.elapsed() < LEFT_ALONE;
        assert!(!was_steady || rejected == [false, false], "{}", runner.log());
    }
    drop(copies);
    runner.wait_for_message("new", "arrived slowly");
    runner.wait_for_message("old", "arrived slowly");
    assert!(!was_steady || !runner.log().contains("rejected"), "{}", runner.log());
    runner.stop();
}

#[test]
fn a_copy_that_is_broken_off_is_rejected_and_can_be_made_good() {
    let runner = Home::new(BRISK).start();
    let bytes = guest::saying("whole");
    fs::write(runner.home.path("probes.d/a.wasm"), &bytes[..bytes.len() / 2]).unwrap();
    let reason = runner.wait_for_rejection("a");
    assert!(reason.contains("damaged or incomplete"), "{reason}");
    fs::write(runner.home.path("probes.d/a.wasm"), &bytes).unwrap();
    runner.wait_for_message("a", "whole");
    runner.stop();
}

#[test]
fn links_are_followed_and_swapped_as_config_maps_do() {
    let home = Home::new(BRISK);
    let folder = home.path("probes.d");
    for (version, message) in [("..v1", "one"), ("..v2", "two")] {
        fs::create_dir(folder.join(version)).unwrap();
        fs::write(folder.join(version).join("a.wasm"), guest::saying(message)).unwrap();
        fs::write(folder.join(version).join("a.toml"), format!("[[check]]\nname = \"check-{message}\"\n")).unwrap();
    }
    symlink("..v1", folder.join("..data")).unwrap();
    symlink("..data/a.wasm", folder.join("a.wasm")).unwrap();
    symlink("..data/a.toml", folder.join("a.toml")).unwrap();
    let runner = home.start();
    runner.wait_for_message("check-one", "one");

    symlink("..v2", folder.join("..data_tmp")).unwrap();
    fs::rename(folder.join("..data_tmp"), folder.join("..data")).unwrap();
    fs::remove_dir_all(folder.join("..v1")).unwrap();
    runner.wait_for_message("check-two", "two");
    runner.wait_until_gone("check-one");
    runner.wait_for_probe("a", "was replaced once", |probe| probe["generation"] == 2);
    runner.stop();
}

#[test]
fn a_change_that_nobody_tells_of_is_found_by_looking() {
    let home = Home::new(BRISK);
    fs::create_dir(home.path("elsewhere")).unwrap();
    fs::write(home.path("elsewhere/a.wasm"), guest::saying("one")).unwrap();
    symlink("../elsewhere/a.wasm", home.path("probes.d/a.wasm")).unwrap();
    let runner = home.start();
    runner.wait_for_message("a", "one");
    // A new file is looked at again and again at first. That is over after these runs, which take two seconds at the least.
    runner.wait_for_runs("a", 10);
    // This folder is not watched.
    fs::write(runner.home.path("elsewhere/a.wasm"), guest::saying("two")).unwrap();
    runner.wait_for_message("a", "two");
    runner.stop();
}

#[test]
fn a_folder_that_is_gone_takes_nothing_with_it_and_its_successor_counts() {
    let home = Home::new(BRISK);
    home.drop_in("a", &guest::saying("one"));
    let runner = home.start();
    runner.wait_for_message("a", "one");

    fs::remove_dir_all(runner.home.path("probes.d")).unwrap();
    let flaw = runner.wait_for_flaw("probes.d");
    assert!(flaw.contains("can't be read") && flaw.contains("what was loaded from it goes on"), "{flaw}");
    let check = runner.wait_for_runs("a", 2);
    assert_eq!((check.message(), check.generation()), ("one", 1));

    fs::create_dir(runner.home.path("probes.d")).unwrap();
    runner.home.drop_in("b", &guest::saying("two"));
    runner.wait_for_message("b", "two");
    runner.wait_for_no_flaw("probes.d");
    runner.wait_until_gone("a");

    // The new folder is watched as the old one was.
    runner.home.drop_in("b", &guest::saying("three"));
    runner.wait_for_message("b", "three");
    runner.stop();
}

#[test]
fn a_folder_can_be_swapped_for_another() {
    let home = Home::new(BRISK);
    home.drop_in("a", &guest::saying("one"));
    let runner = home.start();
    runner.wait_for_message("a", "one");

    fs::create_dir(runner.home.path("next")).unwrap();
    fs::write(runner.home.path("next/a.wasm"), guest::saying("two")).unwrap();
    fs::rename(runner.home.path("probes.d"), runner.home.path("last")).unwrap();
    fs::rename(runner.home.path("next"), runner.home.path("probes.d")).unwrap();
    runner.wait_for_message("a", "two");

    // Nobody looks at the old one any more, and somebody looks at the new one.
    fs::write(runner.home.path("last/b.wasm"), guest::saying("unseen")).unwrap();
    runner.home.drop_in("a", &guest::saying("three"));
    runner.wait_for_message("a", "three");
    runner.wait_for_checks(&["a"]);
    runner.stop();
}

#[test]
fn a_folder_that_is_missing_at_the_start_is_told_of_and_found_later() {
    let home = Home::new(&format!("probes = \"probes.d\"\n{BRISK}"));
    fs::remove_dir(home.path("probes.d")).unwrap();
    let runner = home.start();
    let flaw = runner.wait_for_flaw("probes.d");
    assert!(flaw.contains("No such file or directory"), "{flaw}");
    assert_eq!(runner.get("/health/live").status, 200);

    fs::create_dir(runner.home.path("probes.d")).unwrap();
    runner.home.drop_in("a", &guest::saying("found"));
    runner.wait_for_message("a", "found");
    runner.wait_for_no_flaw("probes.d");
    runner.stop();
}

#[test]
fn a_folder_that_nobody_named_need_not_be_there() {
    let home = Home::new(BRISK);
    fs::remove_dir(home.path("probes.d")).unwrap();
    let runner = home.start();
    // It is told of once somebody has looked for it.
    runner.wait_for_no_flaw("probes.d");
    assert!(runner.get("/metrics").text().contains("probity_reloads_total{result=\"failed\"} 0\n"));

    // Once it was there, it is missed.
    fs::create_dir(runner.home.path("probes.d")).unwrap();
    runner.home.drop_in("a", &guest::saying("found"));
    runner.wait_for_message("a", "found");
    fs::remove_dir_all(runner.home.path("probes.d")).unwrap();
    let flaw = runner.wait_for_flaw("probes.d");
    assert!(flaw.contains("No such file or directory"), "{flaw}");
    runner.stop();
}

#[test]
fn what_is_in_the_place_of_the_folder_is_told_of() {
    let home = Home::new(BRISK);
    fs::remove_dir(home.path("probes.d")).unwrap();
    fs::write(home.path("probes.d"), "not a folder").unwrap();
    let runner = home.start();
    let flaw = runner.wait_for_flaw("probes.d");
    assert!(flaw.contains("Not a directory"), "{flaw}");
    runner.stop();
}

#[test]
fn a_file_that_is_deleted_and_made_again_was_never_away() {
    let home = Home::new(BRISK);
    home.drop_in("a", &guest::saying("one"));
    let runner = home.start();
    let before = runner.wait_for_message("a", "one");

    let second = guest::saying("two");
    let removed = Instant::now();
    runner.home.remove("probes.d/a.wasm");
    // Long enough for the runner to look, and find nothing.
    thread::sleep(Duration::from_millis(200));
    fs::write(runner.home.path("probes.d/a.wasm"), second).unwrap();
    let was_quick = removed.elapsed() < LEFT_ALONE;
    let after = runner.wait_for_message("a", "two");
    // Once this test itself was held up, the file may rightly have counted as gone.
    if was_quick {
        assert_eq!(after.generation(), before.generation() + 1, "it is the same check");
        assert!(after.runs() > before.runs());
    }
    runner.stop();
}

#[test]
fn hidden_files_and_other_files_are_none_of_its_business() {
    let home = Home::new(BRISK);
    for name in [".hidden.wasm", "notes.txt", "a.wasm.bak", "no-ending"] {
        fs::write(home.path("probes.d").join(name), "whatever").unwrap();
    }
    fs::create_dir(home.path("probes.d/folder.wasm")).unwrap();
    symlink("nowhere", home.path("probes.d/dangling.wasm")).unwrap();
    home.drop_in("a", &guest::saying("one"));
    let runner = home.start();
    runner.wait_for_message("a", "one");
    runner.wait_for_checks(&["a"]);
    assert!(!runner.log().contains("rejected"), "{}", runner.log());
    runner.stop();
}

#[test]
fn a_thousand_files_at_once_are_a_thousand_checks() {
    let runner = Home::new("[defaults]\ninterval = \"2s\"\n").start();
    let crowd = crowd("one", 1_000);
    let aside = runner.home.path("aside");
    fs::create_dir(&aside).unwrap();
    for (name, bytes) in &crowd {
        fs::write(aside.join(name), bytes).unwrap();
    }
    for (name, _) in &crowd {
        fs::rename(aside.join(name), runner.home.path("probes.d").join(name).with_extension("wasm")).unwrap();
    }
    // How long that takes depends on the machine, but it must go on.
    let mut known = 0;
    while known < crowd.len() {
        known = runner.wait_for(&format!("more than {known} checks that say their own name"), || {
            let all = runner.json("/health/checks");
            let checks = all["checks"].as_object().unwrap();
            let right = checks.iter().filter(|(name, check)| check["message"] == **name && check["healthy"] == true);
            let right = right.count();
            if right > known { Ok(right) } else { Err(format!("{right} of {} checks", checks.len())) }
        });
    }
    assert_eq!(runner.json("/health/checks")["total"], 1_000);
    runner.stop();
}
