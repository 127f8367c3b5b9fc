/* What the parts of the library know of a run, and nobody else. */

#ifndef PROBITY_RUN_H
#define PROBITY_RUN_H

#include "memory.h"
#include "probity.h"

/* Lets go of a resource, or of whatever else has to be. */
typedef void (*probity_drop)(intptr_t handle);

typedef struct {
    probity_drop drop;
    intptr_t handle;
} probity_held;

struct probity_run {
    /* NULL: it takes its leave. */
    const probity_probe_types_run_t *told;
    /* Nanoseconds, by the clock that is never set: when it began, when its last phase ended, when waiting must end. */
    uint64_t began, marked, end;
    /* What was said last; NULL if nothing was. */
    char *message;
    bool is_problem, is_denied;
    probity_probe_types_verdict_t verdict;
    /* What belongs to the run: what belongs to something else has to be let go before it, the last one first. So many of them live on from
     * run to run. */
    probity_held *held;
    size_t holds, staying;
};

/* Reads the settings into a struct from malloc; what is wrong with them. */
exports_probity_probe_manifest_list_setting_problem_t probity_settings_of(const probe_string_t *json, void **settings);

/* Begins a call: of a run, or without one the leave-taking of a connection. */
void probity_begin(probity_run *run, const probity_probe_types_run_t *told);

/* What a call came to: whether that is a verdict. */
bool probity_conclude(
    probity_run *run, probity_probe_types_verdict_t *verdict, probity_probe_types_problem_t *problem);

/* Addresses of one name that are tried: more would leave each too little of the time. */
#define PROBITY_MOST_ADDRESSES 8

/* Keeps a resource until the run is over, unless it is given away; and lets go of all that do not stay. */
void probity_hold(probity_run *run, probity_drop drop, intptr_t handle);
void probity_give_away(probity_run *run, intptr_t handle);
void probity_release(probity_run *run);

/* Waits until then at most. */
bool probity_wait_until(uint64_t end, wasi_io_poll_own_pollable_t pollable);
/* When the first of some equal parts of the time that is left is over. */
uint64_t probity_share(const probity_run *run, size_t parts);

/* What an error of the network says of the target, or of the check. NULL. */
void *probity_network_failed(probity_run *run, const char *target, wasi_sockets_network_error_code_t code);

/* The addresses of a host, and the network: the phase `resolve`. NULL if there are none, which is said. */
const wasi_sockets_network_ip_address_t *probity_resolve(
    probity_run *run, const char *host, const char *target, wasi_sockets_network_borrow_network_t *network, size_t *count);
/* Where on an address. */
wasi_sockets_network_ip_socket_address_t probity_socket_address(const wasi_sockets_network_ip_address_t *address, uint16_t port);

/* A TCP connection. */
struct probity_connection {
    probity_run *run;
    const char *target;
    wasi_io_streams_borrow_input_stream_t input;
    wasi_io_streams_borrow_output_stream_t output;
    /* What has arrived and was not taken. */
    char *arrived;
    size_t length;
};

/* One that is made of its streams, which it holds. */
probity_connection *probity_connected(
    probity_run *run, const char *target, wasi_io_streams_own_input_stream_t input, wasi_io_streams_own_output_stream_t output);

/* The first line of what the runner says of an error, which is dropped. */
const char *probity_why(wasi_io_error_own_error_t error);

#endif
