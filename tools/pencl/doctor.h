/* SPDX-License-Identifier: Apache-2.0 */
/* How pencl doctor shows a machine. */
#ifndef PENCL_TOOLS_DOCTOR_H
#define PENCL_TOOLS_DOCTOR_H

#include "output.h"
#include "work.h"

typedef struct visit {
    const pencl_machine *machine;
    const pencl_device_list *list;
} visit;

/* What makes loaders and drivers do something else; the last is NULL. */
extern const char *const doctor_variables[];

size_t doctor_faults(const pencl_machine *machine);
void doctor_print(const visit *v);
/* A line for what is amiss and one for the mend; `brief`: without what is merely good to know. */
void doctor_print_findings(const pencl_machine *machine, bool brief);
json_t *doctor_json(const visit *v);
json_t *doctor_findings_json(const pencl_machine *machine);
/* The document without what belongs to a person: the home is ~, the user's name is "user". free();
 * NULL when memory is out. */
char *doctor_report(const visit *v);

#endif
