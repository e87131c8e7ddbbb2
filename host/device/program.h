/* SPDX-License-Identifier: Apache-2.0 */
/* Programs: built once a device, shared by kernels, their binaries kept in the store. */
#ifndef PENCL_DEVICE_PROGRAM_H
#define PENCL_DEVICE_PROGRAM_H

#include "device/internal.h"

struct pn_program {
    pn_program *next; /* of the device's list */
    pencl_device *device;
    long refs;
    cl_program program;
    char key[33];       /* of (file, prelude, options): who shares it */
    char store_key[33]; /* of the joined source and the options: what the binary belongs to */
    char *file;         /* of one whose kernel may be a stage, with the prelude; else NULL */
    char *prelude;
    bool unsaved;     /* something was launched that the stored binary has not been through */
    pn_text launched; /* lines "kernel 64,1,1 85.2": survived a launch at that local size, and the
                         ns of a work-group */
};

/* The program of this source, built or found. Free with pn_program_free. */
pencl_status pn_program_get(pn_program **out, pencl_device *device, const pn_kernel_source *source);
void pn_program_free(pn_program *program);

/* Whether `launched` has a line for `launch`, "kernel 64,1,1", and its time; and notes one. */
bool pn_program_was_launched(const pn_program *program, const char *launch, double *ns);
void pn_program_note_launch(pn_program *program, const char *launch, double ns);

/* Reads the binary and queues it for the store, if there is anything new. */
void pn_program_save(pn_program *program);

#endif
