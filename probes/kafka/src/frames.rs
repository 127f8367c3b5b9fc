//! Tests against messages that Kafka itself has written: `fixtures/frames.txt` says how they were made.

use crate::{
    encoding::{Reader, Writer},
    error_code::ErrorCode,
    message::{API_VERSIONS, Api, HEAD, METADATA, SASL_AUTHENTICATE, SASL_HANDSHAKE},
    metadata::{self, Cluster, Partition, Topic},
    sasl::{Handshake, Step, plain},
    versions::{self, Versions},
};

/// The number of each request.
const NUMBER: i32 = 7;

/// All messages of one kind: the version that was asked in, and the bytes after the length.
fn frames(what: &str, api: &Api) -> Vec<(i16, Vec<u8>)> {
    let lines = include_str!("../fixtures/frames.txt").lines().filter(|line| !line.starts_with('#'));
    let mut found = Vec::new();
    for line in lines {
        let [kind, name, version, hex] = line.split(' ').collect::<Vec<_>>()[..] else { panic!("{line}") };
        if (kind, name) == (what, api.name) {
            let byte = |at: usize| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).unwrap();
            found.push((version.parse().unwrap(), (0..hex.len() / 2).map(byte).collect()));
        }
    }
    assert!(!found.is_empty(), "no {what} of {}", api.name);
    found
}

/// Holds a request to what Kafka writes.
fn assert_asked(api: &Api, version: i16, expected: &[u8], body: impl FnOnce(&mut Writer)) {
    let request = api.request(version, NUMBER, body);
    let (head, rest) = request.split_at(HEAD);
    assert_eq!(head, (expected.len() as u32).to_be_bytes(), "{} {version}", api.name);
    assert_eq!(rest, expected, "{} {version}", api.name);
}

fn body<'a>(api: &Api, version: i16, bytes: &'a [u8]) -> Reader<'a> {
    api.answer(version, NUMBER, bytes).unwrap()
}

#[test]
fn requests_are_written_as_kafka_does() {
    for (version, bytes) in frames("request", &API_VERSIONS) {
        assert_asked(&API_VERSIONS, version, &bytes, |writer| versions::ask(writer, version, "0.1.0"));
    }
    for (version, bytes) in frames("request", &SASL_HANDSHAKE) {
        assert_asked(&SASL_HANDSHAKE, version, &bytes, |writer| writer.text("SCRAM-SHA-512"));
    }
    for (version, bytes) in frames("request", &SASL_AUTHENTICATE) {
        assert_asked(&SASL_AUTHENTICATE, version, &bytes, |writer| {
            writer.blob(plain("probe", "correct-horse").as_bytes());
            writer.end();
        });
    }
    let named = ["orders".to_owned(), "payments".to_owned()];
    let mut versions = Vec::new();
    for (version, bytes) in frames("request", &METADATA) {
        let topics = versions.contains(&version).then_some(named.as_slice());
        assert_asked(&METADATA, version, &bytes, |writer| metadata::ask(writer, version, topics));
        versions.push(version);
    }
    assert_eq!(versions, METADATA.versions.chain(4..=12).collect::<Vec<_>>());
}

/// To ask an old broker for a topic makes the topic, unless all are asked for.
#[test]
fn topics_are_not_made_by_asking() {
    let old = frames("request", &METADATA).into_iter().filter(|(version, _)| *version < 4);
    for (version, bytes) in old {
        assert_asked(&METADATA, version, &bytes, |writer| metadata::ask(writer, version, Some(&["orders".to_owned()])));
    }
}

#[test]
fn versions_are_read() {
    for (version, bytes) in frames("answer", &API_VERSIONS) {
        let versions = Versions::parse(body(&API_VERSIONS, version, &bytes)).unwrap().unwrap();
        assert_eq!(versions.common(&METADATA), Ok(12), "{version}");
        assert_eq!(versions.common(&SASL_AUTHENTICATE), Ok(2), "{version}");
    }
    for what in ["refusal", "refusal-with-versions"] {
        for (version, bytes) in frames(what, &API_VERSIONS) {
            let refused = Versions::parse(body(&API_VERSIONS, version, &bytes));
            assert_eq!(refused, Some(Err(ErrorCode::UNSUPPORTED_VERSION)));
        }
    }
}

#[test]
fn logins_are_read() {
    for (version, bytes) in frames("answer", &SASL_HANDSHAKE) {
        let handshake = Handshake::parse(body(&SASL_HANDSHAKE, version, &bytes)).unwrap();
        let mechanisms = vec![b"PLAIN".as_slice(), b"SCRAM-SHA-512"];
        assert_eq!(handshake, Handshake { error: ErrorCode::UNSUPPORTED_SASL_MECHANISM, mechanisms });
    }
    for (version, bytes) in frames("answer", &SASL_AUTHENTICATE) {
        let step = Step { error: ErrorCode::NONE, message: b"", token: b"v=c2lnbmF0dXJl" };
        assert_eq!(Step::parse(body(&SASL_AUTHENTICATE, version, &bytes)), Some(step), "{version}");
    }
    for (version, bytes) in frames("refusal", &SASL_AUTHENTICATE) {
        let message = b"Authentication failed: Invalid username or password";
        let step = Step { error: ErrorCode::SASL_AUTHENTICATION_FAILED, message, token: b"" };
        assert_eq!(Step::parse(body(&SASL_AUTHENTICATE, version, &bytes)), Some(step), "{version}");
    }
}

/// The cluster of the fixture, as it looks in a version.
fn cluster(version: i16) -> Cluster<'static> {
    let partition = |index, error, has_leader, replicas, in_sync| Partition {
        error: ErrorCode(error),
        index,
        has_leader,
        replicas,
        in_sync,
    };
    let topic =
        |name: &'static str, error, partitions| Topic { error: ErrorCode(error), name: name.as_bytes(), partitions };
    let orders = vec![partition(0, 0, true, 3, 3), partition(1, 5, false, 2, 0), partition(2, 0, true, 2, 1)];
    Cluster {
        brokers: 3,
        id: (version >= 2).then_some(b"kafka-cluster"),
        controller: Some(2),
        topics: vec![
            topic("orders", 0, orders),
            topic("__consumer_offsets", 0, vec![partition(0, 0, true, 1, 1)]),
            topic("absent", 3, Vec::new()),
            topic("secret", 29, Vec::new()),
        ],
    }
}

#[test]
fn clusters_are_read() {
    for (version, bytes) in frames("answer", &METADATA) {
        assert_eq!(Cluster::parse(body(&METADATA, version, &bytes), version), Some(cluster(version)), "{version}");
    }
}

/// Wherever an answer is cut off, it makes no sense; nor does it make anything panic, whichever byte of it is wrong.
#[test]
fn broken_answers_make_no_sense() {
    for (version, mut bytes) in frames("answer", &METADATA) {
        let parse = |bytes: &[u8]| Cluster::parse(METADATA.answer(version, NUMBER, bytes)?, version).map(drop);
        // What follows the topics is not looked at.
        let tail = match version {
            8 => 4,
            9 | 10 => 5,
            11 | 12 => 1,
            _ => 0,
        };
        let end = bytes.len() - tail;
        for length in 0..end {
            assert_eq!(parse(&bytes[..length]), None, "{version}: {length}");
        }
        for at in 0..end {
            for wrong in [0x00, 0x7f, 0x80, 0xff] {
                let right = std::mem::replace(&mut bytes[at], wrong);
                let _ = parse(&bytes);
                bytes[at] = right;
            }
        }
    }
}
