//! A stream of bytes, counted on its way.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio_util::sync::PollSender;
use wasmtime::{
    AsContextMut, StoreContextMut,
    component::{Destination, Source, StreamConsumer, StreamProducer, StreamReader, StreamResult},
};

use crate::engine::{ctx::Ctx, exceeded::Exceeded, network::Network, traffic::Traffic};

/// How many bytes more there are, as one of the budgets of a run counts them.
type Count = fn(&Traffic, usize) -> Result<(), Exceeded>;

/// Pieces that are on their way at the same time: one, so that nothing is read that nobody asked for yet but the piece behind it.
const PIECES: usize = 1;
/// Bytes of a piece at most: what the stock functions read at once.
const PIECE: usize = 8 * 1024;

/// The same bytes, each counted before it goes on; too many of them end the run.
///
/// # Errors
///
/// The store has no room for another stream.
pub(super) fn metered(
    store: &mut StoreContextMut<'_, Ctx>,
    stream: StreamReader<u8>,
    count: Count,
) -> wasmtime::Result<StreamReader<u8>> {
    let network = store.data().network.clone();
    let (sender, receiver) = mpsc::channel(PIECES);
    stream.pipe(store.as_context_mut(), Inlet { sender: PollSender::new(sender), network, count })?;
    StreamReader::new(store.as_context_mut(), Outlet { receiver, ahead: None })
}

/// Where the bytes come in.
struct Inlet {
    sender: PollSender<Bytes>,
    network: Network,
    count: Count,
}

impl StreamConsumer<Ctx> for Inlet {
    type Item = u8;

    fn poll_consume(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        store: StoreContextMut<'_, Ctx>,
        source: Source<'_, u8>,
        finish: bool,
    ) -> Poll<wasmtime::Result<StreamResult>> {
        match self.sender.poll_reserve(cx) {
            Poll::Ready(Ok(())) => {}
            Poll::Ready(Err(_)) => return Poll::Ready(Ok(StreamResult::Dropped)),
            Poll::Pending if finish => return Poll::Ready(Ok(StreamResult::Cancelled)),
            Poll::Pending => return Poll::Pending,
        }
        let mut source = source.as_direct(store);
        let piece = source.remaining();
        let piece = Bytes::copy_from_slice(&piece[..piece.len().min(PIECE)]);
        // Without any it was asked whether there is room, and there is.
        if !piece.is_empty() {
            (self.count)(self.network.traffic(), piece.len())?;
            source.mark_read(piece.len());
            if self.sender.send_item(piece).is_err() {
                return Poll::Ready(Ok(StreamResult::Dropped));
            }
        }
        Poll::Ready(Ok(StreamResult::Completed))
    }
}

/// Where they go out.
struct Outlet {
    receiver: mpsc::Receiver<Bytes>,
    /// What came while it was only asked whether there is any.
    ahead: Option<Bytes>,
}

impl Outlet {
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        match self.ahead.take() {
            Some(piece) => Poll::Ready(Some(piece)),
            None => self.receiver.poll_recv(cx),
        }
    }
}

impl StreamProducer<Ctx> for Outlet {
    type Item = u8;
    type Buffer = Bytes;

    fn poll_produce<'a>(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut store: StoreContextMut<'a, Ctx>,
        mut destination: Destination<'a, u8, Self::Buffer>,
        finish: bool,
    ) -> Poll<wasmtime::Result<StreamResult>> {
        let Poll::Ready(piece) = self.poll_next(cx) else {
            return if finish { Poll::Ready(Ok(StreamResult::Cancelled)) } else { Poll::Pending };
        };
        Poll::Ready(Ok(match piece {
            None => StreamResult::Dropped,
            Some(piece) if destination.remaining(store.as_context_mut()) == Some(0) => {
                self.ahead = Some(piece);
                StreamResult::Completed
            }
            Some(piece) => {
                destination.set_buffer(piece);
                StreamResult::Completed
            }
        }))
    }
}
