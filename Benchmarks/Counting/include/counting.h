#ifndef BACKHAUL_COUNTING_H
#define BACKHAUL_COUNTING_H

#include <stdint.h>

/// How often this process has asked for memory.
uint64_t backhaul_allocations(void);

/// Calls `body`. A function of its own that is never inlined, so that callgrind can begin and end with it
/// (--zero-before=backhaul_measure --dump-after=backhaul_measure).
void backhaul_measure(void (*body)(void *), void *context);

#endif
