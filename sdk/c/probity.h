/* What probes in C share: settings, verdicts, phases, the network with the run's deadline, and the manifest.
 *
 * A probe defines `probity_probe`, which says what it is, and `probity_check`, which examines its target once:
 *
 *     typedef struct { const char *host; int64_t port; const char *expect; } settings;
 *
 *     static const probity_setting SETTINGS[] = {
 *         PROBITY_TEXT(settings, host, .not_empty = true),
 *         PROBITY_PORT(settings, port),
 *         PROBITY_TEXT(settings, expect, .fallback = ""),
 *         PROBITY_END,
 *     };
 *
 *     const probity_manifest probity_probe = {
 *         .name = "banner", .version = "0.1.0", .description = "Expects a banner.", .settings = SETTINGS,
 *         .settings_size = sizeof(settings), .grants = { "tcp:{host}:{port}" },
 *     };
 *
 *     void probity_check(probity_run *run, const void *given)
 *     {
 *         const settings *settings = given;
 *         probity_connection *connection = probity_connect(run, settings->host, settings->port);
 *         const char *banner = connection ? probity_expect(connection, settings->expect, 4096) : NULL;
 *         if (banner)
 *             probity_healthy(run, "it greets with %s", probity_quote(banner));
 *     }
 *
 * What fails says so itself: where the target does not do something in time, or has left, the verdict is unhealthy, where the check is
 * not granted something, it is a fault that names the grant, and NULL or false is returned. The last thing that is said counts. What
 * functions return lives until the end of the run: nothing has to be given back. Whatever else there is of WASI is in probe.h, which
 * `probity build` makes of the WIT; what a probe does not call, it does not import.
 *
 * A probe whose connection stays open between runs (`kind = "connector"` in build.toml) defines, in place of `probity_check`,
 * `probity_open`, `probity_examine` and `probity_close`. What is opened and returned in `probity_open` stays until the end of the
 * connection. */

#ifndef PROBITY_H
#define PROBITY_H

#include "probe.h"
#include "settings.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Grants that a manifest can have. */
#define PROBITY_MOST_GRANTS 8

/* What a probe says of itself. */
typedef struct {
    const char *name, *version;
    /* One sentence. */
    const char *description;
    /* Seconds, used where the operator says nothing; 0 suggests nothing. */
    double interval, timeout;
    /* Bytes of memory that it needs, where the usual limit is too little; otherwise 0. */
    uint64_t memory;
    bool critical, passive;
    /* The table of its settings, and the size of the struct that they are read into. NULL: it has none. */
    const probity_setting *settings;
    size_t settings_size;
    /* What a check has to be granted, as templates over its settings: "tcp:{host}:{port}". */
    const char *grants[PROBITY_MOST_GRANTS];
} probity_manifest;

/* One run. */
typedef struct probity_run probity_run;

/* A TCP connection. It ends with the run. */
typedef struct probity_connection probity_connection;

/* A UDP socket that speaks to one address and hears it alone. */
typedef struct probity_datagrams probity_datagrams;

/* To be defined by the probe. */
extern const probity_manifest probity_probe;
void probity_check(probity_run *run, const void *settings);
/* Or by one that keeps a connection: dials the target; what it returns is handed to the others. NULL: it said why. */
void *probity_open(probity_run *run, const void *settings);
/* Examines the target over it. */
void probity_examine(probity_run *run, void *opened);
/* Takes leave of the target as its protocol asks, and waits for no answer. What it says is heard by nobody. */
void probity_close(probity_run *run, void *opened);

/* The verdict, and its message as printf has it. */
void probity_healthy(probity_run *run, const char *format, ...) __attribute__((format(printf, 2, 3)));
void probity_degraded(probity_run *run, const char *format, ...) __attribute__((format(printf, 2, 3)));
void probity_unhealthy(probity_run *run, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Nothing is known of the target: the probe itself failed. */
void probity_failed(probity_run *run, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Facts for people. */
void probity_detail_text(probity_run *run, const char *key, const char *value);
void probity_detail_integer(probity_run *run, const char *key, int64_t value);
void probity_detail_number(probity_run *run, const char *key, double value);
void probity_detail_boolean(probity_run *run, const char *key, bool value);
/* One figure, for time series, in a unit of UCUM: "s", "By", "1", "%". */
void probity_measure(probity_run *run, const char *name, double value, const char *unit);
/* How long the target took, in seconds; without it, the runner's own timing counts. */
void probity_latency(probity_run *run, double seconds);
/* The failure will not go away by itself: trying again soon is pointless. */
void probity_permanent(probity_run *run);
/* What the next run of the same check finds as its state. */
void probity_keep(probity_run *run, const void *state, size_t length);

/* What the runner tells of the run. */
const char *probity_check_name(const probity_run *run);
uint32_t probity_attempt(const probity_run *run);
const char *probity_traceparent(const probity_run *run);
const void *probity_state(const probity_run *run, size_t *length);
/* Seconds until waiting for the target must end, so that the verdict still comes in time. All here keeps to it. */
double probity_time_left(const probity_run *run);
/* Seconds since the run began. */
double probity_elapsed(const probity_run *run);
/* A phase of this name ends: how long it took, since the one before ended or the run began, becomes a measurement. One that is done
 * several times is measured as a whole. */
void probity_phase(probity_run *run, const char *name);
/* Waits until something can be read or written; whether that is before the time is over. It drops the pollable. */
bool probity_wait(probity_run *run, wasi_io_poll_own_pollable_t pollable);

/* The addresses of a host, in the order of the resolver, 8 at most, and NULL after the last: the phase `resolve`. */
const char *const *probity_lookup(probity_run *run, const char *host);

/* Connects to a host, which may have several addresses: the phases `resolve` and `connect`. */
probity_connection *probity_connect(probity_run *run, const char *host, int64_t port);
/* How messages call its target: host:port. */
const char *probity_target(const probity_connection *connection);
/* What has arrived, as soon as something has, and how much; 0 if the target has closed the connection. A NUL follows it. */
const char *probity_read(probity_connection *connection, size_t most, size_t *length);
/* Waits until a text has arrived, or, if it is empty, anything; within `most` bytes. All that has arrived by then. */
const char *probity_expect(probity_connection *connection, const char *text, size_t most);
/* The next line, without its end. */
const char *probity_read_line(probity_connection *connection, size_t most);
/* Sends all of it. */
bool probity_write(probity_connection *connection, const void *bytes, size_t length);

/* TLS is done by the runner, which verifies the certificate; what it trusts, and shows of its own, is the operator's to say (`[check.tls]`).
 * It takes the grant `tls` beside that of the connection. */

/* Connects to a host, as which the server has to prove itself: the phases `resolve`, `connect` and `tls`. */
probity_connection *probity_connect_tls(probity_run *run, const char *host, int64_t port);
/* Goes on over TLS, for protocols that agree on it after they have begun in the clear. The server has to prove this name, or this address,
 * which has no brackets. */
bool probity_secure(probity_connection *connection, const char *name);

/* A socket for the first address of a host: the phase `resolve`. Nothing is sent yet. */
probity_datagrams *probity_connect_udp(probity_run *run, const char *host, int64_t port);
/* Sends one datagram. That nobody listens shows, if at all, when the next one is sent or received. */
bool probity_send(probity_datagrams *datagrams, const void *bytes, size_t length);
/* The next datagram, and how long it is. A NUL follows it. */
const char *probity_receive(probity_datagrams *datagrams, size_t *length);
/* Sends a question, up to three times within the time that is left, until something comes that is an answer to it: whatever comes, if
 * `is_answer` is NULL. What is none may be late, forged or garbage. */
const char *probity_ask(probity_datagrams *datagrams, const void *question, size_t asked,
    bool (*is_answer)(const char *datagram, size_t length), size_t *length);

/* A request of HTTP. The runner sends it: it resolves, connects and speaks TLS, by the grants `http:` and `https:`. */
typedef struct {
    /* NULL is GET. */
    const char *method;
    /* Absolute, and of http or https. */
    const char *url;
    /* Names and values in turn, and NULL after the last; NULL: there are none. */
    const char *const *headers;
    const void *body;
    size_t body_length;
    /* How many bytes of the answer's body are read; 0 are a mebibyte. */
    size_t most_body;
} probity_request;

/* Its answer. */
typedef struct {
    int status;
    /* Names in lower case and values in turn, and NULL after the last. */
    const char *const *headers;
    /* What was read of it, and how much. A NUL follows it. */
    const char *body;
    size_t body_length;
    /* Whether there was more. */
    bool cut;
} probity_response;

/* Sends a request, and waits for the whole answer: the phases `first-byte` and `body`. Whatever its status is, it is an answer. */
const probity_response *probity_fetch(probity_run *run, const probity_request *request);
/* The first value of a header; NULL if there is none. */
const char *probity_header(const probity_response *response, const char *name);

/* The first line of a text, in quotes, and no more of it than a message should show. */
const char *probity_quote(const char *text);

#ifdef __cplusplus
}
#endif

#endif
