//! Finding the nodes next to a target (BEP 5, "Routing Table"; Kademlia, section 2.3): whoever answers tells of nodes that are
//! nearer, until nobody knows any.

use std::net::SocketAddr;

use crate::{
    exchange::Inquiry,
    id::{self, Id},
    message::{Query, Reply},
    node,
    trouble::{Trouble, Troubles},
};

/// Nodes next to a target that keep its value: k of Kademlia (BEP 5).
pub(crate) const NEXT: usize = 8;
/// Nodes that one lookup asks: far more than it takes in a network of millions, and the end of one that is led on by nodes who
/// tell of ever nearer ones.
const MOST_ASKED: usize = 96;
/// Nodes that a lookup remembers; the farthest are forgotten.
const MOST_HEARD_OF: usize = 256;

/// How far the lookup is with a node.
#[derive(Clone, Debug, PartialEq)]
enum State {
    New,
    Asked,
    /// It answered, and perhaps gave a token.
    Answered(Option<Vec<u8>>),
    Failed,
}

#[derive(Clone, Debug)]
struct Candidate {
    /// How far from the target it is; none of one that was given by its address alone, until it answers.
    distance: Option<[u8; id::BYTES]>,
    address: SocketAddr,
    state: State,
}

/// A lookup under way or done.
pub(crate) struct Lookup {
    target: Id,
    own: Id,
    /// Whether values are asked for, or nodes alone.
    of_values: bool,
    /// Those of which no distance is known first, then the nearest.
    candidates: Vec<Candidate>,
    /// Who is not asked.
    shunned: Vec<SocketAddr>,
    asked: usize,
    /// The values that were given, and by whom.
    values: Vec<(SocketAddr, Vec<u8>)>,
    /// Why nodes did not answer.
    troubles: Troubles,
}

impl Lookup {
    /// A lookup of the nodes next to a target.
    pub(crate) fn of_nodes(target: Id, own: Id) -> Self {
        Self {
            target,
            own,
            of_values: false,
            candidates: Vec::new(),
            shunned: Vec::new(),
            asked: 0,
            values: Vec::new(),
            troubles: Vec::new(),
        }
    }

    /// The same, and of the values that they keep.
    pub(crate) fn of_values(target: Id, own: Id) -> Self {
        Self { of_values: true, ..Self::of_nodes(target, own) }
    }

    /// Says which nodes are not to be asked, whoever tells of them.
    pub(crate) fn shun(&mut self, nodes: &[SocketAddr]) {
        self.shunned.extend(nodes);
    }

    /// Adds a node to ask, if it is another than this one and not known yet.
    pub(crate) fn add(&mut self, id: Option<Id>, address: SocketAddr) {
        let is_known = self.candidates.iter().any(|candidate| candidate.address == address);
        if id == Some(self.own) || is_known || self.shunned.contains(&address) {
            return;
        }
        let distance = id.map(|id| id.distance(self.target));
        self.insert(Candidate { distance, address, state: State::New });
    }

    /// The nodes that keep the value, or will: those next to the target of all that gave a token, nearest first.
    pub(crate) fn keepers(&self) -> impl Iterator<Item = (SocketAddr, &[u8])> {
        let with_token = self.candidates.iter().filter_map(|candidate| match &candidate.state {
            State::Answered(Some(token)) => Some((candidate.address, token.as_slice())),
            _ => None,
        });
        with_token.take(NEXT)
    }

    /// Whether anybody answered.
    pub(crate) fn was_answered(&self) -> bool {
        self.answered_by().next().is_some()
    }

    /// Whether the node at this address answered.
    pub(crate) fn was_answered_by(&self, address: SocketAddr) -> bool {
        self.answered_by().any(|answered| answered == address)
    }

    fn answered_by(&self) -> impl Iterator<Item = SocketAddr> {
        let answered = self.candidates.iter().filter(|candidate| matches!(candidate.state, State::Answered(_)));
        answered.map(|candidate| candidate.address)
    }

    /// The values that were given, and by whom.
    pub(crate) fn into_values(self) -> Vec<(SocketAddr, Vec<u8>)> {
        self.values
    }

    /// Why nodes did not answer.
    pub(crate) fn into_troubles(self) -> Troubles {
        self.troubles
    }

    /// Puts a candidate where it belongs.
    fn insert(&mut self, candidate: Candidate) {
        let at = self.candidates.partition_point(|other| other.distance <= candidate.distance);
        self.candidates.insert(at, candidate);
        self.candidates.truncate(MOST_HEARD_OF);
    }

    fn position(&self, address: SocketAddr) -> Option<usize> {
        self.candidates.iter().position(|candidate| candidate.address == address)
    }
}

impl Inquiry for Lookup {
    fn next(&mut self) -> Option<(SocketAddr, Query<'_>)> {
        if self.asked >= MOST_ASKED {
            return None;
        }
        let mut nearer = 0;
        for candidate in &mut self.candidates {
            match candidate.state {
                State::New if nearer < NEXT => {
                    candidate.state = State::Asked;
                    self.asked += 1;
                    let target = self.target;
                    let query = if self.of_values { Query::Get(target) } else { Query::FindNode(target) };
                    return Some((candidate.address, query));
                }
                State::Failed => {}
                // Whoever was given by address alone may be anywhere.
                _ => nearer += usize::from(candidate.distance.is_some()),
            }
        }
        None
    }

    fn answered(&mut self, from: SocketAddr, reply: Reply) {
        let Some(at) = self.position(from) else { return };
        if reply.id == self.own {
            // This node itself, by one of its addresses.
            self.candidates[at].state = State::Failed;
            return;
        }
        let distance = Some(reply.id.distance(self.target));
        let candidate = self.candidates.remove(at);
        self.insert(Candidate { distance, state: State::Answered(reply.token), ..candidate });
        self.values.extend(reply.value.map(|value| (from, value)));
        for node in reply.nodes.iter().filter(|node| node::may_tell_of(from, node.address)) {
            self.add(Some(node.id), node.address);
        }
    }

    fn failed(&mut self, from: SocketAddr, trouble: Trouble) {
        if let Some(at) = self.position(from) {
            self.candidates[at].state = State::Failed;
        }
        self.troubles.push((from, trouble));
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::node::Node;

    const TARGET: Id = Id([0; 20]);
    const OWN: Id = Id([255; 20]);

    /// The node at this distance.
    fn node(distance: u16) -> Node {
        let mut id = [0; 20];
        id[..2].copy_from_slice(&distance.to_be_bytes());
        Node { id: Id(id), address: address(distance) }
    }

    fn address(number: u16) -> SocketAddr {
        SocketAddr::from(([10, 0, 0, 1], number))
    }

    fn reply(from: u16, tells_of: &[u16]) -> Reply {
        let nodes = tells_of.iter().map(|distance| node(*distance)).collect();
        Reply { id: node(from).id, nodes, token: Some(vec![1]), value: None, external: None }
    }

    /// Asks until nobody is left; each node tells of those that `tells` says, or is silent. Who was asked, in turn.
    fn run(lookup: &mut Lookup, tells: impl Fn(u16) -> Option<Vec<u16>>) -> Vec<u16> {
        let mut asked = Vec::new();
        while let Some((to, _)) = lookup.next() {
            asked.push(to.port());
            match tells(to.port()) {
                Some(nodes) => lookup.answered(to, reply(to.port(), &nodes)),
                None => lookup.failed(to, Trouble::Silent(Duration::ZERO)),
            }
        }
        asked
    }

    fn keepers(lookup: &Lookup) -> Vec<u16> {
        lookup.keepers().map(|(address, _)| address.port()).collect()
    }

    #[test]
    fn whoever_is_nearer_is_asked_first() {
        let mut lookup = Lookup::of_nodes(TARGET, OWN);
        lookup.add(None, address(900));
        let asked = run(&mut lookup, |number| Some(if number == 900 { vec![500, 100] } else { vec![number - 1] }));
        assert_eq!(asked[..4], [900, 100, 99, 98]);
        assert_eq!(asked.len(), MOST_ASKED, "ever nearer nodes come to an end");
        assert_eq!(keepers(&lookup)[..2], [6, 7]);
    }

    #[test]
    fn the_nearest_that_answer_are_found() {
        let mut lookup = Lookup::of_values(TARGET, OWN);
        lookup.add(None, address(900));
        let all: Vec<u16> = (1..=20).collect();
        let asked = run(&mut lookup, |number| (number != 3).then(|| all[..16].to_vec()));
        assert_eq!(keepers(&lookup), [1, 2, 4, 5, 6, 7, 8, 9]);
        assert_eq!(asked, [900, 1, 2, 3, 4, 5, 6, 7, 8, 9], "nobody beyond them is asked");
        assert!(lookup.keepers().all(|(_, token)| token == [1]));
        assert_eq!(lookup.into_troubles(), [(address(3), Trouble::Silent(Duration::ZERO))]);
    }

    #[test]
    fn this_node_is_not_asked() {
        let mut lookup = Lookup::of_nodes(TARGET, OWN);
        lookup.add(Some(OWN), address(1));
        assert_eq!(lookup.next(), None);
        // It may be among those that are given by address.
        lookup.add(None, address(2));
        let (to, _) = lookup.next().unwrap();
        lookup.answered(to, Reply { id: OWN, ..reply(2, &[3]) });
        assert!(!lookup.was_answered() && lookup.next().is_none());
    }

    #[test]
    fn who_is_shunned_is_not_asked() {
        let mut lookup = Lookup::of_nodes(TARGET, OWN);
        lookup.shun(&[address(1), address(2)]);
        lookup.add(Some(node(1).id), address(1));
        lookup.add(None, address(9));
        assert_eq!(run(&mut lookup, |_| Some(vec![1, 2, 3])), [9, 3]);
    }

    #[test]
    fn what_is_heard_is_bounded_and_of_one_family() {
        let mut lookup = Lookup::of_nodes(TARGET, OWN);
        lookup.add(None, address(9_999));
        let (to, _) = lookup.next().unwrap();
        let mut told = reply(9_999, &(1..1_000).rev().collect::<Vec<_>>());
        told.nodes.push(Node { id: TARGET, address: "[::1]:1".parse().unwrap() });
        lookup.answered(to, told);
        assert_eq!(lookup.candidates.len(), MOST_HEARD_OF);
        assert_eq!(lookup.next().map(|(address, _)| address), Some(address(1)));
    }

    #[test]
    fn who_was_not_asked_is_not_heard() {
        let mut lookup = Lookup::of_values(TARGET, OWN);
        lookup.answered(address(1), Reply { value: Some(vec![1]), ..reply(1, &[2]) });
        assert!(lookup.next().is_none() && lookup.into_values().is_empty());
    }
}
