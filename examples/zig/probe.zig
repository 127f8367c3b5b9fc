//! Connects to a TCP port, and expects a banner. Everything that a probe consists of is in this file; `probe` is the header that is
//! generated from the WIT. Whatever is returned is freed once the runner has read it, so it has to come from malloc; all else
//! lives for one run.

const std = @import("std");
const c = @import("probe");

/// How Zig gives up: its usual way would write to streams that are not there.
pub const panic = std.debug.no_panic;

const allocator = std.heap.c_allocator;

/// Bytes in which the banner must be.
const most_banner = 4096;
/// Bytes of the banner that a message shows.
const shown = 120;

const schema =
    \\{
    \\  "type": "object", "additionalProperties": false, "required": ["host", "port"],
    \\  "properties": {
    \\    "host": { "type": "string", "minLength": 1, "description": "A name or an address." },
    \\    "port": { "type": "integer", "minimum": 1, "maximum": 65535 },
    \\    "expect": { "type": "string", "default": "", "description": "What the banner must have in it." }
    \\  }
    \\}
;

/// What the operator can configure.
const Settings = struct {
    host: []const u8,
    port: u16,
    expect: []const u8 = "",

    fn parse(json: [*c]c.probe_string_t) !Settings {
        return std.json.parseFromSliceLeaky(Settings, allocator, json.*.ptr[0..json.*.len], .{});
    }
};

/// What an examination can come to beside a banner.
const Failure = error{ Unhealthy, Denied, OutOfMemory };

fn owned(text: []const u8) c.probe_string_t {
    var copy: c.probe_string_t = undefined;
    c.probe_string_dup_n(&copy, text.ptr, text.len);
    return copy;
}

/// What the probe says of itself.
export fn exports_probity_probe_manifest_describe(description: [*c]c.exports_probity_probe_manifest_description_t) void {
    description.* = std.mem.zeroes(c.exports_probity_probe_manifest_description_t);
    description.*.name = owned("banner-probe");
    description.*.version = owned("0.1.0");
    description.*.description = owned("Connects to a TCP port, and expects a banner.");
    description.*.settings_schema = owned(schema);
    description.*.default_interval = .{ .is_some = true, .val = 30 * std.time.ns_per_s };
    description.*.default_timeout = .{ .is_some = true, .val = 5 * std.time.ns_per_s };
    const grants = allocator.alloc(c.probe_string_t, 1) catch unreachable;
    grants[0] = owned("tcp:{host}:{port}");
    description.*.grants = .{ .ptr = grants.ptr, .len = 1 };
}

/// What is wrong with its settings.
export fn exports_probity_probe_manifest_validate(
    json: [*c]c.probe_string_t,
    problems: [*c]c.exports_probity_probe_manifest_list_setting_problem_t,
) void {
    problems.* = .{ .ptr = null, .len = 0 };
    var pointer: []const u8 = "";
    var message: []const u8 = "must have a text `host`, a number `port` from 1 to 65535, and perhaps a text `expect`";
    if (Settings.parse(json)) |settings| {
        if (settings.host.len != 0 and settings.port != 0) return;
        pointer = if (settings.port == 0) "/port" else "/host";
        message = if (settings.port == 0) "must be a number from 1 to 65535" else "empty; give a name or an address";
    } else |_| {}
    const list = allocator.alloc(c.probity_probe_types_setting_problem_t, 1) catch unreachable;
    list[0] = .{ .pointer = owned(pointer), .message = owned(message) };
    problems.* = .{ .ptr = list.ptr, .len = 1 };
}

/// What the runner calls at each run, in a fresh instance; false is a problem.
export fn exports_probity_probe_checker_check(
    json: [*c]c.probe_string_t,
    run: [*c]c.exports_probity_probe_checker_run_t,
    verdict: [*c]c.exports_probity_probe_checker_verdict_t,
    problem: [*c]c.exports_probity_probe_checker_problem_t,
) bool {
    var examination = Examination{ .settings = Settings.parse(json) catch unreachable };
    verdict.* = std.mem.zeroes(c.exports_probity_probe_checker_verdict_t);
    verdict.*.status = c.PROBITY_PROBE_TYPES_STATUS_HEALTHY;
    if (examination.examine(run.*.time_left)) {
        const figures = allocator.alloc(c.probity_probe_types_measurement_t, 2) catch unreachable;
        figures[0] = .{ .name = owned("connect"), .unit = owned("s"), .value = examination.connect };
        figures[1] = .{ .name = owned("banner"), .unit = owned("s"), .value = examination.banner };
        verdict.*.measurements = .{ .ptr = figures.ptr, .len = figures.len };
    } else |failure| switch (failure) {
        error.Denied => {
            // The runner adds the grant that the operator would have to write.
            problem.*.tag = c.PROBITY_PROBE_TYPES_PROBLEM_DENIED;
            problem.*.val.denied = owned("the target is not granted");
            return false;
        },
        error.Unhealthy => verdict.*.status = c.PROBITY_PROBE_TYPES_STATUS_UNHEALTHY,
        error.OutOfMemory => unreachable,
    }
    verdict.*.message = owned(examination.message);
    return true;
}

const Examination = struct {
    settings: Settings,
    deadline: c.wasi_io_poll_own_pollable_t = undefined,
    message: []const u8 = "",
    /// Seconds.
    connect: f64 = 0,
    banner: f64 = 0,

    fn examine(self: *Examination, time_left: u64) Failure!void {
        // A target that does not answer is unhealthy, and only the probe can say so: it keeps some of its time for that.
        const keep = @max(time_left / 25, 20 * std.time.ns_per_ms);
        const began = c.wasi_clocks_monotonic_clock_now();
        self.deadline = c.wasi_clocks_monotonic_clock_subscribe_instant(began + (time_left -| keep));

        // TODO: this is where your own examination goes. Here: resolve, connect, and wait for the banner.
        const input = try self.dial();
        const connected = c.wasi_clocks_monotonic_clock_now();
        var text: [most_banner]u8 = undefined;
        var length: usize = 0;
        while (length == 0 or std.mem.indexOf(u8, text[0..length], self.settings.expect) == null) {
            if (length == most_banner)
                return self.unhealthy(" sent \"{s}\", and not \"{s}\"", .{ line(text[0..length]), self.settings.expect });
            if (!self.happens(c.wasi_io_streams_method_input_stream_subscribe(input)))
                return self.unhealthy(" did not send \"{s}\" in time", .{self.settings.expect});
            var more: c.probe_list_u8_t = undefined;
            var ended: c.wasi_io_streams_stream_error_t = undefined;
            if (!c.wasi_io_streams_method_input_stream_read(input, most_banner - length, &more, &ended))
                return self.unhealthy(" closed the connection after \"{s}\"", .{line(text[0..length])});
            @memcpy(text[length..][0..more.len], more.ptr[0..more.len]);
            length += more.len;
        }
        self.connect = seconds(connected - began);
        self.banner = seconds(c.wasi_clocks_monotonic_clock_now() - connected);
        try self.say(" greets with \"{s}\"", .{line(text[0..length])});
    }

    fn dial(self: *Examination) Failure!c.wasi_io_streams_borrow_input_stream_t {
        const network = c.wasi_sockets_network_borrow_network(c.wasi_sockets_instance_network_instance_network());
        var code: c.wasi_sockets_network_error_code_t = 0;
        var host = owned(self.settings.host);
        var names: c.wasi_sockets_ip_name_lookup_own_resolve_address_stream_t = undefined;
        if (!c.wasi_sockets_ip_name_lookup_resolve_addresses(network, &host, &names, &code)) return self.refused(code);
        const addresses = c.wasi_sockets_ip_name_lookup_borrow_resolve_address_stream(names);
        if (!self.happens(c.wasi_sockets_ip_name_lookup_method_resolve_address_stream_subscribe(addresses)))
            return self.unhealthy(" was not resolved in time", .{});
        var address: c.wasi_sockets_ip_name_lookup_option_ip_address_t = undefined;
        if (!c.wasi_sockets_ip_name_lookup_method_resolve_address_stream_resolve_next_address(addresses, &address, &code))
            return self.refused(code);
        if (!address.is_some) return self.unhealthy(" has no address", .{});

        var remote = std.mem.zeroes(c.wasi_sockets_tcp_ip_socket_address_t);
        remote.tag = address.val.tag;
        if (remote.tag == c.WASI_SOCKETS_NETWORK_IP_ADDRESS_IPV4) {
            remote.val.ipv4 = .{ .port = self.settings.port, .address = address.val.val.ipv4 };
        } else {
            remote.val.ipv6 = .{ .port = self.settings.port, .flow_info = 0, .address = address.val.val.ipv6, .scope_id = 0 };
        }
        var own: c.wasi_sockets_tcp_own_tcp_socket_t = undefined;
        if (!c.wasi_sockets_tcp_create_socket_create_tcp_socket(remote.tag, &own, &code)) return self.refused(code);
        const socket = c.wasi_sockets_tcp_borrow_tcp_socket(own);
        if (!c.wasi_sockets_tcp_method_tcp_socket_start_connect(socket, network, &remote, &code)) return self.refused(code);
        if (!self.happens(c.wasi_sockets_tcp_method_tcp_socket_subscribe(socket)))
            return self.unhealthy(" took no connection in time", .{});
        var streams: c.wasi_sockets_tcp_tuple2_own_input_stream_own_output_stream_t = undefined;
        if (!c.wasi_sockets_tcp_method_tcp_socket_finish_connect(socket, &streams, &code)) return self.refused(code);
        return c.wasi_io_streams_borrow_input_stream(streams.f0);
    }

    /// Whether something happens before the time is over.
    fn happens(self: *Examination, pollable: c.wasi_io_poll_own_pollable_t) bool {
        var both = [_]c.wasi_io_poll_borrow_pollable_t{
            c.wasi_io_poll_borrow_pollable(pollable),
            c.wasi_io_poll_borrow_pollable(self.deadline),
        };
        var list = c.wasi_io_poll_list_borrow_pollable_t{ .ptr = &both, .len = both.len };
        var ready: c.probe_list_u32_t = undefined;
        c.wasi_io_poll_poll(&list, &ready);
        return std.mem.indexOfScalar(u32, ready.ptr[0..ready.len], 0) != null;
    }

    fn say(self: *Examination, comptime format: []const u8, arguments: anytype) Failure!void {
        const target = .{ self.settings.host, self.settings.port };
        self.message = try std.fmt.allocPrint(allocator, "{s}:{d}" ++ format, target ++ arguments);
    }

    fn unhealthy(self: *Examination, comptime format: []const u8, arguments: anytype) Failure {
        self.say(format, arguments) catch |failure| return failure;
        return error.Unhealthy;
    }

    fn refused(self: *Examination, code: c.wasi_sockets_network_error_code_t) Failure {
        if (code == c.WASI_SOCKETS_NETWORK_ERROR_CODE_ACCESS_DENIED) return error.Denied;
        const names = [_][]const u8{
            "unknown",              "access-denied",              "not-supported",              "invalid-argument",
            "out-of-memory",        "timeout",                    "concurrency-conflict",       "not-in-progress",
            "would-block",          "invalid-state",              "new-socket-limit",           "address-not-bindable",
            "address-in-use",       "remote-unreachable",         "connection-refused",         "connection-reset",
            "connection-aborted",   "datagram-too-large",         "name-unresolvable",          "temporary-resolver-failure",
            "permanent-resolver-failure",
        };
        return self.unhealthy(": can't connect: {s}", .{names[code]});
    }
};

fn seconds(nanoseconds: u64) f64 {
    return @as(f64, @floatFromInt(nanoseconds)) / 1e9;
}

/// The first line of what came, as far as it can be shown.
fn line(text: []u8) []const u8 {
    const end = @min(std.mem.indexOfAny(u8, text, "\r\n") orelse text.len, shown);
    for (text[0..end]) |*byte| if (byte.* < ' ' or byte.* > '~') {
        byte.* = '?';
    };
    return text[0..end];
}
