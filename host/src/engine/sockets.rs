//! `wasi:sockets` with a meter: the stock functions, and around those that open a socket or move bytes the run's budgets.
//!
//! Only these six are replaced; what else there is of sockets costs nothing but the handle that it is.

use std::mem;

use bytes::Bytes;
use wasmtime::{
    StoreContextMut,
    component::{Linker, Resource},
};
use wasmtime_wasi::{
    TrappableError, async_trait,
    p2::{
        DynInputStream, DynOutputStream, InputStream, OutputStream, Pollable, StreamError, StreamResult, TcpSocket,
        UdpSocket,
        bindings::sockets::{
            network::IpAddressFamily,
            tcp::HostTcpSocket,
            tcp_create_socket, udp,
            udp::{HostIncomingDatagramStream, HostOutgoingDatagramStream},
            udp_create_socket,
        },
        pipe::{ClosedInputStream, ClosedOutputStream},
    },
    sockets::WasiSocketsView,
};

use super::{ctx::Ctx, exceeded::Exceeded, network::Network};

/// What a function of `wasi:sockets` returns.
type Answered<T, E> = wasmtime::Result<(Result<T, E>,)>;

/// Replaces the stock functions, which the linker must have already; it must allow that.
pub(super) fn meter(linker: &mut Linker<Ctx>) -> wasmtime::Result<()> {
    linker.instance("wasi:sockets/tcp-create-socket@0.2.12")?.func_wrap(
        "create-tcp-socket",
        |mut store: StoreContextMut<'_, Ctx>, (family,): (IpAddressFamily,)| {
            let ctx = store.data_mut();
            ctx.may_open_a_socket()?;
            answer(tcp_create_socket::Host::create_tcp_socket(&mut ctx.sockets(), family))
        },
    )?;
    linker.instance("wasi:sockets/udp-create-socket@0.2.12")?.func_wrap_async(
        "create-udp-socket",
        |mut store: StoreContextMut<'_, Ctx>, (family,): (IpAddressFamily,)| {
            Box::new(async move {
                let ctx = store.data_mut();
                ctx.may_open_a_socket()?;
                answer(udp_create_socket::Host::create_udp_socket(&mut ctx.sockets(), family).await)
            })
        },
    )?;
    linker.instance("wasi:sockets/tcp@0.2.12")?.func_wrap(
        "[method]tcp-socket.finish-connect",
        |mut store: StoreContextMut<'_, Ctx>, (socket,): (Resource<TcpSocket>,)| {
            let ctx = store.data_mut();
            let streams = ctx.sockets().finish_connect(socket);
            if let Ok((input, output)) = &streams {
                ctx.meter_streams(input, output)?;
            }
            answer(streams)
        },
    )?;
    let mut datagrams = linker.instance("wasi:sockets/udp@0.2.12")?;
    datagrams.func_wrap(
        "[method]incoming-datagram-stream.receive",
        |mut store: StoreContextMut<'_, Ctx>, (stream, most): (Resource<udp::IncomingDatagramStream>, u64)| {
            let ctx = store.data_mut();
            let received = HostIncomingDatagramStream::receive(&mut ctx.sockets(), stream, most);
            if let Ok(datagrams) = &received {
                ctx.network.traffic().received(datagrams.iter().map(|datagram| datagram.data.len()).sum())?;
            }
            answer(received)
        },
    )?;
    datagrams.func_wrap(
        "[method]outgoing-datagram-stream.send",
        |mut store: StoreContextMut<'_, Ctx>,
         (stream, datagrams): (Resource<udp::OutgoingDatagramStream>, Vec<udp::OutgoingDatagram>)| {
            let ctx = store.data_mut();
            // Those that the system does not take count as well: who floods it is not asked which ones they were.
            ctx.network.traffic().sent(datagrams.iter().map(|datagram| datagram.data.len()).sum())?;
            answer(HostOutgoingDatagramStream::send(&mut ctx.sockets(), stream, datagrams))
        },
    )
}

/// What the guest gets to hear of a result, unless it is one that ends the run.
pub(super) fn answer<T, E>(result: Result<T, TrappableError<E>>) -> Answered<T, E>
where
    E: std::error::Error + Send + Sync + 'static,
{
    match result {
        Ok(value) => Ok((Ok(value),)),
        Err(error) => Ok((Err(error.downcast()?),)),
    }
}

impl Ctx {
    /// Whether the guest may open another socket.
    pub(super) fn may_open_a_socket(&mut self) -> Result<(), Exceeded> {
        let open = self.table.iter_mut().filter(|entry| entry.is::<TcpSocket>() || entry.is::<UdpSocket>()).count();
        self.network.traffic().another_socket(open)
    }

    /// Counts what goes through a connection from now on.
    fn meter_streams(
        &mut self,
        input: &Resource<DynInputStream>,
        output: &Resource<DynOutputStream>,
    ) -> wasmtime::Result<()> {
        let slot = self.table.get_mut(input)?;
        let stream = mem::replace(slot, Box::new(ClosedInputStream));
        *slot = Box::new(MeteredInput { stream, network: self.network.clone() });
        let slot = self.table.get_mut(output)?;
        let stream = mem::replace(slot, Box::new(ClosedOutputStream));
        *slot = Box::new(MeteredOutput { stream, network: self.network.clone() });
        Ok(())
    }
}

/// What a connection's other end sends.
struct MeteredInput {
    stream: DynInputStream,
    network: Network,
}

#[async_trait]
impl InputStream for MeteredInput {
    fn read(&mut self, size: usize) -> StreamResult<Bytes> {
        let bytes = self.stream.read(size)?;
        self.network.traffic().received(bytes.len()).map_err(ended)?;
        Ok(bytes)
    }

    async fn cancel(&mut self) {
        self.stream.cancel().await;
    }
}

#[async_trait]
impl Pollable for MeteredInput {
    async fn ready(&mut self) {
        self.stream.ready().await;
    }
}

/// What a connection's other end is sent.
struct MeteredOutput {
    stream: DynOutputStream,
    network: Network,
}

#[async_trait]
impl OutputStream for MeteredOutput {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.network.traffic().sent(bytes.len()).map_err(ended)?;
        self.stream.write(bytes)
    }

    fn flush(&mut self) -> StreamResult<()> {
        self.stream.flush()
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        self.stream.check_write()
    }

    async fn cancel(&mut self) {
        self.stream.cancel().await;
    }
}

#[async_trait]
impl Pollable for MeteredOutput {
    async fn ready(&mut self) {
        self.stream.ready().await;
    }
}

fn ended(exceeded: Exceeded) -> StreamError {
    StreamError::Trap(exceeded.into())
}
