//! To a server that has several addresses: attempts that overlap, as of "Happy Eyeballs" (RFC 8305), so that one address which
//! leads nowhere, such as that of a dead IPv6 route, does not take all the time there is.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use futures_util::{StreamExt, stream::FuturesUnordered};
use tokio::time::{Instant, timeout};
use wasmtime_wasi_http::Error;

use super::{ended, failure};
use crate::{
    engine::{
        network::Network,
        traffic::{Metered, Open},
    },
    grant::Protocol,
};

/// The head start that an attempt has over the next one (RFC 8305, section 5, recommends this much).
const HEAD_START: Duration = Duration::from_millis(250);
/// Addresses that are tried: as many as probes try that dial for themselves.
const MOST: usize = 8;

/// Connects to the first of the addresses that takes a connection, and may be dialled. Each has a head start over the next, of an
/// equal share of the time until then and [`HEAD_START`] at most; where the run may have no other socket beside, an attempt has all
/// of its share, and is given up.
///
/// # Errors
///
/// None took one; the error is that of the attempt that failed last.
pub(super) async fn dial<S, F: Future<Output = io::Result<S>>>(
    network: &Network,
    protocol: Protocol,
    addresses: &[IpAddr],
    port: u16,
    until: Instant,
    connect: impl Fn(SocketAddr) -> F,
) -> Result<(Metered<S>, SocketAddr), Error> {
    let mut failure = Error::DestinationNotFound;
    let mut under_way = FuturesUnordered::new();
    let mut addresses = alternating(addresses).into_iter();
    while let Some(address) = addresses.next() {
        if !network.may_dial(protocol, address, Some(port)) {
            failure = Error::HttpRequestDenied;
            continue;
        }
        if !network.traffic().has_room() {
            under_way.clear();
        }
        let open = Open::new(network).map_err(ended)?;
        let (remote, connect) = (SocketAddr::new(address, port), &connect);
        under_way.push(async move { connect(remote).await.map(|stream| (open.meter(stream), remote)) });
        let others = u32::try_from(addresses.len()).unwrap_or(u32::MAX);
        if others == 0 {
            break;
        }
        let share = until.saturating_duration_since(Instant::now()) / others.saturating_add(1);
        let head_start = if network.traffic().has_room() { share.min(HEAD_START) } else { share };
        match timeout(head_start, under_way.next()).await {
            Ok(Some(Ok(connected))) => return Ok(connected),
            Ok(Some(Err(error))) => failure = failure::of_dialling(&error),
            Ok(None) | Err(_) => {}
        }
    }
    while let Some(came) = under_way.next().await {
        match came {
            Ok(connected) => return Ok(connected),
            Err(error) => failure = failure::of_dialling(&error),
        }
    }
    Err(failure)
}

/// The addresses in the order in which they are tried: from family to family, so that a dead one costs one head start
/// (RFC 8305, section 4). Within a family they stay in the order of the system, which prefers the first.
fn alternating(addresses: &[IpAddr]) -> Vec<IpAddr> {
    let Some(first) = addresses.first() else { return Vec::new() };
    let (same, other): (Vec<IpAddr>, Vec<IpAddr>) =
        addresses.iter().partition(|address| address.is_ipv4() == first.is_ipv4());
    let mut ordered = Vec::with_capacity(addresses.len());
    let (mut same, mut other) = (same.into_iter(), other.into_iter());
    while ordered.len() < addresses.len() {
        ordered.extend(same.next().into_iter().chain(other.next()));
    }
    ordered.truncate(MOST);
    ordered
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::{
        engine::{network::Resolver, refusals::Refusals},
        grant::{Grant, Grants},
        limits::Limits,
    };

    /// An address that lets connections begin and never answers, as one behind a dead route.
    const DEAD: &str = "2001:db8::1";
    const ALIVE: &str = "192.0.2.1";

    fn network(allow: &[&str], sockets: u64) -> Network {
        let granted: Vec<Grant> = allow.iter().map(|grant| grant.parse().unwrap()).collect();
        let grants = Arc::new(Grants::new(granted, Arc::default()));
        let limits = Limits { sockets, ..Limits::DEFAULT };
        Network::new(grants, Resolver::new(), Refusals::default(), &limits)
    }

    /// Dials within so many milliseconds; returns what came of it, how long that took, and what was tried.
    async fn dialled(
        network: &Network,
        addresses: &[&str],
        within: u64,
    ) -> (Option<Result<String, Error>>, Duration, Vec<String>) {
        let addresses: Vec<IpAddr> = addresses.iter().map(|address| address.parse().unwrap()).collect();
        let (begun, within, tried) = (Instant::now(), Duration::from_millis(within), Mutex::new(Vec::new()));
        let connect = |remote: SocketAddr| {
            tried.lock().unwrap().push(remote.ip().to_string());
            async move {
                match remote.ip().to_string().as_str() {
                    ALIVE => Ok(()),
                    DEAD => std::future::pending().await,
                    _ => Err(io::ErrorKind::ConnectionRefused.into()),
                }
            }
        };
        let dial = dial(network, Protocol::Http, &addresses, 80, begun + within, connect);
        let came = timeout(within, dial).await.ok();
        (came.map(|came| came.map(|(_, remote)| remote.ip().to_string())), begun.elapsed(), tried.into_inner().unwrap())
    }

    #[tokio::test(start_paused = true)]
    async fn a_dead_address_costs_a_head_start() {
        let network = network(&["http:*"], 16);
        for (addresses, within, head_start) in [
            (&[DEAD, ALIVE][..], 10_000, 250),
            (&[DEAD, "2001:db8::2", "2001:db8::3", ALIVE], 10_000, 250),
            (&[DEAD, ALIVE], 100, 50),
            (&[ALIVE, DEAD], 100, 0),
            (&["2001:db8::2", ALIVE], 100, 0),
        ] {
            let (came, took, tried) = dialled(&network, addresses, within).await;
            assert_eq!(came.unwrap().unwrap(), ALIVE, "{tried:?}");
            // The clock's steps are of a millisecond.
            assert!(took.abs_diff(Duration::from_millis(head_start)) < Duration::from_millis(3), "{took:?} {tried:?}");
            assert!(network.traffic().has_room());
        }
        assert_eq!(network.traffic().calls().connections, 9, "each attempt counts");
    }

    #[tokio::test(start_paused = true)]
    async fn without_room_for_another_each_has_its_share() {
        let (came, took, tried) = dialled(&network(&["http:*"], 1), &[DEAD, ALIVE], 10_000).await;
        assert_eq!((came.unwrap().unwrap().as_str(), tried), (ALIVE, vec![DEAD.to_owned(), ALIVE.to_owned()]));
        assert!(took >= Duration::from_secs(5), "{took:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_not_granted_is_not_tried() {
        let (came, _, tried) = dialled(&network(&["http:[2001:db8::2]"], 16), &[ALIVE, "2001:db8::2"], 1_000).await;
        assert_eq!(tried, ["2001:db8::2"]);
        assert!(matches!(came, Some(Err(Error::ConnectionRefused))), "{came:?}");
        let (came, _, tried) = dialled(&network(&[], 16), &[ALIVE], 1_000).await;
        assert!(tried.is_empty() && matches!(came, Some(Err(Error::HttpRequestDenied))), "{came:?}");
    }
}
