/* SPDX-License-Identifier: Apache-2.0 */
/* Named arrays: data on a device, whose axes have names.
 *
 *     const pencl_axis axes[] = {{"seq", 2}, {"embedding", 3}};
 *     const float data[] = {1, 2, 3, 4, 5, 6};
 *     pencl_array *x = NULL, *last = NULL;
 *     pencl_status st = pencl_array_wrap(&x, device, PENCL_F32, axes, 2, data);
 *     if (!st) st = pencl_array_index(&last, x, "seq", -1);
 *     if (!st) st = pencl_array_save(last, "last.npy");
 *     pencl_array_free(last);
 *     pencl_array_free(x);
 *
 * An array is a dtype, at most PENCL_MAX_AXES axes (an empty name is a positional axis), strides
 * and storage; views share storage, which is counted. Axes are found by name: their order is how
 * the data is laid out and read, and means nothing else.
 */
#ifndef PENCL_ARRAY_H
#define PENCL_ARRAY_H

#include "pencl/axes.h"
#include "pencl/context.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct pencl_array pencl_array;

/* A new array in C order of `axes`; content undefined. E_AXIS: a repeated name. E_LIMIT: too big.
 */
PENCL_API PENCL_NODISCARD pencl_status pencl_array_new(
    pencl_array **out, pencl_device *device, pencl_dtype dtype, const pencl_axis *axes, int n_axes);
/* ... with a copy of `data`, which is in C order of the axes. */
PENCL_API PENCL_NODISCARD pencl_status pencl_array_wrap(pencl_array **out,
                                                        pencl_device *device,
                                                        pencl_dtype dtype,
                                                        const pencl_axis *axes,
                                                        int n_axes,
                                                        const void *data);
PENCL_API void pencl_array_free(pencl_array *array);

PENCL_API pencl_dtype pencl_array_dtype(const pencl_array *array);
PENCL_API int pencl_array_n_axes(const pencl_array *array);
/* Axis i in storage order. Borrowed; NULL when out of range. */
PENCL_API const pencl_axis *pencl_array_axis(const pencl_array *array, int i);
PENCL_API int64_t pencl_array_count(const pencl_array *array); /* elements */
PENCL_API pencl_device *pencl_array_device(const pencl_array *array);

/* Host memory in C order of the array's axes, in its dtype (blocks for quantised ones); `bytes`
 * must be exact. Both wait. */
PENCL_API PENCL_NODISCARD pencl_status pencl_array_upload(pencl_array *array,
                                                          const void *from,
                                                          size_t bytes);
PENCL_API PENCL_NODISCARD pencl_status pencl_array_download(const pencl_array *array,
                                                            void *to,
                                                            size_t bytes);
/* ... in C order of these names: all that the array has. E_AXIS for others, or positional axes. */
PENCL_API PENCL_NODISCARD pencl_status pencl_array_unwrap(
    const pencl_array *array, const char *const names[], int n, void *to, size_t bytes);
/* As float32 whatever the dtype; `count` is the number of elements. */
PENCL_API PENCL_NODISCARD pencl_status pencl_array_download_f32(const pencl_array *array,
                                                                float *to,
                                                                int64_t count);

/* ---- views ----
 * No copy: each gives a new array, which is yours, over the same storage. Errors name the axis and
 * print the shapes. E_AXIS: a name is missing, unknown, empty, repeated, or there already. */

/* Names all positional axes, in order; tag_prefix only the first n of them. */
PENCL_API PENCL_NODISCARD pencl_status pencl_array_tag(pencl_array **out,
                                                       const pencl_array *array,
                                                       const char *const names[],
                                                       int n);
PENCL_API PENCL_NODISCARD pencl_status pencl_array_tag_prefix(pencl_array **out,
                                                              const pencl_array *array,
                                                              const char *const names[],
                                                              int n);
/* Makes named axes positional, in the order given. untag wants an array without positional axes;
 * untag_prefix puts the new ones before those that are there. */
PENCL_API PENCL_NODISCARD pencl_status pencl_array_untag(pencl_array **out,
                                                         const pencl_array *array,
                                                         const char *const names[],
                                                         int n);
PENCL_API PENCL_NODISCARD pencl_status pencl_array_untag_prefix(pencl_array **out,
                                                                const pencl_array *array,
                                                                const char *const names[],
                                                                int n);
PENCL_API PENCL_NODISCARD pencl_status pencl_array_rename(pencl_array **out,
                                                          const pencl_array *array,
                                                          const char *from,
                                                          const char *to);
/* Positional axes first, then the named ones as given: all of them (penzai's order_as). */
PENCL_API PENCL_NODISCARD pencl_status pencl_array_order(pencl_array **out,
                                                         const pencl_array *array,
                                                         const char *const names[],
                                                         int n);
/* ... as `other` has them, whose names must be the same; or sorted. */
PENCL_API PENCL_NODISCARD pencl_status pencl_array_order_like(pencl_array **out,
                                                              const pencl_array *array,
                                                              const pencl_array *other);
PENCL_API PENCL_NODISCARD pencl_status pencl_array_canonicalize(pencl_array **out,
                                                                const pencl_array *array);
/* n elements of an axis from `from` on; or every `step`-th, step at least 1 (else E_ARG). E_SHAPE:
 * not within the axis. */
PENCL_API PENCL_NODISCARD pencl_status pencl_array_slice(
    pencl_array **out, const pencl_array *array, const char *axis, int64_t from, int64_t n);
PENCL_API PENCL_NODISCARD pencl_status pencl_array_slice_steps(pencl_array **out,
                                                               const pencl_array *array,
                                                               const char *axis,
                                                               int64_t from,
                                                               int64_t n,
                                                               int64_t step);
/* One element of an axis, which goes; -1 is the last. E_SHAPE when there is none (where JAX would
 * take the nearest). */
PENCL_API PENCL_NODISCARD pencl_status pencl_array_index(pencl_array **out,
                                                         const pencl_array *array,
                                                         const char *axis,
                                                         int64_t at);
/* A new axis of size 1. */
PENCL_API PENCL_NODISCARD pencl_status pencl_array_insert_axis(pencl_array **out,
                                                               const pencl_array *array,
                                                               const char *name);
/* The named axes that are missing are added; those that are there keep their size, even a size of
 * 1 (else E_SHAPE), and further ones stay. Positional axes broadcast as NumPy's do. */
PENCL_API PENCL_NODISCARD pencl_status pencl_array_broadcast_to(pencl_array **out,
                                                                const pencl_array *array,
                                                                const pencl_axis *axes,
                                                                int n);
PENCL_API PENCL_NODISCARD pencl_status pencl_array_broadcast_like(pencl_array **out,
                                                                  const pencl_array *array,
                                                                  const pencl_array *other);
/* One axis becomes several in its place, outermost first. E_SHAPE: sizes do not multiply to it. */
PENCL_API PENCL_NODISCARD pencl_status pencl_array_split(
    pencl_array **out, const pencl_array *array, const char *axis, const pencl_axis *into, int n);
/* Several axes become one, the first given the outermost. E_UNSUPPORTED when they are apart in
 * storage, so that it would need a copy: values do that (pencl_value_merge). */
PENCL_API PENCL_NODISCARD pencl_status pencl_array_merge(
    pencl_array **out, const pencl_array *array, const char *const axes[], int n, const char *into);

/* ---- files and text ---- */

/* .npy, version 1 or 2 (f32, f16, i32 and i64 -> i32 in; bf16 and quantised types as f32 out). A
 * file has no axis names: load gives positional axes, `tag` names them. save replaces atomically.
 */
PENCL_API PENCL_NODISCARD pencl_status pencl_array_load(pencl_array **out,
                                                        pencl_device *device,
                                                        const char *path);
PENCL_API PENCL_NODISCARD pencl_status pencl_array_save(const pencl_array *array, const char *path);

/* "<NamedArray float32(| seq:2, embedding:3)>" and, if small, the values. The text is yours: free
 * it with pencl_text_free. */
PENCL_API PENCL_NODISCARD pencl_status pencl_array_print(char **out, const pencl_array *array);

#ifdef __cplusplus
}
#endif

#endif
