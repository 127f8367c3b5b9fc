//! Where components are compiled: in a process of their own, or in this one.
//!
//! A component is a stranger's program, and compiling it is work of the stranger's choice: some hundred kilobytes can take
//! minutes and gigabytes, and the compiler can't be interrupted. So the runner has it done by a second process of its own
//! program, which is bounded by the kernel, has nothing of this one's memory, files or environment, and is gone afterwards.

mod apart;

use std::{
    io::{self, Read, Write},
    path::PathBuf,
    process::{Command, ExitStatus, Stdio},
    sync::mpsc::{self, Receiver},
    thread,
    time::Duration,
};

pub use self::apart::compile;
use super::LoadError;
use crate::experiments::Experiments;

/// The program itself, whatever has become of its file since it was started.
const ITSELF: &str = "/proc/self/exe";
/// What the program does as a compiler: a command that is not for people.
pub const COMMAND: &str = "compile-component";
/// How many times its time of a processor it may take by the clock: it is a polite process on what may be a busy machine.
const PATIENCE: u32 = 20;
/// Bytes of what it says when it fails that are read.
const LAST_WORDS: u64 = 4 * 1024;

/// Where components are compiled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Compiler {
    /// In this process. That is for programs that run no stranger's components, and have no `probity` at hand.
    Here,
    /// In a process of its own.
    Apart(Apart),
}

/// A process of its own, and what it may take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Apart {
    /// The program, which knows the command [`COMMAND`].
    pub program: PathBuf,
    /// How much time of a processor it may take, in whole seconds at least.
    pub time: Duration,
    /// How many bytes of memory it may take.
    pub memory: u64,
}

impl Apart {
    /// Another process of this program. That it is `probity` is for the caller to know.
    ///
    /// # Errors
    ///
    /// The system does not say which program this is.
    pub fn of_this_program(time: Duration, memory: u64) -> io::Result<Apart> {
        let program = if cfg!(target_os = "linux") { PathBuf::from(ITSELF) } else { std::env::current_exe()? };
        Ok(Apart { program, time, memory })
    }

    /// Has a component compiled, with what these experiments take.
    pub(super) fn compile(&self, component: &[u8], experiments: Experiments) -> Result<Vec<u8>, LoadError> {
        let seconds = self.seconds();
        let mut child = Command::new(&self.program)
            .args([COMMAND, "--time", &seconds.to_string(), "--memory", &self.memory.to_string()])
            .args(experiments.wasi_0_3.then_some("--async"))
            .env_clear()
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| LoadError::Compile(format!("{} can't be started: {error}", self.program.display())))?;
        let code = child.stdout.take().map(|stdout| hear(stdout, self.memory));
        let said = child.stderr.take().map(|stderr| hear(stderr, LAST_WORDS));
        if let Some(mut stdin) = child.stdin.take() {
            // One that ends before it has read all of it says why in another way.
            let _ = stdin.write_all(component);
        }
        let code = code.map(|code| code.recv_timeout(Duration::from_secs(seconds).saturating_mul(PATIENCE)));
        if !matches!(code, Some(Ok(_))) {
            // It may have ended already.
            let _ = child.kill();
        }
        let status = child.wait().map_err(|error| LoadError::Compile(error.to_string()))?;
        match code {
            Some(Ok(code)) if status.success() => Ok(code),
            Some(Ok(_)) => Err(self.explain(status, &said.and_then(|said| said.recv().ok()).unwrap_or_default())),
            _ => Err(LoadError::CompileTime(seconds)),
        }
    }

    /// Why there is no code.
    fn explain(&self, status: ExitStatus, said: &[u8]) -> LoadError {
        let said = String::from_utf8_lossy(said);
        match end(status) {
            End::OutOfTime => LoadError::CompileTime(self.seconds()),
            // The allocator's words; and a process that is killed from outside is killed for want of memory.
            End::Killed => LoadError::CompileMemory(self.memory),
            _ if said.contains("memory allocation of") || said.contains("os error 12") => {
                LoadError::CompileMemory(self.memory)
            }
            _ => {
                let words = said.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" ");
                LoadError::Compile(if words.is_empty() { format!("the compiler ended by {status}") } else { words })
            }
        }
    }

    /// The kernel counts whole seconds.
    fn seconds(&self) -> u64 {
        self.time.as_secs() + u64::from(self.time.subsec_nanos() > 0)
    }
}

/// How a process ended.
enum End {
    OutOfTime,
    Killed,
    Other,
}

fn end(status: ExitStatus) -> End {
    use std::os::unix::process::ExitStatusExt;

    use rustix::process::Signal;
    match status.signal() {
        Some(signal) if signal == Signal::XCPU.as_raw() => End::OutOfTime,
        Some(signal) if signal == Signal::KILL.as_raw() => End::Killed,
        _ => End::Other,
    }
}

/// Reads beside whatever else is done.
fn hear(from: impl Read + Send + 'static, most: u64) -> Receiver<Vec<u8>> {
    let (heard, hearing) = mpsc::channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        // What is cut off by an error is no code; the process's end tells the rest.
        let _ = from.take(most).read_to_end(&mut bytes);
        // Nobody waits any more if it took too long.
        let _ = heard.send(bytes);
    });
    hearing
}
