//! Nodes of the DHT that do as a test says, well or badly.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket},
    sync::Mutex,
};

use crate::target::Target;

/// The id of such a node.
const ID: &[u8; 20] = b"a node that is not a";

/// A query, taken apart as far as it matters.
pub struct Query<'a> {
    name: &'a str,
    transaction: &'a [u8],
    /// What is to be kept.
    value: Option<&'a [u8]>,
}

impl<'a> Query<'a> {
    /// Takes a datagram apart; `None` if it is no query.
    pub fn read(datagram: &'a [u8]) -> Option<Query<'a>> {
        let after = |mark: &[u8]| {
            let at = datagram.windows(mark.len()).position(|window| window == mark)?;
            Some(&datagram[at + mark.len()..])
        };
        let name = ["find_node", "get", "put"]
            .into_iter()
            .find(|name| after(format!("1:q{}:{name}", name.len()).as_bytes()).is_some())?;
        let value = after(b"1:v").map(|rest| {
            let colon = rest.iter().position(|byte| *byte == b':').unwrap();
            let length: usize = str::from_utf8(&rest[..colon]).unwrap().parse().unwrap();
            &rest[colon + 1..][..length]
        });
        Some(Query { name, transaction: &after(b"1:t4:")?[..4], value })
    }

    /// The answer that says this, in the order of its keys, after the node's id.
    pub fn reply(&self, said: &[&[u8]]) -> Vec<u8> {
        let begin: &[&[u8]] = &[b"d1:rd2:id20:", ID];
        [begin, said, &[b"e1:t4:", self.transaction, b"1:y1:re"]].concat().concat()
    }

    /// The refusal with this error.
    pub fn refuse(&self, error: &str) -> Vec<u8> {
        [format!("d1:e{error}1:t4:").as_bytes(), self.transaction, b"1:y1:ee"].concat()
    }

    /// The answer that a good node gives, which keeps this.
    pub fn answer(&self, kept: Option<&[u8]>) -> Vec<u8> {
        match (self.name, kept) {
            ("get", None) => self.reply(&[b"5:token3:abc"]),
            ("get", Some(kept)) => {
                let value = [format!("1:v{}:", kept.len()).as_bytes(), kept].concat();
                self.reply(&[b"5:token3:abc", &value])
            }
            _ => self.reply(&[]),
        }
    }
}

/// A node that keeps the latest value, on an address. What it sends to each query `send` says: it gets the socket, the query, what
/// is kept and who asks.
fn keeper(ip: IpAddr, send: impl Fn(&UdpSocket, &Query<'_>, Option<&[u8]>, SocketAddr) + Send + 'static) -> Target {
    let kept = Mutex::new(None);
    Target::udp_by(ip, move |socket, datagram, from| {
        let Some(query) = Query::read(datagram) else { return };
        let mut kept = kept.lock().unwrap();
        if let Some(value) = query.value {
            *kept = Some(value.to_vec());
        }
        send(socket, &query, kept.as_deref(), from);
    })
}

/// A node that keeps the latest value, and sends these datagrams to each query.
pub fn node(answer: impl Fn(&Query<'_>, Option<&[u8]>) -> Vec<Vec<u8>> + Send + 'static) -> Target {
    keeper(Ipv4Addr::LOCALHOST.into(), move |socket, query, kept, from| {
        for datagram in answer(query, kept) {
            socket.send_to(&datagram, from).unwrap();
        }
    })
}

/// A good node on an address.
pub fn good(ip: IpAddr) -> Target {
    keeper(ip, |socket, query, kept, from| drop(socket.send_to(&query.answer(kept), from)))
}

/// A node that refuses one kind of query, with this error.
pub fn refusing(name: &'static str, error: &'static str) -> Target {
    node(move |query, kept| vec![if query.name == name { query.refuse(error) } else { query.answer(kept) }])
}

/// A node that is good but for its answers to `get`, to which it says this after its id.
pub fn saying(said: impl Fn() -> Vec<u8> + Send + 'static) -> Target {
    node(move |query, kept| vec![if query.name == "get" { query.reply(&[&said()]) } else { query.answer(kept) }])
}

/// A node whose answers come from another port than the queries went to.
pub fn aside() -> Target {
    let other = UdpSocket::bind("127.0.0.1:0").unwrap();
    keeper(Ipv4Addr::LOCALHOST.into(), move |_, query, kept, from| {
        drop(other.send_to(&query.answer(kept), from));
    })
}

/// A node that asks back, and gives what it keeps to nobody who has not answered.
pub fn curious() -> Target {
    let (kept, heard) = (Mutex::new(None), Mutex::new(0));
    Target::udp_by(Ipv4Addr::LOCALHOST.into(), move |socket, datagram, from| {
        let expected: [&[u8]; 3] = [b"1:t1:p1:y1:re", b"1:t1:f1:y1:re", b"eli204e14:Method Unknowne1:t1:u1:y1:ee"];
        let mut heard = heard.lock().unwrap();
        let Some(query) = Query::read(datagram) else {
            // Each in turn.
            *heard += usize::from(datagram.ends_with(expected[*heard % 3]));
            return;
        };
        let mut kept = kept.lock().unwrap();
        if let Some(value) = query.value {
            *kept = Some(value.to_vec());
        }
        for (name, transaction) in [("4:ping", "p"), ("9:find_node", "f"), ("9:get_peers", "u")] {
            let head: &[&[u8]] = &[b"d1:ad2:id20:", ID, b"6:target20:", ID, b"e1:q"];
            let tail = format!("{name}1:t1:{transaction}1:y1:qe");
            socket.send_to(&[head, &[tail.as_bytes()]].concat().concat(), from).unwrap();
        }
        let given = if *heard >= 3 { kept.as_deref() } else { None };
        socket.send_to(&query.answer(given), from).unwrap();
    })
}
