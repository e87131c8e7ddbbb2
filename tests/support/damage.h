/* SPDX-License-Identifier: Apache-2.0 */
/* Model files that are damaged in every way: whatever opens is used up to its last byte, so that a
 * sanitizer sees what an unchecked size would reach. */
#ifndef PENCL_TESTS_SUPPORT_DAMAGE_H
#define PENCL_TESTS_SUPPORT_DAMAGE_H

#include "base/base.h"

/* Parses bytes from a block of exactly their size, under the name "bad"; the error text must begin
 * with it. Returns the status, with the error kept. */
pencl_status damage_parse(pencl_ctx *ctx, const void *bytes, size_t size);
/* Fails the test unless that is E_FORMAT or E_UNSUPPORTED and says `said`. */
void damage_expect(pencl_ctx *ctx, const void *bytes, size_t size, const char *said);
/* Parses `rounds` copies with 1 to 4 random changes each; returns how many opened all the same. */
int damage_randomly(pencl_ctx *ctx, const void *bytes, size_t size, int rounds);
/* Parses with each allocation failing once: E_NOMEM, and nothing is left. Returns how many there
 * were. */
long damage_memory(pencl_ctx *ctx, const void *bytes, size_t size);

#endif
