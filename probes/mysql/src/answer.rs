//! The answer to a query: packets of columns, then of rows, until it ends.

use crate::{
    complaint::{self, Complaint},
    packet::Cursor,
};

/// Columns whose names are kept: more than the status of a replica has.
const MOST_COLUMNS: usize = 128;

/// A row's values as text; `None` is NULL.
pub(crate) type Row = Vec<Option<Vec<u8>>>;

/// What has come of an answer.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Answer {
    step: Step,
    pub(crate) columns: Vec<String>,
    pub(crate) rows: Vec<Row>,
}

#[derive(Debug, Default, PartialEq, Eq)]
enum Step {
    /// Nothing has come.
    #[default]
    Start,
    /// So many columns are yet to come.
    Columns(u64),
    /// The end of the columns is.
    ColumnsEnd,
    Rows,
}

/// Why there is no answer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    Complaint(Complaint),
    /// The server asks for a file, which nobody gets.
    File,
    Malformed,
}

impl Answer {
    /// Takes in a packet, and says whether it was the last. Of the rows the first `most` are kept.
    pub(crate) fn feed(&mut self, payload: &[u8], most: usize) -> Result<bool, Trouble> {
        let first = *payload.first().ok_or(Trouble::Malformed)?;
        if first == complaint::MARK {
            return Err(Complaint::parse(payload).map_or(Trouble::Malformed, Trouble::Complaint));
        }
        // A row can begin with this byte too, but is then longer than 16 MiB.
        let is_end = first == 0xfe && payload.len() < 9;
        match &mut self.step {
            Step::Start => match first {
                // All is done, and there are no rows.
                0x00 => return Ok(true),
                0xfb => return Err(Trouble::File),
                _ => {
                    let columns = Cursor(payload).count().flatten().ok_or(Trouble::Malformed)?;
                    self.step = if columns == 0 { Step::ColumnsEnd } else { Step::Columns(columns) };
                }
            },
            Step::Columns(left) => {
                if self.columns.len() < MOST_COLUMNS {
                    self.columns.push(column(payload).ok_or(Trouble::Malformed)?);
                }
                *left -= 1;
                if *left == 0 {
                    self.step = Step::ColumnsEnd;
                }
            }
            Step::ColumnsEnd if is_end => self.step = Step::Rows,
            Step::ColumnsEnd => return Err(Trouble::Malformed),
            Step::Rows if is_end => return Ok(true),
            Step::Rows => {
                if self.rows.len() < most {
                    self.rows.push(row(payload, self.columns.len()).ok_or(Trouble::Malformed)?);
                }
            }
        }
        Ok(false)
    }
}

/// The name of a column: the fifth of a definition's texts.
fn column(payload: &[u8]) -> Option<String> {
    let mut cursor = Cursor(payload);
    for _catalog_schema_and_tables in 0..4 {
        cursor.value()?;
    }
    Some(String::from_utf8_lossy(cursor.value()??).into_owned())
}

fn row(payload: &[u8], columns: usize) -> Option<Row> {
    let mut cursor = Cursor(payload);
    (0..columns).map(|_| Some(cursor.value()?.map(<[u8]>::to_vec))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const END: &[u8] = b"\xfe\0\0\x02\0";

    fn definition(name: &str) -> Vec<u8> {
        [b"\x03def\0\0\0", [name.len() as u8].as_slice(), name.as_bytes(), b"\0\x0c"].concat()
    }

    fn fed(packets: &[&[u8]], most: usize) -> Result<Answer, Trouble> {
        let mut answer = Answer::default();
        for (left, packet) in (0..packets.len()).rev().zip(packets) {
            assert_eq!(answer.feed(packet, most)?, left == 0, "{packet:?}");
        }
        Ok(answer)
    }

    fn first_value(answer: &Answer) -> Option<&[u8]> {
        answer.rows.first()?.first()?.as_deref()
    }

    #[test]
    fn rows_are_read() {
        let (a, b) = (definition("a"), definition("b"));
        let packets = [b"\x02".as_slice(), &a, &b, END, b"\x01x\xfb", b"\0\x02yz", b"\x01v\0", END];
        let answer = fed(&packets, 2).unwrap();
        assert_eq!(answer.columns, ["a", "b"]);
        assert_eq!(answer.rows, [vec![Some(b"x".to_vec()), None], vec![Some(Vec::new()), Some(b"yz".to_vec())]]);
        assert_eq!(first_value(&answer), Some(b"x".as_slice()));
        assert_eq!(first_value(&fed(&[b"\0\0\0\x02\0\0\0"], 1).unwrap()), None);
        assert_eq!(first_value(&fed(&[b"\x01", &a, END, END], 1).unwrap()), None);
        assert_eq!(first_value(&fed(&[b"\x01", &a, END, b"\xfb", END], 1).unwrap()), None);
    }

    #[test]
    fn what_is_no_answer_is_told() {
        let a = definition("a");
        let complaint = b"\xff\x28\x04#42000no";
        assert!(matches!(fed(&[complaint], 1), Err(Trouble::Complaint(_))));
        assert!(matches!(fed(&[b"\x01", &a, END, complaint], 1), Err(Trouble::Complaint(_))));
        assert_eq!(fed(&[b"\xfb/etc/passwd"], 1), Err(Trouble::File));
        for packets in [
            [b"".as_slice()].as_slice(),
            &[b"\xfc\x01"],
            &[b"\xff"],
            &[b"\x01", b"\x03de"],
            &[b"\x01", &a, &a],
            &[b"\x01", &a, END, b"\x02x"],
            &[b"\x01", &a, END, b""],
        ] {
            assert_eq!(fed(packets, 1), Err(Trouble::Malformed), "{packets:?}");
        }
        // However many columns are announced, none is waited for in memory.
        assert_eq!(Answer::default().feed(b"\xfe\xff\xff\xff\xff\xff\xff\xff\xff", 1), Ok(false));
    }
}
