//! What the runner offers, as far as the SDK asks for it, played by a script: whatever is read comes from it, in its portions, and
//! what is written goes nowhere. Time goes on with each look at the clock.
#![allow(missing_docs, clippy::unused_self, reason = "the contract says what each is")]

mod machine;

use std::{cell::RefCell, collections::VecDeque};

pub use crate::generated::exports;

/// What is still to be read.
#[derive(Default)]
struct Script {
    portions: VecDeque<Vec<u8>>,
    now: u64,
    drawn: u64,
    /// What was written.
    heard: Vec<u8>,
}

thread_local! {
    static SCRIPT: RefCell<Script> = RefCell::default();
}

/// Begins anew, with these portions.
pub(crate) fn play(portions: VecDeque<Vec<u8>>) {
    SCRIPT.with_borrow_mut(|script| *script = Script { portions, now: 0, drawn: 0, heard: Vec::new() });
}

/// What was written since.
#[cfg(feature = "testing")]
pub(crate) fn heard() -> Vec<u8> {
    SCRIPT.with_borrow(|script| script.heard.clone())
}

/// The next portion, or as much of it as is asked for; none at the end.
fn next(most: u64) -> Option<Vec<u8>> {
    SCRIPT.with_borrow_mut(|script| {
        let mut portion = script.portions.pop_front()?;
        if let Ok(most) = usize::try_from(most)
            && portion.len() > most
        {
            script.portions.push_front(portion.split_off(most));
        }
        Some(portion)
    })
}

fn is_over() -> bool {
    SCRIPT.with_borrow(|script| script.portions.is_empty())
}

pub mod probity {
    pub mod probe {
        // What is not played: no probe whose target says something asks for it.
        pub use crate::generated::probity::probe::*;

        pub mod http {
            pub use crate::generated::probity::probe::http::Exchange;

            pub fn latest() -> Vec<Exchange> {
                Vec::new()
            }
        }
        pub use crate::bindings::machine::{icmp, system};

        pub mod log {
            pub use crate::generated::probity::probe::log::Level;

            pub fn write(_: Level, _: &str) {}
        }

        pub mod tls {
            pub use crate::generated::probity::probe::tls::{
                Certificate, ClientCertificate, Flaw, Handshake, Refusal, Verification,
            };

            pub fn latest() -> Vec<Handshake> {
                Vec::new()
            }
        }
    }
}

pub mod wasi {
    pub mod clocks {
        pub mod monotonic_clock {
            use crate::bindings::{SCRIPT, wasi::io::poll::Pollable};

            /// Nanoseconds that pass between two looks at the clock: so many that a probe which waits for what never comes soon
            /// has no time left.
            const STEP: u64 = 1_000_000;

            pub fn now() -> u64 {
                SCRIPT.with_borrow_mut(|script| {
                    script.now += STEP;
                    script.now
                })
            }

            pub fn subscribe_instant(at: u64) -> Pollable {
                SCRIPT.with_borrow_mut(|script| script.now = script.now.max(at.min(script.now + STEP)));
                Pollable
            }
        }

        pub mod wall_clock {
            pub use crate::generated::wasi::clocks::wall_clock::Datetime;

            pub fn now() -> Datetime {
                let nanoseconds = super::monotonic_clock::now();
                Datetime { seconds: 1_700_000_000 + nanoseconds / 1_000_000_000, nanoseconds: 0 }
            }
        }
    }

    pub mod random {
        pub mod random {
            use crate::bindings::SCRIPT;

            pub fn get_random_u64() -> u64 {
                SCRIPT.with_borrow_mut(|script| {
                    script.drawn += 1;
                    script.drawn
                })
            }

            pub fn get_random_bytes(length: u64) -> Vec<u8> {
                (0..length).map(|_| get_random_u64() as u8).collect()
            }
        }
    }

    pub mod io {
        pub mod error {
            pub struct Error;

            impl Error {
                pub fn to_debug_string(&self) -> String {
                    "broken".to_owned()
                }
            }
        }

        pub mod poll {
            pub struct Pollable;

            impl Pollable {
                pub fn block(&self) {}
            }

            /// What is waited for has come, unless there is nothing left to come.
            pub fn poll(all: &[&Pollable]) -> Vec<u32> {
                vec![if crate::bindings::is_over() { all.len() as u32 - 1 } else { 0 }]
            }
        }

        pub mod streams {
            use super::{error::Error, poll::Pollable};
            use crate::bindings::next;

            pub enum StreamError {
                LastOperationFailed(Error),
                Closed,
            }

            pub struct InputStream;

            impl InputStream {
                pub fn read(&self, most: u64) -> Result<Vec<u8>, StreamError> {
                    next(most).ok_or(StreamError::Closed)
                }

                pub fn subscribe(&self) -> Pollable {
                    Pollable
                }
            }

            pub struct OutputStream;

            impl OutputStream {
                pub fn check_write(&self) -> Result<u64, StreamError> {
                    Ok(u64::MAX)
                }

                pub fn write(&self, bytes: &[u8]) -> Result<(), StreamError> {
                    crate::bindings::SCRIPT.with_borrow_mut(|script| script.heard.extend(bytes));
                    Ok(())
                }

                pub fn flush(&self) -> Result<(), StreamError> {
                    Ok(())
                }

                pub fn subscribe(&self) -> Pollable {
                    Pollable
                }
            }
        }
    }

    pub mod sockets {
        pub mod network {
            pub use crate::generated::wasi::sockets::network::{
                ErrorCode, IpAddress, IpAddressFamily, IpSocketAddress, Ipv4SocketAddress, Ipv6SocketAddress,
            };

            pub struct Network;
        }

        pub mod instance_network {
            pub fn instance_network() -> super::network::Network {
                super::network::Network
            }
        }

        pub mod ip_name_lookup {
            use super::network::{ErrorCode, IpAddress, Network};
            use crate::bindings::wasi::io::poll::Pollable;

            /// Whether there is another address. For a fuzzer no name has one: its targets are addressed by theirs.
            pub struct ResolveAddressStream(std::cell::Cell<bool>);

            impl ResolveAddressStream {
                pub fn resolve_next_address(&self) -> Result<Option<IpAddress>, ErrorCode> {
                    Ok(self.0.take().then_some(IpAddress::Ipv4((192, 0, 2, 1))))
                }

                pub fn subscribe(&self) -> Pollable {
                    Pollable
                }
            }

            pub fn resolve_addresses(_: &Network, _: &str) -> Result<ResolveAddressStream, ErrorCode> {
                Ok(ResolveAddressStream(cfg!(feature = "testing").into()))
            }
        }

        pub mod tcp {
            use super::network::{ErrorCode, IpSocketAddress, Network};
            use crate::bindings::wasi::io::{
                poll::Pollable,
                streams::{InputStream, OutputStream},
            };

            pub struct TcpSocket;

            impl TcpSocket {
                pub fn start_connect(&self, _: &Network, _: IpSocketAddress) -> Result<(), ErrorCode> {
                    Ok(())
                }

                pub fn finish_connect(&self) -> Result<(InputStream, OutputStream), ErrorCode> {
                    Ok((InputStream, OutputStream))
                }

                pub fn subscribe(&self) -> Pollable {
                    Pollable
                }
            }
        }

        pub mod tcp_create_socket {
            use super::{
                network::{ErrorCode, IpAddressFamily},
                tcp::TcpSocket,
            };

            pub fn create_tcp_socket(_: IpAddressFamily) -> Result<TcpSocket, ErrorCode> {
                Ok(TcpSocket)
            }
        }

        pub mod udp {
            use super::network::{ErrorCode, IpSocketAddress, Ipv4SocketAddress, Network};
            use crate::bindings::{next, wasi::io::poll::Pollable};

            pub struct UdpSocket;

            impl UdpSocket {
                pub fn start_bind(&self, _: &Network, _: IpSocketAddress) -> Result<(), ErrorCode> {
                    Ok(())
                }

                pub fn finish_bind(&self) -> Result<(), ErrorCode> {
                    Ok(())
                }

                pub fn stream(
                    &self,
                    _: Option<IpSocketAddress>,
                ) -> Result<(IncomingDatagramStream, OutgoingDatagramStream), ErrorCode> {
                    Ok((IncomingDatagramStream, OutgoingDatagramStream))
                }

                pub fn subscribe(&self) -> Pollable {
                    Pollable
                }
            }

            pub struct IncomingDatagram {
                pub data: Vec<u8>,
                pub remote_address: IpSocketAddress,
            }

            pub struct OutgoingDatagram {
                pub data: Vec<u8>,
                pub remote_address: Option<IpSocketAddress>,
            }

            pub struct IncomingDatagramStream;

            impl IncomingDatagramStream {
                pub fn receive(&self, _: u64) -> Result<Vec<IncomingDatagram>, ErrorCode> {
                    let remote_address = IpSocketAddress::Ipv4(Ipv4SocketAddress { port: 1, address: (127, 0, 0, 1) });
                    Ok(next(u64::MAX).map(|data| IncomingDatagram { data, remote_address }).into_iter().collect())
                }

                pub fn subscribe(&self) -> Pollable {
                    Pollable
                }
            }

            pub struct OutgoingDatagramStream;

            impl OutgoingDatagramStream {
                pub fn check_send(&self) -> Result<u64, ErrorCode> {
                    Ok(1)
                }

                pub fn send(&self, datagrams: &[OutgoingDatagram]) -> Result<u64, ErrorCode> {
                    Ok(datagrams.len() as u64)
                }

                pub fn subscribe(&self) -> Pollable {
                    Pollable
                }
            }
        }

        pub mod udp_create_socket {
            use super::{
                network::{ErrorCode, IpAddressFamily},
                udp::UdpSocket,
            };

            pub fn create_udp_socket(_: IpAddressFamily) -> Result<UdpSocket, ErrorCode> {
                Ok(UdpSocket)
            }
        }
    }

    pub mod tls {
        pub mod types {
            use crate::bindings::wasi::io::{
                error::Error,
                poll::Pollable,
                streams::{InputStream, OutputStream},
            };

            pub struct ClientConnection;

            impl ClientConnection {
                pub fn close_output(&self) {}
            }

            pub struct ClientHandshake;

            impl ClientHandshake {
                pub fn new(_: &str, _: InputStream, _: OutputStream) -> Self {
                    Self
                }

                pub fn finish(_: Self) -> FutureClientStreams {
                    FutureClientStreams
                }
            }

            pub struct FutureClientStreams;

            type Secure = (ClientConnection, InputStream, OutputStream);

            impl FutureClientStreams {
                pub fn get(&self) -> Option<Result<Result<Secure, Error>, ()>> {
                    Some(Ok(Ok((ClientConnection, InputStream, OutputStream))))
                }

                pub fn subscribe(&self) -> Pollable {
                    Pollable
                }
            }
        }
    }

    /// An answer of `200`, whose body is what there is to read.
    pub mod http {
        pub mod types {
            use crate::bindings::wasi::io::{
                error::Error,
                poll::Pollable,
                streams::{InputStream, OutputStream},
            };
            pub use crate::generated::wasi::http::types::{ErrorCode, Method, Scheme};

            pub struct Fields;

            impl Fields {
                #[expect(clippy::new_without_default, reason = "as it is generated")]
                pub fn new() -> Self {
                    Self
                }

                pub fn append(&self, _: &str, _: &[u8]) -> Result<(), ()> {
                    Ok(())
                }

                pub fn entries(&self) -> Vec<(String, Vec<u8>)> {
                    // Of whatever kind a probe wants, and what it is told after the body.
                    let header = |name: &str, value: &str| (name.to_owned(), value.as_bytes().to_vec());
                    vec![header("content-type", "application/grpc"), header("grpc-status", "0")]
                }
            }

            pub struct OutgoingRequest;

            impl OutgoingRequest {
                pub fn new(_: Fields) -> Self {
                    Self
                }

                pub fn body(&self) -> Result<OutgoingBody, ()> {
                    Ok(OutgoingBody)
                }

                pub fn set_method(&self, _: &Method) -> Result<(), ()> {
                    Ok(())
                }

                pub fn set_scheme(&self, _: Option<&Scheme>) -> Result<(), ()> {
                    Ok(())
                }

                pub fn set_authority(&self, _: Option<&str>) -> Result<(), ()> {
                    Ok(())
                }

                pub fn set_path_with_query(&self, _: Option<&str>) -> Result<(), ()> {
                    Ok(())
                }
            }

            pub struct RequestOptions;

            impl RequestOptions {
                #[expect(clippy::new_without_default, reason = "as it is generated")]
                pub fn new() -> Self {
                    Self
                }

                pub fn set_connect_timeout(&self, _: Option<u64>) -> Result<(), ()> {
                    Ok(())
                }

                pub fn set_first_byte_timeout(&self, _: Option<u64>) -> Result<(), ()> {
                    Ok(())
                }

                pub fn set_between_bytes_timeout(&self, _: Option<u64>) -> Result<(), ()> {
                    Ok(())
                }
            }

            pub struct OutgoingBody;

            impl OutgoingBody {
                pub fn write(&self) -> Result<OutputStream, ()> {
                    Ok(OutputStream)
                }

                pub fn finish(_: Self, _: Option<Fields>) -> Result<(), ErrorCode> {
                    Ok(())
                }
            }

            pub struct FutureIncomingResponse;

            impl FutureIncomingResponse {
                pub fn get(&self) -> Option<Result<Result<IncomingResponse, ErrorCode>, ()>> {
                    Some(Ok(Ok(IncomingResponse)))
                }

                pub fn subscribe(&self) -> Pollable {
                    Pollable
                }
            }

            pub struct IncomingResponse;

            impl IncomingResponse {
                pub fn status(&self) -> u16 {
                    200
                }

                pub fn headers(&self) -> Fields {
                    Fields
                }

                pub fn consume(&self) -> Result<IncomingBody, ()> {
                    Ok(IncomingBody)
                }
            }

            pub struct IncomingBody;

            impl IncomingBody {
                pub fn stream(&self) -> Result<InputStream, ()> {
                    Ok(InputStream)
                }

                pub fn finish(_: Self) -> FutureTrailers {
                    FutureTrailers
                }
            }

            pub struct FutureTrailers;

            impl FutureTrailers {
                pub fn get(&self) -> Option<Result<Result<Option<Fields>, ErrorCode>, ()>> {
                    Some(Ok(Ok(Some(Fields))))
                }

                pub fn subscribe(&self) -> Pollable {
                    Pollable
                }
            }

            pub fn http_error_code(_: &Error) -> Option<ErrorCode> {
                None
            }
        }

        pub mod outgoing_handler {
            use super::types::{ErrorCode, FutureIncomingResponse, OutgoingRequest, RequestOptions};

            pub fn handle(_: OutgoingRequest, _: Option<RequestOptions>) -> Result<FutureIncomingResponse, ErrorCode> {
                Ok(FutureIncomingResponse)
            }
        }
    }
}
