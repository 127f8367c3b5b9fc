/* Settings: from a table to a JSON Schema, and from JSON to a struct. */

#include "settings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A text that grows. */
typedef struct {
    char *text;
    size_t length, room;
} growing;

static void add(growing *to, const char *text, size_t length)
{
    if (to->length + length + 1 > to->room) {
        to->room = 2 * (to->length + length + 1);
        to->text = realloc(to->text, to->room);
    }
    memcpy(to->text + to->length, text, length);
    to->length += length;
    to->text[to->length] = '\0';
}

static void say(growing *to, const char *text) { add(to, text, strlen(text)); }

/* A text as JSON has it. */
static void say_quoted(growing *to, const char *text)
{
    say(to, "\"");
    for (; *text; text++) {
        char escaped[8];
        if (*text == '"' || *text == '\\')
            snprintf(escaped, sizeof escaped, "\\%c", *text);
        else if ((unsigned char)*text < ' ')
            snprintf(escaped, sizeof escaped, "\\u%04x", (unsigned char)*text);
        else
            snprintf(escaped, sizeof escaped, "%c", *text);
        say(to, escaped);
    }
    say(to, "\"");
}

/* A number without a fraction that is none. */
static void say_number(growing *to, double number)
{
    char text[32];
    /* Whole ones up to here are what they are; of others so many digits come back as they were written. */
    bool is_whole = number > -9e15 && number < 9e15 && number == (double)(long long)number;
    snprintf(text, sizeof text, is_whole ? "%.0f" : "%.15g", number);
    say(to, text);
}

static bool is_bounded(const probity_setting *setting) { return setting->minimum < setting->maximum; }

static const char *type_of(const probity_setting *setting)
{
    static const char *const TYPES[] = { "", "string", "integer", "number", "boolean" };
    return TYPES[setting->kind];
}

char *probity_schema(const probity_setting *table)
{
    growing schema = { 0 };
    say(&schema, "{\"type\":\"object\",\"additionalProperties\":false,\"required\":[");
    const char *between = "";
    for (const probity_setting *setting = table; setting->kind != PROBITY_KIND_END; setting++)
        if (!setting->fallback) {
            say(&schema, between);
            say_quoted(&schema, setting->name);
            between = ",";
        }
    say(&schema, "],\"properties\":{");
    for (const probity_setting *setting = table; setting->kind != PROBITY_KIND_END; setting++) {
        say(&schema, setting == table ? "" : ",");
        say_quoted(&schema, setting->name);
        say(&schema, ":{\"type\":");
        say_quoted(&schema, type_of(setting));
        if (setting->description) {
            say(&schema, ",\"description\":");
            say_quoted(&schema, setting->description);
        }
        if (is_bounded(setting)) {
            say(&schema, ",\"minimum\":");
            say_number(&schema, setting->minimum);
            say(&schema, ",\"maximum\":");
            say_number(&schema, setting->maximum);
        }
        if (setting->not_empty)
            say(&schema, ",\"minLength\":1");
        if (setting->fallback) {
            say(&schema, ",\"default\":");
            if (setting->kind == PROBITY_KIND_TEXT)
                say_quoted(&schema, setting->fallback);
            else
                say(&schema, setting->fallback);
        }
        say(&schema, "}");
    }
    say(&schema, "}}");
    return schema.text;
}

/* JSON that is being read. The runner has parsed it, so that it is whole; whatever comes, nothing beyond its end is looked at. */
typedef struct {
    const char *at, *end;
} reader;

static char peek(reader *from)
{
    while (from->at < from->end && strchr(" \t\r\n", *from->at))
        from->at++;
    return from->at < from->end ? *from->at : '\0';
}

static bool next_is(reader *from, char wanted)
{
    if (peek(from) != wanted)
        return false;
    from->at++;
    return true;
}

/* The four hexadecimal digits of an escape. */
static unsigned hexadecimal(reader *from)
{
    char digits[5] = { 0 };
    for (int at = 0; at < 4 && from->at < from->end; at++)
        digits[at] = *from->at++;
    return (unsigned)strtoul(digits, NULL, 16);
}

/* A character in UTF-8. */
static void say_character(growing *to, unsigned code)
{
    char bytes[4];
    size_t length = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    static const unsigned char FIRST[] = { 0, 0, 0xc0, 0xe0, 0xf0 };
    for (size_t at = length - 1; at > 0; at--, code >>= 6)
        bytes[at] = (char)(0x80 | (code & 0x3f));
    bytes[0] = (char)(FIRST[length] | code);
    add(to, bytes, length);
}

/* A text, whose quote has been read. */
static char *read_text(reader *from)
{
    growing text = { 0 };
    say(&text, "");
    while (from->at < from->end && *from->at != '"') {
        if (*from->at != '\\') {
            add(&text, from->at++, 1);
            continue;
        }
        char escaped = from->at + 1 < from->end ? from->at[1] : '\0';
        from->at += 2;
        if (escaped != 'u') {
            static const char NAMED[] = "b\bf\fn\nr\rt\t";
            const char *known = escaped ? strchr(NAMED, escaped) : NULL;
            add(&text, known && (known - NAMED) % 2 == 0 ? known + 1 : &escaped, 1);
            continue;
        }
        unsigned code = hexadecimal(from);
        if (code >= 0xd800 && code < 0xdc00 && from->end - from->at >= 6 && from->at[0] == '\\' && from->at[1] == 'u') {
            from->at += 2;
            code = 0x10000 + ((code - 0xd800) << 10) + (hexadecimal(from) - 0xdc00);
        }
        /* A text in C ends where it has no character. */
        if (code)
            say_character(&text, code);
    }
    if (from->at < from->end)
        from->at++;
    return text.text;
}

static void skip(reader *from)
{
    char first = peek(from);
    if (first == '"') {
        from->at++;
        free(read_text(from));
    } else if (first == '{' || first == '[') {
        size_t depth = 0;
        do {
            char next = peek(from);
            if (next == '"') {
                from->at++;
                free(read_text(from));
                continue;
            }
            depth += next == '{' || next == '[';
            depth -= next == '}' || next == ']';
            from->at++;
        } while (depth > 0 && from->at < from->end);
    } else
        while (from->at < from->end && !strchr(",}] \t\r\n", *from->at))
            from->at++;
}

/* Reads a value into its field; whether it is one that the setting can have. */
static bool read_value(const probity_setting *setting, reader *from, void *into)
{
    char *field = (char *)into + setting->offset, first = peek(from);
    if (setting->kind == PROBITY_KIND_TEXT) {
        if (!next_is(from, '"'))
            return skip(from), false;
        char *text = read_text(from);
        *(const char **)field = text;
        return *text || !setting->not_empty;
    }
    const char *began = from->at;
    skip(from);
    char text[32] = { 0 };
    size_t length = (size_t)(from->at - began);
    if (length >= sizeof text)
        return false;
    memcpy(text, began, length);
    if (setting->kind == PROBITY_KIND_BOOLEAN) {
        *(bool *)field = first == 't';
        return !strcmp(text, "true") || !strcmp(text, "false");
    }
    char *rest;
    double number = strtod(text, &rest);
    bool is_number = (first == '-' || (first >= '0' && first <= '9')) && !*rest;
    if (setting->kind == PROBITY_KIND_NUMBER)
        *(double *)field = number;
    else {
        *(int64_t *)field = strtoll(text, NULL, 10);
        is_number = is_number && (double)*(int64_t *)field == number;
    }
    return is_number && (!is_bounded(setting) || (number >= setting->minimum && number <= setting->maximum));
}

/* What a value should be, in words. */
static char *wanted(const char *before, const probity_setting *setting)
{
    growing text = { 0 };
    say(&text, before);
    static const char *const WORDS[] = { "", "a text", "a whole number", "a number", "true or false" };
    say(&text, WORDS[setting->kind]);
    if (setting->not_empty)
        say(&text, " that is not empty");
    if (is_bounded(setting)) {
        say(&text, " from ");
        say_number(&text, setting->minimum);
        say(&text, " to ");
        say_number(&text, setting->maximum);
    }
    return text.text;
}

/* A key within a JSON pointer (RFC 6901, section 3). */
static char *pointer_to(const char *key)
{
    growing pointer = { 0 };
    say(&pointer, "/");
    for (; *key; key++)
        if (*key == '~' || *key == '/')
            say(&pointer, *key == '~' ? "~0" : "~1");
        else
            add(&pointer, key, 1);
    return pointer.text;
}

static char *unknown(const probity_setting *table)
{
    growing message = { 0 };
    say(&message, "unknown; there are ");
    for (const probity_setting *setting = table; setting->kind != PROBITY_KIND_END; setting++) {
        say(&message, setting == table ? "" : ", ");
        say(&message, setting->name);
    }
    return message.text;
}

size_t probity_read_settings(
    const probity_setting *table, const char *json, size_t length, void *into, probity_problem *problems)
{
    size_t count = 0, settings = 0;
    while (table[settings].kind != PROBITY_KIND_END)
        settings++;
    bool *given = calloc(settings + 1, sizeof *given);
    reader from = { json, json + length };
    if (!next_is(&from, '{')) {
        problems[count++] = (probity_problem){ pointer_to(""), probity_text("must be an object") };
        *problems->pointer = '\0';
        free(given);
        return count;
    }
    while (next_is(&from, '"')) {
        char *key = read_text(&from);
        next_is(&from, ':');
        const probity_setting *setting = table;
        while (setting->kind != PROBITY_KIND_END && strcmp(setting->name, key))
            setting++;
        if (setting->kind == PROBITY_KIND_END) {
            skip(&from);
            if (count < PROBITY_MOST_PROBLEMS)
                problems[count++] = (probity_problem){ pointer_to(key), unknown(table) };
        } else {
            given[setting - table] = true;
            if (!read_value(setting, &from, into) && count < PROBITY_MOST_PROBLEMS)
                problems[count++] = (probity_problem){ pointer_to(key), wanted("must be ", setting) };
        }
        free(key);
        next_is(&from, ',');
    }
    for (const probity_setting *setting = table; setting->kind != PROBITY_KIND_END; setting++) {
        if (given[setting - table])
            continue;
        if (!setting->fallback) {
            if (count < PROBITY_MOST_PROBLEMS)
                problems[count++] = (probity_problem){ pointer_to(setting->name), wanted("missing; it must be ", setting) };
        } else if (setting->kind == PROBITY_KIND_TEXT)
            *(const char **)((char *)into + setting->offset) = setting->fallback;
        else {
            reader fallback = { setting->fallback, setting->fallback + strlen(setting->fallback) };
            read_value(setting, &fallback, into);
        }
    }
    free(given);
    return count;
}
