//! Targets for the standard probes: small servers that do as a test says, well or badly.

use std::{
    io::{Read, Write},
    net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

/// How often a server that waits for datagrams sees whether it is to stop.
const POLL: Duration = Duration::from_millis(20);

/// A server. It ends when it is dropped.
pub struct Target {
    pub address: SocketAddr,
    stop: Arc<AtomicBool>,
    servers: Vec<JoinHandle<()>>,
}

impl Target {
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Serves each TCP connection by `serve`, on a free port.
    pub fn tcp(serve: impl Fn(TcpStream) + Send + Sync + 'static) -> Target {
        Target::tcp_at(([127, 0, 0, 1], 0).into(), serve)
    }

    /// Serves each TCP connection by `serve`, at an address where a server was before.
    pub fn tcp_at(address: SocketAddr, serve: impl Fn(TcpStream) + Send + Sync + 'static) -> Target {
        Target::new(TcpListener::bind(address).unwrap(), serve)
    }

    fn new(listener: TcpListener, serve: impl Fn(TcpStream) + Send + Sync + 'static) -> Target {
        let address = listener.local_addr().unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let (told, serve) = (Arc::clone(&stop), Arc::new(serve));
        let server = thread::spawn(move || {
            for stream in listener.incoming() {
                if told.load(Ordering::Relaxed) {
                    return;
                }
                let (serve, stream) = (Arc::clone(&serve), stream.unwrap());
                thread::spawn(move || serve(stream));
            }
        });
        Target { address, stop, servers: vec![server] }
    }

    /// Greets whoever connects, and waits for him to leave.
    pub fn greeting(text: &'static str) -> Target {
        Target::tcp(greet(text))
    }

    /// Greets whoever connects, and answers what it is told with one of `answers` after the other; then it is silent.
    pub fn reciting(greeting: &'static str, answers: &'static [&'static str]) -> Target {
        Target::tcp(move |mut stream| {
            let mut buffer = [0; 64 * 1024];
            // Whoever connected may leave at any time.
            let _ = stream.write_all(greeting.as_bytes());
            for answer in answers {
                if stream.read(&mut buffer).is_ok_and(|read| read > 0) {
                    let _ = stream.write_all(answer.as_bytes());
                }
            }
            wait_for_end(stream);
        })
    }

    /// Greets whoever connects, and sends these bytes over and over, without a pause.
    pub fn endless(greeting: &'static str, bytes: &'static [u8]) -> Target {
        Target::tcp(move |mut stream| {
            let bytes = bytes.repeat(1024);
            // Whoever connected may leave at any time.
            let _ = stream.write_all(greeting.as_bytes());
            while stream.write_all(&bytes).is_ok() {}
        })
    }

    /// Sends these bytes one a second.
    pub fn dribbling(bytes: &'static [u8]) -> Target {
        Target::tcp(move |mut stream| {
            for byte in bytes {
                if stream.write_all(&[*byte]).is_err() {
                    return;
                }
                thread::sleep(Duration::from_secs(1));
            }
        })
    }

    /// Greets whoever connects, and repeats all that it is told in one line, after these words.
    pub fn echoing(greeting: &'static str, words: &'static str) -> Target {
        Target::tcp(move |mut stream| {
            let mut buffer = [0; 64 * 1024];
            // Whoever connected may leave at any time.
            let _ = stream.write_all(greeting.as_bytes());
            while let Ok(read @ 1..) = stream.read(&mut buffer) {
                let told = String::from_utf8_lossy(&buffer[..read]).replace("\r\n", " ");
                let _ = stream.write_all(format!("{words}{told}\r\n").as_bytes());
            }
        })
    }

    /// Answers requests of HTTP: gets the request's head, and returns the whole answer.
    pub fn http(answer: impl Fn(&str) -> String + Send + Sync + 'static) -> Target {
        Target::http_at(([127, 0, 0, 1], 0).into(), answer)
    }

    /// Answers requests of HTTP, at an address where a server was before.
    pub fn http_at(address: SocketAddr, answer: impl Fn(&str) -> String + Send + Sync + 'static) -> Target {
        Target::tcp_at(address, move |mut stream| {
            let mut head = Vec::new();
            let mut byte = [0];
            while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|read| read == 1) {
                head.push(byte[0]);
            }
            let head = String::from_utf8_lossy(&head);
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            // A connection that ends with something unread is reset, and the answer may be lost.
            let _ = stream.read_exact(&mut vec![0; length.map_or(0, |length| length.parse().unwrap())]);
            // Whoever asked may have lost his patience.
            let _ = stream.write_all(answer(&head).as_bytes());
        })
    }

    /// Answers each datagram by those that `datagrams` makes of it.
    pub fn udp(datagrams: impl Fn(&[u8]) -> Vec<Vec<u8>> + Send + 'static) -> Target {
        Target::dns(datagrams, |_| vec![])
    }

    /// Answers questions of DNS: each datagram by those that `datagrams` makes of it, and each message over TCP, which comes
    /// to the same port, by what `message` makes of it.
    pub fn dns(
        datagrams: impl Fn(&[u8]) -> Vec<Vec<u8>> + Send + 'static,
        message: impl Fn(&[u8]) -> Vec<u8> + Send + Sync + 'static,
    ) -> Target {
        let (listener, socket) = twins();
        let mut target = Target::new(listener, move |mut stream| {
            let mut length = [0; 2];
            stream.read_exact(&mut length).unwrap();
            let mut question = vec![0; u16::from_be_bytes(length).into()];
            stream.read_exact(&mut question).unwrap();
            let answer = message(&question);
            let length = u16::try_from(answer.len()).unwrap().to_be_bytes();
            stream.write_all(&[&length, answer.as_slice()].concat()).unwrap();
        });
        target.serve(socket, move |socket, datagram, from| {
            for answer in datagrams(datagram) {
                socket.send_to(&answer, from).unwrap();
            }
        });
        target
    }

    /// Serves each datagram that comes to a free port of an address by `serve`, which knows who sent it.
    pub fn udp_by(ip: IpAddr, serve: impl Fn(&UdpSocket, &[u8], SocketAddr) + Send + 'static) -> Target {
        let socket = UdpSocket::bind((ip, 0)).unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let mut target = Target { address: socket.local_addr().unwrap(), stop, servers: vec![] };
        target.serve(socket, serve);
        target
    }

    fn serve(&mut self, socket: UdpSocket, serve: impl Fn(&UdpSocket, &[u8], SocketAddr) + Send + 'static) {
        let told = Arc::clone(&self.stop);
        socket.set_read_timeout(Some(POLL)).unwrap();
        self.servers.push(thread::spawn(move || {
            let mut buffer = [0; 1024];
            while !told.load(Ordering::Relaxed) {
                if let Ok((length, from)) = socket.recv_from(&mut buffer) {
                    serve(&socket, &buffer[..length], from);
                }
            }
        }));
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // A listener is woken by a connection.
        let _ = TcpStream::connect(self.address);
        for server in self.servers.drain(..) {
            // One that panicked has made its test fail already.
            let _ = server.join();
        }
    }
}

/// Serves a connection by a greeting, until the other side leaves.
pub fn greet(text: &'static str) -> impl Fn(TcpStream) + Send + Sync {
    move |mut stream| {
        let _ = stream.write_all(text.as_bytes());
        wait_for_end(stream);
    }
}

/// Serves a connection not at all, and keeps it open until the other side leaves: a frozen server.
pub fn freeze(stream: TcpStream) {
    wait_for_end(stream);
}

fn wait_for_end(mut stream: TcpStream) {
    let mut buffer = [0; 1024];
    while stream.read(&mut buffer).is_ok_and(|read| read > 0) {}
}

/// A free address where nobody listens. Another program may take it at any time, but the system hands out others first.
pub fn nobody() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// A TCP and a UDP socket on the same port.
fn twins() -> (TcpListener, UdpSocket) {
    for _ in 0..100 {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        if let Ok(socket) = UdpSocket::bind(listener.local_addr().unwrap()) {
            return (listener, socket);
        }
    }
    panic!("there is no port that is free for both TCP and UDP");
}
