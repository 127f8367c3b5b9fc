//! A runner whose own parts stand still says so, though it answers.

use std::fs;

use nix::{
    errno::Errno,
    sys::{
        ptrace,
        wait::{WaitPidFlag, waitpid},
    },
    unistd::Pid,
};

use crate::runner::{Home, Runner};

/// Threads of a runner that are held as a debugger holds them, while all others go on. They go on with the end of this.
struct Held(Vec<Pid>);

impl Held {
    /// Holds all threads of this name. `None`, said aloud, if this system lets nobody; under `PROBITY_TEST_STRICT` that is a failure.
    fn all(runner: &Runner, name: &str) -> Option<Held> {
        let mut held = Held(Vec::new());
        for task in fs::read_dir(format!("/proc/{}/task", runner.id())).unwrap().map(|task| task.unwrap().path()) {
            // A thread may have ended meanwhile.
            if !fs::read_to_string(task.join("comm")).is_ok_and(|comm| comm.trim_end() == name) {
                continue;
            }
            let thread = Pid::from_raw(task.file_name().unwrap().to_str().unwrap().parse().unwrap());
            match ptrace::seize(thread, ptrace::Options::empty()) {
                Err(Errno::ESRCH) => continue,
                Err(Errno::EPERM) => {
                    assert!(std::env::var_os("PROBITY_TEST_STRICT").is_none(), "this test needs ptrace");
                    eprintln!("SKIPPED: this test needs ptrace");
                    return None;
                }
                seized => seized.unwrap(),
            }
            ptrace::interrupt(thread).unwrap();
            waitpid(thread, Some(WaitPidFlag::__WALL)).unwrap();
            held.0.push(thread);
        }
        assert!(!held.0.is_empty(), "there is no thread `{name}`");
        Some(held)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        for thread in &self.0 {
            // One that was killed needs no one to let it go.
            let _ = ptrace::detach(*thread, None);
        }
    }
}

#[test]
fn liveness_fails_while_a_part_of_the_runner_stands_still() {
    let runner = Home::new("").start();
    let live = |expected: u16| {
        runner.wait_for(&format!("liveness to be {expected}"), || {
            let answer = runner.get("/health/live");
            if answer.status == expected { Ok(answer.json()) } else { Err(answer.text()) }
        })
    };
    assert_eq!(live(200)["live"], true);
    // Workers are what tokio calls them, and so are its threads for what blocks.
    for (part, other, threads) in
        [("epoch-ticker", "scheduler", "epoch-ticker"), ("scheduler", "epoch-ticker", "tokio-rt-worker")]
    {
        let Some(held) = Held::all(&runner, threads) else { return };
        let told = live(503);
        let message = told["message"].as_str().unwrap();
        assert!(message.starts_with(&format!("its {part} has not moved for ")), "{told}");
        assert_eq!((&told["live"], message.contains(other)), (&false.into(), false), "{told}");
        let listed = runner.get("/livez");
        assert_eq!(listed.status, 503);
        let listed = listed.text();
        assert!(listed.contains(&format!("[-]{part} failed: it has not moved for ")), "{listed}");
        assert!(listed.contains(&format!("[+]{other} ok\n")), "{listed}");
        assert_eq!(runner.get(&format!("/livez?exclude={part}")).status, 200, "it can be left out of account");
        drop(held);
        assert_eq!(live(200).get("message"), None);
    }
    runner.stop();
}
