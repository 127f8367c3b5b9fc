/* HTTP, sent by the runner, with the run's deadline built in. */

#include "run.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

/* Bytes of a body that are read where nothing is said. */
#define MOST_BODY (1024 * 1024)
/* Bytes that are written in one call; the contract of wasi:io allows no more. */
#define PORTION 4096

/* The words for what can go wrong, in the order of wasi:http/types. */
static const char *const REASONS[] = {
    "the resolver did not answer", "no such name", "no such destination", "the destination is not available",
    "the address is prohibited", "no way leads there", "connection refused", "connection terminated", "connection timed out",
    "nothing to read in time", "nothing to write in time", "too many connections", "no common ground in the TLS handshake",
    "the server's certificate is not valid here", "the server refused the TLS handshake", "request denied", "a length is required",
    "the request is too long", "the method is invalid", "the URL is invalid", "the URL is too long", "the headers sent are too long",
    "a header sent is too long", "the trailers sent are too long", "a trailer sent is too long", "the answer is incomplete",
    "the headers are too long", "a header is too long", "the body is too long", "the trailers are too long", "a trailer is too long",
    "the transfer coding is unknown", "the content coding is unknown", "no answer in time", "the upgrade failed", "this is not HTTP",
    "the request ran in a loop", "the runner's configuration forbids it",
};

static void drop_pending(intptr_t handle)
{
    wasi_http_types_future_incoming_response_drop_own((wasi_http_types_own_future_incoming_response_t){ (int32_t)handle });
}

static void drop_response(intptr_t handle)
{
    wasi_http_types_incoming_response_drop_own((wasi_http_types_own_incoming_response_t){ (int32_t)handle });
}

static void drop_body(intptr_t handle)
{
    wasi_http_types_incoming_body_drop_own((wasi_http_types_own_incoming_body_t){ (int32_t)handle });
}

static void drop_stream(intptr_t handle)
{
    wasi_io_streams_input_stream_drop_own((wasi_io_streams_own_input_stream_t){ (int32_t)handle });
}

/* What an error of HTTP says of the target, or of the check. NULL. */
static void *failed(probity_run *run, const char *url, wasi_http_types_error_code_t *code)
{
    switch (code->tag) {
    case WASI_HTTP_TYPES_ERROR_CODE_HTTP_REQUEST_DENIED:
    case WASI_HTTP_TYPES_ERROR_CODE_DESTINATION_IP_PROHIBITED:
        /* The runner adds the grant that the operator would have to write. */
        probity_failed(run, "%s is not granted", url);
        run->is_denied = true;
        break;
    case WASI_HTTP_TYPES_ERROR_CODE_INTERNAL_ERROR: {
        const probe_string_t *why = &code->val.internal_error.val;
        int length = code->val.internal_error.is_some ? (int)why->len : 0;
        probity_failed(run, "the runner failed to ask %s: %.*s", url, length, (const char *)why->ptr);
        break;
    }
    default:
        probity_unhealthy(run, "can't ask %s: %s", url, REASONS[code->tag]);
    }
    wasi_http_types_error_code_free(code);
    return NULL;
}

static probe_string_t lent(const char *text, size_t length) { return (probe_string_t){ (uint8_t *)text, length }; }

/* Adds a header; whether that is possible. */
static bool add(wasi_http_types_borrow_fields_t fields, const char *name, const char *value)
{
    wasi_http_types_field_name_t field = lent(name, strlen(name));
    wasi_http_types_field_value_t said = { (uint8_t *)value, strlen(value) };
    wasi_http_types_header_error_t error;
    return wasi_http_types_method_fields_append(fields, &field, &said, &error);
}

/* The usual methods have a word of their own. */
static wasi_http_types_method_t method_of(const char *name)
{
    static const char *const USUAL[] = { "GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH" };
    for (uint8_t tag = 0; tag < sizeof USUAL / sizeof *USUAL; tag++)
        if (!strcmp(name, USUAL[tag]))
            return (wasi_http_types_method_t){ .tag = tag };
    wasi_http_types_method_t other = { .tag = WASI_HTTP_TYPES_METHOD_OTHER };
    other.val.other = lent(name, strlen(name));
    return other;
}

/* The request as the contract has it; whether there is one. */
static bool make(probity_run *run, const probity_request *asked, wasi_http_types_own_outgoing_request_t *made)
{
    const char *url = asked->url;
    bool is_secure = !strncmp(url, "https://", 8);
    const char *authority = url + (is_secure ? 8 : 7);
    size_t length = is_secure || !strncmp(url, "http://", 7) ? strcspn(authority, "/?#") : 0;
    if (!length)
        return probity_failed(run, "%s is no URL of http or https", url), false;
    const char *rest = authority + length;
    const char *path = probity_text("%s%.*s", *rest == '/' ? "" : "/", (int)strcspn(rest, "#"), rest);

    wasi_http_types_own_fields_t own = wasi_http_types_constructor_fields();
    wasi_http_types_borrow_fields_t fields = wasi_http_types_borrow_fields(own);
    bool is_sound = true;
    for (const char *const *header = asked->headers; is_sound && header && *header; header += 2)
        is_sound = add(fields, header[0], header[1]);
    /* Without the length HTTP/1.1 would send the body in chunks, which not every server takes. */
    if (asked->body_length)
        is_sound = is_sound && add(fields, "content-length", probity_text("%zu", asked->body_length));
    *made = wasi_http_types_constructor_outgoing_request(own);
    wasi_http_types_borrow_outgoing_request_t request = wasi_http_types_borrow_outgoing_request(*made);
    wasi_http_types_method_t method = method_of(asked->method ? asked->method : "GET");
    wasi_http_types_scheme_t scheme = { .tag = is_secure ? WASI_HTTP_TYPES_SCHEME_HTTPS : WASI_HTTP_TYPES_SCHEME_HTTP };
    probe_string_t host = lent(authority, length), where = lent(path, strlen(path));
    is_sound = is_sound && wasi_http_types_method_outgoing_request_set_method(request, &method)
        && wasi_http_types_method_outgoing_request_set_scheme(request, &scheme)
        && wasi_http_types_method_outgoing_request_set_authority(request, &host)
        && wasi_http_types_method_outgoing_request_set_path_with_query(request, &where);
    if (!is_sound) {
        wasi_http_types_outgoing_request_drop_own(*made);
        probity_failed(run, "the runner does not take this request for %s", url);
    }
    return is_sound;
}

/* Sends the body; whether that is not too late. */
static bool send(probity_run *run, const probity_request *asked, wasi_http_types_own_outgoing_body_t body)
{
    wasi_io_streams_own_output_stream_t own;
    /* A stream can be had once, and is had here alone. */
    if (!wasi_http_types_method_outgoing_body_write(wasi_http_types_borrow_outgoing_body(body), &own))
        return true;
    wasi_io_streams_borrow_output_stream_t stream = wasi_io_streams_borrow_output_stream(own);
    const char *at = asked->body, *end = at + asked->body_length;
    bool is_late = false;
    while (at < end && !(is_late = !probity_wait(run, wasi_io_streams_method_output_stream_subscribe(stream)))) {
        uint64_t room;
        wasi_io_streams_stream_error_t error;
        size_t portion = (size_t)(end - at) < PORTION ? (size_t)(end - at) : PORTION;
        if (wasi_io_streams_method_output_stream_check_write(stream, &room, &error)) {
            portion = portion < room ? portion : (size_t)room;
            probe_list_u8_t list = { (uint8_t *)at, portion };
            if (wasi_io_streams_method_output_stream_write(stream, &list, &error)) {
                at += portion;
                continue;
            }
        }
        /* The answer says why, or comes all the same: a server may answer before it has read all. */
        wasi_io_streams_stream_error_free(&error);
        break;
    }
    wasi_io_streams_output_stream_drop_own(own);
    wasi_http_types_error_code_t code;
    if (!wasi_http_types_static_outgoing_body_finish(body, NULL, &code))
        wasi_http_types_error_code_free(&code);
    if (is_late)
        probity_unhealthy(run, "%s took no more in time", asked->url);
    return !is_late;
}

/* Sends a request, and waits for the head of the answer; whether there is one. */
static bool ask(probity_run *run, const probity_request *asked, wasi_http_types_own_incoming_response_t *head)
{
    wasi_http_types_own_outgoing_request_t request;
    if (!make(run, asked, &request))
        return false;
    wasi_http_types_own_outgoing_body_t body;
    bool has_body = asked->body_length
        && wasi_http_types_method_outgoing_request_body(wasi_http_types_borrow_outgoing_request(request), &body);
    /* Time-outs for the runner, so that it stops when the probe does. */
    wasi_http_types_own_request_options_t options = wasi_http_types_constructor_request_options();
    wasi_http_types_borrow_request_options_t borrowed = wasi_http_types_borrow_request_options(options);
    uint64_t left = (uint64_t)(probity_time_left(run) * 1e9);
    wasi_http_types_method_request_options_set_connect_timeout(borrowed, &left);
    wasi_http_types_method_request_options_set_first_byte_timeout(borrowed, &left);
    wasi_http_types_method_request_options_set_between_bytes_timeout(borrowed, &left);
    wasi_http_types_own_future_incoming_response_t own;
    wasi_http_types_error_code_t code;
    if (!wasi_http_outgoing_handler_handle(request, &options, &own, &code)) {
        if (has_body)
            wasi_http_types_outgoing_body_drop_own(body);
        return failed(run, asked->url, &code), false;
    }
    probity_hold(run, drop_pending, own.__handle);
    if (has_body && !send(run, asked, body))
        return false;
    wasi_http_types_borrow_future_incoming_response_t pending = wasi_http_types_borrow_future_incoming_response(own);
    for (;;) {
        if (!probity_wait(run, wasi_http_types_method_future_incoming_response_subscribe(pending)))
            return probity_unhealthy(run, "%s did not answer in time", asked->url), false;
        wasi_http_types_result_result_own_incoming_response_error_code_void_t came;
        /* The outer error would mean that the answer was taken before, and it is taken once. */
        if (!wasi_http_types_method_future_incoming_response_get(pending, &came) || came.is_err)
            continue;
        if (came.val.ok.is_err)
            return failed(run, asked->url, &came.val.ok.val.err), false;
        *head = came.val.ok.val.ok;
        probity_hold(run, drop_response, head->__handle);
        return true;
    }
}

/* The headers, names and values in turn. */
static const char *const *headers_of(wasi_http_types_borrow_incoming_response_t response)
{
    wasi_http_types_own_headers_t own = wasi_http_types_method_incoming_response_headers(response);
    wasi_http_types_list_tuple2_field_name_field_value_t all;
    wasi_http_types_method_fields_entries(wasi_http_types_borrow_fields(own), &all);
    wasi_http_types_fields_drop_own(own);
    const char **headers = probity_allocate((2 * all.len + 1) * sizeof *headers);
    for (size_t at = 0; at < all.len; at++) {
        char *name = probity_text("%.*s", (int)all.ptr[at].f0.len, (const char *)all.ptr[at].f0.ptr);
        headers[2 * at] = name;
        for (; *name; name++)
            *name = (char)tolower((unsigned char)*name);
        headers[2 * at + 1] = probity_text("%.*s", (int)all.ptr[at].f1.len, (const char *)all.ptr[at].f1.ptr);
    }
    headers[2 * all.len] = NULL;
    wasi_http_types_list_tuple2_field_name_field_value_free(&all);
    return headers;
}

/* Reads the body; whether that was possible. */
static bool read_body(
    probity_run *run, const probity_request *asked, wasi_http_types_borrow_incoming_response_t head, probity_response *response)
{
    size_t most = asked->most_body ? asked->most_body : MOST_BODY, room = 0;
    char *bytes = NULL;
    wasi_http_types_own_incoming_body_t body;
    wasi_io_streams_own_input_stream_t own;
    /* Each can be had once, and is had here alone. */
    if (!wasi_http_types_method_incoming_response_consume(head, &body))
        return false;
    probity_hold(run, drop_body, body.__handle);
    if (!wasi_http_types_method_incoming_body_stream(wasi_http_types_borrow_incoming_body(body), &own))
        return false;
    probity_hold(run, drop_stream, own.__handle);
    wasi_io_streams_borrow_input_stream_t stream = wasi_io_streams_borrow_input_stream(own);
    size_t length = 0;
    bool is_over = false;
    while (!is_over && length <= most) {
        if (!probity_wait(run, wasi_io_streams_method_input_stream_subscribe(stream)))
            return probity_unhealthy(run, "the body of %s did not come in time", asked->url), false;
        probe_list_u8_t more = { 0 };
        wasi_io_streams_stream_error_t error;
        /* One byte more than is wanted tells a body that fits from one that does not. */
        if (!wasi_io_streams_method_input_stream_read(stream, most - length + 1, &more, &error)) {
            if (error.tag == WASI_IO_STREAMS_STREAM_ERROR_LAST_OPERATION_FAILED) {
                const char *why = probity_why(error.val.last_operation_failed);
                return probity_unhealthy(run, "the body of %s broke off: %s", asked->url, why), false;
            }
            is_over = true;
        }
        if (length + more.len + 1 > room) {
            room = 2 * (length + more.len + 1);
            char *larger = probity_allocate(room);
            memcpy(larger, bytes ? bytes : "", length);
            bytes = larger;
        }
        memcpy(bytes + length, more.ptr ? (const char *)more.ptr : "", more.len);
        length += more.len;
        probe_list_u8_free(&more);
    }
    response->cut = length > most;
    response->body_length = length < most ? length : most;
    bytes[response->body_length] = '\0';
    response->body = bytes;
    return true;
}

const probity_response *probity_fetch(probity_run *run, const probity_request *asked)
{
    wasi_http_types_own_incoming_response_t own;
    if (!ask(run, asked, &own))
        return NULL;
    probity_phase(run, "first-byte");
    wasi_http_types_borrow_incoming_response_t head = wasi_http_types_borrow_incoming_response(own);
    probity_response *response = probity_allocate(sizeof *response);
    *response = (probity_response){ .status = wasi_http_types_method_incoming_response_status(head), .headers = headers_of(head) };
    if (!read_body(run, asked, head, response))
        return NULL;
    probity_phase(run, "body");
    return response;
}

const char *probity_header(const probity_response *response, const char *name)
{
    for (const char *const *header = response->headers; *header; header += 2)
        if (!strcasecmp(header[0], name))
            return header[1];
    return NULL;
}
