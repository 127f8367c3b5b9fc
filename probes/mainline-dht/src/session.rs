//! What is done with the network in one session: join it, put values, get them.

use std::net::SocketAddr;

use probity_guest::{
    Attempt, Error, Failure, Findings,
    adapter::{Examination, Found, Placement},
    clock::Deadline,
    net,
};

use crate::{
    exchange::{Counts, Exchange},
    id::Id,
    lookup::Lookup,
    put::Put,
    settings::Settings,
    trouble::{Trouble, nobody},
};

/// Addresses of one node to begin with that are tried.
const MOST_ADDRESSES: usize = 4;
/// How often the nodes to begin with are asked, as datagrams get lost and nobody else is there to ask.
const TRIES: usize = 3;
/// Known nodes that a lookup begins with.
const SEEDS: usize = 16;
/// What is said when all are silent.
const SILENCE: &str = "no node of the DHT answered";

/// A session.
pub(crate) struct Session {
    settings: Settings,
    exchange: Exchange,
    /// Where the nodes to begin with are.
    bootstrap: Vec<SocketAddr>,
    /// One of them, which let this node in.
    entry: SocketAddr,
    /// What the latest value is got by.
    key: Option<Id>,
    /// Who took it.
    keepers: Vec<SocketAddr>,
    /// Who did not.
    refusal: Option<(SocketAddr, Trouble)>,
}

impl Session {
    /// Joins the network.
    pub(crate) fn open(settings: Settings, attempt: &mut Attempt) -> Result<Self, Failure> {
        let bootstrap = attempt.phase("resolve", |deadline| resolve(&settings, deadline))?;
        let Some(&entry) = bootstrap.first() else { return Err(nobody(SILENCE, &[])) };
        let exchange = Exchange::open(entry, settings.wait.0, attempt.deadline())?;
        let (key, keepers, refusal) = (None, Vec::new(), None);
        let mut session = Self { settings, exchange, bootstrap, entry, key, keepers, refusal };
        attempt.phase("bootstrap", |deadline| session.join(deadline))?;
        Ok(session)
    }

    /// Looks this node's own id up, by which it gets to know its neighbours, as all nodes do.
    fn join(&mut self, deadline: Deadline) -> Result<(), Failure> {
        let own = self.exchange.own;
        let mut troubles = Vec::new();
        for left in (1..=TRIES).rev() {
            let mut lookup = Lookup::of_nodes(own, own);
            self.bootstrap.iter().for_each(|address| lookup.add(None, *address));
            // Most of the time is for what comes after it.
            self.exchange.ask(&mut lookup, deadline.share(left))?;
            if let Some(entry) = self.bootstrap.iter().find(|address| lookup.was_answered_by(**address)) {
                self.entry = *entry;
                return Ok(());
            }
            troubles = lookup.into_troubles();
            // What is forbidden stays so.
            if troubles.iter().all(|(_, trouble)| trouble.is_denial()) {
                break;
            }
        }
        Err(nobody(SILENCE, &troubles))
    }

    /// How messages call the network.
    pub(crate) fn name(&self) -> String {
        format!("the DHT at {}", self.entry)
    }

    /// Puts a value at the nodes next to its target.
    pub(crate) fn put(&mut self, value: &[u8], attempt: &mut Attempt) -> Result<Placement, Failure> {
        self.exchange.catch_up(attempt.deadline())?;
        let target = Id::of_value(value);
        let lookup = attempt.phase("lookup", |deadline| self.find(target, &[], deadline.share(3)))?;
        let keepers: Vec<_> = lookup.keepers().map(|(address, token)| (address, token.to_vec())).collect();
        if keepers.is_empty() {
            let what = format!("{} keeps no values: no node gave a token to put one", self.name());
            return Err(nobody(&what, &lookup.into_troubles()));
        }
        let mut put = Put::new(target, value, keepers);
        attempt.phase("store", |deadline| self.exchange.ask(&mut put, deadline.share(2)))?;
        if put.took.is_empty() {
            return Err(nobody("no node of the DHT took the value", &put.troubles));
        }
        self.refusal = put.troubles.into_iter().next();
        (self.key, self.keepers) = (Some(target), put.took);
        Ok(Placement { key: target.to_string(), nodes: self.keepers.len() as u32 })
    }

    /// What is kept under a key: found by another lookup, which begins at nodes that do not keep it, if there are such.
    pub(crate) fn get(&mut self, key: &str, deadline: Deadline) -> Result<Vec<Found>, Failure> {
        let Some(target) = Id::parse(key) else {
            return Err(Failure::Unhealthy(format!("{key:?} is no key of the DHT")));
        };
        let keepers = std::mem::take(&mut self.keepers);
        let lookup = self.find(target, &keepers, deadline)?;
        let found = |(source, value): (SocketAddr, Vec<u8>)| Found { value, source: source.to_string() };
        Ok(lookup.into_values().into_iter().map(found).collect())
    }

    /// Looks up who is next to a target, and what they keep there. It begins with known nodes that are not among `avoided`, and asks
    /// nobody who was silent in this run; if none of them answers, it begins with all there are.
    fn find(&mut self, target: Id, avoided: &[SocketAddr], deadline: Deadline) -> Result<Lookup, Failure> {
        let own = self.exchange.own;
        let known: Vec<_> = self.exchange.known.nearest(target).collect();
        let mut lookup = Lookup::of_values(target, own);
        lookup.shun(&self.exchange.counts.silent);
        let others = known.iter().filter(|node| !avoided.contains(&node.address));
        others.take(SEEDS).for_each(|node| lookup.add(Some(node.id), node.address));
        self.exchange.ask(&mut lookup, deadline.share(2))?;
        if lookup.was_answered() {
            return Ok(lookup);
        }
        let mut lookup = Lookup::of_values(target, own);
        known.iter().take(SEEDS).for_each(|node| lookup.add(Some(node.id), node.address));
        self.bootstrap.iter().for_each(|address| lookup.add(None, *address));
        self.exchange.ask(&mut lookup, deadline)?;
        if lookup.was_answered() { Ok(lookup) } else { Err(nobody(SILENCE, &lookup.into_troubles())) }
    }

    /// What there is to say of the network, of this node's place there, and of the values that others keep there.
    pub(crate) fn examine(&mut self, attempt: &mut Attempt) -> Result<Examination, Failure> {
        let (mut findings, mut found) = (Findings::default(), 0);
        if !self.settings.keys.is_empty() {
            found = attempt.phase("find", |deadline| self.find_all(&mut findings, deadline))?;
        }
        Ok(self.describe(findings, found))
    }

    /// Looks for the values that must be there. How many are.
    fn find_all(&mut self, findings: &mut Findings, deadline: Deadline) -> Result<usize, Failure> {
        let keys = self.settings.keys.clone();
        let mut found = 0;
        for (left, key) in (1..=keys.len()).rev().zip(&keys) {
            let got = self.get(key, deadline.share(left))?;
            let is_it = |got: &Found| Id::parse(key).is_some_and(|target| target.is_of(&got.value));
            match got.first() {
                None => findings.unhealthy(format!("nobody gave the value {key}")),
                Some(_) if got.iter().any(is_it) => found += 1,
                Some(other) => {
                    findings.unhealthy(format!("{} gave something else as the value {key}", other.source));
                }
            }
        }
        Ok(found)
    }

    fn describe(&mut self, mut findings: Findings, found: usize) -> Examination {
        let peers = self.exchange.known.len();
        let Counts { queries, timeouts, refusals, denials, .. } = std::mem::take(&mut self.exchange.counts);
        self.judge(peers, denials, &mut findings);
        let mut told = Examination::of(findings)
            .detail("bootstrap", self.entry.to_string())
            .detail("node-id", self.exchange.own.to_string());
        if let Some(key) = self.key {
            told = told.detail("key", key.to_string());
        }
        if let Some(external) = self.exchange.external {
            told = told.detail("external-address", external.to_string());
        }
        if let Some((node, trouble)) = &self.refusal {
            told = told.detail("refusal", format!("{node}: {trouble}"));
        }
        if !self.settings.keys.is_empty() {
            told = told.measurement("found", "1", found as f64);
        }
        told.measurement("peers", "1", peers as f64)
            .measurement("queries", "1", f64::from(queries))
            .measurement("timeouts", "1", f64::from(timeouts))
            .measurement("refusals", "1", f64::from(refusals))
            .measurement("denials", "1", f64::from(denials))
    }

    fn judge(&self, peers: usize, denials: u32, findings: &mut Findings) {
        let Settings { min_peers, unhealthy_below, .. } = self.settings;
        let few = |expected: usize| {
            let denied = match denials {
                0 => String::new(),
                denials => format!(", and {denials} queries were not sent, as the check is not granted the nodes"),
            };
            format!("it has {peers} nodes that answer, expected {expected}{denied}")
        };
        if peers < unhealthy_below {
            findings.unhealthy(few(unhealthy_below));
        } else if peers < min_peers {
            findings.degraded(few(min_peers));
        }
    }
}

/// The addresses of the nodes to begin with that have one, of one family: IPv4 is the larger network, and the other is taken where
/// there is nothing else (BEP 32). At least one.
fn resolve(settings: &Settings, deadline: Deadline) -> Result<Vec<SocketAddr>, Error> {
    let (mut addresses, mut failure) = (Vec::new(), None);
    for (left, endpoint) in (1..=settings.bootstrap.len()).rev().zip(&settings.bootstrap) {
        match net::resolve(&endpoint.host, deadline.share(left)) {
            Ok(found) => {
                addresses.extend(found.into_iter().take(MOST_ADDRESSES).map(|ip| SocketAddr::new(ip, endpoint.port.0)));
            }
            Err(error) => failure = failure.or(Some(error)),
        }
    }
    if let Some(error) = failure.filter(|_| addresses.is_empty()) {
        return Err(error);
    }
    if addresses.iter().any(SocketAddr::is_ipv4) {
        addresses.retain(SocketAddr::is_ipv4);
    }
    Ok(addresses)
}
