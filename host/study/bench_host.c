/* SPDX-License-Identifier: Apache-2.0 */
/* The machine around a measurement, and the file that is measured. */
#include "pencl/bench.h"

#include "base/os.h"
#include "base/store.h"
#include "base/system.h"

void pencl_host_describe(pencl_host_info *out)
{
    *out = (pencl_host_info){.cores = pn_core_count()};
    pn_system_os(out->os, sizeof out->os);
    pn_system_kernel(out->kernel, sizeof out->kernel);
    pn_system_cpu(out->cpu, sizeof out->cpu);
    pn_system_governor(out->governor, sizeof out->governor);
}

pencl_status pencl_file_hash(char out[PENCL_HASH_TEXT], pencl_ctx *ctx, const char *path)
{
    pn_map *map = NULL;
    pn_error_clear(ctx);
    PENCL_TRY(pn_map_open(&map, ctx, path));
    pn_hash_hex(out, map->data, map->size);
    pn_map_close(map);
    return PENCL_OK;
}
