//! The same by futures.

use std::net::{IpAddr, SocketAddr};

use super::{MOST_TRIED, combine, from_wasi, literal, unless_blocked};
use crate::{
    Cause, Error,
    bindings::wasi::sockets::{instance_network::instance_network, ip_name_lookup::resolve_addresses},
    clock::Deadline,
    tcp,
};

/// [`resolve`](super::resolve), as a future.
///
/// # Errors
///
/// As for that.
pub async fn resolve_async(host: &str, deadline: Deadline) -> Result<Vec<IpAddr>, Error> {
    if let Some(address) = literal(host) {
        return Ok(vec![address]);
    }
    look_up(host, deadline).await.map_err(|cause| Error::new(format!("resolving {host}"), cause))
}

async fn look_up(name: &str, deadline: Deadline) -> Result<Vec<IpAddr>, Cause> {
    let answers = resolve_addresses(&instance_network(), name)?;
    let mut addresses = Vec::new();
    let next = || deadline.until_async(|| answers.subscribe(), || unless_blocked(answers.resolve_next_address()));
    while let Some(address) = next().await? {
        addresses.push(from_wasi(address));
    }
    if addresses.is_empty() { Err(Cause::Unresolvable) } else { Ok(addresses) }
}

/// Resolves `host` and connects to the first of its addresses that lets it, as [`connect`](super::connect) does, as a future.
///
/// # Errors
///
/// Those of [`resolve`](super::resolve) and of [`connect`](super::connect).
pub async fn dial_async(host: &str, port: u16, deadline: Deadline) -> Result<tcp::Stream, Error> {
    let mut addresses = resolve_async(host, deadline).await?;
    addresses.truncate(MOST_TRIED);
    let mut failures = Vec::new();
    for (left, address) in (1..=addresses.len()).rev().zip(addresses) {
        let target = SocketAddr::new(address, port);
        match tcp::Stream::connect_async(target, deadline.share(left)).await {
            Ok(stream) => return Ok(stream),
            Err(error) => failures.push((target, error)),
        }
    }
    Err(combine(host, port, failures))
}
