/* TCP, with the run's deadline built in. */

#include "run.h"

#include <stdlib.h>
#include <string.h>

/* Bytes that are read or written in one call; the contract of wasi:io allows no more to be written. */
#define PORTION 4096

struct probity_connection {
    probity_run *run;
    const char *target;
    wasi_io_streams_borrow_input_stream_t input;
    wasi_io_streams_borrow_output_stream_t output;
    /* What has arrived and was not taken. */
    char *arrived;
    size_t length;
};

static const char *const CODES[] = {
    "unknown", "access denied", "not supported", "invalid argument", "out of memory", "timeout", "concurrency conflict",
    "not in progress", "would block", "invalid state", "new socket limit", "address not bindable", "address in use",
    "remote unreachable", "connection refused", "connection reset", "connection aborted", "datagram too large",
    "name unresolvable", "temporary resolver failure", "permanent resolver failure",
};

/* What an error of the network says of the target, or of the check. */
static void *failed(probity_run *run, const char *target, wasi_sockets_network_error_code_t code)
{
    if (code == WASI_SOCKETS_NETWORK_ERROR_CODE_ACCESS_DENIED) {
        /* The runner adds the grant that the operator would have to write. */
        probity_failed(run, "%s is not granted", target);
        run->is_denied = true;
    } else
        probity_unhealthy(run, "can't connect to %s: %s", target, CODES[code]);
    return NULL;
}

static probity_connection *dial(probity_run *run, const char *target, wasi_sockets_network_borrow_network_t network,
    const wasi_sockets_network_ip_address_t *address, uint16_t port)
{
    wasi_sockets_tcp_ip_socket_address_t remote = { .tag = address->tag };
    if (address->tag == WASI_SOCKETS_NETWORK_IP_ADDRESS_IPV4) {
        remote.val.ipv4.port = port;
        remote.val.ipv4.address = address->val.ipv4;
    } else {
        remote.val.ipv6.port = port;
        remote.val.ipv6.address = address->val.ipv6;
    }
    wasi_sockets_network_error_code_t error;
    wasi_sockets_tcp_own_tcp_socket_t own;
    if (!wasi_sockets_tcp_create_socket_create_tcp_socket(remote.tag, &own, &error))
        return failed(run, target, error);
    wasi_sockets_tcp_borrow_tcp_socket_t socket = wasi_sockets_tcp_borrow_tcp_socket(own);
    if (!wasi_sockets_tcp_method_tcp_socket_start_connect(socket, network, &remote, &error))
        return failed(run, target, error);
    if (!probity_wait(run, wasi_sockets_tcp_method_tcp_socket_subscribe(socket)))
        return probity_unhealthy(run, "%s took no connection in time", target), NULL;
    wasi_sockets_tcp_tuple2_own_input_stream_own_output_stream_t streams;
    if (!wasi_sockets_tcp_method_tcp_socket_finish_connect(socket, &streams, &error))
        return failed(run, target, error);
    probity_connection *connection = calloc(1, sizeof *connection);
    *connection = (probity_connection){
        .run = run,
        .target = target,
        .input = wasi_io_streams_borrow_input_stream(streams.f0),
        .output = wasi_io_streams_borrow_output_stream(streams.f1),
    };
    return connection;
}

probity_connection *probity_connect(probity_run *run, const char *host, int64_t port)
{
    const char *target = probity_text("%s:%lld", host, (long long)port);
    wasi_sockets_network_error_code_t error;
    wasi_sockets_network_borrow_network_t network =
        wasi_sockets_network_borrow_network(wasi_sockets_instance_network_instance_network());
    probe_string_t name = { (uint8_t *)host, strlen(host) };
    wasi_sockets_ip_name_lookup_own_resolve_address_stream_t own;
    if (!wasi_sockets_ip_name_lookup_resolve_addresses(network, &name, &own, &error))
        return failed(run, target, error);
    wasi_sockets_ip_name_lookup_borrow_resolve_address_stream_t names =
        wasi_sockets_ip_name_lookup_borrow_resolve_address_stream(own);
    wasi_sockets_network_ip_address_t *addresses = NULL;
    size_t count = 0;
    for (;;) {
        if (!probity_wait(run, wasi_sockets_ip_name_lookup_method_resolve_address_stream_subscribe(names)))
            return probity_unhealthy(run, "%s was not resolved in time", host), NULL;
        wasi_sockets_ip_name_lookup_option_ip_address_t next;
        if (!wasi_sockets_ip_name_lookup_method_resolve_address_stream_resolve_next_address(names, &next, &error))
            return failed(run, target, error);
        if (!next.is_some)
            break;
        addresses = realloc(addresses, (count + 1) * sizeof *addresses);
        addresses[count++] = next.val;
    }
    if (!count)
        return probity_unhealthy(run, "%s has no address", host), NULL;
    probity_phase(run, "resolve");
    for (size_t at = 0; at < count && (at == 0 || probity_time_left(run) > 0); at++) {
        /* What was said of one that failed is forgotten once another is reached. */
        probity_connection *connection = dial(run, target, network, &addresses[at], (uint16_t)port);
        if (connection) {
            run->message = NULL;
            run->is_problem = run->is_denied = false;
            probity_phase(run, "connect");
            return connection;
        }
    }
    return NULL;
}

const char *probity_target(const probity_connection *connection) { return connection->target; }

/* Waits for more: 1 if there is some, 0 if the target has closed the connection, -1 if the time is over. */
static int receive(probity_connection *connection)
{
    probe_list_u8_t more;
    do {
        wasi_io_streams_stream_error_t ended;
        if (!probity_wait(connection->run, wasi_io_streams_method_input_stream_subscribe(connection->input)))
            return -1;
        if (!wasi_io_streams_method_input_stream_read(connection->input, PORTION, &more, &ended))
            return 0;
    } while (more.len == 0);
    connection->arrived = realloc(connection->arrived, connection->length + more.len + 1);
    memcpy(connection->arrived + connection->length, more.ptr, more.len);
    connection->length += more.len;
    connection->arrived[connection->length] = '\0';
    probe_list_u8_free(&more);
    return 1;
}

/* The first bytes of what has arrived, which are not there any more. */
static const char *take(probity_connection *connection, size_t length)
{
    char *taken = malloc(length + 1);
    memcpy(taken, connection->arrived, length);
    taken[length] = '\0';
    connection->length -= length;
    memmove(connection->arrived, connection->arrived + length, connection->length + 1);
    return taken;
}

const char *probity_read(probity_connection *connection, size_t most, size_t *length)
{
    *length = 0;
    int came = connection->length ? 1 : receive(connection);
    if (came < 0)
        return probity_unhealthy(connection->run, "%s sent nothing in time", connection->target), NULL;
    if (came == 0)
        return "";
    *length = connection->length < most ? connection->length : most;
    return take(connection, *length);
}

/* Where a text lies in what has arrived, which may have any bytes; NULL if it does not. */
static const char *find(const probity_connection *connection, const char *text, size_t length)
{
    const char *at = connection->arrived, *end = at + connection->length;
    for (; at && length <= (size_t)(end - at); at++)
        if (!memcmp(at, text, length))
            return at;
    return NULL;
}

/* Waits until a text has arrived; where it is. NULL if it has not, which is said. */
static const char *wait_for(probity_connection *connection, const char *text, size_t most)
{
    for (;;) {
        const char *found = connection->length ? find(connection, text, strlen(text)) : NULL;
        const char *so_far = connection->length ? connection->arrived : "";
        if (found)
            return found;
        if (connection->length >= most) {
            const char *sent = probity_quote(so_far), *wanted = probity_quote(text);
            return probity_unhealthy(connection->run, "%s sent %s, and not %s", connection->target, sent, wanted), NULL;
        }
        switch (receive(connection)) {
        case -1:
            probity_unhealthy(connection->run, "%s did not send %s in time", connection->target, probity_quote(text));
            return NULL;
        case 0:
            probity_unhealthy(
                connection->run, "%s closed the connection after %s", connection->target, probity_quote(so_far));
            return NULL;
        }
    }
}

const char *probity_expect(probity_connection *connection, const char *text, size_t most)
{
    if (!wait_for(connection, text, most))
        return NULL;
    return take(connection, connection->length < most ? connection->length : most);
}

const char *probity_read_line(probity_connection *connection, size_t most)
{
    const char *end = wait_for(connection, "\n", most);
    if (!end)
        return NULL;
    char *line = (char *)take(connection, (size_t)(end - connection->arrived) + 1);
    line[strcspn(line, "\r\n")] = '\0';
    return line;
}

bool probity_write(probity_connection *connection, const void *bytes, size_t length)
{
    const char *at = bytes, *end = at + length;
    wasi_io_streams_stream_error_t error;
    while (at < end) {
        if (!probity_wait(connection->run, wasi_io_streams_method_output_stream_subscribe(connection->output)))
            return probity_unhealthy(connection->run, "%s took no more in time", connection->target), false;
        uint64_t room;
        if (!wasi_io_streams_method_output_stream_check_write(connection->output, &room, &error))
            return probity_unhealthy(connection->run, "%s closed the connection", connection->target), false;
        size_t portion = (size_t)(end - at);
        portion = portion < PORTION ? portion : PORTION;
        portion = portion < room ? portion : (size_t)room;
        probe_list_u8_t list = { (uint8_t *)at, portion };
        if (!wasi_io_streams_method_output_stream_write(connection->output, &list, &error)
            || !wasi_io_streams_method_output_stream_flush(connection->output, &error))
            return probity_unhealthy(connection->run, "%s closed the connection", connection->target), false;
        at += portion;
    }
    return true;
}
