//! The `probity` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    probity::cli::main()
}
