#pragma once
#include <malloc.h>

// glibc makes up to eight malloc arenas a core, and what each of them leaves free adds up with every thread that has ever
// been busy. Swift's Glibc module leaves mallopt out.
static inline void backhaul_limit_arenas(int count) { mallopt(M_ARENA_MAX, count); }
