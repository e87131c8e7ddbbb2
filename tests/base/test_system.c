/* SPDX-License-Identifier: Apache-2.0 */
/* What a made-up system tells of itself: names, clocks, heat, power, other work. */
#include "base/os.h"
#include "base/system.h"
#include "support/folder.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char root[TEST_PATH];

static void setup(void)
{
    test_folder_make(root);
    setenv("PENCL_ROOT", root, 1);
}

static void teardown(void)
{
    unsetenv("PENCL_ROOT");
    test_folder_remove(root);
}

static void put(const char *path, const char *text)
{
    char full[2 * TEST_PATH];
    char folder[2 * TEST_PATH];
    snprintf(full, sizeof full, "%s/%s", root, path);
    snprintf(folder, sizeof folder, "%s", full);
    *strrchr(folder, '/') = '\0';
    ck_assert(pn_make_folders(folder));
    test_write(full, text, strlen(text));
}

START_TEST(an_empty_system_tells_nothing)
{
    char text[64] = "x";
    pn_sensors s;
    pn_sensors_read(&s, "");
    ck_assert_double_nan(s.clock_mhz);
    ck_assert_double_nan(s.temperature_c);
    ck_assert_double_nan(s.joules);
    ck_assert_double_nan(s.watts);
    ck_assert_int_eq(s.source, PN_POWER_NONE);
    ck_assert_double_nan(pn_foreign_seconds());
    pn_system_os(text, sizeof text);
    ck_assert_str_eq(text, "");
    pn_system_kernel(text, sizeof text);
    ck_assert_str_eq(text, "");
}
END_TEST

START_TEST(names)
{
    char text[64];
    put("etc/os-release", "NAME=\"Debian\"\nPRETTY_NAME=\"Debian GNU/Linux 12\"\n");
    put("proc/sys/kernel/osrelease", "6.1.0-18\n");
    put("proc/cpuinfo", "processor\t: 0\nmodel name\t: Fast CPU 9\ncpu MHz\t\t: 2000.000\n\n"
                        "processor\t: 1\nmodel name\t: Fast CPU 9\ncpu MHz\t\t: 3000.000\n");
    put("sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "powersave\n");
    pn_system_os(text, sizeof text);
    ck_assert_str_eq(text, "Debian GNU/Linux 12");
    pn_system_kernel(text, sizeof text);
    ck_assert_str_eq(text, "Linux 6.1.0-18");
    pn_system_cpu(text, sizeof text);
    ck_assert_str_eq(text, "Fast CPU 9");
    pn_system_governor(text, sizeof text);
    ck_assert_str_eq(text, "powersave");
    pn_sensors s;
    pn_sensors_read(&s, "");
    ck_assert_double_eq(s.clock_mhz, 2500);
}
END_TEST

START_TEST(a_package_with_rapl)
{
    pn_sensors a;
    pn_sensors b;
    put("proc/cpuinfo", "cpu MHz\t\t: 2000.000\n");
    put("sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq", "3000000\n");
    put("sys/devices/system/cpu/cpu1/cpufreq/scaling_cur_freq", "1000000\n");
    put("sys/devices/system/cpu/cpufreq/boost", "1\n");
    put("sys/class/thermal/thermal_zone0/temp", "99000\n");
    put("sys/class/hwmon/hwmon0/name", "nvme\n");
    put("sys/class/hwmon/hwmon0/temp1_input", "88000\n");
    put("sys/class/hwmon/hwmon1/name", "k10temp\n");
    put("sys/class/hwmon/hwmon1/temp1_input", "61500\n");
    put("sys/class/powercap/intel-rapl:0/name", "package-0\n");
    put("sys/class/powercap/intel-rapl:0/energy_uj", "7000000\n");
    put("sys/class/powercap/intel-rapl:0/max_energy_range_uj", "10000000\n");
    put("sys/class/powercap/intel-rapl:0:0/name", "core\n");
    put("sys/class/powercap/intel-rapl:0:0/energy_uj", "5000000\n");
    pn_sensors_read(&a, "");
    ck_assert_double_eq(a.clock_mhz, 2000);
    ck_assert_double_eq(a.temperature_c, 61.5);
    ck_assert_int_eq(a.source, PN_POWER_RAPL);
    ck_assert_double_eq(a.joules, 7);
    put("sys/class/powercap/intel-rapl:0/energy_uj", "9500000\n");
    pn_sensors_read(&b, "");
    ck_assert_double_eq_tol(pn_sensors_watts(&a, &b, 0.5), 5, 1e-9);
    put("sys/class/powercap/intel-rapl:0/energy_uj", "1000000\n");
    pn_sensors_read(&b, "");
    ck_assert_double_eq_tol(pn_sensors_watts(&a, &b, 2), 2, 1e-9);
}
END_TEST

/* The CPU's package says nothing of a GPU's board. */
START_TEST(a_board_with_sensors)
{
    pn_sensors s;
    put("sys/class/powercap/intel-rapl:0/name", "package-0\n");
    put("sys/class/powercap/intel-rapl:0/energy_uj", "7000000\n");
    put("sys/bus/pci/devices/0000:03:00.0/hwmon/hwmon4/freq1_input", "2400000000\n");
    put("sys/bus/pci/devices/0000:03:00.0/hwmon/hwmon4/temp1_input", "70000\n");
    pn_sensors_read(&s, "0000:03:00.0");
    ck_assert_double_eq(s.clock_mhz, 2400);
    ck_assert_double_eq(s.temperature_c, 70);
    ck_assert_int_eq(s.source, PN_POWER_NONE);
    put("sys/bus/pci/devices/0000:03:00.0/hwmon/hwmon4/power1_average", "150000000\n");
    pn_sensors_read(&s, "0000:03:00.0");
    ck_assert_int_eq(s.source, PN_POWER_HWMON);
    ck_assert_double_eq(s.watts, 150);
}
END_TEST

START_TEST(a_battery_only_while_it_is_used)
{
    pn_sensors s;
    put("sys/class/power_supply/AC/online", "1\n");
    put("sys/class/power_supply/BAT0/status", "Charging\n");
    put("sys/class/power_supply/BAT0/current_now", "-1500000\n");
    put("sys/class/power_supply/BAT0/voltage_now", "8000000\n");
    pn_sensors_read(&s, "");
    ck_assert_int_eq(s.source, PN_POWER_NONE);
    put("sys/class/power_supply/BAT0/status", "Discharging\n");
    pn_sensors_read(&s, "");
    ck_assert_int_eq(s.source, PN_POWER_BATTERY);
    ck_assert_double_eq_tol(s.watts, 12, 1e-9);
    pn_sensors later = s;
    later.watts = 16;
    ck_assert_double_eq_tol(pn_sensors_watts(&s, &later, 3), 14, 1e-9);
}
END_TEST

START_TEST(work_of_others)
{
    const double tick = (double)sysconf(_SC_CLK_TCK);
    put("proc/stat", "cpu  100 20 30 9999 50 6 7 8 0 0\ncpu0 1 1 1 1 1 1 1 1 0 0\n");
    put("proc/self/stat", "77 (a) b) S 1 2 3 4 5 6 7 8 9 10 60 11 0 0 20 0 3 0\n");
    ck_assert_double_eq_tol(pn_foreign_seconds(), (171 - 71) / tick, 1e-9);
}
END_TEST

Suite *suite_base_system(void);
Suite *suite_base_system(void)
{
    Suite *suite = suite_create("base_system");
    TCase *tcase = tcase_create("system");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, an_empty_system_tells_nothing);
    tcase_add_test(tcase, names);
    tcase_add_test(tcase, a_package_with_rapl);
    tcase_add_test(tcase, a_board_with_sensors);
    tcase_add_test(tcase, a_battery_only_while_it_is_used);
    tcase_add_test(tcase, work_of_others);
    suite_add_tcase(suite, tcase);
    return suite;
}
