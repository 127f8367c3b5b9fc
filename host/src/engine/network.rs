//! What a run may reach: every name it looks up and every address it dials passes here.
//!
//! A grant names a host, but what is dialled is an address. So a run remembers which addresses it was given for which
//! name, and an address counts as that name in that run alone: a name that later leads elsewhere opens nothing. A connection
//! that stays open remembers as long as it is.

use std::{
    collections::HashMap,
    net::{IpAddr, SocketAddr},
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    vec,
};

use tokio::sync::Semaphore;
use wasmtime::component::{HasData, Resource, ResourceTable};
use wasmtime_wasi::{
    async_trait,
    p2::{
        DynPollable, Pollable, SocketError,
        bindings::sockets::network::{self, ErrorCode, IpAddress, Network as NetworkHandle},
        subscribe,
    },
    runtime::AbortOnDropJoinHandle,
    sockets::SocketAddrUse,
};

use super::{bindings::ip_name_lookup, exceeded::Exceeded, refusals::Refusals, traffic::Traffic};
use crate::{
    grant::{self, Grants, Protocol, Refusal, Target, canonical},
    limits::Limits,
};

/// Look-ups under way at the same time, over all runs. Each may hold a thread for as long as the system's resolver waits,
/// even after its run was given up, so that they must be bounded; the system's default is five seconds a try.
const LOOKUPS: usize = 64;

/// The system's resolver, shared by all runs.
#[derive(Clone, Debug)]
pub(super) struct Resolver(Arc<Semaphore>);

impl Resolver {
    pub(super) fn new() -> Resolver {
        Resolver(Arc::new(Semaphore::new(LOOKUPS)))
    }

    async fn resolve(self, name: String) -> std::io::Result<Vec<IpAddr>> {
        let _permit = self.0.acquire_owned().await.map_err(std::io::Error::other)?;
        let found = tokio::net::lookup_host((name, 0)).await?;
        let mut addresses: Vec<IpAddr> = Vec::new();
        for address in found.map(|address| canonical(address.ip())) {
            if !addresses.contains(&address) {
                addresses.push(address);
            }
        }
        Ok(addresses)
    }
}

/// The names that were resolved to an address in this run, or while this connection was open.
#[derive(Debug, Default)]
struct Seen(HashMap<IpAddr, Vec<String>>);

/// One run's view of the network. Clones share it.
#[derive(Clone, Debug)]
pub(super) struct Network(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    grants: Arc<Grants>,
    resolver: Resolver,
    refusals: Refusals,
    seen: Mutex<Seen>,
    traffic: Traffic,
}

impl Network {
    pub(super) fn new(grants: Arc<Grants>, resolver: Resolver, refusals: Refusals, limits: &Limits) -> Network {
        let traffic = Traffic::new(limits);
        Network(Arc::new(Inner { grants, resolver, refusals, seen: Mutex::default(), traffic }))
    }

    /// Whether the guest is to see time in coarse steps, by which it can't tell what others do.
    pub(super) fn has_coarse_clocks(&self) -> bool {
        self.0.grants.coarse_clocks()
    }

    /// What the run has done so far.
    pub(super) fn traffic(&self) -> &Traffic {
        &self.0.traffic
    }

    /// Counts a look-up. A literal address is none.
    ///
    /// # Errors
    ///
    /// There were too many.
    pub(super) fn count_lookup(&self, name: &str) -> Result<(), Exceeded> {
        if literal(name).is_some() { Ok(()) } else { self.0.traffic.lookup() }
    }

    /// The addresses of a name, or of a literal address.
    ///
    /// # Errors
    ///
    /// `PermissionDenied` if no grant could lead to this name; otherwise whatever the system's resolver says.
    pub(super) async fn resolve(&self, name: &str) -> std::io::Result<Vec<IpAddr>> {
        self.resolve_or_miss(name, || format!("{}:{name}", Protocol::Resolve)).await
    }

    /// The addresses of a name that is looked up to be dialled at this port. What is missing where no grant could lead there is
    /// one to dial it, which lets it be looked up as well.
    ///
    /// # Errors
    ///
    /// As those of [`Network::resolve`].
    pub(super) async fn resolve_to_dial(
        &self,
        protocol: Protocol,
        name: &str,
        port: u16,
    ) -> std::io::Result<Vec<IpAddr>> {
        self.resolve_or_miss(name, || grant::for_name(protocol, name, port)).await
    }

    async fn resolve_or_miss(&self, name: &str, missing: impl FnOnce() -> String) -> std::io::Result<Vec<IpAddr>> {
        if let Some(address) = literal(name) {
            return Ok(vec![canonical(address)]);
        }
        if !self.0.grants.allow_lookup(name) {
            self.0.refusals.add(missing());
            return Err(std::io::ErrorKind::PermissionDenied.into());
        }
        let addresses = self.0.resolver.clone().resolve(name.to_owned()).await?;
        let mut seen = self.seen();
        seen.make_room();
        for address in &addresses {
            let names = seen.0.entry(*address).or_default();
            if !names.iter().any(|known| known == name) {
                names.push(name.to_owned());
            }
        }
        Ok(addresses)
    }

    /// Takes down what can't be done as the check says, in a sentence that tells what to change in it.
    pub(super) fn cannot(&self, why: String) {
        self.0.refusals.cannot(why);
    }

    /// Whether this address may be dialled, at a port if the protocol has any; remembers why not.
    pub(super) fn may_dial(&self, protocol: Protocol, address: IpAddr, port: Option<u16>) -> bool {
        let seen = self.seen();
        let target = seen.target(protocol, address, port);
        match self.0.grants.allow(&target) {
            Ok(()) => {
                if matches!(protocol, Protocol::Tcp | Protocol::Http | Protocol::Https) {
                    self.0.traffic.dials();
                }
                return true;
            }
            Err(Refusal::NotGranted) => self.0.refusals.add(target.to_string()),
            Err(Refusal::Denied(range)) => self.0.refusals.deny(target.address, range),
        }
        false
    }

    /// Whether a datagram from this address may be received.
    fn may_hear(&self, address: IpAddr, port: u16) -> bool {
        self.0.grants.allow(&self.seen().target(Protocol::Udp, address, Some(port))).is_ok()
    }

    /// The check that `wasi:sockets` makes of each address.
    pub(super) fn socket_check(
        &self,
    ) -> impl Fn(SocketAddr, SocketAddrUse) -> Pin<Box<dyn Future<Output = bool> + Send + Sync>> + Send + Sync + 'static
    {
        let network = self.clone();
        move |address, usage| {
            let allowed = match usage {
                SocketAddrUse::TcpConnect => network.may_dial(Protocol::Tcp, address.ip(), Some(address.port())),
                SocketAddrUse::UdpSend => network.may_dial(Protocol::Udp, address.ip(), Some(address.port())),
                // Whoever sends here unasked must not make it look as if a grant were missing.
                SocketAddrUse::UdpReceive => network.may_hear(address.ip(), address.port()),
                // The system picks the local end of a socket that dials out; anything else would be a listener.
                SocketAddrUse::TcpBind | SocketAddrUse::UdpBind => address.ip().is_unspecified() && address.port() == 0,
                SocketAddrUse::TcpListen | SocketAddrUse::TcpAccept => false,
            };
            Box::pin(std::future::ready(allowed))
        }
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.0.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seen {
    /// What an address is to the grants.
    fn target(&self, protocol: Protocol, address: IpAddr, port: Option<u16>) -> Target<'_> {
        let address = canonical(address);
        Target { protocol, address, port, names: self.0.get(&address).map_or(&[], Vec::as_slice) }
    }

    /// What an open connection looks up for days must not fill the runner's memory.
    fn make_room(&mut self) {
        /// Far more than one target has; who passes it looks its names up again.
        const MOST: usize = 1_000;
        if self.0.len() >= MOST {
            self.0.clear();
        }
    }
}

/// The address that a host is written as, if it is.
fn literal(host: &str) -> Option<IpAddr> {
    host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host).parse().ok()
}

/// A name look-up under way or done: `wasi:sockets/ip-name-lookup.resolve-address-stream`.
pub struct Lookup(LookupState);

enum LookupState {
    Pending(AbortOnDropJoinHandle<Result<Vec<IpAddr>, ErrorCode>>),
    Done(Result<vec::IntoIter<IpAddr>, ErrorCode>),
}

#[async_trait]
impl Pollable for Lookup {
    async fn ready(&mut self) {
        if let LookupState::Pending(task) = &mut self.0 {
            let found = task.await;
            self.0 = LookupState::Done(found.map(Vec::into_iter));
        }
    }
}

/// What the look-up functions see of a run.
pub(super) struct LookupView<'a> {
    pub(super) network: &'a Network,
    pub(super) table: &'a mut ResourceTable,
}

pub(super) struct HasLookup;

impl HasData for HasLookup {
    type Data<'a> = LookupView<'a>;
}

impl ip_name_lookup::Host for LookupView<'_> {
    fn resolve_addresses(
        &mut self,
        network: Resource<NetworkHandle>,
        name: String,
    ) -> Result<Resource<Lookup>, SocketError> {
        self.table.get(&network)?;
        self.network.count_lookup(&name).map_err(SocketError::trap)?;
        let network = self.network.clone();
        let task = wasmtime_wasi::runtime::spawn(async move {
            network.resolve(&name).await.map_err(|error| LookupFailure::of(&error).into())
        });
        Ok(self.table.push(Lookup(LookupState::Pending(task)))?)
    }
}

impl network::Host for LookupView<'_> {
    fn convert_error_code(&mut self, error: SocketError) -> wasmtime::Result<ErrorCode> {
        error.downcast()
    }

    fn network_error_code(&mut self, _: Resource<wasmtime::Error>) -> wasmtime::Result<Option<ErrorCode>> {
        Ok(None)
    }
}

impl network::HostNetwork for LookupView<'_> {
    fn drop(&mut self, network: Resource<NetworkHandle>) -> wasmtime::Result<()> {
        self.table.delete(network)?;
        Ok(())
    }
}

impl ip_name_lookup::HostResolveAddressStream for LookupView<'_> {
    fn resolve_next_address(&mut self, lookup: Resource<Lookup>) -> Result<Option<IpAddress>, SocketError> {
        match &mut self.table.get_mut(&lookup)?.0 {
            LookupState::Pending(_) => Err(ErrorCode::WouldBlock.into()),
            LookupState::Done(Ok(addresses)) => Ok(addresses.next().map(IpAddress::from)),
            LookupState::Done(Err(code)) => Err((*code).into()),
        }
    }

    fn subscribe(&mut self, lookup: Resource<Lookup>) -> wasmtime::Result<Resource<DynPollable>> {
        subscribe(self.table, lookup)
    }

    fn drop(&mut self, lookup: Resource<Lookup>) -> wasmtime::Result<()> {
        self.table.delete(lookup)?;
        Ok(())
    }
}

/// Why a name has no address, as far as a guest can act on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LookupFailure {
    /// No grant could lead there.
    Denied,
    /// It may have one another time.
    Temporary,
    /// There is no such name.
    Unknown,
}

impl LookupFailure {
    /// The failures of getaddrinfo reach Rust as text alone.
    pub(super) fn of(error: &std::io::Error) -> LookupFailure {
        if error.kind() == std::io::ErrorKind::PermissionDenied {
            LookupFailure::Denied
        } else if error.to_string().contains("Temporary failure") {
            LookupFailure::Temporary
        } else {
            LookupFailure::Unknown
        }
    }
}

impl From<LookupFailure> for ErrorCode {
    fn from(failure: LookupFailure) -> Self {
        match failure {
            LookupFailure::Denied => ErrorCode::AccessDenied,
            LookupFailure::Temporary => ErrorCode::TemporaryResolverFailure,
            LookupFailure::Unknown => ErrorCode::NameUnresolvable,
        }
    }
}
