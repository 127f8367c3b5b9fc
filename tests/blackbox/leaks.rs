//! What is taken is given back: memory, threads and files, whatever is loaded, replaced, asked for and gone wrong.

use crate::{
    guest,
    runner::{Home, Runner},
    target::Target,
};

/// Replaces a component so many times, each time by another one, and each time to the end.
fn replace(runner: &Runner, versions: std::ops::Range<u32>) {
    for version in versions {
        let message = format!("version {version}");
        runner.home.drop_in("changing", &guest::saying(&message));
        runner.wait_for_message("changing", &message);
    }
}

#[test]
fn nothing_is_kept_of_what_is_over() {
    let target = Target::greeting("hello");
    let mut config = "[defaults]\ninterval = \"100ms\"\njitter = 0.0\n".to_owned();
    config += &format!(
        "[[check]]\nname = \"door\"\nprobe = \"tcp\"\nsettings = {{ host = \"127.0.0.1\", port = {}, expect = \"hello\" }}\n",
        target.port()
    );
    let home = Home::new(&config);
    for name in ["eats-memory", "shouts", "traps", "dials"] {
        home.drop_in(name, &guest::fixture(name));
    }
    let runner = home.start();
    // What is set up once, and what is kept for the next time, is there after some rounds.
    replace(&runner, 0..15);
    (0..20).for_each(|_| drop(runner.run("eats-memory")));
    let before = runner.usage();

    replace(&runner, 15..60);
    for name in ["eats-memory", "shouts", "traps", "dials", "door"] {
        (0..40).for_each(|_| drop(runner.run(name)));
    }
    // Threads that wait for work, and sockets that are about to close, come and go: this is about what only grows.
    let kept = runner.wait_for("what is over to be given back", || {
        let now = runner.usage();
        let is_little = now.threads <= before.threads + 4 && now.files <= before.files + 4;
        // A single one of those runs had 40 to 64 MiB, and there were hundreds.
        let is_little = is_little && now.resident_kib <= before.resident_kib + 48 * 1024;
        if is_little { Ok(now) } else { Err(format!("{now:?} after {before:?}")) }
    });
    assert!(kept.files > 0);
    runner.stop();
}
