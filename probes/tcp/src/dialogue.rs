//! A conversation in steps: each sends something, waits for something, and may go on over TLS.

use std::time::Duration;

use probity_guest::{
    Attempt, Cause, Error, Failure, Verdict, Wire,
    clock::{Deadline, Instant},
    settings::Span,
    text::excerpt,
};

use crate::settings::{Expected, Step};

/// Bytes of an answer in which what is expected must be: more than any greeting or status line, and few enough that a target
/// which sends them one at a time can't use up the fuel of a run by having each of them searched.
const MOST_ANSWER: usize = 4 * 1024;
/// Units of fuel that a step may spend on lines that are not complete, of the billion that a run usually has. Past it lines are
/// looked at once they are.
const FUEL: u64 = 25_000_000;
/// Characters of an answer that a verdict shows.
const SHOWN: usize = 120;

/// What is said over one connection.
pub(crate) struct Dialogue {
    wire: Wire,
    /// What came, and was no part of an answer yet.
    arrived: Vec<u8>,
    /// The answer to the latest step that expected one.
    pub(crate) answer: Option<Vec<u8>>,
}

/// Why no more came, or enough did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// All up to here is the answer.
    Enough(usize),
    /// So much came, and it is none.
    Full,
    /// The target closed the connection.
    Closed,
    /// Nothing more came in time.
    TimedOut,
}

impl Dialogue {
    /// Begins one.
    pub(crate) fn new(wire: Wire) -> Self {
        Self { wire, arrived: Vec::new(), answer: None }
    }

    /// Goes through the steps. The target is `host`, to which its certificate must belong.
    pub(crate) fn hold(mut self, steps: &[Step], host: &str, attempt: &mut Attempt) -> Result<Self, Failure> {
        for (number, step) in (1..).zip(steps) {
            if let Some(text) = &step.send {
                self.wire.write(text.as_bytes(), attempt.deadline())?;
            }
            if let Some(expected) = &step.expect {
                let of = if steps.len() > 1 { format!(" in step {number}") } else { String::new() };
                attempt.phase("answer", |deadline| self.hear(expected, step.starttls, &of, deadline))?;
            }
            if step.starttls {
                self = attempt.phase("tls", |deadline| self.secure(host, deadline))?;
            }
        }
        Ok(self)
    }

    /// Goes on over TLS.
    fn secure(self, host: &str, deadline: Deadline) -> Result<Self, Error> {
        match self.arrived.len() {
            0 => Ok(Self { wire: self.wire.secure(host, deadline)?, ..self }),
            // They came in the clear, could be anybody's, and must not pass for what is secure.
            more => {
                let cause = Cause::Protocol(format!("{more} bytes more before TLS"));
                Err(Error::new(format!("beginning TLS with {}", self.wire.remote()), cause))
            }
        }
    }

    /// Waits for the answer, with the line that it ends in as far as that has arrived, or `whole`. `of` is which it is.
    fn hear(&mut self, expected: &Expected, whole: bool, of: &str, deadline: Deadline) -> Result<(), Failure> {
        let begun = Instant::now();
        let end = self.listen(expected, whole, deadline)?;
        if let End::Enough(length) = end {
            self.answer = Some(self.arrived.drain(..length).collect());
            return Ok(());
        }
        let told = shortcoming(&self.arrived, end, expected, begun.elapsed());
        let verdict = Verdict::unhealthy(format!("{} {told}{of}", self.wire.remote()));
        Err(if self.arrived.is_empty() { verdict } else { answered(verdict, &self.arrived) }.into())
    }

    fn listen(&mut self, expected: &Expected, whole: bool, deadline: Deadline) -> Result<End, Error> {
        let mut search = Search::new(expected, whole);
        loop {
            if let Some(length) = search.find(&self.arrived, false) {
                return Ok(End::Enough(length));
            }
            let end = match MOST_ANSWER.checked_sub(self.arrived.len()) {
                None | Some(0) => End::Full,
                Some(room) => match self.wire.read(room, deadline) {
                    Ok(more) if more.is_empty() => End::Closed,
                    Ok(more) => {
                        self.arrived.extend(more);
                        continue;
                    }
                    Err(Error { cause: Cause::TimedOut(_), .. }) => End::TimedOut,
                    Err(error) => return Err(error),
                },
            };
            return Ok(search.find(&self.arrived, true).map_or(end, End::Enough));
        }
    }
}

/// Adds what the target answered.
pub(crate) fn answered(verdict: Verdict, answer: &[u8]) -> Verdict {
    verdict.detail("answer", excerpt(answer, SHOWN))
}

/// A search in what arrives in portions.
struct Search<'a> {
    expected: &'a Expected,
    /// Whether a line has to be complete.
    whole: bool,
    /// So many bytes are lines that do not match.
    passed: usize,
    /// Units of fuel that are left for lines that are not complete.
    fuel: u64,
}

impl<'a> Search<'a> {
    fn new(expected: &'a Expected, whole: bool) -> Self {
        Self { expected, whole, passed: 0, fuel: FUEL }
    }

    /// Up to where what arrived is the answer, to the end of the line; `last` if no more will come.
    fn find(&mut self, arrived: &[u8], last: bool) -> Option<usize> {
        let at = match self.expected {
            // Whatever came is an answer.
            Expected::Text(text) if text.is_empty() => arrived.len().checked_sub(1)?,
            Expected::Text(text) => {
                let found = arrived.windows(text.len()).position(|window| window == text.as_bytes())?;
                found + text.len() - 1
            }
            Expected::Line(pattern) => {
                while let Some(end) = line_end(arrived, self.passed) {
                    let line = arrived[self.passed..end].trim_ascii_end();
                    if pattern.is_in(&String::from_utf8_lossy(line)) {
                        return Some(end);
                    }
                    self.passed = end;
                }
                let begun = &arrived[self.passed..];
                let fuel = pattern.work().saturating_mul(begun.len() as u64);
                if self.whole || begun.is_empty() || (fuel > self.fuel && !last) {
                    return None;
                }
                self.fuel = self.fuel.saturating_sub(fuel);
                return pattern.is_in(&String::from_utf8_lossy(begun)).then_some(arrived.len());
            }
        };
        match line_end(arrived, at) {
            None if self.whole => None,
            end => Some(end.unwrap_or(arrived.len())),
        }
    }
}

/// Where the line that has the byte at `from` in it ends, if it does.
fn line_end(bytes: &[u8], from: usize) -> Option<usize> {
    bytes[from..].iter().position(|byte| *byte == b'\n').map(|at| from + at + 1)
}

/// What is wrong with an answer that ended so after `waited`; continues a sentence about the target.
fn shortcoming(answer: &[u8], end: End, expected: &Expected, waited: Duration) -> String {
    let waited = Span(waited);
    let silent = answer.is_empty();
    let what = match end {
        End::Closed if silent => return "closed the connection before it answered".to_owned(),
        End::TimedOut if silent => return format!("did not answer within {waited}"),
        End::Closed => "closed the connection".to_owned(),
        End::TimedOut => format!("fell silent until {waited} were over"),
        End::Full | End::Enough(_) => format!("went on for {MOST_ANSWER} bytes"),
    };
    let seen = excerpt(answer, SHOWN);
    let expected = match expected {
        Expected::Text(text) => excerpt(text.as_bytes(), SHOWN),
        Expected::Line(pattern) => format!("a line that matches {}", excerpt(pattern.to_string().as_bytes(), SHOWN)),
    };
    format!("did not answer {expected} but {seen}, then {what}")
}

#[cfg(test)]
mod tests {
    use probity_guest::settings::parse;

    use super::*;

    fn expected(json: &str) -> Expected {
        parse(json).map_err(|problem| problem.message).unwrap()
    }

    /// What is taken for the answer once these portions have arrived, and what has by then.
    fn heard(json: &str, whole: bool, portions: &[&str]) -> Option<(String, String)> {
        let expected = expected(json);
        let mut search = Search::new(&expected, whole);
        let mut arrived = Vec::new();
        for portion in portions {
            arrived.extend_from_slice(portion.as_bytes());
            if let Some(length) = search.find(&arrived, false) {
                let rest = arrived.split_off(length);
                return Some((String::from_utf8(arrived).unwrap(), String::from_utf8(rest).unwrap()));
            }
        }
        None
    }

    #[test]
    fn an_answer_goes_to_the_end_of_its_line() {
        let some = |answer: &str, rest: &str| Some((answer.to_owned(), rest.to_owned()));
        assert_eq!(heard(r#""PONG""#, false, &["+PO", "NG\r\n+x"]), some("+PONG\r\n", "+x"));
        assert_eq!(heard(r#""login: ""#, false, &["hello\r\nlog", "in: "]), some("hello\r\nlogin: ", ""));
        assert_eq!(heard(r#""""#, false, &["", "a"]), some("a", ""));
        assert_eq!(heard(r#""220""#, true, &["220 ", "go", " on\r\n", "x"]), some("220 go on\r\n", ""));
        assert_eq!(heard(r#""a\r\nb""#, false, &["a\r\n", "b\r\nc"]), some("a\r\nb\r\n", "c"));
        assert_eq!(heard(r#""PONG""#, false, &["-LOADING\r\n"]), None);
        let line = r#"{ "matches": "^250 " }"#;
        assert_eq!(heard(line, false, &["250-a\r\n25", "0-b\r\n250 c\r\nd"]), some("250-a\r\n250-b\r\n250 c\r\n", "d"));
        assert_eq!(heard(r#"{ "matches": "^lo.*: $" }"#, false, &["hi\nlogin", ": "]), some("hi\nlogin: ", ""));
        assert_eq!(heard(line, true, &["250 o", "k\r\n"]), some("250 ok\r\n", ""));
        assert_eq!(heard(r#"{ "matches": "^b" }"#, false, &["a", "b\n"]), None);
        assert_eq!(heard(r#"{ "matches": "a$" }"#, false, &["a\r\n"]), some("a\r\n", ""));
    }

    #[test]
    fn what_dribbles_is_not_searched_without_end() {
        let expected = expected(r#"{ "matches": "x" }"#);
        let mut search = Search::new(&expected, false);
        let mut arrived = Vec::new();
        for _ in 0..MOST_ANSWER - 1 {
            arrived.push(b'a');
            assert_eq!(search.find(&arrived, false), None);
        }
        arrived.push(b'x');
        assert_eq!(search.find(&arrived, false), None, "there is no fuel for it");
        assert_eq!(search.find(&arrived, true), Some(MOST_ANSWER));
    }

    #[test]
    fn a_shortcoming_tells_what_was_seen() {
        let text = expected(r#""PONG""#);
        let told = |answer: &[u8], end| shortcoming(answer, end, &text, Duration::from_millis(4_800));
        assert_eq!(told(b"", End::Closed), "closed the connection before it answered");
        assert_eq!(told(b"", End::TimedOut), "did not answer within 4.8 s");
        assert_eq!(
            told(b"-LOADING\r\n", End::TimedOut),
            r#"did not answer "PONG" but "-LOADING\r\n", then fell silent until 4.8 s were over"#
        );
        assert_eq!(told(b"HTTP", End::Closed), r#"did not answer "PONG" but "HTTP", then closed the connection"#);
        assert!(told(b"x", End::Full).ends_with("then went on for 4096 bytes"));
        let line = shortcoming(b"x", End::Closed, &expected(r#"{ "matches": "^2" }"#), Duration::ZERO);
        assert_eq!(line, r#"did not answer a line that matches "^2" but "x", then closed the connection"#);
    }
}
