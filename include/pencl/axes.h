/* SPDX-License-Identifier: Apache-2.0 */
/* Axes: a name and a size. The names that models use are penzai's, word for word. */
#ifndef PENCL_AXES_H
#define PENCL_AXES_H

#include "pencl/base.h"

#define PENCL_MAX_AXES      8
#define PENCL_AXIS_NAME_MAX 32

/* One axis; an empty name is a positional axis. */
typedef struct pencl_axis {
    char name[PENCL_AXIS_NAME_MAX];
    int64_t size;
} pencl_axis;

#define PENCL_AXIS_BATCH       "batch"       /* independent sequences */
#define PENCL_AXIS_SEQ         "seq"         /* tokens of a sequence (queries) */
#define PENCL_AXIS_KV_SEQ      "kv_seq"      /* tokens that are attended to */
#define PENCL_AXIS_EMBEDDING   "embedding"   /* the residual stream */
#define PENCL_AXIS_PROJECTION  "projection"  /* one attention head's width */
#define PENCL_AXIS_HEADS       "heads"       /* heads, when each query head has its own keys */
#define PENCL_AXIS_HEAD_GROUPS "head_groups" /* key-value heads, grouped-query attention */
#define PENCL_AXIS_QUERY_HEADS "query_heads" /* query heads of one key-value head */
#define PENCL_AXIS_NEURONS     "neurons"     /* the feed-forward layer's hidden width */
#define PENCL_AXIS_VOCABULARY  "vocabulary"  /* token ids */
#define PENCL_AXIS_BLOCKS      "blocks"      /* transformer blocks stacked in one variable */

#endif
