//! The probe `disk`, on file systems of the test's own: filled, frozen, made read-only, and one that never answers.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    network::{may_unshare, same},
    runner::{BRISK, EAGER, Home, Runner, run_to_end},
    servers,
};

/// Mounts a small file system where it is told to, and one that never answers beside it: whoever holds the other end of the
/// device is to answer, and that is the runner, which knows nothing of it. Then it becomes what it is told to run.
const MOUNT: &str = "
    mount -t tmpfs -o size=1m,nr_inodes=40 small \"$0/small\"
    exec 9<>/dev/fuse
    mount -i -t fuse -o fd=9,rootmode=40000,user_id=0,group_id=0 hung \"$0/hung\"
    exec \"$@\"
";

/// A runner with mounts of its own.
struct Mounted {
    runner: Runner,
}

impl Mounted {
    /// `None`, said aloud, if this process may not mount anything.
    fn new(config: impl FnOnce(&dyn Fn(&str) -> String) -> String) -> Option<Mounted> {
        servers::find("nsenter").and(servers::find("mount"))?;
        if !may_unshare("--mount")? || !Path::new("/dev/fuse").exists() {
            eprintln!("SKIPPED: this test needs mounts of its own, and /dev/fuse");
            return None;
        }
        let home = Home::empty();
        for name in ["small", "hung", "probes.d"] {
            fs::create_dir(home.path(name)).unwrap();
        }
        let path = |name: &str| home.path(name).display().to_string();
        home.put("probity.toml", config(&path).as_bytes());
        let run = home.command(&["run", "--listen", "127.0.0.1:0", "--data-dir", "state"]);
        let mut mount = Command::new("unshare");
        mount.args(["--mount", "--", "sh", "-e", "-c", MOUNT]).arg(home.path(""));
        let command = same(&run, mount);
        Some(Mounted { runner: home.start_by(command) })
    }

    /// Where the small file system is, seen from here.
    fn small(&self, file: &str) -> PathBuf {
        let seen = format!("/proc/{}/root{}", self.runner.id(), self.runner.home.path("small").display());
        Path::new(&seen).join(file)
    }

    #[track_caller]
    fn fill(&self, kib: usize) {
        fs::write(self.small("file"), vec![1; kib * 1024]).unwrap();
    }

    /// Runs a command where the mounts are.
    #[track_caller]
    fn sh(&self, script: &str, name: &str) {
        let mut command = Command::new("nsenter");
        command.args(["--target", &self.runner.id().to_string(), "--mount", "--", "sh", "-e", "-c", script]);
        let ended = run_to_end({
            command.arg(self.runner.home.path(name));
            command
        });
        assert_eq!(ended.code, Some(0), "{script}: {ended:?}");
    }
}

fn check(name: &str, settings: &str) -> String {
    format!("[[check]]\nname = \"{name}\"\nprobe = \"disk\"\nsettings = {{ {settings} }}\n{EAGER}")
}

#[test]
fn a_file_system_is_watched_as_it_fills_and_empties() {
    let config = |path: &dyn Fn(&str) -> String| {
        let small = format!("paths = [\"{}\"]", path("small"));
        BRISK.to_owned()
            + &check("usual", &small)
            + &check(
                "bytes",
                &format!("{small}, degraded_available_bytes = \"200KiB\", unhealthy_available_bytes = 65536"),
            )
            + &check("writable", &format!("{small}, unhealthy_read_only = true"))
            + &check("absent", &format!("paths = [\"{}\"], unhealthy_available_bytes = 1", path("absent")))
    };
    let Some(mounted) = Mounted::new(config) else { return };
    let well = mounted.runner.wait_for_verdict("usual", "healthy", "small has 1.0 MiB of 1.0 MiB available, 100%");
    let kinds = well.0["details"].to_string();
    assert!(kinds.contains("tmpfs at "), "{kinds}");
    let measured = well.0["measurements"].to_string();
    for figure in ["small-total", "small-available", "small-available-share", "small-inodes-available-share", "look"] {
        assert!(measured.contains(&format!("{figure}\"")), "{figure}: {measured}");
    }
    mounted.runner.wait_for_verdict("absent", "unhealthy", "no such file or directory while looking at ");
    fs::create_dir(mounted.runner.home.path("absent")).unwrap();
    mounted.runner.wait_for_verdict("absent", "healthy", "available");

    mounted.fill(860);
    mounted.runner.wait_for_verdict(
        "bytes",
        "degraded",
        "it has 164.0 KiB of 1.0 MiB available, 16%: 200.0 KiB or less",
    );
    mounted.runner.wait_for_verdict("usual", "healthy", "16%");
    mounted.fill(940);
    mounted.runner.wait_for_verdict("usual", "degraded", "it has 84.0 KiB of 1.0 MiB available, 8%: 10% or less");
    mounted.fill(1000);
    mounted.runner.wait_for_verdict("usual", "unhealthy", "it has 24.0 KiB of 1.0 MiB available, 2%: 5% or less");
    mounted.runner.wait_for_verdict("bytes", "unhealthy", ": 64.0 KiB or less");
    fs::remove_file(mounted.small("file")).unwrap();
    mounted.runner.wait_for_verdict("usual", "healthy", "100%");

    // The root is one of forty, and so is each file.
    (0..36).for_each(|number| fs::write(mounted.small(&number.to_string()), b"").unwrap());
    mounted.runner.wait_for_verdict("usual", "degraded", "it has 3 of 40 inodes available, 8%: 10% or less");
    (36..38).for_each(|number| fs::write(mounted.small(&number.to_string()), b"").unwrap());
    mounted.runner.wait_for_verdict("usual", "unhealthy", "it has 1 of 40 inodes available, 3%: 5% or less");
    (0..38).for_each(|number| fs::remove_file(mounted.small(&number.to_string())).unwrap());
    mounted.runner.wait_for_verdict("usual", "healthy", "100%");

    mounted.sh("mount -o remount,ro \"$0\"", "small");
    mounted.runner.wait_for_verdict("writable", "unhealthy", "it is mounted read-only");
    assert_eq!(mounted.runner.run("usual").status(), "healthy");
    mounted.sh("mount -o remount,rw \"$0\"", "small");
    mounted.runner.wait_for_verdict("writable", "healthy", "100%");
    mounted.runner.stop();
}

#[test]
fn a_file_system_that_hangs_is_found_and_holds_up_nobody() {
    let config = |path: &dyn Fn(&str) -> String| {
        let both = format!("paths = [\"{}\", \"{}\"]", path("hung"), path("small"));
        BRISK.to_owned()
            + &check("both", &both)
            + &check("other", &format!("paths = [\"{}\"]", path("small")))
            + &check("hung", &format!("paths = [\"{}\"], unhealthy_available_bytes = 1", path("hung")))
    };
    let Some(mounted) = Mounted::new(config) else { return };
    let both = mounted.runner.wait_for_verdict("both", "unhealthy", "/hung");
    assert!(both.message().starts_with("2 file systems: no answer within "), "{both:?}");
    assert!(both.0["measurements"].to_string().contains("small-available"), "the other was looked at: {both:?}");
    mounted.runner.wait_for_verdict("other", "healthy", "100%");
    // However often it is looked at, one thread hangs and no more; a few come and go for other reasons.
    mounted.runner.wait_for_runs("hung", 1);
    let threads = mounted.runner.usage().threads;
    mounted.runner.wait_for_runs("hung", 6);
    let threads_now = mounted.runner.usage().threads;
    assert!(threads_now < threads + 5, "there were {threads} threads, and are {threads_now}");
    let faults = &mounted.runner.check("hung").unwrap().0["counters"]["faults"];
    assert!(faults.as_object().unwrap().values().all(|count| *count == 0), "{faults}");

    // What is left when it is taken away is an empty folder.
    mounted.sh("umount -f -l \"$0\"", "hung");
    mounted.runner.wait_for_verdict("hung", "healthy", "available");
    mounted.runner.stop();
}

#[test]
fn a_runner_ends_whatever_hangs() {
    let config =
        |path: &dyn Fn(&str) -> String| BRISK.to_owned() + &check("hung", &format!("paths = [\"{}\"]", path("hung")));
    let Some(mounted) = Mounted::new(config) else { return };
    mounted.runner.wait_for_verdict("hung", "unhealthy", "no answer within ");
    mounted.runner.stop();
}
