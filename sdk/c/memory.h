/* Memory of one call. */

#ifndef PROBITY_MEMORY_H
#define PROBITY_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

/* Memory that lives until the end of the call, or, if that opens a connection, as long as the instance. Whoever has none left has trapped. */
void *probity_allocate(size_t size);

/* Whether what is allocated from now on stays. */
void probity_stay(bool stays);

/* Frees what does not. */
void probity_forget(void);

#endif
