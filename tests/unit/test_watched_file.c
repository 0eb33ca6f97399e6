// A file that a build writes again and again: when it counts as whole, and what counts as a change.
//
// Time is the test's own: the file is made to look as old or as new as it says.
//
// SPDX-License-Identifier: MIT
#include "host/clock.h"
#include "host/watched_file.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define MS QL_NS_PER_MS

static char path[64];
static struct ql_watched_file file;
static uint64_t now_ns;
static const struct timespec today = {2000000000, 0};

static void write_file(const char *text, size_t size)
{
    FILE *out = fopen(path, "wb");
    assert_non_null(out);
    assert_int_equal(fwrite(text, 1, size, out), size);
    fclose(out);
    // The file system's clock is coarse: a change must be told by more than luck.
    static long count;
    count++;
    const struct timespec times[2] = {{today.tv_sec, count}, {today.tv_sec, count}};
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

static bool look_after(uint64_t ms)
{
    now_ns += ms * MS;
    return ql_watched_file_look(&file, now_ns, &today);
}

static int set_up(void **state)
{
    (void)state;
    snprintf(path, sizeof path, "/tmp/quadlane-watched-%ld.bin", (long)getpid());
    unlink(path);
    now_ns = 1000 * QL_NS_PER_S;
    file = (struct ql_watched_file){.path = path, .options = {.name = path}};
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    ql_watched_file_free(&file);
    unlink(path);
    return 0;
}

static void test_settles(void **state)
{
    (void)state;
    assert_true(look_after(0));
    assert_int_equal(file.state, QL_WATCHED_MISSING);
    assert_false(look_after(100));
    write_file("12345678", 8);
    assert_true(look_after(100));
    assert_int_equal(file.state, QL_WATCHED_SETTLING);
    assert_false(look_after(300));
    write_file("123456789", 9); // it grows: the wait begins again
    assert_false(look_after(200));
    assert_false(look_after(300));
    assert_int_equal(file.version, 0);
    assert_true(look_after(100));
    assert_int_equal(file.state, QL_WATCHED_READY);
    assert_int_equal(file.version, 1);
    assert_int_equal(file.image.extents[0].size, 9);
    assert_false(look_after(10000));
}

static void test_old_file_needs_no_wait(void **state)
{
    (void)state;
    write_file("12345678", 8);
    const struct timespec later = {today.tv_sec + 3, 0};
    assert_true(ql_watched_file_look(&file, now_ns, &later));
    assert_int_equal(file.state, QL_WATCHED_READY);
}

static void test_change_of_content(void **state)
{
    (void)state;
    write_file("12345678", 8);
    look_after(0);
    look_after(400);
    assert_int_equal(file.version, 1);
    write_file("12345678", 8); // the same bytes again, as a build without a change leaves them
    assert_true(ql_watched_file_touched(&file));
    look_after(10);
    look_after(400);
    assert_int_equal(file.state, QL_WATCHED_READY);
    assert_int_equal(file.version, 1);
    assert_false(ql_watched_file_touched(&file));
    write_file("12345679", 8); // the same size
    look_after(10);
    look_after(400);
    assert_int_equal(file.version, 2);
    assert_memory_equal(file.image.extents[0].data, "12345679", 8);
}

static void test_vanishes(void **state)
{
    (void)state;
    write_file("12345678", 8);
    look_after(0);
    look_after(400);
    unlink(path);
    assert_true(ql_watched_file_touched(&file));
    assert_true(look_after(100));
    assert_int_equal(file.state, QL_WATCHED_MISSING);
    write_file("abcdefgh", 8);
    look_after(100);
    assert_int_equal(file.state, QL_WATCHED_SETTLING);
    look_after(400);
    assert_int_equal(file.version, 2);
}

// An ELF file without its header, as a linker leaves it until the end: it may still become one.
static void test_half_an_elf(void **state)
{
    (void)state;
    strcpy(path + strlen(path) - 4, ".elf");
    static const char zeros[5000];
    write_file(zeros, sizeof zeros);
    look_after(0);
    assert_false(look_after(500));
    assert_int_equal(file.state, QL_WATCHED_SETTLING);
    assert_true(look_after(1600));
    assert_int_equal(file.state, QL_WATCHED_BAD);
    assert_int_equal(file.failure.code, QL_IMAGE_DAMAGED);
    assert_int_equal(file.version, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_settles, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_old_file_needs_no_wait, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_change_of_content, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_vanishes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_half_an_elf, set_up, tear_down),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
