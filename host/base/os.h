/* SPDX-License-Identifier: Apache-2.0 */
/* What the operating system gives: files, maps, libraries, clock, threads, paths. The *_posix.c
 * files alone know how. */
#ifndef PENCL_BASE_OS_H
#define PENCL_BASE_OS_H

#include "base/base.h"

/* A file mapped read-only. Should the file shrink behind the map, touching what is gone kills the
 * process (SIGBUS): reads go through pn_map_read where that matters. */
typedef struct pn_map {
    const unsigned char *data;
    size_t size;
} pn_map;
pencl_status pn_map_open(pn_map **out, pencl_ctx *ctx, const char *path); /* refuses folders */
void pn_map_close(pn_map *map);
/* Copies bytes of the file as it is now; false when they are not there (any more). */
bool pn_map_read(const pn_map *map, size_t offset, void *to, size_t bytes);
/* Tells the system that these bytes are not needed again: their pages leave our memory. */
void pn_map_drop(const pn_map *map, size_t offset, size_t bytes);

/* Whole files. read: E_LIMIT when the file has more than `limit` bytes. write replaces atomically:
 * temporary file, fsync, rename; what is no regular file (/dev/stdout) is written in place. */
typedef struct pn_span {
    const void *data;
    size_t size;
} pn_span;
pencl_status pn_file_read(pn_text *out, pencl_ctx *ctx, const char *path, size_t limit);
pencl_status pn_file_write(pencl_ctx *ctx, const char *path, const void *bytes, size_t size);
pencl_status pn_file_write_spans(pencl_ctx *ctx, const char *path, const pn_span *spans, size_t n);
/* The same piece by piece, for what is never in memory as a whole: `keep` puts it in the old file's
 * place, otherwise what was written goes. */
typedef struct pn_output pn_output;
pencl_status pn_output_open(pn_output **out, pencl_ctx *ctx, const char *path);
pencl_status pn_output_write(pn_output *output, const void *bytes, size_t size);
pencl_status pn_output_close(pn_output *output, bool keep);
/* Adds to the end of a file, which is made if missing; `sync` waits until the disk has it. */
bool pn_file_append(const char *path, const void *bytes, size_t size, bool sync);
bool pn_file_exists(const char *path);
/* Size in bytes and time of the last change in ns: differ when the file was replaced. */
bool pn_file_stamp(const char *path, uint64_t *size, int64_t *time);
bool pn_file_allowed(const char *path); /* this process may read and write it; follows links */
void pn_file_group(char *out, size_t room, const char *path); /* its name, or number, or "" */
/* The last part of what a symbolic link points at; "" when it is none. */
void pn_link_name(char *out, size_t room, const char *path);
void pn_file_remove(const char *path);
bool pn_file_rename(const char *from, const char *to); /* replaces `to` */
bool pn_make_folders(const char *path);                /* as mkdir -p, mode 0700 */
/* The names in a folder, sorted, one a line; false when it cannot be read. */
bool pn_list_folder(pn_text *out, const char *path);

void *pn_library_open(const char *name); /* NULL when it cannot be loaded */
void *pn_library_symbol(void *library, const char *name);
bool pn_library_path(char *out, size_t room, void *symbol); /* the file a symbol comes from */
void pn_set_env(const char *name, const char *value, bool overwrite);
const char *pn_get_env(const char *name); /* NULL when unset or empty */

uint64_t pn_clock_ns(void); /* monotonic */
void pn_sleep_ms(unsigned ms);
int pn_core_count(void);
uint64_t pn_memory_total(void);
uint64_t pn_cache_bytes(void); /* the CPU's largest cache; 0 where the system does not tell */
long pn_process_id(void);
bool pn_process_alive(long pid);

/* CPU time of each thread of the process, for at most `room` of them; returns how many there are, 0
 * where the system does not tell. */
typedef struct pn_thread_time {
    long id;
    uint64_t ns;
} pn_thread_time;
size_t pn_thread_times(pn_thread_time *out, size_t room);

/* Runs body(arg, i) for i in 0..n-1 on up to pn_core_count() threads; returns when all are done. */
void pn_parallel(size_t n, void (*body)(void *arg, size_t i), void *arg);

/* "$XDG_CACHE_HOME/pencl" and "$XDG_STATE_HOME/pencl" with their defaults under $HOME; PENCL_CACHE
 * names another folder for both. False when there is no home. */
bool pn_cache_folder(char *out, size_t room);
bool pn_state_folder(char *out, size_t room);

#endif
