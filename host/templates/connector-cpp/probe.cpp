// Keeps a TCP connection open, and asks over it at each run. Everything that a probe consists of is in this file.

#include "probity.h"

#include <string>

namespace {

// Bytes that the answer may have.
constexpr size_t MOST_ANSWER = 4096;

// What the operator can configure.
struct Settings {
    const char *host;
    int64_t port;
    const char *ask;
    const char *expect;
};

constexpr probity_setting SETTINGS[] = {
    PROBITY_TEXT(Settings, host, .description = "A name or an address.", .not_empty = true),
    PROBITY_PORT(Settings, port),
    PROBITY_TEXT(Settings, ask, .description = "The line that is sent.", .fallback = "PING"),
    PROBITY_TEXT(Settings, expect, .description = "What the line that comes back must have in it.", .fallback = "PONG"),
    PROBITY_END,
};

// The open connection: it lives in its sandbox until it is closed, and so does whatever it keeps.
struct Line {
    const Settings &settings;
    probity_connection *connection;
    unsigned asked = 0;
};

} // namespace

// What the probe says of itself.
const probity_manifest probity_probe = {
    .name = "line-probe",
    .version = "0.1.0",
    .description = "Keeps a TCP connection open, and asks over it.",
    .interval = 30,
    .timeout = 5,
    .settings = SETTINGS,
    .settings_size = sizeof(Settings),
    .grants = { "tcp:{host}:{port}" },
};

void *probity_open(probity_run *run, const void *given)
{
    const auto &settings = *static_cast<const Settings *>(given);
    auto *connection = probity_connect(run, settings.host, settings.port);
    return connection ? new Line{ settings, connection } : nullptr;
}

// What the runner calls at each run.
void probity_examine(probity_run *run, void *opened)
{
    auto &line = *static_cast<Line *>(opened);
    // TODO: this is where your own examination goes. Here: ask, and expect an answer.
    const auto question = std::string(line.settings.ask) + "\r\n";
    if (!probity_write(line.connection, question.data(), question.size()))
        return;
    const char *answer = probity_read_line(line.connection, MOST_ANSWER);
    if (!answer)
        return;
    probity_phase(run, "answer");
    line.asked++;
    const char *target = probity_target(line.connection), *said = probity_quote(answer);
    if (std::string(answer).find(line.settings.expect) != std::string::npos)
        probity_healthy(run, "%s answers %s, %u times so far", target, said, line.asked);
    else
        probity_unhealthy(run, "%s answers %s", target, said);
}

void probity_close(probity_run *, void *opened)
{
    auto *line = static_cast<Line *>(opened);
    // Nobody waits for what comes of it.
    probity_write(line->connection, "QUIT\r\n", 6);
    delete line;
}
