//! How long a runner takes from its start until it is ready: all checks have run once, and all code was compiled before.

#![allow(clippy::expect_used, clippy::panic, reason = "a bench, which must not go on if something is wrong")]

#[path = "support/runner.rs"]
mod runner;
#[path = "support/table.rs"]
mod table;

use std::{
    fs,
    time::{Duration, Instant},
};

use self::{
    runner::Home,
    table::{Figure, Target, figure, median},
};

const CHECKS: usize = 1_000;
const COMPONENTS: usize = 20;
/// A start takes about a second; the median of five is steady enough for a target of two.
const ROUNDS: usize = 5;

fn main() {
    let port = runner::target();
    let checks: String = (0..CHECKS)
        .map(|check| {
            let probe = check % COMPONENTS;
            format!("[[check]]\nname = \"check-{check}\"\nprobe = \"probe-{probe}\"\nsettings = {{ host = \"127.0.0.1\", port = {port} }}\n")
        })
        .collect();
    let home = Home::new(&checks);
    for probe in 0..COMPONENTS {
        let path = home.probes().join(format!("probe-{probe}.wasm"));
        fs::write(path, runner::variant("tcp", &format!("probe {probe}"))).expect("a file in the folder");
    }
    let start = || {
        let since = Instant::now();
        home.start().wait("/health/ready", |status, _| status == 200);
        since.elapsed().as_secs_f64()
    };
    // The first start compiles.
    let cold = start();
    let warm = median((0..ROUNDS).map(|_| start()).collect());
    let time = |seconds| Figure::Time(Duration::from_secs_f64(seconds));
    figure("start until ready, code compiled before", time(warm), Target::AtMost(Figure::Time(Duration::from_secs(2))));
    figure("start until ready, the first one", time(cold), Target::None);
}
