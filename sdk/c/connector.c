/* What a probe exports whose connection stays open between runs. The instance lives as long as the connection, and there is one of it. */

#include "run.h"

#include <stdlib.h>

struct exports_probity_probe_connector_connection_t {
    probity_run run;
    void *opened;
};

bool exports_probity_probe_connector_static_connection_open(probe_string_t *json, exports_probity_probe_connector_run_t *told,
    exports_probity_probe_connector_own_connection_t *opened, exports_probity_probe_connector_failure_t *failure)
{
    void *settings;
    exports_probity_probe_manifest_list_setting_problem_t wrong = probity_settings_of(json, &settings);
    if (wrong.len) {
        failure->tag = PROBITY_PROBE_TYPES_FAILURE_PROBLEM;
        failure->val.problem.tag = PROBITY_PROBE_TYPES_PROBLEM_INVALID_SETTINGS;
        failure->val.problem.val.invalid_settings.ptr = wrong.ptr;
        failure->val.problem.val.invalid_settings.len = wrong.len;
        return false;
    }
    exports_probity_probe_connector_connection_t *connection = calloc(1, sizeof *connection);
    probity_run *run = &connection->run;
    probity_stay(true);
    probity_begin(run, told);
    connection->opened = probity_open(run, settings);
    probity_stay(false);
    run->staying = run->holds;
    if (connection->opened) {
        exports_probity_probe_connector_run_free(told);
        *opened = exports_probity_probe_connector_connection_new(connection);
        return true;
    }
    bool is_verdict = probity_conclude(run, &failure->val.verdict, &failure->val.problem);
    failure->tag = is_verdict ? PROBITY_PROBE_TYPES_FAILURE_VERDICT : PROBITY_PROBE_TYPES_FAILURE_PROBLEM;
    return false;
}

bool exports_probity_probe_connector_method_connection_check(exports_probity_probe_connector_borrow_connection_t connection,
    exports_probity_probe_connector_run_t *told, exports_probity_probe_connector_verdict_t *verdict,
    exports_probity_probe_connector_problem_t *problem)
{
    probity_run *run = &connection->run;
    probity_begin(run, told);
    probity_examine(run, connection->opened);
    bool is_verdict = probity_conclude(run, verdict, problem);
    /* What the call has opened and allocated ends with it. */
    probity_release(run);
    probity_forget();
    exports_probity_probe_connector_run_free(told);
    return is_verdict;
}

void exports_probity_probe_connector_method_connection_close(exports_probity_probe_connector_borrow_connection_t connection)
{
    probity_begin(&connection->run, NULL);
    probity_close(&connection->run, connection->opened);
}

void exports_probity_probe_connector_connection_destructor(exports_probity_probe_connector_connection_t *connection)
{
    connection->run.staying = 0;
    probity_release(&connection->run);
}
