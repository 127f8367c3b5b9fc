// Connects to a TCP port, and expects a banner. Everything that a probe consists of is in this file.

#include "probity.h"

#include <string_view>

namespace {

// Bytes in which the banner must be.
constexpr size_t MOST_BANNER = 4096;

// What the operator can configure.
struct Settings {
    const char *host;
    int64_t port;
    const char *expect;
};

constexpr probity_setting SETTINGS[] = {
    PROBITY_TEXT(Settings, host, .description = "A name or an address.", .not_empty = true),
    PROBITY_PORT(Settings, port),
    PROBITY_TEXT(Settings, expect, .description = "What the banner must have in it.", .fallback = ""),
    PROBITY_END,
};

} // namespace

// What the probe says of itself.
const probity_manifest probity_probe = {
    .name = "banner-probe",
    .version = "0.1.0",
    .description = "Connects to a TCP port, and expects a banner.",
    .interval = 30,
    .timeout = 5,
    .settings = SETTINGS,
    .settings_size = sizeof(Settings),
    .grants = { "tcp:{host}:{port}" },
};

// What the runner calls at each run, in a fresh instance.
void probity_check(probity_run *run, const void *given)
{
    const auto &settings = *static_cast<const Settings *>(given);

    // TODO: this is where your own examination goes. Here: connect, and wait for the banner.
    auto *connection = probity_connect(run, settings.host, settings.port);
    if (!connection)
        return;
    const char *banner = probity_expect(connection, settings.expect, MOST_BANNER);
    if (!banner)
        return;
    probity_phase(run, "banner");
    if (std::string_view(banner).starts_with("SSH-"))
        probity_detail_text(run, "protocol", "SSH");
    probity_healthy(run, "%s greets with %s", probity_target(connection), probity_quote(banner));
}
