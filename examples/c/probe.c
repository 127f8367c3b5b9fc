/* Connects to a TCP port, and expects a banner. Everything that a probe consists of is in this file; probe.h is generated from
 * the WIT. Whatever is returned is freed once the runner has read it, so it has to come from malloc; all else lives for one run. */

#include "probe.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* Bytes in which the banner must be. */
#define MOST_BANNER 4096
/* Bytes of the banner that a message shows. */
#define SHOWN 120

static const char SCHEMA[] =
    "{\"type\":\"object\",\"additionalProperties\":false,\"required\":[\"host\",\"port\"],\"properties\":{"
    "\"host\":{\"type\":\"string\",\"minLength\":1,\"description\":\"A name or an address.\"},"
    "\"port\":{\"type\":\"integer\",\"minimum\":1,\"maximum\":65535},"
    "\"expect\":{\"type\":\"string\",\"default\":\"\",\"description\":\"What the banner must have in it.\"}}}";

typedef struct {
    char *host;
    long port;
    char *expect;
} settings_t;

/* The value of a key, as a text; NULL if there is none. The settings are one flat object, so this is all the JSON there is. */
static char *value_of(const probe_string_t *json, const char *key)
{
    size_t length = strlen(key);
    const char *at = (const char *)json->ptr, *end = at + json->len;
    for (; at + length + 2 < end; at++) {
        if (at[0] != '"' || memcmp(at + 1, key, length) != 0 || at[length + 1] != '"')
            continue;
        for (at += length + 2; at < end && strchr(": \t\r\n", *at); at++)
            ;
        char *text = calloc(1, (size_t)(end - at) + 1), *to = text;
        if (at < end && *at == '"')
            for (at++; at < end && *at != '"'; at++)
                *to++ = *at != '\\' ? *at : *++at == 'n' ? '\n' : *at == 'r' ? '\r' : *at == 't' ? '\t' : *at;
        else
            for (; at < end && !strchr(",} \t\r\n", *at); at++)
                *to++ = *at;
        return text;
    }
    return NULL;
}

static settings_t understand(const probe_string_t *json)
{
    char *port = value_of(json, "port"), *expect = value_of(json, "expect"), *rest = "";
    settings_t settings = { value_of(json, "host"), 0, expect ? expect : "" };
    if (port)
        settings.port = strtol(port, &rest, 10);
    if (*rest)
        settings.port = 0;
    return settings;
}

/* One text of these, up to NULL. */
static void join(probe_string_t *into, ...)
{
    char text[1024];
    size_t length = 0;
    va_list parts;
    va_start(parts, into);
    for (const char *part; (part = va_arg(parts, const char *));)
        for (; *part && length < sizeof text - 1; part++)
            text[length++] = *part;
    va_end(parts);
    probe_string_dup_n(into, text, length);
}

/* What the probe says of itself. */
void exports_probity_probe_manifest_describe(exports_probity_probe_manifest_description_t *description)
{
    *description = (exports_probity_probe_manifest_description_t){
        .default_interval = { true, 30000000000ull },
        .default_timeout = { true, 5000000000ull },
        .grants = { malloc(sizeof(probe_string_t)), 1 },
    };
    probe_string_dup(&description->name, "banner-probe");
    probe_string_dup(&description->version, "0.1.0");
    probe_string_dup(&description->description, "Connects to a TCP port, and expects a banner.");
    probe_string_dup(&description->settings_schema, SCHEMA);
    probe_string_dup(&description->grants.ptr[0], "tcp:{host}:{port}");
}

/* What is wrong with its settings. */
void exports_probity_probe_manifest_validate(
    probe_string_t *json, exports_probity_probe_manifest_list_setting_problem_t *problems)
{
    settings_t settings = understand(json);
    problems->ptr = calloc(2, sizeof *problems->ptr);
    problems->len = 0;
    if (!settings.host || !*settings.host) {
        probe_string_dup(&problems->ptr[problems->len].pointer, "/host");
        probe_string_dup(
            &problems->ptr[problems->len++].message, "missing; give a name or an address such as `db.internal`");
    }
    if (settings.port < 1 || settings.port > 65535) {
        probe_string_dup(&problems->ptr[problems->len].pointer, "/port");
        probe_string_dup(&problems->ptr[problems->len++].message, "must be a number from 1 to 65535");
    }
}

static const char *const ERRORS[] = {
    "unknown", "access-denied", "not-supported", "invalid-argument", "out-of-memory", "timeout", "concurrency-conflict",
    "not-in-progress", "would-block", "invalid-state", "new-socket-limit", "address-not-bindable", "address-in-use",
    "remote-unreachable", "connection-refused", "connection-reset", "connection-aborted", "datagram-too-large",
    "name-unresolvable", "temporary-resolver-failure", "permanent-resolver-failure",
};

static wasi_io_poll_own_pollable_t deadline;

/* Whether something happens before the time is over. */
static bool happens(wasi_io_poll_own_pollable_t pollable)
{
    wasi_io_poll_borrow_pollable_t both[] = { wasi_io_poll_borrow_pollable(pollable), wasi_io_poll_borrow_pollable(deadline) };
    wasi_io_poll_list_borrow_pollable_t list = { both, 2 };
    probe_list_u32_t ready;
    wasi_io_poll_poll(&list, &ready);
    for (size_t at = 0; at < ready.len; at++)
        if (ready.ptr[at] == 0)
            return true;
    return false;
}

static void measure(
    exports_probity_probe_checker_verdict_t *verdict, const char *name, wasi_clocks_monotonic_clock_duration_t nanoseconds)
{
    probity_probe_types_measurement_t *measured = &verdict->measurements.ptr[verdict->measurements.len++];
    probe_string_dup(&measured->name, name);
    probe_string_dup(&measured->unit, "s");
    measured->value = (double)nanoseconds / 1e9;
}

/* The first line of what came, as far as it can be shown. */
static void shorten(char *line, const char *banner, size_t length)
{
    size_t at = 0;
    for (; at < length && at < SHOWN && banner[at] != '\r' && banner[at] != '\n'; at++)
        line[at] = banner[at] < ' ' || banner[at] > '~' ? '?' : banner[at];
    line[at] = '\0';
}

/* What the runner calls at each run, in a fresh instance; false is a problem. */
bool exports_probity_probe_checker_check(
    probe_string_t *json, exports_probity_probe_checker_run_t *run, exports_probity_probe_checker_verdict_t *verdict,
    exports_probity_probe_checker_problem_t *problem)
{
    settings_t settings = understand(json);
    char port[12], line[SHOWN + 1], banner[MOST_BANNER + 1];
    size_t length = 0;
    wasi_sockets_network_error_code_t error = 0;

    *verdict = (exports_probity_probe_checker_verdict_t){ .status = PROBITY_PROBE_TYPES_STATUS_UNHEALTHY };
    char *digit = port + sizeof port - 1;
    *digit = '\0';
    for (long rest = settings.port; rest; rest /= 10)
        *--digit = (char)('0' + rest % 10);
#define UNHEALTHY(...) return join(&verdict->message, settings.host, ":", digit, __VA_ARGS__, NULL), true

    /* A target that does not answer is unhealthy, and only the probe can say so: it keeps some of its time for that. */
    uint64_t keep = run->time_left / 25 > 20000000 ? run->time_left / 25 : 20000000;
    uint64_t began = wasi_clocks_monotonic_clock_now();
    deadline = wasi_clocks_monotonic_clock_subscribe_instant(began + (run->time_left > keep ? run->time_left - keep : 0));

    /* TODO: this is where your own examination goes. Here: resolve, connect, and wait for the banner. */
    wasi_sockets_network_borrow_network_t network =
        wasi_sockets_network_borrow_network(wasi_sockets_instance_network_instance_network());
    probe_string_t host = { (uint8_t *)settings.host, strlen(settings.host) };
    wasi_sockets_ip_name_lookup_own_resolve_address_stream_t names;
    if (!wasi_sockets_ip_name_lookup_resolve_addresses(network, &host, &names, &error))
        goto failed;
    wasi_sockets_ip_name_lookup_borrow_resolve_address_stream_t addresses =
        wasi_sockets_ip_name_lookup_borrow_resolve_address_stream(names);
    if (!happens(wasi_sockets_ip_name_lookup_method_resolve_address_stream_subscribe(addresses)))
        UNHEALTHY(" was not resolved in time");
    wasi_sockets_ip_name_lookup_option_ip_address_t address;
    if (!wasi_sockets_ip_name_lookup_method_resolve_address_stream_resolve_next_address(addresses, &address, &error))
        goto failed;
    if (!address.is_some)
        UNHEALTHY(" has no address");

    wasi_sockets_tcp_ip_socket_address_t remote = { .tag = address.val.tag };
    if (remote.tag == WASI_SOCKETS_NETWORK_IP_ADDRESS_IPV4) {
        remote.val.ipv4.port = (uint16_t)settings.port;
        remote.val.ipv4.address = address.val.val.ipv4;
    } else {
        remote.val.ipv6.port = (uint16_t)settings.port;
        remote.val.ipv6.address = address.val.val.ipv6;
    }
    wasi_sockets_tcp_own_tcp_socket_t own;
    if (!wasi_sockets_tcp_create_socket_create_tcp_socket(remote.tag, &own, &error))
        goto failed;
    wasi_sockets_tcp_borrow_tcp_socket_t socket = wasi_sockets_tcp_borrow_tcp_socket(own);
    if (!wasi_sockets_tcp_method_tcp_socket_start_connect(socket, network, &remote, &error))
        goto failed;
    if (!happens(wasi_sockets_tcp_method_tcp_socket_subscribe(socket)))
        UNHEALTHY(" took no connection in time");
    wasi_sockets_tcp_tuple2_own_input_stream_own_output_stream_t streams;
    if (!wasi_sockets_tcp_method_tcp_socket_finish_connect(socket, &streams, &error))
        goto failed;
    uint64_t connected = wasi_clocks_monotonic_clock_now();

    wasi_io_streams_borrow_input_stream_t input = wasi_io_streams_borrow_input_stream(streams.f0);
    do {
        probe_list_u8_t more;
        wasi_io_streams_stream_error_t ended;
        shorten(line, banner, length);
        if (length == MOST_BANNER)
            UNHEALTHY(" sent \"", line, "\", and not \"", settings.expect, "\"");
        if (!happens(wasi_io_streams_method_input_stream_subscribe(input)))
            UNHEALTHY(" did not send \"", settings.expect, "\" in time");
        if (!wasi_io_streams_method_input_stream_read(input, MOST_BANNER - length, &more, &ended))
            UNHEALTHY(" closed the connection after \"", line, "\"");
        memcpy(banner + length, more.ptr, more.len);
        length += more.len;
        banner[length] = '\0';
    } while (length == 0 || !strstr(banner, settings.expect));

    verdict->status = PROBITY_PROBE_TYPES_STATUS_HEALTHY;
    verdict->measurements.ptr = calloc(2, sizeof *verdict->measurements.ptr);
    measure(verdict, "connect", connected - began);
    measure(verdict, "banner", wasi_clocks_monotonic_clock_now() - connected);
    shorten(line, banner, length);
    join(&verdict->message, settings.host, ":", digit, " greets with \"", line, "\"", NULL);
    return true;

failed:
    if (error == WASI_SOCKETS_NETWORK_ERROR_CODE_ACCESS_DENIED) {
        /* The runner adds the grant that the operator would have to write. */
        problem->tag = PROBITY_PROBE_TYPES_PROBLEM_DENIED;
        join(&problem->val.denied, settings.host, ":", digit, " is not granted", NULL);
        return false;
    }
    join(&verdict->message, "can't connect to ", settings.host, ":", digit, ": ", ERRORS[error], NULL);
    return true;
}
