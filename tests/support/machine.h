/* SPDX-License-Identifier: Apache-2.0 */
/* Made-up trees of /dev, /sys and /etc below a folder, for PENCL_ROOT. */
#ifndef PENCL_TESTS_SUPPORT_MACHINE_H
#define PENCL_TESTS_SUPPORT_MACHINE_H

/* A display controller such as {"0000:03:00.0", "0x1002", "0x73bf", "amdgpu"}; driver NULL: none.
 */
typedef struct machine_gpu {
    const char *pci;
    const char *vendor;
    const char *device;
    const char *driver;
} machine_gpu;
void machine_add_gpu(const char *root, const machine_gpu *gpu);
/* /dev/dri/NAME, a plain file with these permissions. */
void machine_add_node(const char *root, const char *name, unsigned mode);
/* /etc/OpenCL/vendors/NAME, which names the library. */
void machine_add_icd(const char *root, const char *name, const char *library);

#endif
