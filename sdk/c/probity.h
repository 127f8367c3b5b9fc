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
 * not granted something, it is a fault that names the grant, and NULL or false is returned. The last thing that is said counts. All
 * memory is from malloc and lives for one run: nothing has to be given back. Whatever else there is of WASI is in probe.h, which
 * `probity build` makes of the WIT. */

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

/* A TCP connection, which ends with the run. */
typedef struct probity_connection probity_connection;

/* To be defined by the probe. */
extern const probity_manifest probity_probe;
void probity_check(probity_run *run, const void *settings);

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
/* A phase of this name ends: how long it took, since the one before ended or the run began, becomes a measurement. */
void probity_phase(probity_run *run, const char *name);
/* Waits until something can be read or written; whether that is before the time is over. It drops the pollable. */
bool probity_wait(probity_run *run, wasi_io_poll_own_pollable_t pollable);

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

/* The first line of a text, in quotes, and no more of it than a message should show. */
const char *probity_quote(const char *text);

#ifdef __cplusplus
}
#endif

#endif
