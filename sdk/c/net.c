/* TCP, with the run's deadline built in. */

#include "run.h"

#include <stdlib.h>
#include <string.h>

/* Bytes that are read or written in one call; the contract of wasi:io allows no more to be written. */
#define PORTION 4096

static const char *const CODES[] = {
    "unknown", "access denied", "not supported", "invalid argument", "out of memory", "timeout", "concurrency conflict",
    "not in progress", "would block", "invalid state", "new socket limit", "address not bindable", "address in use",
    "remote unreachable", "connection refused", "connection reset", "connection aborted", "datagram too large",
    "name unresolvable", "temporary resolver failure", "permanent resolver failure",
};

/* Those that say something of the target; what the others say is of the runner, or of its system. */
static bool is_of_target(wasi_sockets_network_error_code_t code)
{
    switch (code) {
    case WASI_SOCKETS_NETWORK_ERROR_CODE_TIMEOUT:
    case WASI_SOCKETS_NETWORK_ERROR_CODE_REMOTE_UNREACHABLE:
    case WASI_SOCKETS_NETWORK_ERROR_CODE_CONNECTION_REFUSED:
    case WASI_SOCKETS_NETWORK_ERROR_CODE_CONNECTION_RESET:
    case WASI_SOCKETS_NETWORK_ERROR_CODE_CONNECTION_ABORTED:
    case WASI_SOCKETS_NETWORK_ERROR_CODE_NAME_UNRESOLVABLE:
    case WASI_SOCKETS_NETWORK_ERROR_CODE_TEMPORARY_RESOLVER_FAILURE:
    case WASI_SOCKETS_NETWORK_ERROR_CODE_PERMANENT_RESOLVER_FAILURE:
        return true;
    default:
        return false;
    }
}

void *probity_network_failed(probity_run *run, const char *target, wasi_sockets_network_error_code_t code)
{
    if (code == WASI_SOCKETS_NETWORK_ERROR_CODE_ACCESS_DENIED) {
        /* The runner adds the grant that the operator would have to write. */
        probity_failed(run, "%s is not granted", target);
        run->is_denied = true;
    } else if (is_of_target(code))
        probity_unhealthy(run, "can't reach %s: %s", target, CODES[code]);
    else
        probity_failed(run, "the runner failed to reach %s: %s", target, CODES[code]);
    return NULL;
}

wasi_sockets_network_ip_socket_address_t probity_socket_address(const wasi_sockets_network_ip_address_t *address, uint16_t port)
{
    wasi_sockets_network_ip_socket_address_t remote = { .tag = address->tag };
    if (address->tag == WASI_SOCKETS_NETWORK_IP_ADDRESS_IPV4) {
        remote.val.ipv4.port = port;
        remote.val.ipv4.address = address->val.ipv4;
    } else {
        remote.val.ipv6.port = port;
        remote.val.ipv6.address = address->val.ipv6;
    }
    return remote;
}

static void drop_socket(intptr_t handle)
{
    wasi_sockets_tcp_tcp_socket_drop_own((wasi_sockets_tcp_own_tcp_socket_t){ (int32_t)handle });
}

static void drop_input(intptr_t handle)
{
    wasi_io_streams_input_stream_drop_own((wasi_io_streams_own_input_stream_t){ (int32_t)handle });
}

static void drop_output(intptr_t handle)
{
    wasi_io_streams_output_stream_drop_own((wasi_io_streams_own_output_stream_t){ (int32_t)handle });
}

/* What has arrived outlives the call in which it did. */
static void drop_arrived(intptr_t connection) { free(((probity_connection *)connection)->arrived); }

static probity_connection *dial(probity_run *run, const char *target, wasi_sockets_network_borrow_network_t network,
    const wasi_sockets_network_ip_address_t *address, uint16_t port, uint64_t end)
{
    wasi_sockets_tcp_ip_socket_address_t remote = probity_socket_address(address, port);
    wasi_sockets_network_error_code_t error;
    wasi_sockets_tcp_own_tcp_socket_t own;
    if (!wasi_sockets_tcp_create_socket_create_tcp_socket(remote.tag, &own, &error))
        return probity_network_failed(run, target, error);
    probity_hold(run, drop_socket, own.__handle);
    wasi_sockets_tcp_borrow_tcp_socket_t socket = wasi_sockets_tcp_borrow_tcp_socket(own);
    if (!wasi_sockets_tcp_method_tcp_socket_start_connect(socket, network, &remote, &error))
        return probity_network_failed(run, target, error);
    if (!probity_wait_until(end, wasi_sockets_tcp_method_tcp_socket_subscribe(socket)))
        return probity_unhealthy(run, "%s took no connection in time", target), NULL;
    wasi_sockets_tcp_tuple2_own_input_stream_own_output_stream_t streams;
    if (!wasi_sockets_tcp_method_tcp_socket_finish_connect(socket, &streams, &error))
        return probity_network_failed(run, target, error);
    return probity_connected(run, target, streams.f0, streams.f1);
}

probity_connection *probity_connected(
    probity_run *run, const char *target, wasi_io_streams_own_input_stream_t input, wasi_io_streams_own_output_stream_t output)
{
    probity_hold(run, drop_input, input.__handle);
    probity_hold(run, drop_output, output.__handle);
    probity_connection *connection = probity_allocate(sizeof *connection);
    *connection = (probity_connection){
        .run = run,
        .target = target,
        .input = wasi_io_streams_borrow_input_stream(input),
        .output = wasi_io_streams_borrow_output_stream(output),
    };
    probity_hold(run, drop_arrived, (intptr_t)connection);
    return connection;
}

static void drop_network(intptr_t handle)
{
    wasi_sockets_network_network_drop_own((wasi_sockets_network_own_network_t){ (int32_t)handle });
}

static void drop_names(intptr_t handle)
{
    wasi_sockets_ip_name_lookup_resolve_address_stream_drop_own(
        (wasi_sockets_ip_name_lookup_own_resolve_address_stream_t){ (int32_t)handle });
}

const wasi_sockets_network_ip_address_t *probity_resolve(
    probity_run *run, const char *host, const char *target, wasi_sockets_network_borrow_network_t *network, size_t *count)
{
    wasi_sockets_network_own_network_t own_network = wasi_sockets_instance_network_instance_network();
    probity_hold(run, drop_network, own_network.__handle);
    *network = wasi_sockets_network_borrow_network(own_network);
    wasi_sockets_network_error_code_t error;
    probe_string_t name = { (uint8_t *)host, strlen(host) };
    wasi_sockets_ip_name_lookup_own_resolve_address_stream_t own;
    if (!wasi_sockets_ip_name_lookup_resolve_addresses(*network, &name, &own, &error))
        return probity_network_failed(run, target, error);
    probity_hold(run, drop_names, own.__handle);
    wasi_sockets_ip_name_lookup_borrow_resolve_address_stream_t names =
        wasi_sockets_ip_name_lookup_borrow_resolve_address_stream(own);
    /* More than are tried would leave each too little of the time. */
    wasi_sockets_network_ip_address_t *addresses = probity_allocate(PROBITY_MOST_ADDRESSES * sizeof *addresses);
    *count = 0;
    while (*count < PROBITY_MOST_ADDRESSES) {
        if (!probity_wait(run, wasi_sockets_ip_name_lookup_method_resolve_address_stream_subscribe(names)))
            return probity_unhealthy(run, "%s was not resolved in time", host), NULL;
        wasi_sockets_ip_name_lookup_option_ip_address_t next;
        if (!wasi_sockets_ip_name_lookup_method_resolve_address_stream_resolve_next_address(names, &next, &error))
            return probity_network_failed(run, target, error);
        if (!next.is_some)
            break;
        addresses[(*count)++] = next.val;
    }
    if (!*count)
        return probity_unhealthy(run, "%s has no address", host), NULL;
    probity_phase(run, "resolve");
    return addresses;
}

probity_connection *probity_connect(probity_run *run, const char *host, int64_t port)
{
    const char *target = probity_text("%s:%lld", host, (long long)port);
    wasi_sockets_network_borrow_network_t network;
    size_t count;
    const wasi_sockets_network_ip_address_t *addresses = probity_resolve(run, host, target, &network, &count);
    for (size_t at = 0; addresses && at < count && (at == 0 || probity_time_left(run) > 0); at++) {
        /* What was said of one that failed is forgotten once another is reached. Each has its share of the time. */
        uint64_t end = probity_share(run, count - at);
        probity_connection *connection = dial(run, target, network, &addresses[at], (uint16_t)port, end);
        if (connection) {
            run->message = NULL;
            run->is_problem = run->is_denied = false;
            probity_phase(run, "connect");
            return connection;
        }
    }
    return NULL;
}

static const char *written(const wasi_sockets_network_ip_address_t *address)
{
    if (address->tag == WASI_SOCKETS_NETWORK_IP_ADDRESS_IPV4) {
        wasi_sockets_network_ipv4_address_t four = address->val.ipv4;
        return probity_text("%u.%u.%u.%u", four.f0, four.f1, four.f2, four.f3);
    }
    wasi_sockets_network_ipv6_address_t six = address->val.ipv6;
    return probity_text("%x:%x:%x:%x:%x:%x:%x:%x", six.f0, six.f1, six.f2, six.f3, six.f4, six.f5, six.f6, six.f7);
}

const char *const *probity_lookup(probity_run *run, const char *host)
{
    wasi_sockets_network_borrow_network_t network;
    size_t count;
    const wasi_sockets_network_ip_address_t *addresses = probity_resolve(run, host, host, &network, &count);
    if (!addresses)
        return NULL;
    const char **found = probity_allocate((count + 1) * sizeof *found);
    for (size_t at = 0; at < count; at++)
        found[at] = written(&addresses[at]);
    found[count] = NULL;
    return found;
}

const char *probity_why(wasi_io_error_own_error_t error)
{
    probe_string_t text;
    wasi_io_error_method_error_to_debug_string(wasi_io_error_borrow_error(error), &text);
    const char *why = probity_text("%.*s", (int)text.len, (const char *)text.ptr);
    probe_string_free(&text);
    wasi_io_error_error_drop_own(error);
    return why;
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
    char *taken = probity_allocate(length + 1);
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
    /* It can be written to again once the flush is done. */
    if (!probity_wait(connection->run, wasi_io_streams_method_output_stream_subscribe(connection->output)))
        return probity_unhealthy(connection->run, "%s took no more in time", connection->target), false;
    return true;
}
