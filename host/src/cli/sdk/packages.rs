//! The packages for the other languages, as they lie in `sdk/` of the repository; their tests stay there.

use super::Files;

macro_rules! files {
    ($folder:literal, $($file:literal),* $(,)?) => {
        &[$(($file, include_str!(concat!("../../../../sdk/", $folder, "/", $file)))),*]
    };
}

/// For C and C++.
pub(super) const C: &Files =
    files!["c", "README.md", "abort.cpp", "net.c", "probity.c", "probity.h", "run.h", "settings.c", "settings.h",];

/// For JavaScript and TypeScript.
pub(super) const JAVASCRIPT: &Files = files![
    "javascript",
    "README.md",
    "attempt.js",
    "failure.js",
    "index.d.ts",
    "index.js",
    "net.js",
    "package.json",
    "probe.js",
    "settings.js",
    "verdict.js",
];

/// For Python.
pub(super) const PYTHON: &Files = files![
    "python",
    "README.md",
    "probity/__init__.py",
    "probity/_failure.py",
    "probity/_net.py",
    "probity/_probe.py",
    "probity/_run.py",
    "probity/_settings.py",
    "probity/_verdict.py",
];

/// For Go.
pub(super) const GO: &Files = files![
    "go",
    "README.md",
    "failure.go",
    "go.mod",
    "net.go",
    "probity.go",
    "run.go",
    "settings.go",
    "verdict.go",
    "wit/export_probity_probe_checker/check.go",
    "wit/export_probity_probe_manifest/manifest.go",
    "wit/probity_probe_calendar/empty.s",
    "wit/probity_probe_calendar/wit_bindings.go",
    "wit/probity_probe_checker/empty.s",
    "wit/probity_probe_checker/wit_bindings.go",
    "wit/probity_probe_checks/empty.s",
    "wit/probity_probe_checks/wit_bindings.go",
    "wit/probity_probe_http/empty.s",
    "wit/probity_probe_http/wit_bindings.go",
    "wit/probity_probe_icmp/empty.s",
    "wit/probity_probe_icmp/wit_bindings.go",
    "wit/probity_probe_log/empty.s",
    "wit/probity_probe_log/wit_bindings.go",
    "wit/probity_probe_manifest/empty.s",
    "wit/probity_probe_manifest/wit_bindings.go",
    "wit/probity_probe_reports/empty.s",
    "wit/probity_probe_reports/wit_bindings.go",
    "wit/probity_probe_system/empty.s",
    "wit/probity_probe_system/wit_bindings.go",
    "wit/probity_probe_tls/empty.s",
    "wit/probity_probe_tls/wit_bindings.go",
    "wit/probity_probe_types/empty.s",
    "wit/probity_probe_types/wit_bindings.go",
    "wit/wasi_clocks_monotonic_clock/empty.s",
    "wit/wasi_clocks_monotonic_clock/wit_bindings.go",
    "wit/wasi_clocks_wall_clock/empty.s",
    "wit/wasi_clocks_wall_clock/wit_bindings.go",
    "wit/wasi_http_outgoing_handler/empty.s",
    "wit/wasi_http_outgoing_handler/wit_bindings.go",
    "wit/wasi_http_types/empty.s",
    "wit/wasi_http_types/wit_bindings.go",
    "wit/wasi_io_error/empty.s",
    "wit/wasi_io_error/wit_bindings.go",
    "wit/wasi_io_poll/empty.s",
    "wit/wasi_io_poll/wit_bindings.go",
    "wit/wasi_io_streams/empty.s",
    "wit/wasi_io_streams/wit_bindings.go",
    "wit/wasi_random_random/empty.s",
    "wit/wasi_random_random/wit_bindings.go",
    "wit/wasi_sockets_instance_network/empty.s",
    "wit/wasi_sockets_instance_network/wit_bindings.go",
    "wit/wasi_sockets_ip_name_lookup/empty.s",
    "wit/wasi_sockets_ip_name_lookup/wit_bindings.go",
    "wit/wasi_sockets_network/empty.s",
    "wit/wasi_sockets_network/wit_bindings.go",
    "wit/wasi_sockets_tcp/empty.s",
    "wit/wasi_sockets_tcp/wit_bindings.go",
    "wit/wasi_sockets_tcp_create_socket/empty.s",
    "wit/wasi_sockets_tcp_create_socket/wit_bindings.go",
    "wit/wasi_sockets_udp/empty.s",
    "wit/wasi_sockets_udp/wit_bindings.go",
    "wit/wasi_sockets_udp_create_socket/empty.s",
    "wit/wasi_sockets_udp_create_socket/wit_bindings.go",
    "wit/wasi_tls_types/empty.s",
    "wit/wasi_tls_types/wit_bindings.go",
    "wit/wit_exports/wit_exports.go",
    "wit/witruntime/witruntime.go",
    "wit/wittypes/wittypes.go",
];
