/* UDP, with the run's deadline built in. */

#include "run.h"

#include <string.h>

/* How often a question is sent, as datagrams get lost. */
#define TRIES 3

struct probity_datagrams {
    probity_run *run;
    const char *target;
    wasi_sockets_udp_borrow_incoming_datagram_stream_t incoming;
    wasi_sockets_udp_borrow_outgoing_datagram_stream_t outgoing;
};

static void drop_socket(intptr_t handle)
{
    wasi_sockets_udp_udp_socket_drop_own((wasi_sockets_udp_own_udp_socket_t){ (int32_t)handle });
}

static void drop_incoming(intptr_t handle)
{
    wasi_sockets_udp_incoming_datagram_stream_drop_own((wasi_sockets_udp_own_incoming_datagram_stream_t){ (int32_t)handle });
}

static void drop_outgoing(intptr_t handle)
{
    wasi_sockets_udp_outgoing_datagram_stream_drop_own((wasi_sockets_udp_own_outgoing_datagram_stream_t){ (int32_t)handle });
}

probity_datagrams *probity_connect_udp(probity_run *run, const char *host, int64_t port)
{
    const char *target = probity_text("%s:%lld", host, (long long)port);
    wasi_sockets_network_borrow_network_t network;
    size_t count;
    const wasi_sockets_network_ip_address_t *addresses = probity_resolve(run, host, target, &network, &count);
    if (!addresses)
        return NULL;
    wasi_sockets_udp_ip_socket_address_t remote = probity_socket_address(addresses, (uint16_t)port);
    /* From the unspecified address the system picks the local end. */
    wasi_sockets_udp_ip_socket_address_t any = { .tag = remote.tag };
    wasi_sockets_network_error_code_t error;
    wasi_sockets_udp_own_udp_socket_t own;
    if (!wasi_sockets_udp_create_socket_create_udp_socket(remote.tag, &own, &error))
        return probity_network_failed(run, target, error);
    probity_hold(run, drop_socket, own.__handle);
    wasi_sockets_udp_borrow_udp_socket_t socket = wasi_sockets_udp_borrow_udp_socket(own);
    if (!wasi_sockets_udp_method_udp_socket_start_bind(socket, network, &any, &error))
        return probity_network_failed(run, target, error);
    if (!probity_wait(run, wasi_sockets_udp_method_udp_socket_subscribe(socket)))
        return probity_unhealthy(run, "%s got no socket in time", target), NULL;
    wasi_sockets_udp_tuple2_own_incoming_datagram_stream_own_outgoing_datagram_stream_t streams;
    if (!wasi_sockets_udp_method_udp_socket_finish_bind(socket, &error)
        || !wasi_sockets_udp_method_udp_socket_stream(socket, &remote, &streams, &error))
        return probity_network_failed(run, target, error);
    probity_hold(run, drop_incoming, streams.f0.__handle);
    probity_hold(run, drop_outgoing, streams.f1.__handle);
    probity_datagrams *datagrams = probity_allocate(sizeof *datagrams);
    *datagrams = (probity_datagrams){
        .run = run,
        .target = target,
        .incoming = wasi_sockets_udp_borrow_incoming_datagram_stream(streams.f0),
        .outgoing = wasi_sockets_udp_borrow_outgoing_datagram_stream(streams.f1),
    };
    return datagrams;
}

bool probity_send(probity_datagrams *datagrams, const void *bytes, size_t length)
{
    wasi_sockets_udp_outgoing_datagram_t datagram = { .data = { (uint8_t *)bytes, length } };
    wasi_sockets_udp_list_outgoing_datagram_t list = { &datagram, 1 };
    wasi_sockets_network_error_code_t error;
    for (;;) {
        uint64_t room, sent = 0;
        if (!wasi_sockets_udp_method_outgoing_datagram_stream_check_send(datagrams->outgoing, &room, &error)
            || (room && !wasi_sockets_udp_method_outgoing_datagram_stream_send(datagrams->outgoing, &list, &sent, &error)))
            return probity_network_failed(datagrams->run, datagrams->target, error), false;
        if (sent)
            return true;
        if (!probity_wait(datagrams->run, wasi_sockets_udp_method_outgoing_datagram_stream_subscribe(datagrams->outgoing)))
            return probity_unhealthy(datagrams->run, "%s took nothing in time", datagrams->target), false;
    }
}

/* The next datagram: 1, 0 if none comes until then, -1 if something fails, which is said. */
static int receive(probity_datagrams *datagrams, uint64_t end, const char **bytes, size_t *length)
{
    for (;;) {
        wasi_sockets_udp_list_incoming_datagram_t came;
        wasi_sockets_network_error_code_t error;
        if (!wasi_sockets_udp_method_incoming_datagram_stream_receive(datagrams->incoming, 1, &came, &error))
            return probity_network_failed(datagrams->run, datagrams->target, error), -1;
        if (came.len) {
            char *copy = probity_allocate(came.ptr->data.len + 1);
            *length = came.ptr->data.len;
            memcpy(copy, came.ptr->data.ptr, *length);
            copy[*length] = '\0';
            *bytes = copy;
            wasi_sockets_udp_list_incoming_datagram_free(&came);
            return 1;
        }
        wasi_sockets_udp_list_incoming_datagram_free(&came);
        if (!probity_wait_until(end, wasi_sockets_udp_method_incoming_datagram_stream_subscribe(datagrams->incoming)))
            return 0;
    }
}

const char *probity_receive(probity_datagrams *datagrams, size_t *length)
{
    const char *bytes = NULL;
    if (!receive(datagrams, datagrams->run->end, &bytes, length))
        probity_unhealthy(datagrams->run, "%s sent nothing in time", datagrams->target);
    return bytes;
}

const char *probity_ask(probity_datagrams *datagrams, const void *question, size_t asked,
    bool (*is_answer)(const char *datagram, size_t length), size_t *length)
{
    unsigned strays = 0;
    for (size_t left = TRIES; left > 0; left--) {
        if (!probity_send(datagrams, question, asked))
            return NULL;
        uint64_t end = probity_share(datagrams->run, left);
        const char *answer = NULL;
        int came;
        while ((came = receive(datagrams, end, &answer, length)) == 1) {
            if (!is_answer || is_answer(answer, *length))
                return answer;
            strays++;
        }
        if (came < 0)
            return NULL;
    }
    if (strays)
        probity_unhealthy(datagrams->run, "%s sent %u datagrams, and none was the answer", datagrams->target, strays);
    else
        probity_unhealthy(datagrams->run, "%s did not answer in time", datagrams->target);
    return NULL;
}
