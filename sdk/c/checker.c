/* What a probe exports that examines its target from nothing at each run. */

#include "run.h"

#include <stdlib.h>

bool exports_probity_probe_checker_check(probe_string_t *json, exports_probity_probe_checker_run_t *told,
    exports_probity_probe_checker_verdict_t *verdict, exports_probity_probe_checker_problem_t *problem)
{
    void *settings;
    exports_probity_probe_manifest_list_setting_problem_t wrong = probity_settings_of(json, &settings);
    if (wrong.len) {
        problem->tag = PROBITY_PROBE_TYPES_PROBLEM_INVALID_SETTINGS;
        problem->val.invalid_settings.ptr = wrong.ptr;
        problem->val.invalid_settings.len = wrong.len;
        return false;
    }
    /* Memory and resources live as long as the instance, which is this call. */
    probity_run run = { 0 };
    probity_begin(&run, told);
    probity_check(&run, settings);
    return probity_conclude(&run, verdict, problem);
}
