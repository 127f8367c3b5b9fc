//! Packets of the Network Time Protocol (RFC 5905, section 7.3), as far as a client needs them.

use std::time::Duration;

/// Bytes of a packet without extensions.
pub(crate) const LENGTH: usize = 48;
/// Version 4, of a client.
const ASK: u8 = (4 << 3) | 3;
/// The mode of a server's answer.
const SERVER: u8 = 4;
/// From the beginning of NTP's time (1900) to that of Unix (1970), in seconds (RFC 5905, figure 4).
const UNIX: u64 = 2_208_988_800;
/// Where in a packet the times are.
const ORIGIN: usize = 24;
const RECEIVED: usize = 32;
const SENT: usize = 40;

/// A time of NTP: seconds since 1900 in the upper half, and their fraction in the lower. It begins anew every 136 years, so
/// only differences mean something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Time(u64);

impl Time {
    /// The time that is so long after the beginning of 1970.
    pub(crate) fn of_unix(since_epoch: Duration) -> Time {
        let fraction = (u64::from(since_epoch.subsec_nanos()) << 32) / 1_000_000_000;
        Time(since_epoch.as_secs().wrapping_add(UNIX) << 32 | fraction)
    }

    /// How far this is after the other, in seconds; negative if it is before.
    fn after(self, other: Time) -> f64 {
        self.0.wrapping_sub(other.0) as i64 as f64 / 4_294_967_296.0
    }
}

/// A question. In place of the time it has a number that a forger would have to guess, and that tells the server nothing.
pub(crate) fn question(cookie: u64) -> [u8; LENGTH] {
    let mut packet = [0; LENGTH];
    packet[0] = ASK;
    packet[SENT..].copy_from_slice(&cookie.to_be_bytes());
    packet
}

/// What a server answered.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Answer {
    /// The server knows that its clock is not set.
    pub(crate) unsynchronised: bool,
    /// How many servers lie between it and a clock: 1 has one of its own; 0 is a word in place of the time, 16 is none.
    pub(crate) stratum: u8,
    /// Where it has its time from, as text: a word for stratum 0 and 1, else an address or a hash of one.
    pub(crate) reference: String,
    /// How far away that clock is, in seconds.
    pub(crate) root_delay: f64,
    received: Time,
    sent: Time,
}

impl Answer {
    /// Reads an answer to the question with this number; `None` if it is none.
    pub(crate) fn read(packet: &[u8], cookie: u64) -> Option<Answer> {
        let word = |at: usize| packet.get(at..at + 8)?.try_into().ok().map(u64::from_be_bytes);
        let half = |at: usize| packet.get(at..at + 4)?.try_into().ok().map(u32::from_be_bytes);
        let (first, stratum) = (*packet.first()?, *packet.get(1)?);
        let sent = word(SENT)?;
        if first & 7 != SERVER || word(ORIGIN)? != cookie {
            return None;
        }
        let reference = packet.get(12..16)?;
        Some(Answer {
            unsynchronised: first >> 6 == 3,
            stratum,
            reference: name(reference, stratum),
            root_delay: f64::from(half(4)?) / 65_536.0,
            received: Time(word(RECEIVED)?),
            sent: Time(sent),
        })
    }

    /// How far the server's clock is ahead of the asker's, in seconds, if it was asked and answered at these times (RFC 5905,
    /// section 8).
    pub(crate) fn offset(&self, asked: Time, answered: Time) -> f64 {
        (self.received.after(asked) + self.sent.after(answered)) / 2.0
    }
}

/// A reference in words: ASCII for a clock or a kiss, the address otherwise (RFC 5905, section 7.3).
fn name(reference: &[u8], stratum: u8) -> String {
    if stratum < 2 {
        let letters = reference.iter().take_while(|byte| **byte != 0);
        return letters.map(|byte| if byte.is_ascii_graphic() { char::from(*byte) } else { '?' }).collect();
    }
    let parts: Vec<String> = reference.iter().map(ToString::to_string).collect();
    parts.join(".")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(first: u8, stratum: u8, reference: [u8; 4], times: [u64; 3]) -> Vec<u8> {
        let mut packet = vec![first, stratum, 6, 0xec, 0, 0, 0x80, 0, 0, 0, 0, 1];
        packet.extend(reference);
        packet.extend([0; 8]);
        packet.extend(times.iter().flat_map(|time| time.to_be_bytes()));
        packet
    }

    #[test]
    fn the_question_is_that_of_a_client() {
        let question = question(0x0102_0304_0506_0708);
        assert_eq!(
            (question[0], &question[1..40], &question[40..]),
            (0x23, &[0; 39][..], &[1, 2, 3, 4, 5, 6, 7, 8][..])
        );
    }

    #[test]
    fn an_answer_is_read() {
        let read = |packet: &[u8]| Answer::read(packet, 7);
        let packet = answer(0x24, 2, [192, 0, 2, 1], [7, 5 << 32, 6 << 32]);
        let read_well = read(&packet).unwrap();
        assert_eq!((read_well.stratum, read_well.unsynchronised, read_well.root_delay), (2, false, 0.5));
        assert_eq!(read_well.reference, "192.0.2.1");
        assert_eq!(read(&answer(0xe4, 0, *b"RATE", [7, 0, 0])).unwrap().reference, "RATE");
        assert_eq!(read(&answer(0x24, 1, *b"GPS\0", [7, 0, 0])).unwrap().reference, "GPS");
        assert!(read(&answer(0xe4, 16, [0; 4], [7, 0, 0])).unwrap().unsynchronised);
        assert_eq!(read(&answer(0x24, 2, [0; 4], [8, 0, 0])), None, "an answer to another question");
        assert_eq!(read(&answer(0x23, 2, [0; 4], [7, 0, 0])), None, "a question");
        for length in 0..LENGTH {
            assert_eq!(read(&packet[..length]), None, "{length} bytes");
        }
    }

    #[test]
    fn the_offset_leaves_the_way_out_if_it_is_as_long_in_both_directions() {
        let at = |seconds: f64| Time((seconds * 4_294_967_296.0) as u64);
        let answer = |received: f64, sent: f64| Answer {
            unsynchronised: false,
            stratum: 1,
            reference: String::new(),
            root_delay: 0.0,
            received: at(received),
            sent: at(sent),
        };
        // 50 ms there, 10 ms at the server, 50 ms back; and the server is 2 s ahead, or behind.
        let offset = answer(1002.05, 1002.06).offset(at(1000.0), at(1000.11));
        assert!((offset - 2.0).abs() < 1e-6, "{offset}");
        let offset = answer(998.05, 998.06).offset(at(1000.0), at(1000.11));
        assert!((offset + 2.0).abs() < 1e-6, "{offset}");
        let turn = Answer { received: Time(5), sent: Time(5), ..answer(0.0, 0.0) };
        assert!(turn.offset(Time(u64::MAX - 4), Time(u64::MAX - 4)).abs() < 1e-6, "also when the count begins anew");
    }

    #[test]
    fn the_time_of_unix_is_seventy_years_later() {
        assert_eq!(Time::of_unix(Duration::from_millis(500)), Time(2_208_988_800 << 32 | 0x8000_0000));
    }
}
