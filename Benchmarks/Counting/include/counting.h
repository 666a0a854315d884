#ifndef BACKHAUL_COUNTING_H
#define BACKHAUL_COUNTING_H

#include <stdint.h>

/// Returns the number of allocations of this process so far.
uint64_t backhaul_allocations(void);

/// Calls `body`. Never inlined, so that callgrind can begin and end its counts with this function
/// (--zero-before=backhaul_measure --dump-after=backhaul_measure).
void backhaul_measure(void (*body)(void *), void *context);

#endif
