/* SPDX-License-Identifier: Apache-2.0 */
/* The roofline: rates of arithmetic over operations a byte, both logarithmic. A device's roof rises
 * with what it reads and is flat at what it multiplies; under it a point for each row. */
#include "bench_page.h"
#include "bench_read.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { WIDTH = 480, HEIGHT = 350, LEFT = 52, RIGHT = 22, TOP = 14, BOTTOM = 44, COLOURS = 6 };

typedef struct area {
    double x[2]; /* log10 of operations a byte: from, to */
    double y[2]; /* log10 of GFLOP/s */
} area;

/* Where a row lies; false when its record does not say. */
static bool place(const json_t *row, double *x, double *y)
{
    double flops = row_number(row, "flops_per_token");
    double bytes = row_number(row, "bytes_per_token");
    *x = log10(flops / bytes);
    *y = log10(flops * row_rate(row) / 1e9);
    return flops > 0 && bytes > 0 && row_number(row, "limits.before.read_gbs") > 0 &&
           row_number(row, "limits.before.fma_gflops") > 0;
}

static double roof(const json_t *row, double x)
{
    return fmin(log10(row_number(row, "limits.before.fma_gflops")),
                x + log10(row_number(row, "limits.before.read_gbs")));
}

/* Whole decades around all points and the corners of their roofs. */
static bool measure(area *a, const json_t *rows)
{
    *a = (area){{INFINITY, -INFINITY}, {INFINITY, -INFINITY}};
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *row = json_array_get(rows, i);
        double x;
        double y;
        if (place(row, &x, &y)) {
            double top = log10(row_number(row, "limits.before.fma_gflops"));
            double corner = top - log10(row_number(row, "limits.before.read_gbs"));
            a->x[0] = fmin(a->x[0], floor(fmin(x, corner) - 0.05));
            a->x[1] = fmax(a->x[1], ceil(fmax(x, corner) + 0.05));
            a->y[0] = fmin(a->y[0], floor(y - 0.05));
            a->y[1] = fmax(a->y[1], ceil(fmax(y, top) + 0.05));
        }
    }
    return a->x[0] < a->x[1] && a->x[1] - a->x[0] < 20 && a->y[1] - a->y[0] < 20;
}

static double across(const area *a, double x)
{
    return LEFT + (x - a->x[0]) / (a->x[1] - a->x[0]) * (WIDTH - LEFT - RIGHT);
}

static double down(const area *a, double y)
{
    return TOP + (a->y[1] - y) / (a->y[1] - a->y[0]) * (HEIGHT - TOP - BOTTOM);
}

static void add_grid(page *p, const area *a)
{
    for (double x = a->x[0]; x <= a->x[1] + 0.5; x++) {
        page_add(p, "<path class=\"grid\" d=\"M%.1f %d V%d\"/>", across(a, x), TOP,
                 HEIGHT - BOTTOM);
        page_add(p, "<text class=\"quiet\" x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%g</text>\n",
                 across(a, x), HEIGHT - BOTTOM + 16, pow(10, x));
    }
    for (double y = a->y[0]; y <= a->y[1] + 0.5; y++) {
        page_add(p, "<path class=\"grid\" d=\"M%d %.1f H%d\"/>", LEFT, down(a, y), WIDTH - RIGHT);
        page_add(p, "<text class=\"quiet\" x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%g</text>\n",
                 LEFT - 6, down(a, y) + 4, pow(10, y));
    }
    page_add(p,
             "<text class=\"quiet\" x=\"%d\" y=\"%d\" text-anchor=\"middle\">operations a byte"
             "</text>\n<text class=\"quiet\" x=\"14\" y=\"%d\" text-anchor=\"middle\" "
             "transform=\"rotate(-90 14 %d)\">GFLOP/s</text>\n",
             (LEFT + WIDTH - RIGHT) / 2, HEIGHT - 8, (TOP + HEIGHT - BOTTOM) / 2,
             (TOP + HEIGHT - BOTTOM) / 2);
}

static bool same_device(const json_t *a, const json_t *b)
{
    return strcmp(row_text(a, "device.name", ""), row_text(b, "device.name", "")) == 0 &&
           strcmp(row_text(a, "device.platform", ""), row_text(b, "device.platform", "")) == 0 &&
           strcmp(row_text(a, "host.cpu", ""), row_text(b, "host.cpu", "")) == 0;
}

/* The first row of the device that a row is of. */
static size_t device_of(const json_t *rows, size_t i)
{
    double x;
    double y;
    for (size_t k = 0; k < i; k++) {
        const json_t *other = json_array_get(rows, k);
        if (place(other, &x, &y) && same_device(other, json_array_get(rows, i))) {
            return k;
        }
    }
    return i;
}

/* The colour of that device: devices are counted, and colours used again. */
static size_t colour_of(const json_t *rows, size_t i)
{
    double x;
    double y;
    size_t n = 0;
    for (size_t k = 0; k < device_of(rows, i); k++) {
        n += place(json_array_get(rows, k), &x, &y) && device_of(rows, k) == k;
    }
    return n % COLOURS;
}

static void add_roof(page *p, const area *a, const json_t *row, size_t colour)
{
    double corner = log10(row_number(row, "limits.before.fma_gflops") /
                          row_number(row, "limits.before.read_gbs"));
    double from = fmax(a->x[0], a->y[0] - log10(row_number(row, "limits.before.read_gbs")));
    page_add(p,
             "<path d=\"M%.1f %.1f L%.1f %.1f H%d\" fill=\"none\" stroke=\"var(--c%zu)\" "
             "stroke-width=\"2\"/>\n",
             across(a, from), down(a, roof(row, from)), across(a, corner),
             down(a, roof(row, corner)), WIDTH - RIGHT, colour);
}

/* Numbers stand right of their points, or left where the edge is near. */
static void add_point(page *p, const area *a, const json_t *row, size_t number, size_t colour)
{
    char test[96];
    double x;
    double y;
    place(row, &x, &y);
    bool edge = across(a, x) > WIDTH - RIGHT - 24;
    page_add(p, "<g><title>%zu. ", number);
    page_text(p, row_device(row), strlen(row_device(row)));
    page_add(p, ", %s</title>", row_test(test, sizeof test, row));
    page_add(p,
             "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"4.5\" fill=\"var(--c%zu)\"/><text x=\"%.1f\" "
             "y=\"%.1f\" text-anchor=\"%s\">%zu</text></g>\n",
             across(a, x), down(a, y), colour, across(a, x) + (edge ? -8 : 8), down(a, y) + 4.5,
             edge ? "end" : "start", number);
}

static void add_legend(page *p, const json_t *rows)
{
    char where[192];
    double x;
    double y;
    page_add(p, "<ul class=\"legend\">\n");
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *row = json_array_get(rows, i);
        if (!place(row, &x, &y) || device_of(rows, i) != i) {
            continue;
        }
        page_add(p, "<li><span style=\"color:var(--c%zu)\">&#9632;</span> ", colour_of(rows, i));
        page_text(p, row_text(row, "device.name", ""), strlen(row_text(row, "device.name", "")));
        page_add(p, " <span class=\"quiet\">");
        row_place(where, sizeof where, row);
        page_text(p, where, strlen(where));
        page_add(p, ": reads %.1f GB/s, %.0f GFLOP/s</span></li>\n",
                 row_number(row, "limits.before.read_gbs"),
                 row_number(row, "limits.before.fma_gflops"));
    }
    page_add(p, "</ul>\n");
}

void bench_roofline(page *p, const json_t *rows)
{
    area a;
    double x;
    double y;
    if (!measure(&a, rows)) {
        return;
    }
    page_add(p,
             "<h2>Roofline</h2>\n<p class=\"quiet\">Lines: what a device was measured to do at "
             "most. Points: rows by their numbers; the nearer to the line, the less is left.</p>\n"
             "<svg viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"roofline of the rows above\">\n",
             WIDTH, HEIGHT);
    add_grid(p, &a);
    for (size_t i = 0; i < json_array_size(rows); i++) {
        if (place(json_array_get(rows, i), &x, &y) && device_of(rows, i) == i) {
            add_roof(p, &a, json_array_get(rows, i), colour_of(rows, i));
        }
    }
    for (size_t i = 0; i < json_array_size(rows); i++) {
        if (place(json_array_get(rows, i), &x, &y)) {
            add_point(p, &a, json_array_get(rows, i), i + 1, colour_of(rows, i));
        }
    }
    page_add(p, "</svg>\n");
    add_legend(p, rows);
}
