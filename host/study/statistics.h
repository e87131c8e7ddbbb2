/* SPDX-License-Identifier: Apache-2.0 */
/* What samples say: mean and spread, median and its interval. */
#ifndef PENCL_STUDY_STATISTICS_H
#define PENCL_STUDY_STATISTICS_H

#include "base/base.h"

/* Mean and standard deviation (n - 1; 0 for one sample) of n >= 1 samples. */
void pn_mean(const double *x, int n, double *mean, double *stddev);
/* The median of n >= 1 samples, which are sorted on the way. */
double pn_median(double *x, int n);
/* What lies at `share` of the way from the least to the largest of n >= 1, which are sorted on the
 * way; between two of them in proportion. */
double pn_quantile(double *x, size_t n, double share);
/* Of n >= 1 sorted samples, the places k .. n - 1 - k of the two that hold the median of what they
 * were drawn from between them with at least 95 %, whatever its distribution: P(Bin(n, 1/2) < k)
 * <= 2.5 %. Below 6 samples there is no such k, and the extremes (k = 0) stand: 94 % for 5. */
int pn_median_rank(int n);

#endif
