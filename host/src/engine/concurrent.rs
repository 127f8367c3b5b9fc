//! WASI 0.3: what its components import, and what that may cost a run.
//!
//! The functions are the stock ones, and around those that look up, open a socket or move bytes the policy and the budgets
//! that hold for WASI 0.2: the same grants, the same counters, the same faults. It is experimental, as the implementation of
//! wasmtime says of itself, and has engines of its own, because every run of an engine that can do this costs three times as
//! much.

mod metered;

use std::net::IpAddr;

use wasmtime::{
    StoreContextMut,
    component::{Access, Accessor, FutureReader, Linker, Resource, StreamReader},
};
use wasmtime_wasi::{
    p3::bindings::sockets::{
        ip_name_lookup::ErrorCode as LookupError,
        types::{
            ErrorCode, HostTcpSocket, HostTcpSocketWithStore, HostUdpSocket, HostUdpSocketWithStore, IpAddress,
            IpAddressFamily, IpSocketAddress,
        },
    },
    sockets::{TcpSocket, UdpSocket, WasiSockets, WasiSocketsView},
};

use self::metered::metered;
use super::{ctx::Ctx, exit, network::LookupFailure, sockets::answer, traffic::Traffic};

/// Where sockets are.
const SOCKETS: &str = "wasi:sockets/types@0.3.0";
/// Where names are looked up.
const LOOKUPS: &str = "wasi:sockets/ip-name-lookup@0.3.0";
/// Where a program ends itself.
const EXIT: &str = "wasi:cli/exit@0.3.0";

/// What comes of a transfer, once it is over.
type Over = FutureReader<Result<(), ErrorCode>>;

/// Adds all of it to a linker that has everything else.
pub(super) fn add_to_linker(linker: &mut Linker<Ctx>) -> wasmtime::Result<()> {
    wasmtime_wasi::p3::add_to_linker(linker)?;
    linker.allow_shadowing(true);
    look_up(linker)?;
    open(linker)?;
    stream(linker)?;
    datagrams(linker)?;
    exit::tell_apart(linker, EXIT)?;
    linker.allow_shadowing(false);
    Ok(())
}

/// Ours takes the place of the stock one, which knows no names.
fn look_up(linker: &mut Linker<Ctx>) -> wasmtime::Result<()> {
    linker.instance(LOOKUPS)?.func_wrap_concurrent("resolve-addresses", |store: &Accessor<Ctx>, (name,): (String,)| {
        Box::pin(async move {
            let network = store.with(|mut access| access.get().network.clone());
            network.count_lookup(&name)?;
            let found = network.resolve(&name).await;
            Ok((found.map(to_guest).map_err(|error| LookupError::from(LookupFailure::of(&error))),))
        })
    })
}

fn to_guest(addresses: Vec<IpAddr>) -> Vec<IpAddress> {
    addresses.into_iter().map(IpAddress::from).collect()
}

impl From<LookupFailure> for LookupError {
    fn from(failure: LookupFailure) -> Self {
        match failure {
            LookupFailure::Denied => LookupError::AccessDenied,
            LookupFailure::Temporary => LookupError::TemporaryResolverFailure,
            LookupFailure::Unknown => LookupError::NameUnresolvable,
        }
    }
}

fn open(linker: &mut Linker<Ctx>) -> wasmtime::Result<()> {
    let mut sockets = linker.instance(SOCKETS)?;
    sockets.func_wrap(
        "[static]tcp-socket.create",
        |mut store: StoreContextMut<'_, Ctx>, (family,): (IpAddressFamily,)| {
            let ctx = store.data_mut();
            ctx.may_open_a_socket()?;
            answer(HostTcpSocket::create(&mut ctx.sockets(), family))
        },
    )?;
    sockets.func_wrap_async(
        "[static]udp-socket.create",
        |mut store: StoreContextMut<'_, Ctx>, (family,): (IpAddressFamily,)| {
            Box::new(async move {
                let ctx = store.data_mut();
                ctx.may_open_a_socket()?;
                answer(HostUdpSocket::create(&mut ctx.sockets(), family).await)
            })
        },
    )
}

fn stream(linker: &mut Linker<Ctx>) -> wasmtime::Result<()> {
    let mut sockets = linker.instance(SOCKETS)?;
    sockets.func_wrap(
        "[method]tcp-socket.send",
        |mut store: StoreContextMut<'_, Ctx>, (socket, data): (Resource<TcpSocket>, StreamReader<u8>)| {
            let data = metered(&mut store, data, Traffic::sent)?;
            let over: Over = <WasiSockets as HostTcpSocketWithStore<Ctx>>::send(to_sockets(store), socket, data)?;
            Ok((over,))
        },
    )?;
    sockets.func_wrap(
        "[method]tcp-socket.receive",
        |mut store: StoreContextMut<'_, Ctx>, (socket,): (Resource<TcpSocket>,)| {
            let access = to_sockets(wasmtime::AsContextMut::as_context_mut(&mut store));
            let (data, over): (_, Over) = <WasiSockets as HostTcpSocketWithStore<Ctx>>::receive(access, socket)?;
            Ok(((metered(&mut store, data, Traffic::received)?, over),))
        },
    )
}

fn datagrams(linker: &mut Linker<Ctx>) -> wasmtime::Result<()> {
    let mut sockets = linker.instance(SOCKETS)?;
    sockets.func_wrap_concurrent(
        "[method]udp-socket.send",
        |store: &Accessor<Ctx>, (socket, data, to): (Resource<UdpSocket>, Vec<u8>, Option<IpSocketAddress>)| {
            Box::pin(async move {
                store.with(|mut access| access.get().network.traffic().sent(data.len()))?;
                let sockets = store.with_getter::<WasiSockets>(|ctx| ctx.sockets());
                answer(<WasiSockets as HostUdpSocketWithStore<Ctx>>::send(&sockets, socket, data, to).await)
            })
        },
    )?;
    sockets.func_wrap_concurrent(
        "[method]udp-socket.receive",
        |store: &Accessor<Ctx>, (socket,): (Resource<UdpSocket>,)| {
            Box::pin(async move {
                let sockets = store.with_getter::<WasiSockets>(|ctx| ctx.sockets());
                let received = <WasiSockets as HostUdpSocketWithStore<Ctx>>::receive(&sockets, socket).await;
                if let Ok((datagram, _)) = &received {
                    store.with(|mut access| access.get().network.traffic().received(datagram.len()))?;
                }
                answer(received)
            })
        },
    )
}

/// What the stock functions see of a run.
fn to_sockets(store: StoreContextMut<'_, Ctx>) -> Access<'_, Ctx, WasiSockets> {
    Access::new(store, |ctx| ctx.sockets())
}
