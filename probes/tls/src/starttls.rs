//! How a server is asked to begin TLS, in the protocol that it speaks.
//!
//! Each protocol is a function of what was heard since the last word: it says what comes next.

mod imap;
mod ldap;
mod mysql;
mod postgres;
mod smtp;

use probity_guest::{Failure, clock::Deadline, tcp::Stream};
use serde::Deserialize;

/// Bytes of one answer: far more than any greeting or list of abilities.
const MOST_ANSWER: usize = 8 * 1024;
/// Characters of a server's words that a message shows.
const SHOWN: usize = 120;

/// A protocol in which TLS can be asked for.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum StartTls {
    Smtp,
    Imap,
    Postgres,
    Mysql,
    Ldap,
}

/// What comes next in a dialogue.
#[derive(Debug, PartialEq, Eq)]
enum Turn {
    /// The server has not finished.
    Listen,
    /// This is to be said, and the answer to be heard.
    Say(Vec<u8>),
    /// The server waits for TLS to begin.
    Begin,
    /// It will not come to that; the text continues a sentence about the server.
    Refused(String),
}

impl StartTls {
    /// What comes after `said` words of ours, when this was heard since.
    fn turn(self, said: u8, heard: &[u8]) -> Turn {
        match self {
            Self::Smtp => smtp::turn(said, heard),
            Self::Imap => imap::turn(said, heard),
            Self::Postgres => postgres::turn(said, heard),
            Self::Mysql => mysql::turn(said, heard),
            Self::Ldap => ldap::turn(said, heard),
        }
    }
}

/// Asks the server to begin TLS.
pub(crate) fn negotiate(stream: &mut Stream, protocol: StartTls, deadline: Deadline) -> Result<(), Failure> {
    let remote = stream.remote();
    let refused = |why: &str| Failure::Unhealthy(format!("{remote} {why}"));
    let (mut said, mut heard) = (0, Vec::new());
    loop {
        match protocol.turn(said, &heard) {
            Turn::Begin => return Ok(()),
            Turn::Refused(why) => return Err(refused(&why)),
            Turn::Say(words) => {
                stream.write(&words, deadline)?;
                heard.clear();
                said += 1;
            }
            Turn::Listen if heard.len() >= MOST_ANSWER => return Err(refused("went on without coming to TLS")),
            Turn::Listen => {
                let more = stream.read(MOST_ANSWER - heard.len(), deadline)?;
                if more.is_empty() {
                    return Err(refused("closed the connection before TLS began"));
                }
                heard.extend(more);
            }
        }
    }
}

/// What a server refused that answers something else: a protocol by its name, and the answer.
fn unexpected(protocol: &str, heard: &[u8]) -> Turn {
    let heard = probity_guest::text::excerpt(heard, SHOWN);
    Turn::Refused(format!("does not begin TLS as {protocol} does: it said {heard}"))
}

/// Begins TLS, unless more was heard than the protocol has there: it would be taken for a part of what is secure.
fn begin(protocol: &str, more: &[u8]) -> Turn {
    if more.is_empty() { Turn::Begin } else { unexpected(protocol, more) }
}
