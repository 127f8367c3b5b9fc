//! Echo requests for guests: `probity:probe/icmp`.
//!
//! A guest says how many and how large, and never what is in them: it can ask whoever it is granted whether he is there, and
//! tell him nothing.

#[cfg(not(target_os = "linux"))]
mod no_socket;
mod packet;
mod requests;
#[cfg(target_os = "linux")]
mod socket;

use std::{
    io,
    net::IpAddr,
    ops::RangeInclusive,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};
use wasmtime::component::{HasData, Resource, ResourceTable};
use wasmtime_wasi::p2::bindings::sockets::network::IpAddress;

#[cfg(not(target_os = "linux"))]
use self::no_socket::Socket;
use self::requests::Requests;
#[cfg(target_os = "linux")]
use self::socket::Socket;
use super::{bindings::icmp as contract, network::Network};
use crate::grant::{Protocol, canonical};

/// Sockets over all runs: a raw one costs the kernel a look at every ICMP message that comes to this machine.
const SOCKETS: usize = 1_000;
/// Sockets of one run. A probe of one target needs one; one of a few targets should not keep all others waiting.
const SOCKETS_OF_RUN: usize = 8;
/// Bytes of a payload: enough to tell a reply from a forged one, and as much as an IPv4 packet holds beside its headers.
const PAYLOAD: RangeInclusive<u32> = 8..=65_507;

/// The sockets that there may be, over all runs.
#[derive(Clone)]
pub(super) struct Sockets(Arc<Semaphore>);

impl Sockets {
    pub(super) fn new() -> Sockets {
        Sockets(Arc::new(Semaphore::new(SOCKETS)))
    }
}

/// One run's way to send echo requests. Clones share it.
#[derive(Clone)]
pub(super) struct Echoes {
    all: Sockets,
    own: Arc<Semaphore>,
}

impl Echoes {
    pub(super) fn new(all: Sockets) -> Echoes {
        Echoes { all, own: Arc::new(Semaphore::new(SOCKETS_OF_RUN)) }
    }

    /// Takes room for one more socket.
    async fn room(&self) -> Result<[OwnedSemaphorePermit; 2], contract::Error> {
        let full = |_| contract::Error::Other(format!("a run may have {SOCKETS_OF_RUN} open at a time"));
        let own = Arc::clone(&self.own).try_acquire_owned().map_err(full)?;
        let closed = |error: tokio::sync::AcquireError| contract::Error::Other(error.to_string());
        Ok([own, Arc::clone(&self.all.0).acquire_owned().await.map_err(closed)?])
    }
}

/// Echo requests to one address: `probity:probe/icmp.echo`.
pub struct Echo {
    socket: Socket,
    requests: Requests,
    /// Given back once the socket is closed: fields are dropped in this order.
    _room: [OwnedSemaphorePermit; 2],
}

impl Echo {
    async fn open(network: &Network, echoes: &Echoes, remote: IpAddr) -> Result<Echo, contract::Error> {
        if !network.may_dial(Protocol::Icmp, remote, None) {
            return Err(contract::Error::Denied);
        }
        if matches!(remote, IpAddr::V6(remote) if remote.is_unicast_link_local()) {
            // RFC 4007, section 6.
            network.cannot(format!(
                "{remote} is another address on each link, and there is no way to say which is meant; give an address of the \
                 target that is not link-local"
            ));
            return Err(contract::Error::Denied);
        }
        let room = echoes.room().await?;
        let socket = Socket::open(remote)?;
        let requests = Requests::new(remote, socket.identifier());
        Ok(Echo { socket, requests, _room: room })
    }

    async fn send(&mut self, sequence: u16, payload_size: u32) -> Result<(), contract::Error> {
        if !PAYLOAD.contains(&payload_size) {
            let (least, most) = PAYLOAD.into_inner();
            return Err(contract::Error::Other(format!("a payload has from {least} to {most} bytes")));
        }
        let nonce = random().map_err(|error| contract::Error::Other(error.to_string()))?;
        let request = self.requests.next(sequence, payload_size as usize, nonce);
        self.socket.send(&request).await
    }

    async fn receive(&mut self, wait: Duration) -> Result<Option<contract::Answer>, contract::Error> {
        let Echo { socket, requests, .. } = self;
        match timeout(wait, socket.receive(|arrival| requests.take(arrival, Instant::now()))).await {
            Ok(answer) => answer.map(Some),
            Err(_) => Ok(None),
        }
    }
}

/// What nobody can guess.
fn random<const BYTES: usize>() -> io::Result<[u8; BYTES]> {
    let mut bytes = [0; BYTES];
    getrandom::fill(&mut bytes)?;
    Ok(bytes)
}

/// What the functions see of a run.
pub(super) struct EchoView<'a> {
    pub(super) network: &'a Network,
    pub(super) echoes: &'a Echoes,
    pub(super) table: &'a mut ResourceTable,
}

pub(super) struct HasEchoes;

impl HasData for HasEchoes {
    type Data<'a> = EchoView<'a>;
}

impl contract::Host for EchoView<'_> {}

impl contract::HostEcho for EchoView<'_> {
    async fn open(&mut self, remote: IpAddress) -> wasmtime::Result<Result<Resource<Echo>, contract::Error>> {
        Ok(match Echo::open(self.network, self.echoes, canonical(address(remote))).await {
            Ok(echo) => Ok(self.table.push(echo)?),
            Err(error) => Err(error),
        })
    }

    async fn send(
        &mut self,
        echo: Resource<Echo>,
        sequence: u16,
        payload_size: u32,
    ) -> wasmtime::Result<Result<(), contract::Error>> {
        Ok(self.table.get_mut(&echo)?.send(sequence, payload_size).await)
    }

    async fn receive(
        &mut self,
        echo: Resource<Echo>,
        wait: u64,
    ) -> wasmtime::Result<Result<Option<contract::Answer>, contract::Error>> {
        Ok(self.table.get_mut(&echo)?.receive(Duration::from_nanos(wait)).await)
    }

    async fn drop(&mut self, echo: Resource<Echo>) -> wasmtime::Result<()> {
        self.table.delete(echo)?;
        Ok(())
    }
}

fn address(of: IpAddress) -> IpAddr {
    match of {
        IpAddress::Ipv4((a, b, c, d)) => [a, b, c, d].into(),
        IpAddress::Ipv6((a, b, c, d, e, f, g, h)) => [a, b, c, d, e, f, g, h].into(),
    }
}
