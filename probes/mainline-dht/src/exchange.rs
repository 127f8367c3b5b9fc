//! Questions and answers: several under way at a time, over the one socket and by the one id that this node has for as long as
//! the session lives. Whoever puts values gets into other nodes' tables, and would make them wait if he never answered.

use std::{net::SocketAddr, time::Duration};

use probity_guest::{
    Cause, Error,
    clock::{Deadline, Instant},
    random,
    udp::Unconnected,
};

use crate::{
    id::Id,
    known::KnownNodes,
    lookup::NEXT,
    message::{self, Message, Query, Reply, TRANSACTION},
    node::Node,
    trouble::Trouble,
};

/// Queries that are under way at a time: alpha of Kademlia (section 2.3).
const AT_A_TIME: usize = 3;
/// Bytes of the longest datagram that is read: what goes over any network in one piece (1280, RFC 8200) and more, so that no node
/// sends longer ones, and whoever does costs nothing.
const LONGEST: usize = 2048;
/// Datagrams that answer nothing and are read in one run: more are a flood, and the run has no time for them.
const MOST_STRAYS: usize = 10_000;
/// Queries of others that are answered in one run: this node is no great help, and should be none to those who forge senders.
const MOST_ANSWERED: usize = 200;

/// Something to be found out by queries.
pub(crate) trait Inquiry {
    /// Whom to ask next, and what; none if there is nobody for as long as no other answers.
    fn next(&mut self) -> Option<(SocketAddr, Query<'_>)>;

    /// Somebody who was asked answered.
    fn answered(&mut self, from: SocketAddr, reply: Reply);

    /// Somebody who was asked did not answer, or refused to.
    fn failed(&mut self, from: SocketAddr, trouble: Trouble);
}

/// What one run came to.
#[derive(Default)]
pub(crate) struct Counts {
    pub(crate) queries: u32,
    pub(crate) timeouts: u32,
    pub(crate) refusals: u32,
    /// Nodes that the check is not granted; each as often as it was to be asked.
    pub(crate) denials: u32,
    /// Who did not answer and has not since: not worth the wait twice.
    pub(crate) silent: Vec<SocketAddr>,
    strays: usize,
    answered: usize,
}

/// This node.
pub(crate) struct Exchange {
    socket: Unconnected,
    begun: Instant,
    /// How long a node has to answer.
    wait: Duration,
    pub(crate) own: Id,
    pub(crate) known: KnownNodes,
    pub(crate) counts: Counts,
    /// Where this node is, as others see it.
    pub(crate) external: Option<SocketAddr>,
}

/// A query under way.
struct Asked {
    to: SocketAddr,
    transaction: [u8; TRANSACTION],
    asked: Instant,
    until: Deadline,
    /// Datagrams that came from there, and were no answer.
    strays: u32,
}

impl Exchange {
    /// A new node, for addresses of the family of `like`.
    pub(crate) fn open(like: SocketAddr, wait: Duration, deadline: Deadline) -> Result<Self, Error> {
        Ok(Self {
            socket: Unconnected::bind(like, deadline)?,
            begun: Instant::now(),
            wait,
            own: Id::random(),
            known: KnownNodes::default(),
            counts: Counts::default(),
            external: None,
        })
    }

    /// Answers what has come since the last run, and forgets who has not been heard of.
    pub(crate) fn catch_up(&mut self, deadline: Deadline) -> Result<(), Error> {
        self.known.forget_old(self.begun.elapsed());
        while let Some((from, datagram)) = self.socket.receive(deadline.within(Duration::ZERO))? {
            self.hear(from, &datagram, &mut Vec::new(), &mut Nothing, deadline)?;
        }
        Ok(())
    }

    /// Asks until all that an inquiry wants to know is answered, or not. Nodes that fail are the inquiry's concern.
    ///
    /// # Errors
    ///
    /// A flood, or what keeps the runner from using the socket.
    pub(crate) fn ask(&mut self, inquiry: &mut impl Inquiry, deadline: Deadline) -> Result<(), Error> {
        let mut asked: Vec<Asked> = Vec::new();
        loop {
            while asked.len() < AT_A_TIME && !deadline.remaining().is_zero() {
                let Some((to, query)) = inquiry.next() else { break };
                match self.send(to, query, deadline) {
                    Ok(sent) => asked.push(sent),
                    Err(cause) => inquiry.failed(to, Trouble::Unsent(cause)),
                }
            }
            // They were asked in turn and all have equally long.
            let Some(first) = asked.first() else { return Ok(()) };
            if let Some((from, datagram)) = self.socket.receive(first.until)? {
                self.hear(from, &datagram, &mut asked, inquiry, deadline)?;
            }
            // In a flood there is always something to be heard.
            while asked.first().is_some_and(|first| first.until.remaining().is_zero()) {
                let late = asked.remove(0);
                self.counts.timeouts += 1;
                self.counts.silent.push(late.to);
                self.known.silent(late.to);
                let trouble = match late.strays {
                    0 => Trouble::Silent(late.asked.elapsed()),
                    strays => Trouble::Garbled(strays),
                };
                inquiry.failed(late.to, trouble);
            }
        }
    }

    fn send(&mut self, to: SocketAddr, query: Query<'_>, deadline: Deadline) -> Result<Asked, Cause> {
        let mut transaction = [0; TRANSACTION];
        let random = random::get_random_bytes(TRANSACTION as u64);
        transaction.iter_mut().zip(random).for_each(|(byte, random)| *byte = random);
        let until = deadline.within(self.wait);
        match self.socket.send(to, &query.write(self.own, &transaction), until) {
            Ok(()) => {
                self.counts.queries += 1;
                Ok(Asked { to, transaction, asked: Instant::now(), until, strays: 0 })
            }
            Err(Error { cause, .. }) => {
                self.counts.denials += u32::from(cause == Cause::Denied);
                Err(cause)
            }
        }
    }

    /// Makes what is to be made of a datagram: an answer, a question, or nothing.
    fn hear(
        &mut self,
        from: SocketAddr,
        datagram: &[u8],
        asked: &mut Vec<Asked>,
        inquiry: &mut impl Inquiry,
        deadline: Deadline,
    ) -> Result<(), Error> {
        let may_be_one = datagram.len() <= LONGEST && datagram.first() == Some(&b'd');
        let message = if may_be_one { Message::read(datagram) } else { None };
        // Whoever was not asked, or forges a sender, does not know the number of the query.
        let mut take = |transaction: &[u8]| {
            let at = asked.iter().position(|asked| asked.to == from && asked.transaction == transaction)?;
            Some(asked.remove(at))
        };
        match message {
            Some(Message::Reply { transaction, reply }) if take(transaction).is_some() => {
                self.external = reply.external.or(self.external);
                self.counts.silent.retain(|silent| *silent != from);
                if reply.id != self.own {
                    self.known.answered(Node { id: reply.id, address: from }, self.begun.elapsed());
                }
                inquiry.answered(from, reply);
                return Ok(());
            }
            Some(Message::Refusal { transaction, refusal }) if take(transaction).is_some() => {
                self.counts.refusals += 1;
                inquiry.failed(from, Trouble::Refused(refusal));
                return Ok(());
            }
            Some(Message::Query { transaction, name, target }) if self.counts.answered < MOST_ANSWERED => {
                self.counts.answered += 1;
                let nearest = self.known.nearest(target.unwrap_or(self.own)).take(NEXT);
                let answer = message::answer(self.own, transaction, name, nearest, from.is_ipv6());
                // Whether it arrives is the other's concern.
                let _ = self.socket.send(from, &answer, deadline.within(self.wait));
                return Ok(());
            }
            _ => {}
        }
        asked.iter_mut().filter(|asked| asked.to == from).for_each(|asked| asked.strays += 1);
        self.counts.strays += 1;
        if self.counts.strays > MOST_STRAYS {
            let flood = format!("{MOST_STRAYS} datagrams that came were no answers, the last from {from}");
            return Err(Error::new("listening to the DHT", Cause::Protocol(flood)));
        }
        Ok(())
    }
}

/// When nothing is asked.
struct Nothing;

impl Inquiry for Nothing {
    fn next(&mut self) -> Option<(SocketAddr, Query<'_>)> {
        None
    }

    fn answered(&mut self, _: SocketAddr, _: Reply) {}

    fn failed(&mut self, _: SocketAddr, _: Trouble) {}
}
