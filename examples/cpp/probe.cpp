// Connects to a TCP port, and expects a banner. Everything that a probe consists of is in this file; probe.h is generated from the
// WIT. Whatever is returned is freed once the runner has read it, so it has to come from malloc; all else lives for one run.

#include "probe.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>

// How the standard library gives up: its own way would write to streams that are not there.
_LIBCPP_BEGIN_NAMESPACE_STD
[[noreturn]] void __libcpp_verbose_abort(const char *, ...) noexcept
{
    __builtin_trap();
}
_LIBCPP_END_NAMESPACE_STD

using namespace std::literals;

namespace {

// Bytes in which the banner must be.
constexpr size_t MOST_BANNER = 4096;
// Bytes of the banner that a message shows.
constexpr size_t SHOWN = 120;

constexpr auto SCHEMA = R"({
    "type": "object", "additionalProperties": false, "required": ["host", "port"],
    "properties": {
        "host": { "type": "string", "minLength": 1, "description": "A name or an address." },
        "port": { "type": "integer", "minimum": 1, "maximum": 65535 },
        "expect": { "type": "string", "default": "", "description": "What the banner must have in it." }
    }
})"sv;

probe_string_t owned(std::string_view text)
{
    probe_string_t copy;
    probe_string_dup_n(&copy, text.data(), text.size());
    return copy;
}

// The value of a key, as a text. The settings are one flat object, so this is all the JSON there is.
std::optional<std::string> value_of(std::string_view json, std::string_view key)
{
    auto quoted = "\""s.append(key) + "\"";
    auto at = json.find(quoted);
    if (at == json.npos)
        return {};
    at = json.find_first_not_of(": \t\r\n", at + quoted.size());
    if (at == json.npos)
        return {};
    if (json[at] != '"')
        return std::string(json.substr(at, json.find_first_of(",} \t\r\n", at) - at));
    std::string text;
    for (at++; at < json.size() && json[at] != '"'; at++) {
        bool escaped = json[at] == '\\' && ++at < json.size();
        char next = json[at];
        text += !escaped ? next : next == 'n' ? '\n' : next == 'r' ? '\r' : next == 't' ? '\t' : next;
    }
    return text;
}

struct Settings {
    std::string host, expect;
    unsigned port = 0;

    explicit Settings(const probe_string_t &text)
    {
        std::string_view json(reinterpret_cast<const char *>(text.ptr), text.len);
        host = value_of(json, "host").value_or("");
        expect = value_of(json, "expect").value_or("");
        auto digits = value_of(json, "port").value_or("");
        auto end = digits.data() + digits.size();
        if (std::from_chars(digits.data(), end, port).ptr != end || port > 65535)
            port = 0;
    }

    std::string target() const { return host + ":" + std::to_string(port); }
};

constexpr std::string_view ERRORS[] = {
    "unknown", "access-denied", "not-supported", "invalid-argument", "out-of-memory", "timeout", "concurrency-conflict",
    "not-in-progress", "would-block", "invalid-state", "new-socket-limit", "address-not-bindable", "address-in-use",
    "remote-unreachable", "connection-refused", "connection-reset", "connection-aborted", "datagram-too-large",
    "name-unresolvable", "temporary-resolver-failure", "permanent-resolver-failure",
};

// The first line of what came, as far as it can be shown, in quotes.
std::string quote(std::string_view text)
{
    std::string line(text.substr(0, std::min(text.find_first_of("\r\n"), SHOWN)));
    std::replace_if(line.begin(), line.end(), [](char byte) { return byte < ' ' || byte > '~'; }, '?');
    return "\"" + line + "\"";
}

// One examination.
struct Examination {
    const Settings &settings;
    wasi_io_poll_own_pollable_t deadline;
    // Why there was no connection, if the network said so.
    std::optional<wasi_sockets_network_error_code_t> error;
    // What is wrong with the target, or what is right with it.
    std::string message;
    uint64_t began, connected, greeted;

    Examination(const Settings &settings, uint64_t time_left) : settings(settings)
    {
        // A target that does not answer is unhealthy, and only the probe can say so: it keeps some of its time for that.
        auto keep = std::max<uint64_t>(time_left / 25, 20'000'000);
        began = wasi_clocks_monotonic_clock_now();
        deadline = wasi_clocks_monotonic_clock_subscribe_instant(began + (time_left > keep ? time_left - keep : 0));
    }

    // Whether the target is healthy.
    bool examine()
    {
        // TODO: this is where your own examination goes. Here: resolve, connect, and wait for the banner.
        auto input = connect();
        if (!input)
            return false;
        connected = wasi_clocks_monotonic_clock_now();
        std::string banner;
        while (banner.empty() || banner.find(settings.expect) == banner.npos) {
            if (banner.size() >= MOST_BANNER)
                return fails(" sent " + quote(banner) + ", and not " + quote(settings.expect));
            if (!happens(wasi_io_streams_method_input_stream_subscribe(*input)))
                return fails(" did not send " + quote(settings.expect) + " in time");
            probe_list_u8_t more;
            wasi_io_streams_stream_error_t ended;
            if (!wasi_io_streams_method_input_stream_read(*input, MOST_BANNER - banner.size(), &more, &ended))
                return fails(" closed the connection after " + quote(banner));
            banner.append(reinterpret_cast<const char *>(more.ptr), more.len);
        }
        greeted = wasi_clocks_monotonic_clock_now();
        message = settings.target() + " greets with " + quote(banner);
        return true;
    }

private:
    std::optional<wasi_io_streams_borrow_input_stream_t> connect()
    {
        auto network = wasi_sockets_network_borrow_network(wasi_sockets_instance_network_instance_network());
        auto host = owned(settings.host);
        wasi_sockets_network_error_code_t code;
        wasi_sockets_ip_name_lookup_own_resolve_address_stream_t names;
        if (!wasi_sockets_ip_name_lookup_resolve_addresses(network, &host, &names, &code))
            return refused(code);
        auto addresses = wasi_sockets_ip_name_lookup_borrow_resolve_address_stream(names);
        if (!happens(wasi_sockets_ip_name_lookup_method_resolve_address_stream_subscribe(addresses)))
            return fails(" was not resolved in time"), std::nullopt;
        wasi_sockets_ip_name_lookup_option_ip_address_t address;
        if (!wasi_sockets_ip_name_lookup_method_resolve_address_stream_resolve_next_address(addresses, &address, &code))
            return refused(code);
        if (!address.is_some)
            return fails(" has no address"), std::nullopt;

        wasi_sockets_tcp_ip_socket_address_t remote {};
        remote.tag = address.val.tag;
        auto port = static_cast<uint16_t>(settings.port);
        if (remote.tag == WASI_SOCKETS_NETWORK_IP_ADDRESS_IPV4)
            remote.val.ipv4 = { port, address.val.val.ipv4 };
        else
            remote.val.ipv6 = { port, 0, address.val.val.ipv6, 0 };
        wasi_sockets_tcp_own_tcp_socket_t own;
        if (!wasi_sockets_tcp_create_socket_create_tcp_socket(remote.tag, &own, &code))
            return refused(code);
        auto socket = wasi_sockets_tcp_borrow_tcp_socket(own);
        if (!wasi_sockets_tcp_method_tcp_socket_start_connect(socket, network, &remote, &code))
            return refused(code);
        if (!happens(wasi_sockets_tcp_method_tcp_socket_subscribe(socket)))
            return fails(" took no connection in time"), std::nullopt;
        wasi_sockets_tcp_tuple2_own_input_stream_own_output_stream_t streams;
        if (!wasi_sockets_tcp_method_tcp_socket_finish_connect(socket, &streams, &code))
            return refused(code);
        return wasi_io_streams_borrow_input_stream(streams.f0);
    }

    // Whether something happens before the time is over.
    bool happens(wasi_io_poll_own_pollable_t pollable)
    {
        wasi_io_poll_borrow_pollable_t both[] = { wasi_io_poll_borrow_pollable(pollable), wasi_io_poll_borrow_pollable(deadline) };
        wasi_io_poll_list_borrow_pollable_t list { both, 2 };
        probe_list_u32_t ready;
        wasi_io_poll_poll(&list, &ready);
        return std::find(ready.ptr, ready.ptr + ready.len, 0u) != ready.ptr + ready.len;
    }

    bool fails(std::string_view why)
    {
        message = settings.target().append(why);
        return false;
    }

    std::nullopt_t refused(wasi_sockets_network_error_code_t code)
    {
        error = code;
        message = "can't connect to " + settings.target() + ": " + std::string(ERRORS[code]);
        return std::nullopt;
    }
};

} // namespace

// What the probe says of itself.
void exports_probity_probe_manifest_describe(exports_probity_probe_manifest_description_t *description)
{
    *description = {};
    description->name = owned("banner-probe");
    description->version = owned("0.1.0");
    description->description = owned("Connects to a TCP port, and expects a banner.");
    description->settings_schema = owned(SCHEMA);
    description->default_interval = { true, 30'000'000'000 };
    description->default_timeout = { true, 5'000'000'000 };
    description->grants = { static_cast<probe_string_t *>(std::malloc(sizeof(probe_string_t))), 1 };
    description->grants.ptr[0] = owned("tcp:{host}:{port}");
}

// What is wrong with its settings.
void exports_probity_probe_manifest_validate(
    probe_string_t *json, exports_probity_probe_manifest_list_setting_problem_t *problems)
{
    Settings settings(*json);
    problems->ptr = static_cast<probity_probe_types_setting_problem_t *>(std::calloc(2, sizeof *problems->ptr));
    problems->len = 0;
    if (settings.host.empty())
        problems->ptr[problems->len++] = { owned("/host"), owned("missing; give a name or an address such as `db.internal`") };
    if (settings.port == 0)
        problems->ptr[problems->len++] = { owned("/port"), owned("must be a number from 1 to 65535") };
}

// What the runner calls at each run, in a fresh instance; false is a problem.
bool exports_probity_probe_checker_check(
    probe_string_t *json, exports_probity_probe_checker_run_t *run, exports_probity_probe_checker_verdict_t *verdict,
    exports_probity_probe_checker_problem_t *problem)
{
    Settings settings(*json);
    Examination examination(settings, run->time_left);
    *verdict = {};
    verdict->status = PROBITY_PROBE_TYPES_STATUS_UNHEALTHY;
    if (examination.examine()) {
        auto seconds = [](uint64_t from, uint64_t to) { return static_cast<double>(to - from) / 1e9; };
        auto figures = static_cast<probity_probe_types_measurement_t *>(std::calloc(2, sizeof(probity_probe_types_measurement_t)));
        figures[0] = { owned("connect"), owned("s"), seconds(examination.began, examination.connected) };
        figures[1] = { owned("banner"), owned("s"), seconds(examination.connected, examination.greeted) };
        verdict->status = PROBITY_PROBE_TYPES_STATUS_HEALTHY;
        verdict->measurements = { figures, 2 };
    } else if (examination.error == WASI_SOCKETS_NETWORK_ERROR_CODE_ACCESS_DENIED) {
        // The runner adds the grant that the operator would have to write.
        problem->tag = PROBITY_PROBE_TYPES_PROBLEM_DENIED;
        problem->val.denied = owned(settings.target() + " is not granted");
        return false;
    }
    verdict->message = owned(examination.message);
    return true;
}
