/* TLS over a TCP connection, done by the runner. */

#include "run.h"

#include <string.h>

static void drop_shaken(intptr_t handle)
{
    wasi_tls_types_future_client_streams_drop_own((wasi_tls_types_own_future_client_streams_t){ (int32_t)handle });
}

static void drop_secured(intptr_t handle)
{
    wasi_tls_types_client_connection_drop_own((wasi_tls_types_own_client_connection_t){ (int32_t)handle });
}

probity_connection *probity_connect_tls(probity_run *run, const char *host, int64_t port)
{
    probity_connection *connection = probity_connect(run, host, port);
    if (!connection || !probity_secure(connection, host))
        return NULL;
    probity_phase(run, "tls");
    return connection;
}

bool probity_secure(probity_connection *connection, const char *name)
{
    probity_run *run = connection->run;
    probe_string_t server = { (uint8_t *)name, strlen(name) };
    probity_give_away(run, connection->input.__handle);
    probity_give_away(run, connection->output.__handle);
    wasi_tls_types_own_client_handshake_t handshake = wasi_tls_types_constructor_client_handshake(&server,
        (wasi_tls_types_own_input_stream_t){ connection->input.__handle },
        (wasi_tls_types_own_output_stream_t){ connection->output.__handle });
    wasi_tls_types_own_future_client_streams_t shaken = wasi_tls_types_static_client_handshake_finish(handshake);
    probity_hold(run, drop_shaken, shaken.__handle);
    wasi_tls_types_borrow_future_client_streams_t pending = wasi_tls_types_borrow_future_client_streams(shaken);
    for (;;) {
        if (!probity_wait(run, wasi_tls_types_method_future_client_streams_subscribe(pending)))
            return probity_unhealthy(run, "%s shook no hands in time", connection->target), false;
        wasi_tls_types_result_result_tuple3_own_client_connection_own_input_stream_own_output_stream_own_io_error_void_t came;
        /* The outer error would mean that the outcome was taken before, and it is taken once. */
        if (!wasi_tls_types_method_future_client_streams_get(pending, &came) || came.is_err)
            continue;
        if (came.val.ok.is_err) {
            const char *why = probity_why(came.val.ok.val.err);
            probity_unhealthy(run, "TLS handshake of %s with %s failed: %s", name, connection->target, why);
            return false;
        }
        probity_hold(run, drop_secured, came.val.ok.val.ok.f0.__handle);
        probity_connection *secured =
            probity_connected(run, connection->target, came.val.ok.val.ok.f1, came.val.ok.val.ok.f2);
        /* What came before would be somebody's who is not in the secret. */
        connection->input = secured->input;
        connection->output = secured->output;
        connection->length = 0;
        return true;
    }
}
