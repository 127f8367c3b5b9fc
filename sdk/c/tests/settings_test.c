/* Tests of what knows nothing of components: cc -I.. settings_test.c ../settings.c ../memory.c && ./a.out */

#include "settings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    const char *host, *path;
    int64_t port;
    double share;
    bool deep;
} settings;

static const probity_setting TABLE[] = {
    PROBITY_TEXT(settings, host, .not_empty = true, .description = "A \"name\"."),
    PROBITY_TEXT(settings, path, .fallback = "/"),
    PROBITY_PORT(settings, port),
    PROBITY_NUMBER(settings, share, .minimum = 0, .maximum = 1, .fallback = "0.5"),
    PROBITY_BOOLEAN(settings, deep, .fallback = "true"),
    PROBITY_END,
};

static int failures;

static void expect(const char *what, const char *found, const char *wanted)
{
    if (!strcmp(found, wanted))
        return;
    printf("FAILED  %s: expected\n  %s\nfound\n  %s\n", what, wanted, found);
    failures++;
}

/* All that is wrong, or what was read. */
static char *came(const char *json)
{
    settings given = { 0 };
    probity_problem problems[PROBITY_MOST_PROBLEMS];
    /* A copy of the exact size, so that whoever looks beyond its end is found out. */
    size_t length = strlen(json);
    char *exact = malloc(length ? length : 1);
    memcpy(exact, json, length);
    size_t count = probity_read_settings(TABLE, exact, length, &given, problems);
    free(exact);
    if (!count)
        return probity_text("%s %s %lld %g %d", given.host, given.path, (long long)given.port, given.share, given.deep);
    char *all = probity_text("%s", "");
    for (size_t at = 0; at < count; at++)
        all = probity_text("%s%s: %s\n", all, problems[at].pointer, problems[at].message);
    return all;
}

int main(void)
{
    expect("the schema", probity_schema(TABLE),
        "{\"type\":\"object\",\"additionalProperties\":false,\"required\":[\"host\",\"port\"],\"properties\":{"
        "\"host\":{\"type\":\"string\",\"description\":\"A \\\"name\\\".\",\"minLength\":1},"
        "\"path\":{\"type\":\"string\",\"default\":\"/\"},"
        "\"port\":{\"type\":\"integer\",\"minimum\":1,\"maximum\":65535},"
        "\"share\":{\"type\":\"number\",\"minimum\":0,\"maximum\":1,\"default\":0.5},"
        "\"deep\":{\"type\":\"boolean\",\"default\":true}}}");
    expect("the least", came("{\"host\":\"db\",\"port\":22}"), "db / 22 0.5 1");
    expect("all", came(" { \"port\" : 65535 ,\n\"deep\":false,\"share\":1, \"path\":\"/a b\", \"host\":\"h\" } "), "h /a b 65535 1 0");
    expect("escapes", came("{\"host\":\"a\\n\\\"\\\\\\u00e9\\ud83d\\ude00\\/\",\"port\":1}"), "a\n\"\\\xc3\xa9\xf0\x9f\x98\x80/ / 1 0.5 1");
    expect("nothing", came("{}"),
        "/host: missing; it must be a text that is not empty\n/port: missing; it must be a whole number from 1 to 65535\n");
    expect("wrong ones", came("{\"host\":\"\",\"path\":1,\"port\":1.5,\"share\":\"x\",\"deep\":1}"),
        "/host: must be a text that is not empty\n/path: must be a text\n/port: must be a whole number from 1 to 65535\n"
        "/share: must be a number from 0 to 1\n/deep: must be true or false\n");
    expect("out of bounds", came("{\"host\":\"h\",\"port\":65536,\"share\":-0.1}"),
        "/port: must be a whole number from 1 to 65535\n/share: must be a number from 0 to 1\n");
    expect("unknown ones", came("{\"host\":\"h\",\"a/b~\":{\"port\":[1,\"}\"]},\"port\":1}"),
        "/a~1b~0: unknown; there are host, path, port, share, deep\n");
    expect("no object", came("[]"), ": must be an object\n");
    /* What the runner would never send does no harm. */
    for (const char *cut = "{\"host\":\"\\ud83d\\ude00\",\"port\":[{\"x\":\"y\"}],"; *cut; cut++) {
        char *part = probity_text("%.*s", (int)strlen(cut) - 1, cut);
        came(part);
        part = probity_text("{\"host\":\"\\ud83d\\ude00\",\"port\":[{%s", cut);
        came(part);
    }
    puts(failures ? "FAILED" : "ok");
    return failures != 0;
}
