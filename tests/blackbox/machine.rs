//! The probes `memory` and `cpu`, on this machine, and in control groups that leave little of it.

use std::{
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use crate::{
    control_group::Group,
    probes::try_out,
    runner::{BRISK, Check, EAGER, Home, Runner},
    servers,
};

fn measured(check: &Check, name: &str) -> f64 {
    let all = check.0["measurements"].as_array().unwrap();
    let figure = all.iter().find(|figure| figure["name"] == name);
    figure.unwrap_or_else(|| panic!("{name}: {check:?}"))["value"].as_f64().unwrap()
}

#[test]
fn memory() {
    let settings = |settings: &str| format!("settings = {{ {settings} }}");
    try_out(
        "memory",
        &[
            ("enough", settings("of = \"machine\", unhealthy_available_bytes = 1"), "healthy", "the machine has "),
            ("little", settings("unhealthy_available = 1"), "unhealthy", "%: 100% or less"),
            ("less-than-some", settings("degraded_available_bytes = \"9000TiB\""), "degraded", ": 9000.0 TiB or less"),
            ("wrong", settings("degraded_available = 20"), "invalid-settings", "/degraded_available"),
        ],
    );
}

#[test]
fn memory_is_what_the_kernel_says() {
    let home = Home::new(&(BRISK.to_owned() + "[[check]]\nname = \"it\"\nprobe = \"memory\"\n"));
    let runner = home.start();
    let check = runner.wait_for_check("it", "has run", |check| check.runs() > 0 && check.fault().is_empty());
    let meminfo = std::fs::read_to_string("/proc/meminfo").unwrap();
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:")).unwrap();
    let total: f64 = line.trim().trim_end_matches(" kB").parse().unwrap();
    assert_eq!(measured(&check, "memory-total"), total * 1024.0);
    let (available, share) = (measured(&check, "memory-available"), measured(&check, "memory-available-share"));
    assert!((available / (total * 1024.0) - share).abs() < 1e-9 && share > 0.0 && share < 1.0, "{check:?}");
    runner.stop();
}

/// A process of a group, which is killed when it is dropped.
struct Resident(Child);

impl Resident {
    fn start(group: &Group, script: &str) -> Option<Resident> {
        let mut python = Command::new(servers::find("python3")?);
        python.args(["-c", script]);
        Some(Resident(group.inside(&python).stdout(Stdio::null()).spawn().unwrap()))
    }
}

impl Drop for Resident {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A runner in a group.
fn start_in(group: &Group, config: &str) -> Runner {
    let home = Home::new(config);
    let command = home.command(&["run", "--listen", "127.0.0.1:0", "--data-dir", "state"]);
    let command = group.inside(&command);
    home.start_by(command)
}

#[test]
fn memory_of_a_control_group_is_watched() {
    let limit = 1024 * 1024 * 1024;
    let limited = limit.to_string();
    let Some(group) = Group::new("memory", &[("memory.limit_in_bytes", &limited)], &[("memory.max", &limited)]) else {
        return;
    };
    let config = format!(
        "{BRISK}[[check]]\nname = \"group\"\nprobe = \"memory\"\n{EAGER}\
         settings = {{ of = \"control-group\", degraded_available = 0.5, unhealthy_available = 0.01 }}\n"
    );
    let runner = start_in(&group, &config);
    let well = runner.wait_for_check("group", "is well", |check| check.status() == "healthy");
    assert!(well.message().contains(&format!("{} has ", group.name())), "{well:?}");
    assert!(well.message().contains(" of 1.0 GiB available, "), "{well:?}");
    assert_eq!(measured(&well, "control-group-limit"), f64::from(limit));

    // It holds 600 MiB until nobody waits for it any more.
    let Some(resident) = Resident::start(&group, "import time; held = bytearray(600 << 20); time.sleep(600)") else {
        return;
    };
    let tight = runner.wait_for_check("group", "is tight", |check| check.status() == "degraded");
    assert!(tight.message().ends_with("%: 50% or less"), "{tight:?}");
    drop(resident);
    runner.wait_for_check("group", "is well again", |check| check.status() == "healthy");
    runner.stop();
}

/// Keeps all cores busy until it is dropped.
struct Burning<'a>(&'a AtomicBool);

impl Drop for Burning<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn processors_are_found_busy() {
    let config = BRISK.to_owned()
        + "[[check]]\nname = \"busy\"\nprobe = \"cpu\"\nsettings = { sample = \"100ms\", degraded_busy = 0.8 }\n"
        + "[[check]]\nname = \"very-busy\"\nprobe = \"cpu\"\nsettings = { sample = \"100ms\", unhealthy_busy = 0.8, degraded_busy = 0.8 }\n"
        + "[[check]]\nname = \"rare\"\nprobe = \"cpu\"\ninterval = \"1h\"\nsettings = { sample = \"300ms\" }\n";
    let runner = Home::new(&config).start();
    // The first run has nothing to compare with, and takes a sample.
    let first = runner.wait_for_check("rare", "has run", |check| check.runs() > 0 && check.fault().is_empty());
    let over = measured(&first, "over");
    assert!((0.2..5.0).contains(&over), "{over}: {first:?}");
    let cores = thread::available_parallelism().unwrap().get();
    assert!(measured(&first, "cores") >= cores as f64, "{first:?}");
    let shares: f64 = ["busy", "idle", "iowait", "steal"].iter().map(|name| measured(&first, name)).sum();
    assert!((shares - 1.0).abs() < 1e-6, "{first:?}");

    // Those that follow look at what was since the last one, which is longer.
    runner.wait_for_check("busy", "looks back to the last run", |check| measured(check, "over") > 0.15);

    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        // However this ends, they do.
        let _burning = Burning(&stop);
        for _ in 0..cores {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    std::hint::spin_loop()
                }
            });
        }
        let busy = runner.wait_for_check("busy", "is busy", |check| check.status() == "degraded");
        assert!(busy.message().contains("% busy over ") && busy.message().ends_with(": 80% or more"), "{busy:?}");
        runner.wait_for_check("very-busy", "is very busy", |check| check.status() == "unhealthy");
    });
    runner.stop();
}

#[test]
fn a_control_group_that_is_held_back_is_found() {
    // A third of a core.
    let v1 = [("cpu.cfs_period_us", "100000"), ("cpu.cfs_quota_us", "33000")];
    let Some(group) = Group::new("cpu", &v1, &[("cpu.max", "33000 100000")]) else { return };
    let config = "[defaults]\ninterval = \"1s\"\ntimeout = \"10s\"\n[[check]]\nname = \"group\"\nprobe = \"cpu\"\n\
                  settings = { degraded_throttled = 0.01 }\n";
    let Some(resident) = Resident::start(&group, "while True: pass") else { return };
    let runner = start_in(&group, config);
    let held = runner.wait_for_check("group", "is held back", |check| check.message().contains("was held back in "));
    assert!(held.message().contains(&format!("{} was held back in ", group.name())), "{held:?}");
    assert!((measured(&held, "control-group-cores") - 0.33).abs() < 1e-6, "{held:?}");
    assert!(measured(&held, "throttled") >= 0.01, "{held:?}");
    drop(resident);
    runner.stop();
}

#[test]
fn a_look_needs_its_grant() {
    // The manifest of a standard probe asks for its own, so a component of the same kind without one is what lacks it.
    let home = Home::new(&(BRISK.to_owned() + "[[check]]\nname = \"looks\"\nprobe = \"looks-around\"\n"));
    home.drop_in("looks-around", &crate::guest::fixture("looks-around"));
    let runner = home.start();
    let denied = runner.wait_for_check("looks", "is denied", |check| check.fault() == "denied");
    let end = r#"add to the check: allow = ["system:disk", "system:memory", "system:cpu"]"#;
    assert!(denied.message().ends_with(end), "{denied:?}");
    let allowed = "[[check]]\nname = \"looks\"\nprobe = \"looks-around\"\n\
                   allow = [\"system:disk\", \"system:memory\", \"system:cpu\"]\n";
    runner.home.put("probity.toml", (BRISK.to_owned() + allowed).as_bytes());
    runner.wait_for_check("looks", "is shown all", |check| check.status() == "healthy");
    runner.stop();
}
