//! Putting a value at nodes that gave a token for it.

use std::net::SocketAddr;

use crate::{
    exchange::Inquiry,
    id::Id,
    message::{Query, Reply},
    trouble::{Trouble, Troubles},
};

/// A value on its way.
pub(crate) struct Put<'a> {
    target: Id,
    value: &'a [u8],
    /// Who is to keep it, each with its token. A token is for one node, and for the address from which it was asked for.
    keepers: Vec<(SocketAddr, Vec<u8>)>,
    asked: usize,
    /// Who took it.
    pub(crate) took: Vec<SocketAddr>,
    pub(crate) troubles: Troubles,
}

impl<'a> Put<'a> {
    pub(crate) fn new(target: Id, value: &'a [u8], keepers: Vec<(SocketAddr, Vec<u8>)>) -> Self {
        Self { target, value, keepers, asked: 0, took: Vec::new(), troubles: Vec::new() }
    }
}

impl Inquiry for Put<'_> {
    fn next(&mut self) -> Option<(SocketAddr, Query<'_>)> {
        let (keeper, token) = self.keepers.get(self.asked)?;
        self.asked += 1;
        Some((*keeper, Query::Put { target: self.target, token, value: self.value }))
    }

    fn answered(&mut self, from: SocketAddr, _: Reply) {
        self.took.push(from);
    }

    fn failed(&mut self, from: SocketAddr, trouble: Trouble) {
        self.troubles.push((from, trouble));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_keeper_is_told_its_own_token() {
        let keeper = |number: u8| (SocketAddr::from(([10, 0, 0, 7], u16::from(number))), vec![number]);
        let mut put = Put::new(Id([0; 20]), b"hi", vec![keeper(1), keeper(2)]);
        for number in [1, 2] {
            let query = Query::Put { target: Id([0; 20]), token: &[number], value: b"hi" };
            assert_eq!(put.next(), Some((keeper(number).0, query)));
        }
        assert_eq!(put.next(), None);
    }
}
