//! The contract as Rust: generated from `wit/`.

#![allow(missing_docs, unreachable_pub, clippy::unwrap_used, reason = "generated code")]

wasmtime::component::bindgen!({
    inline: "
        package probity:host;

        world host {
            import probity:probe/calendar@0.1.0;
            import probity:probe/checks@0.1.0;
            import probity:probe/http@0.1.0;
            import probity:probe/icmp@0.1.0;
            import probity:probe/log@0.1.0;
            import probity:probe/reports@0.1.0;
            import probity:probe/system@0.1.0;
            import probity:probe/tls@0.1.0;
            import wasi:sockets/ip-name-lookup@0.2.12;
            export probity:probe/checker@0.1.0;
            export probity:probe/checker@0.2.0-draft;
            export probity:probe/connector@0.1.0;
            export probity:probe/listener@0.1.0;
            export probity:probe/manifest@0.1.0;
            export probity:experimental/async-checker@0.1.0;
        }
    ",
    path: ["../wit", "../wit/draft", "../wit/experimental"],
    world: "probity:host/host",
    imports: {
        "probity:probe/icmp": async | trappable,
        "probity:probe/system": async | trappable,
        default: trappable,
    },
    exports: {
        "probity:experimental/async-checker": async | store,
        default: async,
    },
    require_store_data_send: true,
    with: {
        "probity:probe/icmp.echo": super::icmp::Echo,
        "wasi:io": wasmtime_wasi::p2::bindings::io,
        "wasi:sockets/network": wasmtime_wasi::p2::bindings::sockets::network,
        // Ours, because the stock one resolves any name or none.
        "wasi:sockets/ip-name-lookup.resolve-address-stream": super::network::Lookup,
    },
    trappable_error_type: {
        "wasi:sockets/network.error-code" => wasmtime_wasi::p2::SocketError,
    },
});

pub use self::{
    exports::probity::{
        experimental::async_checker,
        probe0_1_0::{checker, connector, listener, manifest},
        probe0_2_0_draft::checker as draft,
    },
    probity::probe0_1_0::{calendar, checks, http, icmp, log, reports, system, tls, types},
    wasi::sockets0_2_12::ip_name_lookup,
};
pub use wasmtime_wasi::p2::bindings::exports::wasi::cli::run;

/// The export that makes a component a probe which examines its target from nothing.
pub const CHECKER: &str = "probity:probe/checker@0.1.0";
/// The same, in the version that is in the making.
pub const CHECKER_DRAFT: &str = "probity:probe/checker@0.2.0-draft";
/// The same, as a function that waits for several things at once.
pub const ASYNC_CHECKER: &str = "probity:experimental/async-checker@0.1.0";
/// The export that makes it one which keeps a connection open.
pub const CONNECTOR: &str = "probity:probe/connector@0.1.0";
/// The export that makes it a hook, which is told of trouble.
pub const LISTENER: &str = "probity:probe/listener@0.1.0";
/// The export that makes it a command, which is started for each run.
pub const RUN: &str = "wasi:cli/run@0.2.12";
/// All of those that make it a probe of the contract. Of several that it has, it is called by the first.
pub const CALLED_BY: [&str; 4] = [CONNECTOR, ASYNC_CHECKER, CHECKER_DRAFT, CHECKER];
/// The export that describes a probe.
pub const MANIFEST: &str = "probity:probe/manifest@0.1.0";

/// The import that makes it one which wants to know what others report.
pub const REPORTS: &str = "probity:probe/reports@0.1.0";

/// Every interface that a component may import, in each version that is offered. An older one of the same compatible series
/// (0.2.x, 0.1.0) is served by it.
pub const OFFERED: [&str; 40] = [
    "probity:probe/calendar@0.1.0",
    "probity:probe/checks@0.1.0",
    "probity:probe/http@0.1.0",
    "probity:probe/icmp@0.1.0",
    "probity:probe/log@0.1.0",
    REPORTS,
    "probity:probe/system@0.1.0",
    "probity:probe/tls@0.1.0",
    "probity:probe/types@0.1.0",
    "probity:probe/types@0.2.0-draft",
    "wasi:cli/environment@0.2.12",
    "wasi:cli/exit@0.2.12",
    "wasi:cli/stderr@0.2.12",
    "wasi:cli/stdin@0.2.12",
    "wasi:cli/stdout@0.2.12",
    "wasi:cli/terminal-input@0.2.12",
    "wasi:cli/terminal-output@0.2.12",
    "wasi:cli/terminal-stderr@0.2.12",
    "wasi:cli/terminal-stdin@0.2.12",
    "wasi:cli/terminal-stdout@0.2.12",
    "wasi:clocks/monotonic-clock@0.2.12",
    "wasi:clocks/wall-clock@0.2.12",
    "wasi:filesystem/preopens@0.2.12",
    "wasi:filesystem/types@0.2.12",
    "wasi:http/outgoing-handler@0.2.12",
    "wasi:http/types@0.2.12",
    "wasi:io/error@0.2.12",
    "wasi:io/poll@0.2.12",
    "wasi:io/streams@0.2.12",
    "wasi:random/insecure-seed@0.2.12",
    "wasi:random/insecure@0.2.12",
    "wasi:random/random@0.2.12",
    "wasi:sockets/instance-network@0.2.12",
    "wasi:sockets/ip-name-lookup@0.2.12",
    "wasi:sockets/network@0.2.12",
    "wasi:sockets/tcp-create-socket@0.2.12",
    "wasi:sockets/tcp@0.2.12",
    "wasi:sockets/udp-create-socket@0.2.12",
    "wasi:sockets/udp@0.2.12",
    "wasi:tls/types@0.2.0-draft",
];

/// What WASI 0.3 adds to it, for those who take part in the experiment.
pub const OFFERED_0_3: [&str; 21] = [
    "wasi:cli/environment@0.3.0",
    "wasi:cli/exit@0.3.0",
    "wasi:cli/stderr@0.3.0",
    "wasi:cli/stdin@0.3.0",
    "wasi:cli/stdout@0.3.0",
    "wasi:cli/terminal-input@0.3.0",
    "wasi:cli/terminal-output@0.3.0",
    "wasi:cli/terminal-stderr@0.3.0",
    "wasi:cli/terminal-stdin@0.3.0",
    "wasi:cli/terminal-stdout@0.3.0",
    "wasi:cli/types@0.3.0",
    "wasi:clocks/monotonic-clock@0.3.0",
    "wasi:clocks/system-clock@0.3.0",
    "wasi:clocks/types@0.3.0",
    "wasi:filesystem/preopens@0.3.0",
    "wasi:filesystem/types@0.3.0",
    "wasi:random/insecure-seed@0.3.0",
    "wasi:random/insecure@0.3.0",
    "wasi:random/random@0.3.0",
    "wasi:sockets/ip-name-lookup@0.3.0",
    "wasi:sockets/types@0.3.0",
];
