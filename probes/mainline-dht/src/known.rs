//! The nodes that are known to be there: what other clients call a routing table. It is small enough to go without buckets.

use std::{net::SocketAddr, time::Duration};

use crate::{id::Id, node::Node};

/// How long a node that answered counts as one that is there (BEP 5, "Routing Table": a good node).
const GOOD_FOR: Duration = Duration::from_secs(15 * 60);
/// Queries in a row that a node leaves unanswered before it is forgotten: one may have got lost.
const MOST_SILENCES: u8 = 2;
/// Nodes that are remembered; the one that was silent for longest makes room.
const MOST: usize = 512;

struct Known {
    node: Node,
    /// When it last answered, as the time since the session began.
    answered: Duration,
    silences: u8,
}

/// All of them.
#[derive(Default)]
pub(crate) struct KnownNodes(Vec<Known>);

impl KnownNodes {
    /// A node answered.
    pub(crate) fn answered(&mut self, node: Node, now: Duration) {
        self.0.retain(|known| known.node.address != node.address);
        if self.0.len() >= MOST {
            // They are in the order in which they answered.
            self.0.remove(0);
        }
        self.0.push(Known { node, answered: now, silences: 0 });
    }

    /// A node did not answer.
    pub(crate) fn silent(&mut self, address: SocketAddr) {
        self.0.retain_mut(|known| {
            let is_it = known.node.address == address;
            known.silences += u8::from(is_it);
            known.silences < MOST_SILENCES
        });
    }

    /// Forgets those that have not answered for long.
    pub(crate) fn forget_old(&mut self, now: Duration) {
        self.0.retain(|known| now.saturating_sub(known.answered) <= GOOD_FOR);
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// All of them, the nearest to a target first.
    pub(crate) fn nearest(&self, target: Id) -> impl Iterator<Item = Node> {
        let mut nodes: Vec<Node> = self.0.iter().map(|known| known.node).collect();
        nodes.sort_by_cached_key(|node| node.id.distance(target));
        nodes.into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(number: u16) -> Node {
        let mut id = [0; 20];
        id[..2].copy_from_slice(&number.to_be_bytes());
        Node { id: Id(id), address: ([10, 0, 0, 1], number).into() }
    }

    fn numbers(known: &KnownNodes, target: u16, most: usize) -> Vec<u16> {
        known.nearest(node(target).id).take(most).map(|node| node.address.port()).collect()
    }

    #[test]
    fn the_nearest_are_told() {
        let mut known = KnownNodes::default();
        [1, 2, 3, 8].into_iter().for_each(|number| known.answered(node(number), Duration::ZERO));
        assert_eq!(numbers(&known, 3, 2), [3, 2]);
        assert_eq!(numbers(&known, 9, 9), [8, 1, 3, 2]);
    }

    #[test]
    fn who_is_silent_twice_in_a_row_or_for_long_is_forgotten() {
        let mut known = KnownNodes::default();
        let (first, second) = (node(1), node(2));
        known.answered(first, Duration::ZERO);
        known.answered(second, Duration::ZERO);
        known.silent(first.address);
        assert_eq!(known.len(), 2);
        known.answered(first, Duration::from_secs(1));
        known.silent(first.address);
        assert_eq!(known.len(), 2);
        known.silent(first.address);
        assert_eq!(numbers(&known, 0, 9), [2]);
        known.forget_old(GOOD_FOR);
        assert_eq!(known.len(), 1);
        known.forget_old(GOOD_FOR + Duration::from_secs(1));
        assert_eq!(known.len(), 0);
    }

    #[test]
    fn the_oldest_makes_room() {
        let mut known = KnownNodes::default();
        (1..=600).for_each(|number| known.answered(node(number), Duration::ZERO));
        assert_eq!(known.len(), MOST);
        assert_eq!(numbers(&known, 0, 1), [89]);
    }
}
