/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a case of an op through one kernel and compares with the reference. */
#ifndef PENCL_TESTS_SUPPORT_OP_RUN_H
#define PENCL_TESTS_SUPPORT_OP_RUN_H

#include "support/op_case.h"

/* How stored inputs are laid out. */
typedef enum op_storage { OP_ALL_PLAIN, OP_ALL_ROWS16, OP_FIRST_ROWS16, OP_STORAGES } op_storage;
/* False when the case has no input that this would change. */
bool op_can_be_stored(const op_case *c, op_storage storage);

/* Runs the case by the candidate `kernel`, NULL: by whichever is chosen, and fails the test unless
 * the output agrees with the reference and nothing beside it is written. False when the candidate
 * does not take the case: then nothing ran. */
bool op_run(pencl_device *device, const op_case *c, op_storage storage, const char *kernel);

/* The same up to the point where something would run. A kernel that does not take the case leaves
 * it to the one of choice. */
pencl_status
op_plan(pencl_device *device, const op_case *c, op_storage storage, const char *kernel);

#endif
