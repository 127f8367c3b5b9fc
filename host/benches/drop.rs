//! How long it takes from dropping a component into the watched folder until its first verdict is served: beyond the time
//! that compiling it takes, nobody should have to wait.

#![allow(clippy::expect_used, clippy::panic, reason = "a bench, which must not go on if something is wrong")]

#[path = "support/bare.rs"]
mod bare;
#[path = "support/runner.rs"]
mod runner;
#[path = "support/table.rs"]
mod table;

use std::{
    fs,
    time::{Duration, Instant},
};

use probity::supervisor::standard;

use self::{
    runner::Home,
    table::{Figure, Target, compared, figure, median},
};

/// A round takes about half a second, and enough of them that some in which the machine was busy do not move the median.
const ROUNDS: usize = 21;

fn main() {
    let port = runner::target();
    let home = Home::new("");
    let name = |round: usize| format!("drop-{round}");
    for round in 0..ROUNDS {
        // The check is there before its probe, so that nothing but the component changes.
        let check = format!(
            "[[check]]\nname = \"{}\"\ninterval = \"1h\"\nsettings = {{ host = \"127.0.0.1\", port = {port} }}\n",
            name(round)
        );
        fs::write(home.probes().join(name(round)).with_extension("toml"), check).expect("a file in the folder");
    }
    let runner = home.start();
    runner.wait("/health/ready", |status, _| status == 200);
    let engine = bare::engine();
    let (mut dropped, mut compiled) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let component = runner::variant("tcp", &name(round));
        let since = Instant::now();
        engine.precompile_component(&component).expect("a component");
        compiled.push(since.elapsed().as_secs_f64());

        fs::write(home.aside(), &component).expect("a file aside");
        let since = Instant::now();
        fs::rename(home.aside(), home.probes().join(name(round)).with_extension("wasm")).expect("the same file system");
        runner.wait(&format!("/health/checks/{}", name(round)), |_, body| body.contains(r#""status":"healthy""#));
        dropped.push(since.elapsed().as_secs_f64());
    }
    // Of each round, because the machine's pace may change from one to the next.
    let more = median(dropped.iter().zip(&compiled).map(|(dropped, compiled)| dropped - compiled).collect());
    let time = |seconds: f64| Figure::Time(Duration::from_secs_f64(seconds.max(0.0)));
    let target = Target::AtMost(Figure::Time(Duration::from_millis(150)));
    compared(
        "dropped until served / compiling, what is more",
        time(median(dropped)),
        time(median(compiled)),
        time(more),
        target,
    );
    // What is dropped in is read and hashed whole.
    for (name, component) in standard::all() {
        figure(&format!("size of {name}"), Figure::Bytes(component.len() as f64), Target::None);
    }
}
