/* Connects to a TCP port, and expects a banner. Everything that a probe consists of is in this file. */

#include "probity.h"

/* Bytes in which the banner must be. */
#define MOST_BANNER 4096

/* What the operator can configure. */
typedef struct {
    const char *host;
    int64_t port;
    const char *expect;
} settings;

static const probity_setting SETTINGS[] = {
    PROBITY_TEXT(settings, host, .not_empty = true, .description = "A name or an address."),
    PROBITY_PORT(settings, port),
    PROBITY_TEXT(settings, expect, .fallback = "", .description = "What the banner must have in it."),
    PROBITY_END,
};

/* What the probe says of itself. */
const probity_manifest probity_probe = {
    .name = "banner-probe",
    .version = "0.1.0",
    .description = "Connects to a TCP port, and expects a banner.",
    .interval = 30,
    .timeout = 5,
    .settings = SETTINGS,
    .settings_size = sizeof(settings),
    .grants = { "tcp:{host}:{port}" },
};

/* What the runner calls at each run, in a fresh instance. */
void probity_check(probity_run *run, const void *given)
{
    const settings *settings = given;

    /* TODO: this is where your own examination goes. Here: connect, and wait for the banner. */
    probity_connection *connection = probity_connect(run, settings->host, settings->port);
    if (!connection)
        return;
    const char *banner = probity_expect(connection, settings->expect, MOST_BANNER);
    if (!banner)
        return;
    probity_phase(run, "banner");
    probity_healthy(run, "%s greets with %s", probity_target(connection), probity_quote(banner));
}
