//! DNS messages (RFC 1035): one question, and the answer to it.
//!
//! Written here because the crates for it would be most of the probe: of the maintained ones `domain` makes it 40 KB larger
//! and `simple-dns` 65 KB, and `hickory-proto` needs a browser's randomness on this target. The tests hold it to
//! `simple-dns`.

#[cfg(test)]
mod tests;

use std::{
    fmt::{self, Write},
    net::{Ipv4Addr, Ipv6Addr},
};

use serde::Deserialize;

/// The class of the Internet, the only one in use.
const IN: u16 = 1;

/// Bytes of a name as it is sent (RFC 1035, section 2.3.4).
const MOST_NAME: usize = 255;

/// Aliases that are followed, one after the other: as many as the resolver BIND follows.
const MOST_ALIASES: usize = 16;

/// Bytes of a label, which leaves two bits of its length to mark a pointer (RFC 1035, section 4.1.4).
const MOST_LABEL: usize = 63;

/// What a record holds.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum RecordType {
    A,
    Aaaa,
    Caa,
    Cname,
    Mx,
    Ns,
    Ptr,
    Soa,
    Srv,
    Txt,
}

impl RecordType {
    /// Its number in IANA's registry of DNS parameters.
    fn code(self) -> u16 {
        match self {
            Self::A => 1,
            Self::Ns => 2,
            Self::Cname => 5,
            Self::Soa => 6,
            Self::Ptr => 12,
            Self::Mx => 15,
            Self::Txt => 16,
            Self::Aaaa => 28,
            Self::Srv => 33,
            Self::Caa => 257,
        }
    }
}

impl fmt::Display for RecordType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::A => "A",
            Self::Aaaa => "AAAA",
            Self::Caa => "CAA",
            Self::Cname => "CNAME",
            Self::Mx => "MX",
            Self::Ns => "NS",
            Self::Ptr => "PTR",
            Self::Soa => "SOA",
            Self::Srv => "SRV",
            Self::Txt => "TXT",
        })
    }
}

/// Whether a server could answer, and if not why.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum Rcode {
    NoError,
    FormErr,
    ServFail,
    NxDomain,
    NotImp,
    Refused,
    /// Of no meaning for a question.
    #[serde(skip)]
    Other(u8),
}

impl Rcode {
    fn of(code: u8) -> Self {
        match code {
            0 => Self::NoError,
            1 => Self::FormErr,
            2 => Self::ServFail,
            3 => Self::NxDomain,
            4 => Self::NotImp,
            5 => Self::Refused,
            other => Self::Other(other),
        }
    }
}

impl fmt::Display for Rcode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoError => f.write_str("NOERROR"),
            Self::FormErr => f.write_str("FORMERR"),
            Self::ServFail => f.write_str("SERVFAIL"),
            Self::NxDomain => f.write_str("NXDOMAIN"),
            Self::NotImp => f.write_str("NOTIMP"),
            Self::Refused => f.write_str("REFUSED"),
            Self::Other(code) => write!(f, "RCODE{code}"),
        }
    }
}

/// One question, as it is asked.
#[derive(Debug)]
pub(crate) struct Question {
    id: u16,
    record_type: RecordType,
    /// In lower case, and as a message shows it.
    name: String,
    bytes: Vec<u8>,
}

/// The answer to a [`Question`].
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) rcode: Rcode,
    /// The server speaks for the zone itself.
    pub(crate) authoritative: bool,
    /// There is more than fits into a datagram; the records were not read.
    pub(crate) truncated: bool,
    /// The records of the type that was asked for, of the name that was asked for or of one that it is an alias of, as a zone file
    /// has them, with names in lower case and without their last dot.
    pub(crate) records: Vec<String>,
    /// Seconds for which all of them may be kept.
    pub(crate) ttl: Option<u32>,
}

impl Question {
    /// A question with an id that others should not be able to guess. `None` if the name can't be one.
    pub(crate) fn new(id: u16, name: &str, record_type: RecordType) -> Option<Self> {
        /// Please ask others if you do not know.
        const RECURSION_DESIRED: u16 = 0x0100;

        let name = name.to_ascii_lowercase();
        let labels = name.strip_suffix('.').unwrap_or(&name);
        let mut bytes = Vec::new();
        // One question, and nothing else.
        for field in [id, RECURSION_DESIRED, 1, 0, 0, 0] {
            bytes.extend(field.to_be_bytes());
        }
        let before = bytes.len();
        // A backslash would escape what follows it, for which there is no use among names that are asked for.
        let fine = |byte: u8| byte.is_ascii_graphic() && byte != b'\\';
        for label in labels.split('.').filter(|_| !labels.is_empty()) {
            if label.is_empty() || label.len() > MOST_LABEL || !label.bytes().all(fine) {
                return None;
            }
            bytes.push(label.len() as u8);
            bytes.extend(label.as_bytes());
        }
        bytes.push(0);
        if name.is_empty() || bytes.len() - before > MOST_NAME {
            return None;
        }
        for field in [record_type.code(), IN] {
            bytes.extend(field.to_be_bytes());
        }
        let name = if labels.is_empty() { ".".to_owned() } else { labels.to_owned() };
        Some(Self { id, record_type, name, bytes })
    }

    /// The message that asks it.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Reads a message. `None` if it does not answer this question, or is malformed: anybody can send a datagram.
    pub(crate) fn read(&self, message: &[u8]) -> Option<Answer> {
        const IS_RESPONSE: u16 = 0x8000;
        const OPCODE: u16 = 0x7800;
        const AUTHORITATIVE: u16 = 0x0400;
        const TRUNCATED: u16 = 0x0200;
        const RCODE: u16 = 0x000f;

        let mut reader = Reader { message, at: 0 };
        let (id, flags, questions, answers) = (reader.u16()?, reader.u16()?, reader.u16()?, reader.u16()?);
        // The numbers of records that are not read: authorities and additional ones.
        reader.u32()?;
        if id != self.id || flags & (IS_RESPONSE | OPCODE) != IS_RESPONSE {
            return None;
        }
        let rcode = Rcode::of((flags & RCODE) as u8);
        match questions {
            1 => {
                let asked = (reader.name()?, reader.u16()?, reader.u16()?);
                if asked != (self.name.clone(), self.record_type.code(), IN) {
                    return None;
                }
            }
            // A server that could not read the question can't repeat it.
            0 if rcode != Rcode::NoError => {}
            _ => return None,
        }
        let mut answer = Answer {
            rcode,
            authoritative: flags & AUTHORITATIVE != 0,
            truncated: flags & TRUNCATED != 0,
            records: Vec::new(),
            ttl: None,
        };
        if answer.truncated {
            return Some(answer);
        }
        let (mut found, mut aliases) = (Vec::new(), Vec::new());
        for _ in 0..answers {
            let owner = reader.name()?;
            let (code, class, ttl) = (reader.u16()?, reader.u16()?, reader.u32()?);
            let length = reader.u16()?;
            let start = reader.at;
            reader.bytes(length.into())?;
            let known =
                [self.record_type, RecordType::Cname].into_iter().find(|known| (known.code(), IN) == (code, class));
            let Some(known) = known else { continue };
            // Names within may point to earlier parts of the message, but nothing may reach past the end.
            let mut data = Reader { message: message.get(..reader.at)?, at: start };
            let record = data.record(known)?;
            if data.at != reader.at {
                return None;
            }
            if known == self.record_type { found.push((owner, ttl, record)) } else { aliases.push((owner, record)) }
        }
        let owners = self.owners(&aliases);
        for (_, ttl, record) in found.into_iter().filter(|(owner, ..)| owners.contains(&owner.as_str())) {
            answer.records.push(record);
            answer.ttl = Some(answer.ttl.map_or(ttl, |least| least.min(ttl)));
        }
        Some(answer)
    }

    /// The name that was asked for, and those that it is an alias of (RFC 1034, section 3.6.2): a record of any other does not
    /// answer the question. Resolvers send all of them along.
    fn owners<'a>(&'a self, aliases: &'a [(String, String)]) -> Vec<&'a str> {
        let mut owners = vec![self.name.as_str()];
        for _ in 0..MOST_ALIASES {
            let next = aliases.iter().find(|(owner, _)| owners.last() == Some(&owner.as_str()));
            let Some((_, target)) = next else { break };
            owners.push(target);
        }
        owners
    }
}

/// Reads a message from a place in it on; everything is `None` past its end.
struct Reader<'a> {
    message: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn bytes(&mut self, length: usize) -> Option<&'a [u8]> {
        let bytes = self.message.get(self.at..)?.get(..length)?;
        self.at += length;
        Some(bytes)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.bytes(N)?.try_into().ok()
    }

    fn u8(&mut self) -> Option<u8> {
        self.array().map(u8::from_be_bytes)
    }

    fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_be_bytes)
    }

    fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }

    /// Bytes with their number before them.
    fn string(&mut self) -> Option<&'a [u8]> {
        let length = self.u8()?;
        self.bytes(length.into())
    }

    fn rest(&mut self) -> Option<&'a [u8]> {
        let left = self.message.len().checked_sub(self.at)?;
        self.bytes(left)
    }

    /// A name in lower case, without its last dot; the root is `.`.
    fn name(&mut self) -> Option<String> {
        /// A label's two highest bits, which make it a pointer.
        const POINTER: u8 = 0xc0;

        let mut name = String::new();
        let mut length = 1;
        let mut labels = Reader { message: self.message, at: self.at };
        // Where the name ends here, once a pointer has led elsewhere.
        let mut end = None;
        // Pointers lead ever further back, so that there is an end to them.
        let mut earliest = self.at;
        loop {
            match labels.u8()? {
                0 => break,
                high if high & POINTER == POINTER => {
                    let low = labels.u8()?;
                    end.get_or_insert(labels.at);
                    labels.at = usize::from(u16::from_be_bytes([high & !POINTER, low]));
                    if labels.at >= earliest {
                        return None;
                    }
                    earliest = labels.at;
                }
                label if label & POINTER == 0 => {
                    length += usize::from(label) + 1;
                    if length > MOST_NAME {
                        return None;
                    }
                    if !name.is_empty() {
                        name.push('.');
                    }
                    push_escaped(&mut name, &labels.bytes(label.into())?.to_ascii_lowercase(), b".");
                }
                _ => return None,
            }
        }
        self.at = end.unwrap_or(labels.at);
        Some(if name.is_empty() { ".".to_owned() } else { name })
    }

    fn record(&mut self, record_type: RecordType) -> Option<String> {
        Some(match record_type {
            RecordType::A => Ipv4Addr::from(self.array()?).to_string(),
            RecordType::Aaaa => Ipv6Addr::from(self.array::<16>()?).to_string(),
            RecordType::Cname | RecordType::Ns | RecordType::Ptr => self.name()?,
            RecordType::Mx => format!("{} {}", self.u16()?, self.name()?),
            RecordType::Srv => format!("{} {} {} {}", self.u16()?, self.u16()?, self.u16()?, self.name()?),
            RecordType::Soa => {
                let mut text = format!("{} {}", self.name()?, self.name()?);
                // Serial, refresh, retry, expire, minimum.
                for _ in 0..5 {
                    // Writing to a String does not fail.
                    let _ = write!(text, " {}", self.u32()?);
                }
                text
            }
            RecordType::Txt => {
                let mut text = String::new();
                while self.at < self.message.len() {
                    push_escaped(&mut text, self.string()?, b"");
                }
                text
            }
            RecordType::Caa => {
                let mut text = format!("{} ", self.u8()?);
                push_escaped(&mut text, self.string()?, b"");
                text.push_str(" \"");
                push_escaped(&mut text, self.rest()?, b"\"");
                text.push('"');
                text
            }
        })
    }
}

/// Appends bytes as text; what is not printable, a backslash, and what is `special` is written as zone files escape it.
fn push_escaped(text: &mut String, bytes: &[u8], special: &[u8]) {
    for byte in bytes {
        if (byte.is_ascii_graphic() || *byte == b' ') && *byte != b'\\' && !special.contains(byte) {
            text.push(char::from(*byte));
        } else {
            // Writing to a String does not fail.
            let _ = write!(text, "\\{byte:03}");
        }
    }
}
