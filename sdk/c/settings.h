/* What an operator can configure: a struct, and a table that says what each field of it is. The JSON Schema in the manifest is made of
 * the table, and so is what is read. Nothing here knows of components. */

#ifndef PROBITY_SETTINGS_H
#define PROBITY_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What a setting can be, and what its field is. */
typedef enum {
    PROBITY_KIND_END,     /* the end of a table */
    PROBITY_KIND_TEXT,    /* const char * */
    PROBITY_KIND_INTEGER, /* int64_t */
    PROBITY_KIND_NUMBER,  /* double */
    PROBITY_KIND_BOOLEAN, /* bool */
} probity_kind;

/* One setting. */
typedef struct {
    probity_kind kind;
    const char *name;
    size_t offset;
    /* For people; NULL says nothing. */
    const char *description;
    /* What stands where nothing is given, as JSON ("22", "true"), or for texts as it is; NULL: something has to be given. */
    const char *fallback;
    /* The bounds of a number, if `minimum` is below `maximum`. */
    double minimum, maximum;
    /* Whether a text must have something in it. */
    bool not_empty;
} probity_setting;

/* A line of the table: PROBITY_TEXT(settings, host, .not_empty = true). */
#define PROBITY_SETTING(KIND, TYPE, FIELD, ...) { .kind = KIND, .name = #FIELD, .offset = offsetof(TYPE, FIELD), __VA_ARGS__ }
#define PROBITY_TEXT(TYPE, FIELD, ...) PROBITY_SETTING(PROBITY_KIND_TEXT, TYPE, FIELD, __VA_ARGS__)
#define PROBITY_INTEGER(TYPE, FIELD, ...) PROBITY_SETTING(PROBITY_KIND_INTEGER, TYPE, FIELD, __VA_ARGS__)
#define PROBITY_NUMBER(TYPE, FIELD, ...) PROBITY_SETTING(PROBITY_KIND_NUMBER, TYPE, FIELD, __VA_ARGS__)
#define PROBITY_BOOLEAN(TYPE, FIELD, ...) PROBITY_SETTING(PROBITY_KIND_BOOLEAN, TYPE, FIELD, __VA_ARGS__)
#define PROBITY_PORT(TYPE, FIELD) PROBITY_INTEGER(TYPE, FIELD, .minimum = 1, .maximum = 65535)
/* Its last line. */
#define PROBITY_END { .kind = PROBITY_KIND_END }

/* One thing that is wrong with the settings. */
typedef struct {
    char *pointer, *message;
} probity_problem;

/* Problems that a table can find: one for each setting, and as many unknown ones, of which more are not told. */
#define PROBITY_MOST_PROBLEMS 64

/* The JSON Schema of a table, from malloc. */
char *probity_schema(const probity_setting *table);

/* Reads a JSON document of some length into the struct, whose texts are from malloc. What is wrong goes to `problems`, which has room
 * for PROBITY_MOST_PROBLEMS; how many there are is returned. */
size_t probity_read_settings(
    const probity_setting *table, const char *json, size_t length, void *into, probity_problem *problems);

/* A text as printf has it, which lives until the end of the call. */
char *probity_text(const char *format, ...) __attribute__((format(printf, 1, 2)));

#ifdef __cplusplus
}
#endif

#endif
