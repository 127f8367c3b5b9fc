//! `probity top`

mod screen;

use std::{
    io::{IsTerminal, Stdout, Write, stdin, stdout},
    process::ExitCode,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use clap::Args;
use crossterm::{
    cursor::{Hide, MoveTo, Show},
    event::{self, Event, KeyCode, KeyEventKind, KeyModifiers},
    execute, queue,
    style::{Attribute, Print, ResetColor, SetAttribute},
    terminal::{
        BeginSynchronizedUpdate, Clear, ClearType, EndSynchronizedUpdate, EnterAlternateScreen, LeaveAlternateScreen,
        disable_raw_mode, enable_raw_mode, size,
    },
};
use jiff::Timestamp;

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
        let mut next = Instant::now() + self.interval;
        loop {
            terminal.draw(&mut screen)?;
            let wait = next.saturating_duration_since(Instant::now());
            // It blocks, as nothing else is to be done meanwhile: the connection's own task runs elsewhere.
            if tokio::task::block_in_place(|| event::poll(wait))? {
                match event::read()? {
                    Event::Key(key) if key.kind != KeyEventKind::Release => {
                        let ends = key.modifiers.contains(KeyModifiers::CONTROL) && key.code == KeyCode::Char('c');
                        if ends || screen.press(translate(key.code)).is_break() {
                            return Ok(ExitCode::SUCCESS);
                        }
                    }
                    _ => {}
                }
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

fn translate(code: KeyCode) -> Key {
    match code {
        KeyCode::Up => Key::Up(1),
        KeyCode::Down => Key::Down(1),
        KeyCode::PageUp => Key::PageUp,
        KeyCode::PageDown => Key::PageDown,
        KeyCode::Home => Key::Up(usize::MAX),
        KeyCode::End => Key::Down(usize::MAX),
        KeyCode::Enter => Key::Enter,
        KeyCode::Esc => Key::Escape,
        KeyCode::Backspace => Key::Erase,
        KeyCode::Char(letter) => Key::Letter(letter),
        _ => Key::Other,
    }
}

/// The terminal while it is ours: given back as it was, however this ends.
struct Terminal(Stdout);

impl Terminal {
    fn enter() -> Result<Terminal> {
        enable_raw_mode().context("this terminal can't be drawn on")?;
        let mut terminal = Terminal(stdout());
        execute!(terminal.0, EnterAlternateScreen, Hide, Clear(ClearType::All))?;
        Ok(terminal)
    }

    fn draw(&mut self, screen: &mut Screen) -> Result<()> {
        let (width, height) = size()?;
        let lines = screen.lines(width.into(), height.into());
        queue!(self.0, BeginSynchronizedUpdate)?;
        for (row, line) in (0..height).zip(lines) {
            // What was there is overwritten and the rest cleared, so that nothing flickers.
            queue!(self.0, MoveTo(0, row), Print(line), ResetColor, SetAttribute(Attribute::Reset))?;
            queue!(self.0, Clear(ClearType::UntilNewLine))?;
        }
        queue!(self.0, EndSynchronizedUpdate)?;
        Ok(self.0.flush()?)
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // Whoever closed the terminal has no use for it any more.
        let _ = execute!(self.0, Show, LeaveAlternateScreen);
        let _ = disable_raw_mode();
    }
}
