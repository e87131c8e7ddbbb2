/* SPDX-License-Identifier: Apache-2.0 */
/* Mean, median, and the median's interval by order statistics. */
#include "study/statistics.h"

#include <math.h>
#include <stdlib.h>

void pn_mean(const double *x, int n, double *mean, double *stddev)
{
    double sum = 0;
    double squares = 0;
    for (int i = 0; i < n; i++) {
        sum += x[i];
    }
    *mean = sum / n;
    for (int i = 0; i < n; i++) {
        squares += (x[i] - *mean) * (x[i] - *mean);
    }
    *stddev = n > 1 ? sqrt(squares / (n - 1)) : 0;
}

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a;
    const double y = *(const double *)b;
    return (x > y) - (x < y);
}

double pn_median(double *x, int n)
{
    qsort(x, (size_t)n, sizeof *x, ascending);
    return n % 2 != 0 ? x[n / 2] : (x[n / 2 - 1] + x[n / 2]) / 2;
}

double pn_quantile(double *x, size_t n, double share)
{
    qsort(x, n, sizeof *x, ascending);
    const double at = share * (double)(n - 1);
    const size_t i = (size_t)at;
    return i + 1 < n ? x[i] + (at - (double)i) * (x[i + 1] - x[i]) : x[i];
}

int pn_median_rank(int n)
{
    double below = 0; /* P(Bin(n, 1/2) <= k) */
    int k = 0;
    for (; k < n / 2; k++) {
        below += exp(lgamma(n + 1.0) - lgamma(k + 1.0) - lgamma(n - k + 1.0) - n * log(2.0));
        if (below > 0.025) {
            break;
        }
    }
    return k > 0 ? k - 1 : 0;
}
