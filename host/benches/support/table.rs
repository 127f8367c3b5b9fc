//! What a bench prints: a line for each figure, with its baseline and its target.
//!
//! A target that is missed is told, and fails nothing: a machine that others share is no judge.
#![allow(dead_code, reason = "no bench uses all of it")]

use std::{fmt, sync::Once, time::Duration};

/// Something measured.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub enum Figure {
    Time(Duration),
    /// How many times the baseline.
    Times(f64),
    PerSecond(f64),
    Bytes(f64),
    /// CPU time by time that passed.
    Cores(f64),
}

/// What a figure, or what it is by its baseline, is held against.
#[derive(Clone, Copy, Debug)]
pub enum Target {
    AtMost(Figure),
    AtLeast(Figure),
    /// It is good to know, and that is all.
    None,
}

/// A figure against nothing but its target.
pub fn figure(what: &str, figure: Figure, target: Target) {
    print(what, figure, None, None, target);
}

/// A figure against its target, with another beside it that tells what the machine itself is good for.
pub fn beside(what: &str, figure: Figure, baseline: Figure, target: Target) {
    print(what, figure, Some(baseline), None, target);
}

/// A figure and its baseline; `by_baseline`, their ratio or difference, is held against the target.
pub fn compared(what: &str, figure: Figure, baseline: Figure, by_baseline: Figure, target: Target) {
    print(what, figure, Some(baseline), Some(by_baseline), target);
}

fn print(what: &str, figure: Figure, baseline: Option<Figure>, by_baseline: Option<Figure>, target: Target) {
    static HEADER: Once = Once::new();
    let line = |cells: [&str; 7]| {
        let [bench, what, figure, baseline, by_baseline, target, met] = cells;
        println!("{bench:<9} {what:<44} {figure:>12} {baseline:>12} {by_baseline:>12}  {target:<12} {met}");
    };
    HEADER.call_once(|| line(["bench", "what", "figure", "baseline", "by baseline", "target", ""]));
    let text = |figure: Option<Figure>| figure.map_or("-".to_owned(), |figure| figure.to_string());
    let judged = by_baseline.unwrap_or(figure);
    let (target, met) = match target {
        Target::AtMost(most) => (format!("<= {most}"), verdict(judged <= most)),
        Target::AtLeast(least) => (format!(">= {least}"), verdict(judged >= least)),
        Target::None => ("-".to_owned(), ""),
    };
    // The crate is the bench that this module is part of.
    line([env!("CARGO_CRATE_NAME"), what, &text(Some(figure)), &text(baseline), &text(by_baseline), &target, met]);
}

fn verdict(met: bool) -> &'static str {
    if met { "ok" } else { "MISSED" }
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match *self {
            Figure::Time(time) => format!("{}s", short(time.as_secs_f64())),
            Figure::Times(times) => format!("{times:.2}x"),
            Figure::PerSecond(rate) => format!("{}/s", short(rate)),
            Figure::Bytes(bytes) => format!("{:.1} KiB", bytes / 1024.0),
            Figure::Cores(cores) => format!("{cores:.2} cores"),
        };
        f.pad(&text)
    }
}

/// Three figures or so, with the SI prefix that leaves one to three of them before the point.
fn short(value: f64) -> String {
    const PREFIXES: [(f64, &str); 5] = [(1e6, "M"), (1e3, "k"), (1.0, ""), (1e-3, "m"), (1e-6, "u")];
    let (unit, prefix) = PREFIXES.into_iter().find(|(unit, _)| value >= *unit).unwrap_or((1e-9, "n"));
    let value = value / unit;
    let places = if value >= 100.0 { 0 } else { 1 };
    format!("{value:.places$} {prefix}")
}

/// The middle one.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
