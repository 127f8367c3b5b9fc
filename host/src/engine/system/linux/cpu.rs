//! What the machine's processors do (`/proc/stat`, `/proc/loadavg`), and the control group that limits the runner's use of them
//! the most.

use std::path::Path;

use super::{
    super::contract::{Cpu, CpuGroup, Error, Load},
    control_group::{Group, Version},
    lacking, read_file,
};

/// Where the kernel counts what each core does: `proc_stat(5)`.
const STAT: &str = "proc/stat";
/// Where it tells of the load: `proc_loadavg(5)`.
const LOADAVG: &str = "proc/loadavg";

/// What they have done since the machine was started.
pub(super) fn read(root: &Path) -> Result<Cpu, Error> {
    let stat = read_file(root, STAT)?;
    let times = Times::read(&stat).ok_or_else(|| lacking(STAT, "line `cpu`"))?;
    let load = load(&read_file(root, LOADAVG)?).ok_or_else(|| lacking(LOADAVG, "load average"))?;
    let groups = Group::all(root, "cpu");
    Ok(Cpu {
        cores: cores(&stat),
        busy: times.busy,
        idle: times.idle,
        iowait: times.iowait,
        steal: times.steal,
        load,
        control_group: groups.iter().filter_map(limited).min_by(|one, other| one.cores.total_cmp(&other.cores)),
    })
}

/// Nanoseconds of all cores together.
struct Times {
    busy: u64,
    idle: u64,
    iowait: u64,
    steal: u64,
}

impl Times {
    fn read(stat: &str) -> Option<Times> {
        let line = stat.lines().find_map(|line| line.strip_prefix("cpu "))?;
        let ticks: Vec<u64> = line.split_whitespace().map_while(|field| field.parse().ok()).collect();
        let [user, nice, system, idle, iowait, irq, softirq, steal, ..] = ticks[..] else { return None };
        let second = rustix::param::clock_ticks_per_second().max(1);
        let nanoseconds = |ticks: u64| ticks.saturating_mul(1_000_000_000 / second);
        // The time of guests, which would follow, is part of `user` and `nice`.
        let busy = [user, nice, system, irq, softirq].into_iter().fold(0, u64::saturating_add);
        Some(Times {
            busy: nanoseconds(busy),
            idle: nanoseconds(idle),
            iowait: nanoseconds(iowait),
            steal: nanoseconds(steal),
        })
    }
}

/// Each has a line of its own, after that of all of them.
fn cores(stat: &str) -> u32 {
    let is_core =
        |line: &&str| line.strip_prefix("cpu").is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    u32::try_from(stat.lines().filter(is_core).count()).unwrap_or(u32::MAX)
}

fn load(text: &str) -> Option<Load> {
    let mut averages = text.split_whitespace().map(|field| field.parse().ok());
    Some(Load { one: averages.next()??, five: averages.next()??, fifteen: averages.next()?? })
}

/// What a group may use, and for how long it was held back; `None` if nothing limits it.
fn limited(group: &Group) -> Option<CpuGroup> {
    let (quota, period, throttled) = match group.version {
        Version::One => (
            // Without a limit it says -1, which is no such number.
            group.number("cpu.cfs_quota_us")?,
            group.number("cpu.cfs_period_us")?,
            group.entry("cpu.stat", "throttled_time"),
        ),
        Version::Two => {
            let text = group.read("cpu.max")?;
            let (quota, period) = text.trim().split_once(' ')?;
            let throttled =
                group.entry("cpu.stat", "throttled_usec").map(|microseconds| microseconds.saturating_mul(1000));
            // Without a limit it says `max`, which is no number.
            (quota.parse().ok()?, period.parse().ok()?, throttled)
        }
    };
    Some(CpuGroup {
        path: group.path.clone(),
        cores: quota as f64 / period.max(1) as f64,
        periods: group.entry("cpu.stat", "nr_periods").unwrap_or(0),
        throttled_periods: group.entry("cpu.stat", "nr_throttled").unwrap_or(0),
        throttled: throttled.unwrap_or(0),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::{
        super::pretended::{UNIFIED, system},
        *,
    };

    const SOME: [(&str, &str); 2] = [
        (
            STAT,
            "cpu  100 20 30 1000 50 3 4 7 90 0\ncpu0 50 10 15 500 25 1 2 3 45 0\ncpu1 50 10 15 500 25 2 2 4 45 0\nintr 5\n",
        ),
        (LOADAVG, "0.50 1.25 2.00 1/234 5678\n"),
    ];

    #[test]
    fn this_machine_has_processors() {
        let before = read(Path::new("/")).unwrap();
        let after = read(Path::new("/")).unwrap();
        assert!(before.cores > 0 && before.busy > 0 && before.load.fifteen >= 0.0, "{before:?}");
        assert!(after.busy >= before.busy && after.idle >= before.idle, "{before:?} {after:?}");
    }

    #[test]
    fn times_are_added_up() {
        let cpu = read(system(&SOME).path()).unwrap();
        let tick = 1_000_000_000 / rustix::param::clock_ticks_per_second();
        assert_eq!((cpu.cores, cpu.busy, cpu.idle), (2, 157 * tick, 1000 * tick));
        assert_eq!((cpu.iowait, cpu.steal), (50 * tick, 7 * tick));
        assert_eq!((cpu.load.one, cpu.load.five, cpu.load.fifteen), (0.5, 1.25, 2.0));
        assert!(cpu.control_group.is_none());
    }

    #[test]
    fn the_group_with_the_least_is_told() {
        let mut files = SOME.to_vec();
        files.extend([
            ("proc/self/cgroup", "0::/outer/inner\n"),
            ("proc/self/mountinfo", UNIFIED),
            ("sys/fs/cgroup/outer/inner/cpu.max", "max 100000\n"),
            ("sys/fs/cgroup/outer/cpu.max", "50000 100000\n"),
            ("sys/fs/cgroup/outer/cpu.stat", "usage_usec 9\nnr_periods 40\nnr_throttled 10\nthrottled_usec 250\n"),
        ]);
        let group = read(system(&files).path()).unwrap().control_group.unwrap();
        assert_eq!((group.path.as_str(), group.cores), ("/outer", 0.5));
        assert_eq!((group.periods, group.throttled_periods, group.throttled), (40, 10, 250_000));
    }

    #[test]
    fn the_first_version_is_read_as_well() {
        let mut files = SOME.to_vec();
        files.extend([
            ("proc/self/cgroup", "9:cpu,cpuacct:/a\n"),
            ("proc/self/mountinfo", "31 20 0:31 / /cg rw - cgroup cgroup rw,cpu,cpuacct\n"),
            ("cg/cpu.cfs_quota_us", "-1\n"),
            ("cg/cpu.cfs_period_us", "100000\n"),
            ("cg/a/cpu.cfs_quota_us", "150000\n"),
            ("cg/a/cpu.cfs_period_us", "100000\n"),
            ("cg/a/cpu.stat", "nr_periods 4\nnr_throttled 1\nthrottled_time 77\n"),
        ]);
        let group = read(system(&files).path()).unwrap().control_group.unwrap();
        assert_eq!((group.cores, group.periods, group.throttled_periods, group.throttled), (1.5, 4, 1, 77));
    }

    #[test]
    fn what_the_kernel_does_not_tell_is_named() {
        for (files, part) in [
            (vec![], "the runner can't read /proc/stat"),
            (vec![(STAT, "cpu  1 2 3\n")], "there is no line `cpu` in /proc/stat"),
            (vec![SOME[0]], "the runner can't read /proc/loadavg"),
            (vec![SOME[0], (LOADAVG, "high\n")], "there is no load average in /proc/loadavg"),
        ] {
            match read(system(&files).path()) {
                Err(Error::Unsupported(why)) => assert!(why.starts_with(part), "{why}"),
                other => unreachable!("{other:?}"),
            }
        }
    }
}
