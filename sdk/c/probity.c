/* From what an author writes to what the contract wants exported. */

#include "run.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What is kept of the time for the verdict, in nanoseconds: whoever has none by the end of the time has failed as a probe, and a target that
 * does not answer is to be called unhealthy. A twenty-fifth of it, but not less than two ticks of the runner's clock, nor more than half a
 * second. */
#define SHARE 25
#define LEAST 20000000
#define MOST 500000000
/* Characters that a quotation shows. */
#define SHOWN 120
/* What a leave-taking has, of which the runner tells no time, in nanoseconds: half of the most that it allows. */
#define LEAVE 1000000000

static char *copy(const probe_string_t *text) { return probity_text("%.*s", (int)text->len, (const char *)text->ptr); }

static void give(probe_string_t *into, const char *text)
{
    /* What is given away is freed. */
    probe_string_dup(into, text);
}

static bool give_time(double seconds, uint64_t *nanoseconds)
{
    *nanoseconds = (uint64_t)(seconds * 1e9);
    return seconds > 0;
}

void exports_probity_probe_manifest_describe(exports_probity_probe_manifest_description_t *description)
{
    static const probity_setting NONE[] = { PROBITY_END };
    const probity_manifest *probe = &probity_probe;
    *description = (exports_probity_probe_manifest_description_t){ .critical = probe->critical, .passive = probe->passive };
    give(&description->name, probe->name);
    give(&description->version, probe->version);
    give(&description->description, probe->description);
    give(&description->settings_schema, probity_schema(probe->settings ? probe->settings : NONE));
    description->default_interval.is_some = give_time(probe->interval, &description->default_interval.val);
    description->default_timeout.is_some = give_time(probe->timeout, &description->default_timeout.val);
    description->memory.is_some = probe->memory > 0;
    description->memory.val = probe->memory;
    description->grants.ptr = calloc(PROBITY_MOST_GRANTS, sizeof *description->grants.ptr);
    while (description->grants.len < PROBITY_MOST_GRANTS && probe->grants[description->grants.len]) {
        give(&description->grants.ptr[description->grants.len], probe->grants[description->grants.len]);
        description->grants.len++;
    }
}

exports_probity_probe_manifest_list_setting_problem_t probity_settings_of(const probe_string_t *json, void **settings)
{
    exports_probity_probe_manifest_list_setting_problem_t list = { 0 };
    *settings = calloc(1, probity_probe.settings_size + 1);
    if (!probity_probe.settings)
        return list;
    probity_problem problems[PROBITY_MOST_PROBLEMS];
    list.len = probity_read_settings(probity_probe.settings, (const char *)json->ptr, json->len, *settings, problems);
    list.ptr = calloc(list.len + 1, sizeof *list.ptr);
    for (size_t at = 0; at < list.len; at++) {
        give(&list.ptr[at].pointer, problems[at].pointer);
        give(&list.ptr[at].message, problems[at].message);
    }
    return list;
}

void exports_probity_probe_manifest_validate(
    probe_string_t *json, exports_probity_probe_manifest_list_setting_problem_t *problems)
{
    void *settings;
    *problems = probity_settings_of(json, &settings);
}

/* What is kept: never more than half of the whole. */
static uint64_t margin(uint64_t left)
{
    uint64_t kept = left / SHARE < LEAST ? LEAST : left / SHARE < MOST ? left / SHARE : MOST;
    return kept < left / 2 ? kept : left / 2;
}

void probity_begin(probity_run *run, const probity_probe_types_run_t *told)
{
    uint64_t now = wasi_clocks_monotonic_clock_now();
    *run = (probity_run){ .told = told, .began = now, .marked = now, .held = run->held, .holds = run->holds, .staying = run->staying };
    run->end = told ? now + told->time_left - margin(told->time_left) : now + LEAVE;
}

bool probity_conclude(
    probity_run *run, probity_probe_types_verdict_t *verdict, probity_probe_types_problem_t *problem)
{
    if (!run->message)
        probity_failed(run, "the probe said nothing of its target");
    if (run->is_problem) {
        problem->tag = run->is_denied ? PROBITY_PROBE_TYPES_PROBLEM_DENIED : PROBITY_PROBE_TYPES_PROBLEM_OTHER;
        give(run->is_denied ? &problem->val.denied : &problem->val.other, run->message);
        probity_probe_types_verdict_free(&run->verdict);
        return false;
    }
    probity_measure(run, "total", probity_elapsed(run), "s");
    *verdict = run->verdict;
    give(&verdict->message, run->message);
    return true;
}

void probity_hold(probity_run *run, probity_drop drop, intptr_t handle)
{
    run->held = realloc(run->held, (run->holds + 1) * sizeof *run->held);
    run->held[run->holds++] = (probity_held){ drop, handle };
}

/* A place that holds nothing any more. */
static void drop_nothing(intptr_t handle) { (void)handle; }

void probity_give_away(probity_run *run, intptr_t handle)
{
    for (size_t at = 0; at < run->holds; at++)
        if (run->held[at].handle == handle)
            run->held[at].drop = drop_nothing;
}

void probity_release(probity_run *run)
{
    while (run->holds > run->staying) {
        run->holds--;
        run->held[run->holds].drop(run->held[run->holds].handle);
    }
}

/* What is said of the target, or of the probe. */
static void say(probity_run *run, bool is_problem, probity_probe_types_status_t status, const char *format, va_list values)
{
    char message[4096];
    vsnprintf(message, sizeof message, format, values);
    run->message = probity_text("%s", message);
    run->is_problem = is_problem;
    run->is_denied = false;
    run->verdict.status = status;
}

#define SAY(IS_PROBLEM, STATUS)                    \
    va_list values;                                \
    va_start(values, format);                      \
    say(run, IS_PROBLEM, STATUS, format, values);  \
    va_end(values)

void probity_healthy(probity_run *run, const char *format, ...) { SAY(false, PROBITY_PROBE_TYPES_STATUS_HEALTHY); }

void probity_degraded(probity_run *run, const char *format, ...) { SAY(false, PROBITY_PROBE_TYPES_STATUS_DEGRADED); }

void probity_unhealthy(probity_run *run, const char *format, ...) { SAY(false, PROBITY_PROBE_TYPES_STATUS_UNHEALTHY); }

void probity_failed(probity_run *run, const char *format, ...) { SAY(true, PROBITY_PROBE_TYPES_STATUS_UNHEALTHY); }

static probity_probe_types_value_t *detail(probity_run *run, const char *key, uint8_t tag)
{
    size_t at = run->verdict.details.len++;
    run->verdict.details.ptr = realloc(run->verdict.details.ptr, (at + 1) * sizeof *run->verdict.details.ptr);
    give(&run->verdict.details.ptr[at].key, key);
    run->verdict.details.ptr[at].value.tag = tag;
    return &run->verdict.details.ptr[at].value;
}

void probity_detail_text(probity_run *run, const char *key, const char *value)
{
    give(&detail(run, key, PROBITY_PROBE_TYPES_VALUE_TEXT)->val.text, value);
}

void probity_detail_integer(probity_run *run, const char *key, int64_t value)
{
    detail(run, key, PROBITY_PROBE_TYPES_VALUE_INTEGER)->val.integer = value;
}

void probity_detail_number(probity_run *run, const char *key, double value)
{
    detail(run, key, PROBITY_PROBE_TYPES_VALUE_NUMBER)->val.number = value;
}

void probity_detail_boolean(probity_run *run, const char *key, bool value)
{
    detail(run, key, PROBITY_PROBE_TYPES_VALUE_BOOLEAN)->val.boolean = value;
}

void probity_measure(probity_run *run, const char *name, double value, const char *unit)
{
    size_t at = run->verdict.measurements.len++;
    run->verdict.measurements.ptr =
        realloc(run->verdict.measurements.ptr, (at + 1) * sizeof *run->verdict.measurements.ptr);
    give(&run->verdict.measurements.ptr[at].name, name);
    give(&run->verdict.measurements.ptr[at].unit, unit);
    run->verdict.measurements.ptr[at].value = value;
}

void probity_latency(probity_run *run, double seconds)
{
    run->verdict.latency.is_some = true;
    run->verdict.latency.val = (uint64_t)(seconds * 1e9);
}

void probity_permanent(probity_run *run) { run->verdict.permanent = true; }

void probity_keep(probity_run *run, const void *state, size_t length)
{
    run->verdict.state.ptr = malloc(length + 1);
    memcpy(run->verdict.state.ptr, state, length);
    run->verdict.state.len = length;
}

const char *probity_check_name(const probity_run *run) { return copy(&run->told->check); }

uint32_t probity_attempt(const probity_run *run) { return run->told->attempt; }

const char *probity_traceparent(const probity_run *run) { return copy(&run->told->traceparent); }

const void *probity_state(const probity_run *run, size_t *length)
{
    *length = run->told->state.len;
    return run->told->state.ptr;
}

double probity_time_left(const probity_run *run)
{
    uint64_t now = wasi_clocks_monotonic_clock_now();
    return now < run->end ? (double)(run->end - now) / 1e9 : 0;
}

double probity_elapsed(const probity_run *run) { return (double)(wasi_clocks_monotonic_clock_now() - run->began) / 1e9; }

void probity_phase(probity_run *run, const char *name)
{
    uint64_t now = wasi_clocks_monotonic_clock_now();
    double took = (double)(now - run->marked) / 1e9;
    run->marked = now;
    for (size_t at = 0; at < run->verdict.measurements.len; at++) {
        probity_probe_types_measurement_t *known = &run->verdict.measurements.ptr[at];
        if (known->name.len == strlen(name) && !memcmp(known->name.ptr, name, known->name.len)) {
            known->value += took;
            return;
        }
    }
    probity_measure(run, name, took, "s");
}

bool probity_wait(probity_run *run, wasi_io_poll_own_pollable_t pollable)
{
    return probity_wait_until(run->end, pollable);
}

bool probity_wait_until(uint64_t end, wasi_io_poll_own_pollable_t pollable)
{
    wasi_io_poll_own_pollable_t alarm = wasi_clocks_monotonic_clock_subscribe_instant(end);
    wasi_io_poll_borrow_pollable_t both[] = { wasi_io_poll_borrow_pollable(pollable), wasi_io_poll_borrow_pollable(alarm) };
    wasi_io_poll_list_borrow_pollable_t list = { both, 2 };
    probe_list_u32_t ready;
    wasi_io_poll_poll(&list, &ready);
    wasi_io_poll_pollable_drop_own(alarm);
    wasi_io_poll_pollable_drop_own(pollable);
    /* Both can be ready. */
    bool happened = false;
    for (size_t at = 0; at < ready.len; at++)
        happened = happened || ready.ptr[at] == 0;
    probe_list_u32_free(&ready);
    return happened;
}

uint64_t probity_share(const probity_run *run, size_t parts)
{
    uint64_t now = wasi_clocks_monotonic_clock_now();
    return now < run->end ? now + (run->end - now) / parts : now;
}

const char *probity_quote(const char *text)
{
    size_t length = strcspn(text, "\r\n");
    char *quoted = probity_text("\"%.*s\"", (int)(length < SHOWN ? length : SHOWN), text);
    for (char *at = quoted; *at; at++)
        if (*at < ' ' || *at > '~')
            *at = '?';
    return quoted;
}
