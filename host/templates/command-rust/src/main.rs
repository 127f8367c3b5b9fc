//! A program that is a probe: its exit code says how its target is, and the first line of its output why, as plug-ins for Nagios do.
//!
//! ```text
//! value-probe -w WARNING -c CRITICAL [-l LABEL] [-u UNIT] VALUE
//! ```

use std::{env, process::ExitCode};

/// What an exit code says: the place of its word.
const WORDS: [&str; 4] = ["OK", "WARNING", "CRITICAL", "UNKNOWN"];

/// What the command line says.
struct Arguments {
    warning: f64,
    critical: f64,
    label: String,
    unit: String,
    value: f64,
}

impl Arguments {
    fn parse(mut words: impl Iterator<Item = String>) -> Option<Self> {
        let (mut warning, mut critical, mut value) = (None, None, None);
        let (mut label, mut unit) = ("value".to_owned(), String::new());
        while let Some(word) = words.next() {
            match word.as_str() {
                "-w" => warning = words.next()?.parse().ok(),
                "-c" => critical = words.next()?.parse().ok(),
                "-l" => label = words.next()?,
                "-u" => unit = words.next()?,
                number => value = Some(number.parse().ok()?),
            }
        }
        Some(Self { warning: warning?, critical: critical?, label, unit, value: value? })
    }
}

fn main() -> ExitCode {
    let Some(Arguments { warning, critical, label, unit, value }) = Arguments::parse(env::args().skip(1)) else {
        println!("VALUE UNKNOWN - usage: value-probe -w WARNING -c CRITICAL [-l LABEL] [-u UNIT] VALUE");
        return ExitCode::from(3);
    };

    // TODO: this is where your own examination goes. Here: a number that was given.
    let status = if value >= critical {
        2
    } else if value >= warning {
        1
    } else {
        0
    };

    let word = WORDS[usize::from(status)];
    // What follows the bar are measurements: name, value and unit, and the bounds that were given.
    println!("VALUE {word} - {label} is {value}{unit} | '{label}'={value}{unit};{warning};{critical}");
    ExitCode::from(status)
}
