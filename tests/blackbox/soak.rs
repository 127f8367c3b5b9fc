//! Many hostile checks and as many honest ones in one runner, for a while: nobody honest is held up, and nothing grows.
//!
//! It takes a minute. `PROBITY_SOAK_SECONDS=600 cargo test --test blackbox -- soak --nocapture` takes ten, and shows the figures.

use std::time::{Duration, Instant};

use crate::{
    guest,
    runner::{Home, PATIENCE, Runner, Usage},
    target::Target,
};

/// Checks of either kind.
const CHECKS: usize = 200;
/// How long it takes unless told otherwise.
const USUAL: Duration = Duration::from_secs(60);
/// By then all is loaded, and each check has run. In the second half of a long one, what is bounded has come to its bounds as well: what
/// the store has not written as a table yet, and the log of events.
const WARM: Duration = Duration::from_secs(15);
/// What the hostile ones are.
const HOSTILE: [&str; 10] = [
    "eats-memory",
    "loops",
    "recurses",
    "shouts",
    "sleeps",
    "traps",
    "calls-without-end",
    "shouts-too-loud",
    "dials",
    "crashes-at-leave",
];
/// Threads and files that come and go, whatever runs.
const COMING_AND_GOING: u64 = 8;
/// What the whole of it may add to the memory in KiB, once it is warm, as a trend: what allocators keep, however long it takes.
const MOST_GROWTH: f64 = 8.0 * 1024.0;

/// What is seen of the runner at a moment.
struct Sample {
    at: Duration,
    usage: Usage,
}

#[test]
fn nobody_honest_is_held_up_and_nothing_grows() {
    let seconds = std::env::var("PROBITY_SOAK_SECONDS").ok();
    let length = seconds.map_or(USUAL, |seconds| Duration::from_secs(seconds.parse().expect("a number of seconds")));
    let door = Target::greeting("hello");
    let home = Home::new(&config(door.port()));
    HOSTILE.iter().for_each(|name| home.drop_in(name, &guest::fixture(name)));
    home.drop_in("calm", &guest::saying("calm"));
    let runner = home.start();
    for number in 0..CHECKS {
        runner.wait_for_check(&format!("honest-{number}"), "is healthy", |check| check.status() == "healthy");
    }

    let before = runner.usage();
    let (missed, ran) = (counted(&runner, "missed_ticks"), counted(&runner, "runs"));
    let begun = Instant::now();
    let mut samples = Vec::new();
    let mut pressed = 0;
    // Probes that keep failing are given a rest, so they are run by hand as well: one after another, all the time.
    while begun.elapsed() < length {
        let hostile = runner.run(&format!("hostile-{}", pressed % CHECKS));
        assert!(hostile.runs() > 0, "{hostile:?}");
        pressed += 1;
        if samples.last().is_none_or(|last: &Sample| begun.elapsed() - last.at >= Duration::from_secs(1)) {
            samples.push(Sample { at: begun.elapsed(), usage: runner.usage() });
        }
    }
    let (missed, ran) = (counted(&runner, "missed_ticks") - missed, counted(&runner, "runs") - ran);
    let warm = WARM.max(length / 2);
    let growth = slope(samples.iter().filter(|sample| sample.at >= warm));
    let last = samples.last().map(|sample| &sample.usage);
    println!("{length:?}: {ran} honest runs, {missed} ticks missed; {pressed} hostile runs by hand");
    println!("before {before:?}, at the end {last:?}; the memory grew by {growth:.0} KiB a minute");

    assert!(ran as f64 >= 0.9 * length.as_secs_f64() * CHECKS as f64, "{ran} honest runs in {length:?}");
    assert!(missed * 100 <= ran, "{missed} of {ran} ticks were missed");
    let grown = growth * (length.saturating_sub(warm)).as_secs_f64() / 60.0;
    assert!(grown <= MOST_GROWTH, "the memory grew by {growth:.0} KiB a minute, {grown:.0} in all");
    for number in 0..CHECKS {
        let check = runner.check(&format!("honest-{number}")).unwrap();
        assert_eq!(check.status(), "healthy", "{check:?}");
    }
    runner.wait_for("threads and files to be given back", || {
        let now = runner.usage();
        let is_little =
            now.threads <= before.threads + COMING_AND_GOING && now.files <= before.files + COMING_AND_GOING;
        if is_little { Ok(()) } else { Err(format!("{now:?} after {before:?}, within {PATIENCE:?}")) }
    });
    runner.stop();
}

fn config(port: u16) -> String {
    let mut config = "[defaults]\ninterval = \"1s\"\ntimeout = \"500ms\"\nlimits.fuel = 5_000_000\n".to_owned();
    for number in 0..CHECKS {
        let honest = match number % 4 {
            0 => format!("probe = \"tcp\"\nsettings = {{ host = \"127.0.0.1\", port = {port} }}\n"),
            _ => "probe = \"calm\"\n".to_owned(),
        };
        let hostile = HOSTILE[number % HOSTILE.len()];
        config += &format!("[[check]]\nname = \"honest-{number}\"\ntimeout = \"5s\"\n{honest}");
        config += &format!("[[check]]\nname = \"hostile-{number}\"\nprobe = \"{hostile}\"\n");
    }
    config
}

/// The sum of a counter over all honest checks.
fn counted(runner: &Runner, what: &str) -> u64 {
    let metrics = runner.get("/metrics").text();
    let start = format!("probity_check_{what}_total{{check=\"honest-");
    let counts = metrics.lines().filter(|line| line.starts_with(&start));
    counts.map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap()).sum()
}

/// How fast the memory grows, in KiB a minute: the slope of the line that fits best.
fn slope<'a>(samples: impl Iterator<Item = &'a Sample>) -> f64 {
    let points: Vec<(f64, f64)> =
        samples.map(|sample| (sample.at.as_secs_f64() / 60.0, sample.usage.resident_kib as f64)).collect();
    let mean = |value: fn(&(f64, f64)) -> f64| points.iter().map(value).sum::<f64>() / points.len() as f64;
    let (x, y) = (mean(|point| point.0), mean(|point| point.1));
    let (over, under) = points.iter().fold((0.0, 0.0), |(over, under), point| {
        (over + (point.0 - x) * (point.1 - y), under + (point.0 - x) * (point.0 - x))
    });
    over / under
}
