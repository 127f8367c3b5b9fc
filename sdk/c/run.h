/* What the parts of the library know of a run, and nobody else. */

#ifndef PROBITY_RUN_H
#define PROBITY_RUN_H

#include "probity.h"

struct probity_run {
    const exports_probity_probe_checker_run_t *told;
    /* Nanoseconds, by the clock that is never set: when it began, when its last phase ended, when waiting must end. */
    uint64_t began, marked, end;
    wasi_io_poll_own_pollable_t deadline;
    /* What was said last; NULL if nothing was. */
    char *message;
    bool is_problem, is_denied;
    exports_probity_probe_checker_verdict_t verdict;
};

#endif
