//! The standard probes: components that are part of this binary.

use std::{collections::HashSet, sync::LazyLock};

use crate::engine;

/// Every standard probe: its name and its bytes. Built by `cargo xtask build-probes`.
const STANDARD: [(&str, &[u8]); 30] = [
    ("amqp", include_bytes!("../../../probes/dist/amqp.wasm")),
    ("composite", include_bytes!("../../../probes/dist/composite.wasm")),
    ("cpu", include_bytes!("../../../probes/dist/cpu.wasm")),
    ("disk", include_bytes!("../../../probes/dist/disk.wasm")),
    ("dns", include_bytes!("../../../probes/dist/dns.wasm")),
    ("etcd", include_bytes!("../../../probes/dist/etcd.wasm")),
    ("grpc", include_bytes!("../../../probes/dist/grpc.wasm")),
    ("heartbeat", include_bytes!("../../../probes/dist/heartbeat.wasm")),
    ("http", include_bytes!("../../../probes/dist/http.wasm")),
    ("imap", include_bytes!("../../../probes/dist/imap.wasm")),
    ("json-metric", include_bytes!("../../../probes/dist/json-metric.wasm")),
    ("kafka", include_bytes!("../../../probes/dist/kafka.wasm")),
    ("mainline-dht", include_bytes!("../../../probes/dist/mainline-dht.wasm")),
    ("memcached", include_bytes!("../../../probes/dist/memcached.wasm")),
    ("memory", include_bytes!("../../../probes/dist/memory.wasm")),
    ("mqtt", include_bytes!("../../../probes/dist/mqtt.wasm")),
    ("mysql", include_bytes!("../../../probes/dist/mysql.wasm")),
    ("nats", include_bytes!("../../../probes/dist/nats.wasm")),
    ("ntp", include_bytes!("../../../probes/dist/ntp.wasm")),
    ("ping", include_bytes!("../../../probes/dist/ping.wasm")),
    ("postgres", include_bytes!("../../../probes/dist/postgres.wasm")),
    ("redis", include_bytes!("../../../probes/dist/redis.wasm")),
    ("redis-kv", include_bytes!("../../../probes/dist/redis-kv.wasm")),
    ("redis-pubsub", include_bytes!("../../../probes/dist/redis-pubsub.wasm")),
    ("smtp", include_bytes!("../../../probes/dist/smtp.wasm")),
    ("ssh", include_bytes!("../../../probes/dist/ssh.wasm")),
    ("tcp", include_bytes!("../../../probes/dist/tcp.wasm")),
    ("tls", include_bytes!("../../../probes/dist/tls.wasm")),
    ("udp", include_bytes!("../../../probes/dist/udp.wasm")),
    ("websocket", include_bytes!("../../../probes/dist/websocket.wasm")),
];

/// What `probity compose` puts an adapter to: probes for all targets of a kind.
const PARTS: [(&str, &[u8]); 3] = [
    ("database-ping", include_bytes!("../../../probes/dist/parts/database-ping.wasm")),
    ("dht-roundtrip", include_bytes!("../../../probes/dist/parts/dht-roundtrip.wasm")),
    ("pubsub-roundtrip", include_bytes!("../../../probes/dist/parts/pubsub-roundtrip.wasm")),
];

/// Every standard probe, by name.
pub fn all() -> impl Iterator<Item = (&'static str, &'static [u8])> {
    STANDARD.into_iter()
}

/// The names of the standard probes.
pub fn names() -> impl Iterator<Item = &'static str> {
    STANDARD.into_iter().map(|(name, _)| name)
}

/// Whether a component is a standard probe, by its digest, wherever it lies.
#[must_use]
pub fn is_standard(digest: &str) -> bool {
    static DIGESTS: LazyLock<HashSet<String>> =
        LazyLock::new(|| STANDARD.into_iter().map(|(_, bytes)| engine::digest(bytes)).collect());
    DIGESTS.contains(digest)
}

/// A standard probe's bytes.
#[must_use]
pub fn find(name: &str) -> Option<&'static [u8]> {
    STANDARD.into_iter().find(|(known, _)| *known == name).map(|(_, bytes)| bytes)
}

/// The names of the probes that need an adapter.
pub fn parts() -> impl Iterator<Item = &'static str> {
    PARTS.into_iter().map(|(name, _)| name)
}

/// The bytes of a probe that needs an adapter.
#[must_use]
pub fn part(name: &str) -> Option<&'static [u8]> {
    PARTS.into_iter().find(|(known, _)| *known == name).map(|(_, bytes)| bytes)
}
