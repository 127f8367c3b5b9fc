//! What `probity top` shows, and what keys do to it: lines of text, so that it can be tried without a terminal.

use std::{cmp::Reverse, ops::ControlFlow};

use anyhow::Result;
use jiff::Timestamp;
use unicode_width::UnicodeWidthStr;

use crate::cli::standing::{CONDITIONS, Entry, Standing, fit, one_line};

/// Lines that are not rows: two above with the heads of the columns, and two below.
const FRAME: usize = 6;
/// Columns of each field but the name, which has what is over; the message has as much as that.
const STATUS: usize = 11;
const GROUP: usize = 14;
const LATENCY: usize = 10;
const AGE: usize = 9;
/// The most columns of a name.
const NAME: usize = 32;

/// A key, as far as it does anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key {
    Up(usize),
    Down(usize),
    PageUp,
    PageDown,
    Enter,
    Escape,
    Erase,
    Letter(char),
    Other,
}

/// By what rows are sorted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    Status,
    Name,
    Group,
    Latency,
    LastRun,
}

impl Order {
    const ALL: [Order; 5] = [Order::Status, Order::Name, Order::Group, Order::Latency, Order::LastRun];

    fn next(self) -> Order {
        let at = Order::ALL.iter().position(|order| *order == self).unwrap_or_default();
        Order::ALL[(at + 1) % Order::ALL.len()]
    }
}

/// What is shown.
pub(super) struct Screen {
    url: String,
    colours: bool,
    standing: Option<Standing>,
    /// When that was so.
    at: Timestamp,
    /// Why nothing newer is known.
    trouble: Option<String>,
    order: Order,
    reversed: bool,
    problems: bool,
    filter: String,
    /// Whether keys are letters of the filter.
    typing: bool,
    held: bool,
    /// The name of the chosen check: rows move, and the choice stays.
    chosen: Option<String>,
    /// The first row that is shown.
    top: usize,
    /// Rows that fit.
    room: usize,
}

impl Screen {
    pub(super) fn new(url: String, colours: bool) -> Screen {
        Screen {
            url,
            colours,
            standing: None,
            at: Timestamp::UNIX_EPOCH,
            trouble: None,
            order: Order::Status,
            reversed: false,
            problems: false,
            filter: String::new(),
            typing: false,
            held: false,
            chosen: None,
            top: 0,
            room: 1,
        }
    }

    /// Takes what the runner said, or that it said nothing.
    pub(super) fn take(&mut self, told: Result<Standing>, now: Timestamp) {
        match told {
            Ok(standing) => {
                self.standing = Some(standing);
                self.at = now;
                self.trouble = None;
            }
            Err(error) => self.trouble = Some(format!("{error:#}")),
        }
    }

    /// Whether the picture is to stay as it is.
    pub(super) fn is_held(&self) -> bool {
        self.held
    }

    /// Does what a key asks for; a break ends the program.
    pub(super) fn press(&mut self, key: Key) -> ControlFlow<()> {
        if self.typing {
            match key {
                Key::Letter(letter) if !letter.is_control() => self.filter.push(letter),
                Key::Erase => drop(self.filter.pop()),
                Key::Enter => self.typing = false,
                Key::Escape => {
                    self.filter.clear();
                    self.typing = false;
                }
                _ => {}
            }
            return ControlFlow::Continue(());
        }
        match key {
            Key::Letter('q') => return ControlFlow::Break(()),
            Key::Escape if self.filter.is_empty() => return ControlFlow::Break(()),
            Key::Escape => self.filter.clear(),
            Key::Letter('s') => self.order = self.order.next(),
            Key::Letter('r') => self.reversed = !self.reversed,
            Key::Letter('p') => self.problems = !self.problems,
            Key::Letter('/') => self.typing = true,
            Key::Letter(' ') => self.held = !self.held,
            Key::Up(rows) => self.step(|at, _| at.saturating_sub(rows)),
            Key::Down(rows) => self.step(|at, last| at.saturating_add(rows).min(last)),
            Key::PageUp => self.step_by_page(|at, room, _| at.saturating_sub(room)),
            Key::PageDown => self.step_by_page(|at, room, last| (at + room).min(last)),
            Key::Enter | Key::Erase | Key::Letter(_) | Key::Other => {}
        }
        ControlFlow::Continue(())
    }

    fn step_by_page(&mut self, to: impl Fn(usize, usize, usize) -> usize) {
        let room = self.room;
        self.step(|at, last| to(at, room, last));
    }

    fn step(&mut self, to: impl Fn(usize, usize) -> usize) {
        let Some(standing) = &self.standing else { return };
        let rows = self.rows(standing);
        let Some(last) = rows.len().checked_sub(1) else { return };
        let at = rows.iter().position(|(name, _)| Some(*name) == self.chosen.as_deref()).unwrap_or_default();
        self.chosen = Some(rows[to(at, last)].0.to_owned());
    }

    /// The checks that are wanted, in the order that is wanted.
    fn rows<'a>(&self, standing: &'a Standing) -> Vec<(&'a str, &'a Entry)> {
        let filter = self.filter.to_lowercase();
        let mut rows = standing.by_gravity();
        rows.retain(|(name, entry)| {
            let is_well = CONDITIONS[entry.condition()].label == "healthy";
            let fields = [*name, entry.message.as_str(), entry.group.as_deref().unwrap_or_default()];
            !(self.problems && is_well) && fields.iter().any(|field| field.to_lowercase().contains(&filter))
        });
        // Equals stay by gravity.
        match self.order {
            Order::Status => {}
            Order::Name => rows.sort_by_key(|(name, _)| *name),
            Order::Group => rows.sort_by_key(|(_, entry)| (entry.group.is_none(), entry.group.clone())),
            Order::Latency => rows.sort_by_key(|(_, entry)| Reverse(entry.latency)),
            Order::LastRun => rows.sort_by_key(|(_, entry)| Reverse(entry.timestamp)),
        }
        if self.reversed {
            rows.reverse();
        }
        rows
    }

    /// Everything, as many lines as there is room for.
    pub(super) fn lines(&mut self, width: usize, height: usize) -> Vec<String> {
        let Some(standing) = self.standing.take() else { return vec![String::new(); height] };
        self.room = height.saturating_sub(FRAME).max(1);
        let rows = self.rows(&standing);
        let at = rows.iter().position(|(name, _)| Some(*name) == self.chosen.as_deref()).unwrap_or_default();
        self.chosen = rows.get(at).map(|(name, _)| (*name).to_owned());
        self.top = self.top.min(at).max((at + 1).saturating_sub(self.room)).min(rows.len().saturating_sub(1));
        let mut lines =
            vec![self.title(&standing, width), self.counts(&standing, rows.len(), width), self.heads(width)];
        for (place, (name, entry)) in rows.iter().enumerate().skip(self.top).take(self.room) {
            lines.push(self.row(name, entry, place == at, width));
        }
        lines.resize(self.room + 3, String::new());
        let said = rows.get(at).map_or(String::new(), |(name, entry)| format!("{name}: {}", one_line(&entry.message)));
        lines.push(fit(&said, width));
        lines.push(String::new());
        lines.push(self.foot(width));
        lines.truncate(height);
        self.standing = Some(standing);
        lines
    }

    fn title(&self, standing: &Standing, width: usize) -> String {
        let Standing { status, message, node_id, .. } = standing;
        let text = format!("{} is {}: {}", one_line(node_id), one_line(status), one_line(message));
        self.painted(1, &fit(&text, width))
    }

    fn counts(&self, standing: &Standing, shown: usize, width: usize) -> String {
        let mut text = String::new();
        for (condition, count) in CONDITIONS.iter().zip(standing.counts()).filter(|(_, count)| *count > 0) {
            text += &format!("{} {count} {}   ", condition.shape, condition.label);
        }
        if shown < standing.checks.len() {
            text += &format!("({shown} of {} shown)", standing.checks.len());
        }
        fit(&text, width)
    }

    fn heads(&self, width: usize) -> String {
        let arrow = if self.reversed { '▴' } else { '▾' };
        let head =
            |order: Order, text: &str| if order == self.order { format!("{text}{arrow}") } else { text.to_owned() };
        let fields = [
            head(Order::Status, "STATUS"),
            head(Order::Name, "CHECK"),
            head(Order::Group, "GROUP"),
            head(Order::Latency, "LATENCY"),
            head(Order::LastRun, "RUN"),
            "MESSAGE".to_owned(),
        ];
        self.painted(4, &columns(&fields, width))
    }

    fn row(&self, name: &str, entry: &Entry, is_chosen: bool, width: usize) -> String {
        let condition = &CONDITIONS[entry.condition()];
        let fields = [
            format!("{} {}", condition.shape, condition.label),
            if entry.critical { format!("{}*", one_line(name)) } else { one_line(name).into_owned() },
            entry.group.as_deref().map_or_else(String::new, |group| one_line(group).into_owned()),
            entry.took(),
            entry.age(self.at),
            one_line(&entry.message).into_owned(),
        ];
        let text = columns(&fields, width);
        if is_chosen {
            return self.painted(7, &text);
        }
        if !self.colours {
            return text;
        }
        let (status, rest) = text.split_at(text.char_indices().nth(STATUS).map_or(text.len(), |(at, _)| at));
        format!("\x1b[{}m{status}\x1b[0m{rest}", condition.colour)
    }

    fn foot(&self, width: usize) -> String {
        if self.typing {
            return fit(&format!("filter: {}_   Enter keeps it, Esc drops it", self.filter), width);
        }
        if let Some(trouble) = &self.trouble {
            let text = fit(&format!("! as of {}: {}", self.clock(), one_line(trouble)), width);
            return if self.colours { format!("\x1b[31m{text}\x1b[0m") } else { text };
        }
        let held = if self.held { "held, Space goes on" } else { "Space holds" };
        let filter = if self.filter.is_empty() { "/ filter".into() } else { format!("/ filter: {}", self.filter) };
        let text = format!(
            "q quit  ↑↓ move  s sort  r reverse  p problems  {filter}  {held}  · {} {}",
            self.url,
            self.clock()
        );
        fit(&text, width)
    }

    /// When what is shown was so.
    fn clock(&self) -> impl std::fmt::Display {
        self.at.strftime("%H:%M:%S UTC")
    }

    /// Bold (1), underlined (4) or reversed (7), none of which is a colour.
    fn painted(&self, attribute: u8, text: &str) -> String {
        format!("\x1b[{attribute}m{text}\x1b[0m")
    }
}

/// Fields side by side, each within its columns.
fn columns(fields: &[String; 6], width: usize) -> String {
    let fixed = STATUS + GROUP + LATENCY + AGE + 5;
    let over = width.saturating_sub(fixed);
    let name = (over / 2).clamp(8, NAME);
    let [status, check, group, latency, age, message] = fields;
    let text = format!(
        "{} {} {} {} {} {}",
        fit(status, STATUS),
        fit(check, name),
        fit(group, GROUP),
        fit_right(latency, LATENCY),
        fit_right(age, AGE),
        message
    );
    fit(&text, width)
}

fn fit_right(text: &str, width: usize) -> String {
    let text = fit(text, width);
    let trimmed = text.trim_end();
    format!("{}{trimmed}", " ".repeat(width - trimmed.width()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn screen() -> Screen {
        let entry = |status: &str, latency: u64, message: &str| {
            json!({ "status": status, "mode": "auto", "critical": status == "unhealthy", "latency": latency, "message": message,
                    "timestamp": "2026-03-02T12:00:00Z", "group": if status == "healthy" { None } else { Some("storage") } })
        };
        let standing = json!({
            "status": "unhealthy", "message": "queue is failing", "node_id": "node-1",
            "checks": { "a": entry("healthy", 3, "fine"), "b": entry("healthy", 900, "fine too"),
                        "queue": entry("unhealthy", 20, "refused\x1b[2J"), "z": entry("degraded", 1, "slow") },
        });
        let mut screen = Screen::new("http://x".into(), false);
        screen.take(Ok(serde_json::from_value(standing).unwrap()), "2026-03-02T12:00:05Z".parse().unwrap());
        screen
    }

    /// The names in the rows, as they are shown.
    fn names(screen: &mut Screen) -> Vec<String> {
        let rows = screen.lines(100, 12);
        rows[3..9]
            .iter()
            .filter_map(|row| Some(row.split_whitespace().nth(2)?.trim_end_matches('*').to_owned()))
            .collect()
    }

    #[test]
    fn every_line_fits_and_says_what_there_is() {
        let mut screen = screen();
        for width in [20, 60, 80, 200] {
            let lines = screen.lines(width, 12);
            assert_eq!(lines.len(), 12);
            for line in &lines {
                let bare =
                    line.replace("\x1b[1m", "").replace("\x1b[4m", "").replace("\x1b[7m", "").replace("\x1b[0m", "");
                assert!(bare.width() <= width && !bare.contains('\x1b'), "{width}: {bare:?}");
            }
        }
        let all = screen.lines(120, 12).join("\n");
        for part in [
            "node-1 is unhealthy: queue is failing",
            "✗ 1 down",
            "✓ 2 healthy",
            "queue*",
            "storage",
            "20.0ns",
            "5s ago",
            "q quit",
        ] {
            assert!(all.contains(part), "{part}: {all}");
        }
        assert!(screen.lines(120, 4).len() == 4);
    }

    #[test]
    fn keys_sort_filter_and_move() {
        let mut screen = screen();
        assert_eq!(names(&mut screen), ["queue", "z", "a", "b"]);
        let press = |screen: &mut Screen, keys: &str| {
            for key in keys.chars() {
                assert!(screen.press(Key::Letter(key)).is_continue(), "{key}");
            }
        };
        press(&mut screen, "s");
        assert_eq!(names(&mut screen), ["a", "b", "queue", "z"]);
        press(&mut screen, "r");
        assert_eq!(names(&mut screen), ["z", "queue", "b", "a"]);
        press(&mut screen, "rss");
        assert_eq!(names(&mut screen), ["b", "queue", "a", "z"], "by latency");
        press(&mut screen, "p");
        assert_eq!(names(&mut screen), ["queue", "z"]);
        press(&mut screen, "p/to");
        assert_eq!(names(&mut screen), ["b", "queue", "z"], "a message, or a group");
        assert!(screen.press(Key::Letter('q')).is_continue(), "it is part of the filter");
        assert!(screen.press(Key::Escape).is_continue());
        assert_eq!(names(&mut screen).len(), 4);
        assert_eq!(screen.chosen.as_deref(), Some("queue"), "the choice stays where rows move");
        let _ = screen.press(Key::Down(2));
        assert_eq!(screen.chosen.as_deref(), Some("z"));
        let _ = screen.press(Key::Down(usize::MAX));
        let _ = screen.press(Key::Up(1));
        assert!(
            screen
                .lines(100, 12)
                .iter()
                .any(|line| line.starts_with("\x1b[7m") && line.contains(screen.chosen.as_deref().unwrap()))
        );
        assert!(screen.press(Key::Letter('q')).is_break());
    }

    #[test]
    fn what_is_chosen_is_in_sight_however_little_room_there_is() {
        let mut screen = screen();
        screen.lines(80, 7);
        for _ in 0..4 {
            let _ = screen.press(Key::PageDown);
            let lines = screen.lines(80, 7);
            let chosen = screen.chosen.clone().unwrap();
            assert!(lines[3].contains(&chosen), "{lines:?}");
        }
        assert_eq!(screen.chosen.as_deref(), Some("b"));
    }

    #[test]
    fn a_runner_that_went_away_is_told() {
        let mut screen = screen();
        screen.take(Err(anyhow::anyhow!("it went away")), "2026-03-02T12:01:00Z".parse().unwrap());
        let all = screen.lines(100, 12).join("\n");
        assert!(all.contains("! as of 12:00:05 UTC: it went away") && all.contains("queue"), "{all}");
    }
}
