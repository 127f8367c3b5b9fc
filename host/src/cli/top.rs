//! `probity top`

mod screen;

use std::{
    io::{IsTerminal, Stdout, Write, stdin, stdout},
    process::ExitCode,
    sync::mpsc::{Receiver, RecvTimeoutError, channel},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use clap::Args;
use jiff::Timestamp;
use termion::{
    clear,
    cursor::{Goto, Hide, Show},
    event::Key as Pressed,
    input::TermRead,
    raw::{IntoRawMode, RawTerminal},
    screen::{ToAlternateScreen, ToMainScreen},
    style,
};

use self::screen::{Key, Screen};
use super::{remote::Remote, standing::Standing};
use crate::{config::parse_duration, telemetry};

/// How often a runner may be asked.
const FASTEST: Duration = Duration::from_millis(100);

/// Shows how the checks of a running runner are, again and again.
///
/// Keys: arrows, PgUp, PgDn, Home and End move; s sorts by the next column, r the other way round; p shows what is not well alone;
/// / filters by name, group and message; Space holds the picture; q ends it.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  probity top\n  probity top https://probity.example.com --interval 5s")]
pub(super) struct Top {
    #[command(flatten)]
    remote: Remote,
    /// How often the runner is asked.
    #[arg(long, value_name = "DURATION", default_value = "1s", value_parser = interval)]
    interval: Duration,
}

fn interval(text: &str) -> Result<Duration, String> {
    let interval = parse_duration(text).filter(|interval| *interval >= FASTEST);
    interval.ok_or_else(|| "write a duration of 100ms at least, such as `500ms` or `5s`".into())
}

impl Top {
    pub(super) async fn execute(self) -> Result<ExitCode> {
        if !stdout().is_terminal() || !stdin().is_terminal() {
            bail!(
                "`top` needs a terminal to draw on and to hear keys from; `probity status` says the same once, anywhere"
            );
        }
        let mut runner = self.remote.runner()?;
        // What can't be reached at all is an error as of any command; what goes away later is waited for.
        let first: Standing = runner.ask("/health").await?;
        let mut screen = Screen::new(runner.url.clone(), telemetry::wants_colours(&stdout()));
        screen.take(Ok(first), Timestamp::now());
        let mut terminal = Terminal::enter()?;
        let keys = keys();
        let mut next = Instant::now() + self.interval;
        loop {
            terminal.draw(&mut screen)?;
            let wait = next.saturating_duration_since(Instant::now());
            // It blocks, as nothing else is to be done meanwhile: the connection's own task runs elsewhere.
            match tokio::task::block_in_place(|| keys.recv_timeout(wait)) {
                Ok(Pressed::Ctrl('c')) | Err(RecvTimeoutError::Disconnected) => return Ok(ExitCode::SUCCESS),
                Ok(key) if screen.press(translate(key)).is_break() => return Ok(ExitCode::SUCCESS),
                Ok(_) | Err(RecvTimeoutError::Timeout) => {}
            }
            if Instant::now() >= next {
                if !screen.is_held() {
                    screen.take(runner.ask("/health").await, Timestamp::now());
                }
                next = Instant::now() + self.interval;
            }
        }
    }
}

/// Keys, as they are pressed. They end with the terminal.
fn keys() -> Receiver<Pressed> {
    let (pressed, keys) = channel();
    // It waits for the next key when this program ends, and ends with it.
    thread::spawn(move || {
        for key in stdin().keys() {
            if key.is_ok_and(|key| pressed.send(key).is_ok()) {
                continue;
            }
            return;
        }
    });
    keys
}

fn translate(key: Pressed) -> Key {
    match key {
        Pressed::Up => Key::Up(1),
        Pressed::Down => Key::Down(1),
        Pressed::PageUp => Key::PageUp,
        Pressed::PageDown => Key::PageDown,
        Pressed::Home => Key::Up(usize::MAX),
        Pressed::End => Key::Down(usize::MAX),
        Pressed::Char('\n') => Key::Enter,
        Pressed::Esc => Key::Escape,
        Pressed::Backspace => Key::Erase,
        Pressed::Char(letter) => Key::Letter(letter),
        _ => Key::Other,
    }
}

/// The terminal while it is ours: given back as it was, however this ends.
struct Terminal(RawTerminal<Stdout>);

impl Terminal {
    fn enter() -> Result<Terminal> {
        let mut terminal = Terminal(stdout().into_raw_mode().context("this terminal can't be drawn on")?);
        write!(terminal.0, "{ToAlternateScreen}{Hide}{}", clear::All)?;
        Ok(terminal)
    }

    fn draw(&mut self, screen: &mut Screen) -> Result<()> {
        let (width, height) = termion::terminal_size()?;
        let mut picture = String::new();
        for (row, line) in (1..=height).zip(screen.lines(width.into(), height.into())) {
            // What was there is overwritten and the rest cleared, so that nothing flickers.
            picture += &format!("{}{line}{}{}", Goto(1, row), style::Reset, clear::UntilNewline);
        }
        self.0.write_all(picture.as_bytes())?;
        Ok(self.0.flush()?)
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // Whoever closed the terminal has no use for it any more. What follows is done by the terminal itself: it is as it was.
        let _ = write!(self.0, "{Show}{ToMainScreen}").and_then(|()| self.0.flush());
    }
}
