/* Memory of one call: a probe whose connection stays open must not grow by each check. */

#include "memory.h"

#include "settings.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* What lies before each allocation, aligned as anything may be. */
typedef union block {
    union block *before;
    max_align_t aligned;
} block;

static block *latest;
static bool staying;

void *probity_allocate(size_t size)
{
    block *made = malloc(sizeof *made + size);
    if (!made)
        __builtin_trap();
    if (!staying) {
        made->before = latest;
        latest = made;
    }
    return made + 1;
}

void probity_stay(bool stays) { staying = stays; }

void probity_forget(void)
{
    while (latest) {
        block *freed = latest;
        latest = freed->before;
        free(freed);
    }
}

char *probity_text(const char *format, ...)
{
    va_list values, again;
    va_start(values, format);
    va_copy(again, values);
    int length = vsnprintf(NULL, 0, format, values);
    char *text = probity_allocate((size_t)(length < 0 ? 0 : length) + 1);
    *text = '\0';
    if (length > 0)
        vsnprintf(text, (size_t)length + 1, format, again);
    va_end(values);
    va_end(again);
    return text;
}
