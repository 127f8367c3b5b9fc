//! A broker that does as a test says: it reads what it is asked, takes the versions that it is said to take, and writes its
//! answers as Kafka does (`probes/kafka/fixtures` has what Kafka itself writes).

use std::{
    io::{self, ErrorKind, Read, Write},
    num::NonZeroU32,
};

use base64::{Engine, prelude::BASE64_STANDARD};
use ring::{digest, hmac, pbkdf2};

use crate::target::Target;

/// The user whom brokers know.
pub const USER: &str = "probe";
/// His password.
pub const PASSWORD: &str = "correct-horse";
/// The salt of his password where it is hashed.
const SALT: &[u8] = b"salt of the earth";

const METADATA: i16 = 3;
const SASL_HANDSHAKE: i16 = 17;
const API_VERSIONS: i16 = 18;
const SASL_AUTHENTICATE: i16 = 36;
const UNSUPPORTED_SASL_MECHANISM: i16 = 33;
const ILLEGAL_SASL_STATE: i16 = 34;
const UNSUPPORTED_VERSION: i16 = 35;
const SASL_AUTHENTICATION_FAILED: i16 = 58;

/// A partition: the error, the leader, and how many replicas there are and are in sync.
pub type Partition = (i16, i32, usize, usize);

/// What a broker is like.
#[derive(Clone)]
pub struct Broker {
    /// The newest versions of ApiVersions, Metadata and SaslAuthenticate that it takes.
    pub newest: (i16, i16, i16),
    /// The mechanism that one must log in by.
    pub login: Option<&'static str>,
    /// What it hashes passwords with, how often.
    pub rounds: u32,
    /// Whether it knows the password itself.
    pub is_impostor: bool,
    /// What it says to a wrong password.
    pub refusal: &'static str,
    pub brokers: i32,
    pub controller: i32,
    pub topics: Vec<(&'static str, i16, Vec<Partition>)>,
}

impl Broker {
    /// One of Kafka 1.0, which writes all in the old way.
    pub fn old() -> Broker {
        Broker { newest: (1, 5, 0), ..Broker::new() }
    }

    /// One of Kafka 4.
    pub fn new() -> Broker {
        Broker {
            newest: (4, 13, 2),
            login: None,
            rounds: 4096,
            is_impostor: false,
            refusal: "Authentication failed",
            brokers: 3,
            controller: 2,
            topics: vec![("orders", 0, vec![(0, 1, 3, 3), (0, 2, 3, 3)])],
        }
    }

    /// Lets it serve whoever connects.
    pub fn serve(self) -> Target {
        // Whoever connected may leave at any time.
        Target::tcp(move |mut stream| drop(self.talk(&mut stream)))
    }

    fn talk(&self, stream: &mut (impl Read + Write)) -> io::Result<()> {
        let mut session = Session { broker: self, is_in: self.login.is_none(), scram: None };
        loop {
            let request = Request::read(stream)?;
            let answer = session.answer(&request).ok_or(ErrorKind::ConnectionAborted)?;
            let number = request.number.to_be_bytes();
            stream.write_all(&framed(&[number.as_slice(), &answer].concat()))?;
        }
    }
}

/// A message with its length before it.
pub fn framed(message: &[u8]) -> Vec<u8> {
    [&u32::try_from(message.len()).unwrap().to_be_bytes(), message].concat()
}

/// The message that follows.
pub fn frame(stream: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut length = [0; 4];
    stream.read_exact(&mut length)?;
    let mut message = vec![0; u32::from_be_bytes(length) as usize];
    stream.read_exact(&mut message)?;
    Ok(message)
}

fn base64(bytes: &[u8]) -> String {
    BASE64_STANDARD.encode(bytes)
}

struct Request {
    api: i16,
    version: i16,
    number: i32,
    body: Vec<u8>,
}

impl Request {
    fn read(stream: &mut impl Read) -> io::Result<Request> {
        let message = frame(stream)?;
        let int16 = |at: usize| i16::from_be_bytes(message[at..at + 2].try_into().unwrap());
        let (api, version) = (int16(0), int16(2));
        assert_eq!(&message[8..17], b"\0\x07probity", "{message:?}");
        let is_new = matches!((api, version), (API_VERSIONS, 3..) | (METADATA, 9..) | (SASL_AUTHENTICATE, 2..));
        // New requests have room for fields at the end of their head; there are none.
        let head = if is_new { 18 } else { 17 };
        assert!(message[17..head].iter().all(|byte| *byte == 0), "{message:?}");
        let number = i32::from_be_bytes(message[4..8].try_into().unwrap());
        Ok(Request { api, version, number, body: message[head..].to_vec() })
    }
}

/// What a broker remembers of a connection.
struct Session<'a> {
    broker: &'a Broker,
    is_in: bool,
    /// The first message of the login, and the answer to it.
    scram: Option<(String, String)>,
}

impl Session<'_> {
    /// What follows the number in an answer; `None` closes the connection.
    fn answer(&mut self, request: &Request) -> Option<Vec<u8>> {
        let Broker { newest: (versions, metadata, authenticate), login, .. } = self.broker;
        let ranges = [
            (API_VERSIONS, 0, *versions),
            (METADATA, 0, *metadata),
            (SASL_HANDSHAKE, 0, 1),
            (SASL_AUTHENTICATE, 0, *authenticate),
        ];
        let is_known = ranges
            .iter()
            .any(|(api, oldest, newest)| *api == request.api && (*oldest..=*newest).contains(&request.version));
        match request.api {
            // As in version 0, whatever was asked.
            API_VERSIONS if !is_known => Some(Answer::old().int16(UNSUPPORTED_VERSION).length(0).0),
            API_VERSIONS => {
                let mut answer = Answer::of(request.version >= 3).int16(0).length(ranges.len());
                for (api, oldest, newest) in ranges {
                    answer = answer.int16(api).int16(oldest).int16(newest).end();
                }
                let answer = if request.version > 0 { answer.int32(0) } else { answer };
                Some(answer.end().0)
            }
            _ if !is_known => None,
            SASL_HANDSHAKE => {
                let Some(offered) = login else { return Some(Answer::old().int16(ILLEGAL_SASL_STATE).length(0).0) };
                let error = if request.body[2..] == *offered.as_bytes() { 0 } else { UNSUPPORTED_SASL_MECHANISM };
                Some(Answer::old().int16(error).length(1).text(offered).0)
            }
            SASL_AUTHENTICATE => {
                let is_new = request.version >= 2;
                // The length is a number of seven bits a byte, or of four bytes.
                let after = if is_new { request.body.iter().position(|byte| *byte < 0x80).unwrap() + 1 } else { 4 };
                let token = &request.body[after..request.body.len() - usize::from(is_new)];
                let came = self.judge(&String::from_utf8_lossy(token));
                let answer = Answer::of(is_new).end();
                let answer = match &came {
                    Ok(token) => answer.int16(0).null_text().blob(token),
                    Err(why) => answer.int16(SASL_AUTHENTICATION_FAILED).text(why).blob(""),
                };
                let answer = if request.version >= 1 { answer.int32(0).int32(3_600_000) } else { answer };
                Some(answer.end().0)
            }
            METADATA if self.is_in => Some(self.cluster(request.version)),
            _ => None,
        }
    }

    /// The broker's part of a login, or why it refuses that.
    fn judge(&mut self, token: &str) -> Result<String, String> {
        let refusal = || Err(self.broker.refusal.replace("TOKEN", token));
        let mechanism = match self.broker.login {
            Some("SCRAM-SHA-256") => (hmac::HMAC_SHA256, pbkdf2::PBKDF2_HMAC_SHA256, &digest::SHA256),
            Some("SCRAM-SHA-512") => (hmac::HMAC_SHA512, pbkdf2::PBKDF2_HMAC_SHA512, &digest::SHA512),
            _ if token == format!("\0{USER}\0{PASSWORD}") => {
                self.is_in = true;
                return Ok(String::new());
            }
            _ => return refusal(),
        };
        let Some((bare, challenge)) = self.scram.take() else {
            let bare = token.strip_prefix("n,,").unwrap().to_owned();
            let Some(nonce) = bare.strip_prefix(&format!("n={USER},r=")) else { return refusal() };
            let challenge = format!("r={nonce}more,s={},i={}", base64(SALT), self.broker.rounds);
            self.scram = Some((bare, challenge.clone()));
            return Ok(challenge);
        };
        let (last, proof) = token.split_once(",p=").unwrap();
        let (algorithm, stretch, hash) = mechanism;
        let mac =
            |key: &[u8], text: &str| hmac::sign(&hmac::Key::new(algorithm, key), text.as_bytes()).as_ref().to_vec();
        let mut salted = vec![0; hash.output_len()];
        let password = if self.broker.is_impostor { "unknown" } else { PASSWORD };
        pbkdf2::derive(stretch, NonZeroU32::new(self.broker.rounds).unwrap(), SALT, password.as_bytes(), &mut salted);
        let signed = format!("{bare},{challenge},{last}");
        let key = mac(&salted, "Client Key");
        let expected = mac(digest::digest(hash, &key).as_ref(), &signed);
        let expected: Vec<u8> = expected.iter().zip(&key).map(|(one, other)| one ^ other).collect();
        if proof != base64(&expected) && !self.broker.is_impostor {
            return refusal();
        }
        self.is_in = true;
        Ok(format!("v={}", base64(&mac(&mac(&salted, "Server Key"), &signed))))
    }

    fn cluster(&self, version: i16) -> Vec<u8> {
        let (broker, is_new) = (self.broker, version >= 9);
        assert!(matches!(version, 5 | 12), "version {version}");
        let mut answer = Answer::of(is_new).end().int32(0).length(usize::try_from(broker.brokers).unwrap());
        for number in 1..=broker.brokers {
            answer = answer.int32(number).text("a.internal").int32(9092).null_text().end();
        }
        answer = answer.text("cluster-1").int32(broker.controller).length(broker.topics.len());
        for (name, error, partitions) in &broker.topics {
            answer = answer.int16(*error).text(name);
            answer = if is_new { answer.bytes(&[7; 16]) } else { answer };
            answer = answer.bytes(&[0]).length(partitions.len());
            for (index, (error, leader, replicas, in_sync)) in (0..).zip(partitions) {
                answer = answer.int16(*error).int32(index).int32(*leader);
                answer = if is_new { answer.int32(1) } else { answer };
                answer = answer.int32s(*replicas).int32s(*in_sync).int32s(replicas - in_sync).end();
            }
            answer = if is_new { answer.int32(i32::MIN) } else { answer }.end();
        }
        answer.end().0
    }
}

/// An answer that is being written, in the new way or in the old.
struct Answer(Vec<u8>, bool);

impl Answer {
    fn of(is_new: bool) -> Answer {
        Answer(Vec::new(), is_new)
    }

    fn old() -> Answer {
        Answer::of(false)
    }

    fn bytes(mut self, bytes: &[u8]) -> Answer {
        self.0.extend(bytes);
        self
    }

    fn int16(self, number: i16) -> Answer {
        self.bytes(&number.to_be_bytes())
    }

    fn int32(self, number: i32) -> Answer {
        self.bytes(&number.to_be_bytes())
    }

    fn int32s(self, count: usize) -> Answer {
        (0..count).fold(self.length(count), |answer, _| answer.int32(1))
    }

    fn length(self, length: usize) -> Answer {
        if !self.1 {
            return self.int32(length.try_into().unwrap());
        }
        let mut number = length + 1;
        let mut answer = self;
        while number > 0x7f {
            answer = answer.bytes(&[number as u8 | 0x80]);
            number >>= 7;
        }
        answer.bytes(&[number as u8])
    }

    fn text(self, text: &str) -> Answer {
        let answer = if self.1 { self.length(text.len()) } else { self.int16(text.len().try_into().unwrap()) };
        answer.bytes(text.as_bytes())
    }

    fn null_text(self) -> Answer {
        if self.1 { self.bytes(&[0]) } else { self.int16(-1) }
    }

    fn blob(self, text: &str) -> Answer {
        self.length(text.len()).bytes(text.as_bytes())
    }

    fn end(self) -> Answer {
        if self.1 { self.bytes(&[0]) } else { self }
    }
}
