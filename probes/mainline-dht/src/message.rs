//! Messages of the DHT (KRPC, BEP 5; values, BEP 44): what is asked, what is answered, and how both are written.

use std::{fmt, net::SocketAddr};

use probity_guest::text::first_line;

use crate::{
    bencode::{Dictionary, Value},
    id::Id,
    node::{self, Node},
};

/// Bytes of what tells which query is answered. Not all nodes answer if it has another number of them.
pub(crate) const TRANSACTION: usize = 4;
/// Bytes of the longest token that is taken; nodes use 20 at most.
const LONGEST_TOKEN: usize = 255;
/// Nodes that are taken from one answer: twice what BEP 5 has a node give.
const MOST_NODES: usize = 16;
/// Characters of an error's text that are shown.
const SHOWN: usize = 120;

/// What a node can be asked.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Query<'a> {
    /// The nodes it knows next to this.
    FindNode(Id),
    /// The value of this target, and a token to put one.
    Get(Id),
    /// To keep a value. The target is not in BEP 44, but some nodes ask for it and others do not mind.
    Put { target: Id, token: &'a [u8], value: &'a [u8] },
}

impl Query<'_> {
    /// The datagram with which the node `own` asks.
    pub(crate) fn write(self, own: Id, transaction: &[u8]) -> Vec<u8> {
        let arguments = Dictionary::new().bytes("id", &own.0);
        let (name, arguments) = match self {
            Self::FindNode(target) => ("find_node", arguments.bytes("target", &target.0)),
            Self::Get(target) => ("get", arguments.bytes("target", &target.0)),
            Self::Put { target, token, value } => {
                ("put", arguments.bytes("target", &target.0).bytes("token", token).bytes("v", value))
            }
        };
        Dictionary::new()
            .written("a", &arguments.end())
            .bytes("q", name.as_bytes())
            // Read-only: not to be taken for a node that keeps values (BEP 43).
            .integer("ro", 1)
            .bytes("t", transaction)
            .bytes("y", b"q")
            .end()
    }
}

/// What a datagram says.
#[derive(Debug, PartialEq)]
pub(crate) enum Message<'a> {
    /// It asks something of this node.
    Query { transaction: &'a [u8], name: &'a [u8], target: Option<Id> },
    /// It answers a query.
    Reply { transaction: &'a [u8], reply: Reply },
    /// It refuses one.
    Refusal { transaction: &'a [u8], refusal: Refusal },
}

/// An answer.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Reply {
    /// Who answers.
    pub(crate) id: Id,
    /// Those it knows next to what it was asked for.
    pub(crate) nodes: Vec<Node>,
    /// What it wants to be told with a value.
    pub(crate) token: Option<Vec<u8>>,
    /// What it keeps. A value that is no string is as it was written: nobody here puts such.
    pub(crate) value: Option<Vec<u8>>,
    /// Where the query came from, as the other side saw it (BEP 42).
    pub(crate) external: Option<SocketAddr>,
}

/// Why a query is refused.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Refusal {
    pub(crate) code: i64,
    pub(crate) text: String,
}

impl<'a> Message<'a> {
    /// Reads a datagram; `None` if it is no message.
    pub(crate) fn read(datagram: &'a [u8]) -> Option<Self> {
        let message = Value::read(datagram)?;
        let transaction = message.get("t")?.bytes()?;
        match message.get("y")?.bytes()? {
            b"q" => {
                let name = message.get("q")?.bytes()?;
                let target = message.get("a")?.get("target").and_then(Value::bytes).and_then(Id::read);
                Some(Self::Query { transaction, name, target })
            }
            b"r" => {
                let external = message.get("ip").and_then(Value::bytes).and_then(node::read_address);
                Some(Self::Reply { transaction, reply: Reply::read(message.get("r")?, external)? })
            }
            b"e" => {
                let [code, text, ..] = message.get("e")?.elements() else { return None };
                let text = first_line(&String::from_utf8_lossy(text.bytes()?), SHOWN);
                Some(Self::Refusal { transaction, refusal: Refusal { code: code.integer()?, text } })
            }
            _ => None,
        }
    }
}

impl Reply {
    fn read(reply: &Value<'_>, external: Option<SocketAddr>) -> Option<Self> {
        let bytes = |key| reply.get(key).and_then(Value::bytes);
        let v4 = node::read_v4(bytes("nodes").unwrap_or_default());
        let v6 = node::read_v6(bytes("nodes6").unwrap_or_default());
        let value = reply.get("v").and_then(Value::bytes).or_else(|| reply.raw("v"));
        Some(Self {
            id: Id::read(bytes("id")?)?,
            nodes: v4.take(MOST_NODES).chain(v6.take(MOST_NODES)).collect(),
            token: bytes("token").filter(|token| token.len() <= LONGEST_TOKEN).map(<[u8]>::to_vec),
            value: value.map(<[u8]>::to_vec),
            external,
        })
    }
}

/// What this node answers to a query: it lives, and knows these nodes next to what it is asked for. It keeps no values, and so
/// gives no token to put one; what else it is asked it does not know.
pub(crate) fn answer(
    own: Id,
    transaction: &[u8],
    name: &[u8],
    nodes: impl Iterator<Item = Node>,
    are_v6: bool,
) -> Vec<u8> {
    let reply = Dictionary::new().bytes("id", &own.0);
    let reply = match name {
        b"ping" => reply,
        b"find_node" | b"get" => reply.bytes(if are_v6 { "nodes6" } else { "nodes" }, &node::write(nodes)),
        _ => {
            let error = b"li204e14:Method Unknowne";
            return Dictionary::new().written("e", error).bytes("t", transaction).bytes("y", b"e").end();
        }
    };
    Dictionary::new().written("r", &reply.end()).bytes("t", transaction).bytes("y", b"r").end()
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // BEP 5, "Errors", and BEP 44, "Errors".
        let name = match self.code {
            201 => "generic error",
            202 => "server error",
            203 => "protocol error",
            204 => "method unknown",
            205 => "message too big",
            206 => "invalid signature",
            207 => "salt too big",
            301 => "CAS mismatch",
            302 => "sequence number too small",
            _ => "unknown error",
        };
        write!(f, "{} {name}", self.code)?;
        if self.text.is_empty() { Ok(()) } else { write!(f, ", {:?}", self.text) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: Id = Id([b'o'; 20]);
    const TARGET: Id = Id([b't'; 20]);

    #[test]
    fn queries_are_written_as_specified() {
        let find = Query::FindNode(TARGET).write(OWN, b"abcd");
        let (own, target) = ("o".repeat(20), "t".repeat(20));
        let expected = format!("d1:ad2:id20:{own}6:target20:{target}e1:q9:find_node2:roi1e1:t4:abcd1:y1:qe");
        assert_eq!(String::from_utf8(find).unwrap(), expected);
        let put = Query::Put { target: TARGET, token: b"tok", value: b"hi" }.write(OWN, b"abcd");
        let expected =
            format!("d1:ad2:id20:{own}6:target20:{target}5:token3:tok1:v2:hie1:q3:put2:roi1e1:t4:abcd1:y1:qe");
        assert_eq!(String::from_utf8(put).unwrap(), expected);
        let get = Query::Get(TARGET).write(OWN, b"abcd");
        assert_eq!(
            Message::read(&get),
            Some(Message::Query { transaction: b"abcd", name: b"get", target: Some(TARGET) })
        );
    }

    fn reply(inner: &str) -> Option<Reply> {
        let datagram = format!("d2:ip6:\x7f\0\0\x01\x1a\x0a1:rd2:id20:{}{inner}e1:t4:abcd1:y1:re", "o".repeat(20));
        match Message::read(datagram.as_bytes())? {
            Message::Reply { transaction: b"abcd", reply } => Some(reply),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn replies_are_read() {
        let node = format!("{}\x0a\0\0\x07\x1a\x0a", "t".repeat(20));
        let read = reply(&format!("5:nodes26:{node}5:token3:tok1:v2:hi")).unwrap();
        assert_eq!((read.id, read.token.as_deref(), read.value.as_deref()), (OWN, Some(&b"tok"[..]), Some(&b"hi"[..])));
        assert_eq!(read.nodes, [Node { id: TARGET, address: "10.0.0.7:6666".parse().unwrap() }]);
        assert_eq!(read.external, Some("127.0.0.1:6666".parse().unwrap()));
        assert_eq!(reply("1:vi7e").unwrap().value.as_deref(), Some(&b"i7e"[..]));
        assert_eq!(reply(&format!("5:token256:{}", "x".repeat(256))).unwrap().token, None);
        let many = format!("5:nodes{}:{}", 26 * 100, node.repeat(100));
        assert_eq!(reply(&many).unwrap().nodes.len(), MOST_NODES);
    }

    #[test]
    fn what_is_no_message_is_none() {
        for text in [
            "",
            "hello",
            "de",
            "d1:t1:a1:y1:xe",
            "d1:t1:a1:y1:re",
            "d1:rd2:id3:abce1:t1:a1:y1:re",
            "d1:ele1:t1:a1:y1:ee",
        ] {
            assert_eq!(Message::read(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn errors_are_told_by_name() {
        let refusal = |text: &str| match Message::read(text.as_bytes()) {
            Some(Message::Refusal { refusal, .. }) => refusal.to_string(),
            other => panic!("{other:?}"),
        };
        assert_eq!(refusal("d1:eli203e9:bad tokene1:t1:a1:y1:ee"), r#"203 protocol error, "bad token""#);
        assert_eq!(refusal("d1:eli205e0:e1:t1:a1:y1:ee"), "205 message too big");
        assert_eq!(refusal("d1:eli302e0:e1:t1:a1:y1:ee"), "302 sequence number too small");
        assert_eq!(refusal("d1:eli7e1:\x1be1:t1:a1:y1:ee"), r#"7 unknown error, " ""#);
    }

    #[test]
    fn this_node_answers_what_it_knows() {
        let nodes = [Node { id: TARGET, address: "10.0.0.7:6666".parse().unwrap() }];
        let answers = |name: &[u8]| answer(OWN, b"ab", name, nodes.into_iter(), false);
        let read = |datagram: &[u8]| match Message::read(datagram) {
            Some(Message::Reply { transaction: b"ab", reply }) => reply,
            other => panic!("{other:?}"),
        };
        assert_eq!(read(&answers(b"ping")).nodes, []);
        let found = read(&answers(b"get"));
        assert_eq!((&found.nodes[..], found.token, found.id), (&nodes[..], None, OWN));
        assert!(
            matches!(Message::read(&answers(b"put")), Some(Message::Refusal { refusal, .. }) if refusal.code == 204)
        );
    }
}
