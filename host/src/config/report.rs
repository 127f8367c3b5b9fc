//! All that is wrong with a config, each problem with the place in the file where it is.

use std::{
    collections::{BTreeSet, btree_set},
    fmt,
    path::Path,
    sync::Arc,
};

use thiserror::Error;

/// A place in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// Counted from 1.
    pub line: u32,
    /// In characters, counted from 1.
    pub column: u32,
}

/// Where something in the config was written.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Origin {
    /// The file, as the runner was told of it.
    pub file: Arc<Path>,
    /// Where in the file; `None` for what concerns the whole of it.
    pub position: Option<Position>,
}

impl Origin {
    /// A file as a whole.
    #[must_use]
    pub fn of_file(file: &Path) -> Origin {
        Origin { file: file.into(), position: None }
    }
}

impl fmt::Display for Origin {
    /// `probity.toml:14`, which terminals and editors make a link of.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.file.display().fmt(f)?;
        match self.position {
            Some(position) => write!(f, ":{}", position.line),
            None => Ok(()),
        }
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// Where.
    pub origin: Origin,
    /// What, and what would be right. It holds no secret.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.origin, self.message)
    }
}

/// Everything that is wrong, in the order of the files and their lines.
#[derive(Clone, Debug, Default, PartialEq, Eq, Error)]
pub struct Report {
    problems: BTreeSet<Problem>,
}

impl Report {
    /// Adds a problem. Control characters in its message are escaped: it may quote anything, and is to stay one harmless line.
    pub fn push(&mut self, origin: Origin, message: impl AsRef<str>) {
        let mut line = String::new();
        for letter in message.as_ref().chars() {
            if letter.is_control() {
                line.extend(letter.escape_default());
            } else {
                line.push(letter);
            }
        }
        self.problems.insert(Problem { origin, message: line });
    }

    /// Adds all problems of another report.
    pub fn append(&mut self, mut other: Report) {
        self.problems.append(&mut other.problems);
    }

    /// Drops the problems that are not to be kept.
    pub(super) fn retain(&mut self, keep: impl FnMut(&Problem) -> bool) {
        self.problems.retain(keep);
    }

    /// The problems, by file and line.
    pub fn problems(&self) -> btree_set::Iter<'_, Problem> {
        self.problems.iter()
    }

    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.problems.is_empty()
    }

    /// The value that was reported on, if it is sound.
    ///
    /// # Errors
    ///
    /// The report itself, unless it is empty.
    pub fn accept<T>(self, value: T) -> Result<T, Report> {
        if self.is_empty() { Ok(value) } else { Err(self) }
    }
}

impl fmt::Display for Report {
    /// One line per problem, and their number on the last.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for problem in &self.problems {
            writeln!(f, "{problem}")?;
        }
        match self.problems.len() {
            1 => f.write_str("1 problem"),
            count => write!(f, "{count} problems"),
        }
    }
}

/// A text and the file it is from, so that offsets into it can be shown to people.
#[derive(Debug)]
pub(super) struct Source<'t> {
    file: Arc<Path>,
    text: &'t str,
    /// The offset at which each line begins.
    lines: Vec<usize>,
}

impl<'t> Source<'t> {
    pub(super) fn new(file: &Path, text: &'t str) -> Source<'t> {
        let after_breaks = text.match_indices('\n').map(|(at, _)| at + 1);
        Source { file: file.into(), text, lines: std::iter::once(0).chain(after_breaks).collect() }
    }

    pub(super) fn text(&self) -> &'t str {
        self.text
    }

    pub(super) fn position(&self, offset: usize) -> Position {
        let line = self.lines.partition_point(|start| *start <= offset);
        let start = line.checked_sub(1).and_then(|line| self.lines.get(line));
        let before = start.and_then(|start| self.text.get(*start..offset));
        Position { line: count(line), column: count(before.map_or(0, |before| before.chars().count()) + 1) }
    }

    pub(super) fn origin(&self, offset: usize) -> Origin {
        Origin { file: Arc::clone(&self.file), position: Some(self.position(offset)) }
    }
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn offsets_become_lines_and_columns() {
        let source = Source::new(Path::new("a.toml"), "é = 1\n\nb = 2");
        for (offset, line, column) in [(0, 1, 1), (3, 1, 3), (6, 1, 6), (7, 2, 1), (8, 3, 1), (13, 3, 6)] {
            assert_eq!(source.position(offset), Position { line, column }, "{offset}");
        }
        assert_eq!(source.position(99).line, 3, "past the end");
        assert_eq!(source.position(1), Position { line: 1, column: 1 }, "within a character");
        assert_eq!(source.origin(8).to_string(), "a.toml:3");
    }

    #[test]
    fn problems_are_listed_by_file_and_line_and_counted() {
        let (a, b) = (Source::new(Path::new("a.toml"), "\n\n\n"), Path::new("b.toml"));
        let mut report = Report::default();
        assert!(report.is_empty() && report.clone().accept(()).is_ok());
        report.push(Origin::of_file(b), "third");
        report.push(a.origin(2), "second");
        assert_eq!(report.clone().accept(()).unwrap_err().to_string(), "a.toml:3: second\nb.toml: third\n2 problems");

        let mut other = Report::default();
        other.push(a.origin(1), "first");
        assert_eq!(other.to_string(), "a.toml:2: first\n1 problem");
        other.push(a.origin(3), "a\nb\u{1b} \"é\"");
        other.append(report);
        let messages: Vec<&str> = other.problems().map(|problem| problem.message.as_str()).collect();
        assert_eq!(messages, ["first", "second", "a\\nb\\u{1b} \"é\"", "third"]);
    }
}
