//! The real program, from the outside: real files, real sockets, real time.
//!
//! Nothing here sleeps to let something happen: every wait is for a condition, and ends with an explanation when its
//! deadline passes. Each test has its own runner, folder and ports, so all of them run at once.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

#[path = "../support/guest.rs"]
mod guest;
mod runner;
mod target;

mod adapters;
mod amqp;
mod authority;
mod bench_command;
mod browser;
mod check_command;
mod command_line;
mod commands;
mod composite;
mod configuration;
mod connections;
mod control_group;
mod cover;
mod critical;
mod described;
mod dev;
mod disk;
mod dns;
mod doors;
mod drop_in;
mod embedding;
mod etcd;
mod etcd_impostors;
mod events;
mod export;
mod faults;
mod folder;
mod golden;
mod grants;
mod grpc;
mod grpc_health;
mod heartbeat;
mod history;
mod hostile;
mod http;
mod http_probe;

mod imap;
mod inspect;
mod json_metric;
mod kafka;
mod languages;
mod leaks;
mod listener_tls;
mod live;
mod liveness;
mod machine;
mod mainline_dht;
mod manuals;
mod memcached;
mod metrics;
mod mqtt;
mod mysql;
mod nats;
mod network;
mod nginx;
mod notifications;
mod ntp;
mod otlp;
mod ping;
mod postgres;
mod probe_route;
mod probes;
mod real_server;
mod reconnection;
mod redis;
mod redis_roundtrips;
mod rejected;
mod reload;
mod replay;
mod schedule;
mod sdk_network;
mod secrets;
mod servers;
mod slow_clients;
mod smtp;
mod soak;
mod ssh;
mod status_command;
mod stop;
mod test_command;
mod tls;
mod told;
mod trust;
mod udp;
mod validate;
mod verdicts;
mod wasi_0_3;
mod websocket;
