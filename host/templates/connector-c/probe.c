/* Keeps a TCP connection open, and asks over it at each run. Everything that a probe consists of is in this file. */

#include "probity.h"

#include <string.h>

/* Bytes that the answer may have. */
#define MOST_ANSWER 4096

/* What the operator can configure. */
typedef struct {
    const char *host;
    int64_t port;
    const char *ask;
    const char *expect;
} settings;

static const probity_setting SETTINGS[] = {
    PROBITY_TEXT(settings, host, .not_empty = true, .description = "A name or an address."),
    PROBITY_PORT(settings, port),
    PROBITY_TEXT(settings, ask, .fallback = "PING", .description = "The line that is sent."),
    PROBITY_TEXT(settings, expect, .fallback = "PONG", .description = "What the line that comes back must have in it."),
    PROBITY_END,
};

/* What the probe says of itself. */
const probity_manifest probity_probe = {
    .name = "line-probe",
    .version = "0.1.0",
    .description = "Keeps a TCP connection open, and asks over it.",
    .interval = 30,
    .timeout = 5,
    .settings = SETTINGS,
    .settings_size = sizeof(settings),
    .grants = { "tcp:{host}:{port}" },
};

/* The open connection: it lives in its sandbox until it is closed, and so does whatever it keeps. There is one in a sandbox. */
static struct {
    const settings *settings;
    probity_connection *connection;
    unsigned asked;
} line;

void *probity_open(probity_run *run, const void *given)
{
    line.settings = given;
    line.connection = probity_connect(run, line.settings->host, line.settings->port);
    return line.connection ? &line : NULL;
}

/* What the runner calls at each run. */
void probity_examine(probity_run *run, void *opened)
{
    (void)opened;
    /* TODO: this is where your own examination goes. Here: ask, and expect an answer. */
    const char *question = probity_text("%s\r\n", line.settings->ask);
    if (!probity_write(line.connection, question, strlen(question)))
        return;
    const char *answer = probity_read_line(line.connection, MOST_ANSWER);
    if (!answer)
        return;
    probity_phase(run, "answer");
    line.asked++;
    const char *target = probity_target(line.connection);
    if (strstr(answer, line.settings->expect))
        probity_healthy(run, "%s answers %s, %u times so far", target, probity_quote(answer), line.asked);
    else
        probity_unhealthy(run, "%s answers %s", target, probity_quote(answer));
}

void probity_close(probity_run *run, void *opened)
{
    (void)run, (void)opened;
    /* Nobody waits for what comes of it. */
    probity_write(line.connection, "QUIT\r\n", 6);
}
