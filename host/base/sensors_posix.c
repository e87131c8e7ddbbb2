/* SPDX-License-Identifier: Apache-2.0 */
/* Clocks, heat, power and other work, as Linux shows them in /sys and /proc. */
#include "base/os.h"
#include "base/system.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PATH_SIZE = 512, NAME_SIZE = 64 };

#define HWMON      "/sys/class/hwmon"
#define ZONES      "/sys/class/thermal"
#define POWERCAP   "/sys/class/powercap"
#define SUPPLIES   "/sys/class/power_supply"
#define CPUS       "/sys/devices/system/cpu"
#define PCI_DEVICE "/sys/bus/pci/devices"

/* Calls `each` for the names in a folder below the root that begin with `prefix`. */
static void for_names(const char *folder,
                      const char *prefix,
                      void (*each)(void *user, const char *path),
                      void *user)
{
    char full[2 * PATH_SIZE];
    pn_text names = {0};
    snprintf(full, sizeof full, "%s%s", pn_root(), folder);
    if (!pn_list_folder(&names, full)) {
        pn_text_free(&names);
        return;
    }
    for (const char *at = pn_text_get(&names); *at != '\0';) {
        const size_t n = strcspn(at, "\n");
        if (n < NAME_SIZE && strncmp(at, prefix, strlen(prefix)) == 0) {
            char path[PATH_SIZE];
            snprintf(path, sizeof path, "%.300s/%.*s", folder, (int)n, at);
            each(user, path);
        }
        at += n + (at[n] == '\n');
    }
    pn_text_free(&names);
}

static double number_in(const char *folder, const char *name)
{
    char path[PATH_SIZE + NAME_SIZE];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return pn_system_number(path);
}

/* Whether the file in the folder begins with one of the words, "coretemp k10temp". */
static bool begins(const char *folder, const char *name, const char *words)
{
    char path[PATH_SIZE + NAME_SIZE];
    pn_text text = {0};
    bool found = false;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    if (pn_system_read(&text, path)) {
        const char *got = pn_text_get(&text);
        for (const char *word = words; *word != '\0';) {
            const size_t n = strcspn(word, " ");
            found = found || strncmp(got, word, n) == 0;
            word += n + (word[n] == ' ');
        }
    }
    pn_text_free(&text);
    return found;
}

static double larger(double a, double b)
{
    return isnan(a) || b > a ? b : a;
}

/* ---- clocks ---- */

typedef struct mean {
    double sum;
    int n;
} mean;

static void add_core(void *user, const char *path)
{
    mean *m = user;
    const double khz = number_in(path, "cpufreq/scaling_cur_freq");
    m->sum += isnan(khz) ? 0 : khz / 1e3;
    m->n += !isnan(khz);
}

/* Where cores have no cpufreq: what /proc/cpuinfo says of each. */
static void add_cpuinfo(mean *m)
{
    pn_text text = {0};
    if (pn_system_read(&text, "/proc/cpuinfo")) {
        const char *at = pn_text_get(&text);
        while ((at = strstr(at, "cpu MHz")) != NULL) {
            at += strcspn(at, ":\n");
            m->n += *at == ':';
            m->sum += *at == ':' ? strtod(at + 1, NULL) : 0;
        }
    }
    pn_text_free(&text);
}

static double cpu_clock(void)
{
    mean m = {0};
    for_names(CPUS, "cpu", add_core, &m);
    if (m.n == 0) {
        add_cpuinfo(&m);
    }
    return m.n > 0 ? m.sum / m.n : NAN;
}

/* ---- heat ---- */

static void heat_of_chip(void *user, const char *path)
{
    if (begins(path, "name", "coretemp k10temp zenpower cpu_thermal")) {
        *(double *)user = larger(*(double *)user, number_in(path, "temp1_input") / 1e3);
    }
}

static void heat_of_zone(void *user, const char *path)
{
    *(double *)user = larger(*(double *)user, number_in(path, "temp") / 1e3);
}

static double cpu_heat(void)
{
    double heat = NAN;
    for_names(HWMON, "hwmon", heat_of_chip, &heat);
    if (isnan(heat)) {
        for_names(ZONES, "thermal_zone", heat_of_zone, &heat);
    }
    return heat;
}

/* ---- power ---- */

/* A package's counter; the parts of a package have a colon more in their names. */
static void add_package(void *user, const char *path)
{
    pn_sensors *s = user;
    const double joules = number_in(path, "energy_uj") / 1e6;
    if (!isnan(joules) && begins(path, "name", "package")) {
        s->joules = s->source == PN_POWER_RAPL ? s->joules + joules : joules;
        s->wrap = larger(s->wrap, number_in(path, "max_energy_range_uj") / 1e6);
        s->source = PN_POWER_RAPL;
    }
}

static void add_battery(void *user, const char *path)
{
    pn_sensors *s = user;
    if (s->source != PN_POWER_NONE || !begins(path, "status", "Discharging")) {
        return;
    }
    double watts = number_in(path, "power_now") / 1e6;
    if (isnan(watts)) {
        watts = number_in(path, "current_now") / 1e6 * (number_in(path, "voltage_now") / 1e6);
    }
    if (!isnan(watts)) {
        s->watts = fabs(watts); /* some drivers count what leaves the battery as negative */
        s->source = PN_POWER_BATTERY;
    }
}

static void read_board(void *user, const char *path)
{
    pn_sensors *s = user;
    s->clock_mhz = number_in(path, "freq1_input") / 1e6;
    s->temperature_c = number_in(path, "temp1_input") / 1e3;
    s->watts = number_in(path, "power1_average") / 1e6;
    if (isnan(s->watts)) {
        s->watts = number_in(path, "power1_input") / 1e6;
    }
    s->source = isnan(s->watts) ? PN_POWER_NONE : PN_POWER_HWMON;
}

void pn_sensors_read(pn_sensors *out, const char *pci)
{
    *out = (pn_sensors){
        .clock_mhz = NAN, .temperature_c = NAN, .joules = NAN, .wrap = NAN, .watts = NAN};
    if (pci[0] != '\0') {
        char folder[PATH_SIZE];
        snprintf(folder, sizeof folder, PCI_DEVICE "/%s/hwmon", pci);
        for_names(folder, "hwmon", read_board, out);
    } else {
        out->clock_mhz = cpu_clock();
        out->temperature_c = cpu_heat();
        for_names(POWERCAP, "intel-rapl:", add_package, out);
    }
    if (out->source == PN_POWER_NONE) {
        for_names(SUPPLIES, "", add_battery, out);
    }
}

double pn_sensors_watts(const pn_sensors *from, const pn_sensors *to, double seconds)
{
    if (from->source != PN_POWER_RAPL) {
        return (from->watts + to->watts) / 2;
    }
    const double joules = to->joules - from->joules;
    return (joules < 0 ? joules + to->wrap : joules) / seconds;
}

/* ---- other work ---- */

/* Ticks of all cores that did not idle: user, nice, system, irq, softirq, steal. */
static double busy_ticks(void)
{
    unsigned long long t[8] = {0};
    pn_text text = {0};
    int n = 0;
    if (pn_system_read(&text, "/proc/stat")) {
        n = sscanf(pn_text_get(&text), "cpu %llu %llu %llu %llu %llu %llu %llu %llu", &t[0], &t[1],
                   &t[2], &t[3], &t[4], &t[5], &t[6], &t[7]);
    }
    pn_text_free(&text);
    return n == 8 ? (double)(t[0] + t[1] + t[2] + t[5] + t[6] + t[7]) : NAN;
}

/* Ticks of this process, all threads: the 14th and 15th field, counted behind the name, which may
 * have blanks and parentheses in it. */
static double own_ticks(void)
{
    unsigned long long user = 0;
    unsigned long long system = 0;
    pn_text text = {0};
    int n = 0;
    if (pn_system_read(&text, "/proc/self/stat")) {
        const char *at = strrchr(pn_text_get(&text), ')');
        n = at == NULL ? 0
                       : sscanf(at + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu",
                                &user, &system);
    }
    pn_text_free(&text);
    return n == 2 ? (double)(user + system) : NAN;
}

double pn_foreign_seconds(void)
{
    const long tick = sysconf(_SC_CLK_TCK);
    return tick > 0 ? (busy_ticks() - own_ticks()) / (double)tick : NAN;
}
