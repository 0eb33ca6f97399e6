// quadlane info's part about the last fault of a program (SPEC.md section 22).
//
// SPDX-License-Identifier: MIT
#include "host/addresses.h"
#include "host/cli/cli.h"
#include "host/digest.h"

#include <string.h>

// What INFO item 20 says about one address.
struct fault_address {
    const char *what; // "pc", "lr", "call"
    uint32_t value;
    bool is_call;
};

static size_t list_addresses(const uint32_t *dump, struct fault_address list[QL_DUMP_WORDS])
{
    size_t count = 0;
    if ((dump[QL_DUMP_KIND] & QL_DUMP_HAS_FRAME) != 0) {
        list[count++] = (struct fault_address){"pc", dump[QL_DUMP_PC], false};
        list[count++] = (struct fault_address){"lr", dump[QL_DUMP_LR], true};
    }
    const size_t calls = QL_DUMP_CALL_COUNT(dump[QL_DUMP_KIND]);
    for (size_t i = 0; i < calls && i < QL_DUMP_CALLS_MAX; i++)
        list[count++] = (struct fault_address){"call", dump[QL_DUMP_CALLS + i], true};
    return count;
}

static void name_exception(uint32_t number, char name[32])
{
    static const char *const names[] = {QL_EXCEPTION_NAMES(QL_EXCEPTION_NAME)};
    if (number >= 16)
        snprintf(name, 32, "unexpected interrupt %u", number - 16);
    else if (number < sizeof names / sizeof names[0] && names[number] != NULL)
        snprintf(name, 32, "%s", names[number]);
    else
        snprintf(name, 32, "exception %u", number);
}

static json_t *causes(const uint32_t *dump)
{
    json_t *list = json_array();
#define ADD(word, bit, words)                                                                      \
    if ((dump[word] >> (bit)&1) != 0)                                                              \
        json_array_append_new(list, json_string(words));
#define ADD_CFSR(bit, words) ADD(QL_DUMP_CFSR, bit, words)
#define ADD_HFSR(bit, words) ADD(QL_DUMP_HFSR, bit, words)
    QL_CFSR_CAUSES(ADD_CFSR)
    QL_HFSR_CAUSES(ADD_HFSR)
    return list;
}

// One line for people, an object for --json, for each place of the address.
static json_t *tell_address(const struct cli *cli, const struct ql_addresses *elf,
                            const struct fault_address *address)
{
    struct ql_place places[QL_PLACES_MAX];
    json_t *list = json_array();
    size_t count = 0;
    if (elf != NULL)
        count = address->is_call ? ql_addresses_find_call(elf, address->value, places)
                                 : ql_addresses_find(elf, address->value, places);
    cli_say(cli, "  %-15s 0x%08X", address->what, address->value);
    for (size_t i = 0; i < count; i++) {
        char text[QL_PLACE_TEXT_SIZE];
        ql_place_format(&places[i], text);
        cli_say(cli, "%s%s", i == 0 ? " " : "\n                               inlined by ", text);
        json_array_append_new(list, cli_text(text));
    }
    cli_say(cli, "\n");
    json_t *object =
        json_pack("{s:s, s:I}", "what", address->what, "address", (json_int_t)address->value);
    if (elf != NULL)
        json_object_set_new(object, "places", list);
    else
        json_decref(list);
    return object;
}

static void tell(struct cli *cli, const struct ql_addresses *elf)
{
    const uint32_t *dump = cli->connection.board.fault_dump;
    struct fault_address addresses[QL_DUMP_WORDS];
    char name[32];
    json_t *why = causes(dump);
    json_t *list = json_array();
    name_exception(QL_DUMP_EXCEPTION(dump[QL_DUMP_KIND]), name);
    cli_say(cli, "last fault        %s of the program at 0x%08X%s", name, dump[QL_DUMP_PROGRAM],
            (dump[QL_DUMP_KIND] & QL_DUMP_STACK_FULL) != 0 ? ", its stack is full" : "");
    for (size_t i = 0; i < json_array_size(why); i++)
        cli_say(cli, "%s %s", i == 0 ? ":" : ",", json_string_value(json_array_get(why, i)));
    cli_say(cli, "\n");
    const size_t count = list_addresses(dump, addresses);
    for (size_t i = 0; i < count; i++)
        json_array_append_new(list, tell_address(cli, elf, &addresses[i]));
    cli_say(cli, "  registers       sp %08X, psr %08X, cfsr %08X, hfsr %08X, fault address %08X\n",
            dump[QL_DUMP_SP], dump[QL_DUMP_PSR], dump[QL_DUMP_CFSR], dump[QL_DUMP_HFSR],
            dump[QL_DUMP_FAULT_ADDRESS]);
    cli_set(cli, "last_fault",
            json_pack("{s:s, s:I, s:b, s:o, s:o, s:I, s:I, s:I, s:I, s:I, s:I}", "exception", name,
                      "program", (json_int_t)dump[QL_DUMP_PROGRAM], "stack_full",
                      (dump[QL_DUMP_KIND] & QL_DUMP_STACK_FULL) != 0, "why", why, "addresses", list,
                      "sp", (json_int_t)dump[QL_DUMP_SP], "psr", (json_int_t)dump[QL_DUMP_PSR],
                      "exc_return", (json_int_t)QL_DUMP_EXC_RETURN(dump[QL_DUMP_KIND]), "cfsr",
                      (json_int_t)dump[QL_DUMP_CFSR], "hfsr", (json_int_t)dump[QL_DUMP_HFSR],
                      "fault_address", (json_int_t)dump[QL_DUMP_FAULT_ADDRESS]));
}

// Lines of another program than the one that is there now would mislead.
static void compare_file(struct cli *cli)
{
    const struct ql_board *board = &cli->connection.board;
    const uint32_t address = board->fault_dump[QL_DUMP_PROGRAM];
    struct ql_image image;
    struct ql_failure ignored;
    if (ql_image_load(&image, cli->elf, NULL, &ignored) != 0)
        return;
    const struct ql_extent *program = &image.extents[image.program];
    for (size_t i = 0; i < board->run_count; i++) {
        const struct ql_run *run = &board->runs[i];
        uint8_t digest[QL_SHA256_SIZE];
        if (run->address != address || run->state != QL_RUN_SEALED)
            continue;
        ql_sha256(program->data, program->size, digest);
        const bool same = program->address == address && program->size == run->length &&
                          memcmp(digest, run->digest, sizeof run->digest) == 0;
        cli_set(cli, "elf_matches", json_boolean(same));
        if (!same)
            cli_say(cli, "  note            %s is not the program that is at 0x%08X now\n",
                    cli->elf, address);
    }
    ql_image_free(&image);
}

int cli_tell_fault(struct cli *cli)
{
    struct ql_addresses *elf = NULL;
    int result = 0;
    if (cli->elf != NULL)
        result = ql_addresses_open(&elf, cli->elf, &cli->failure);
    const bool there = ql_board_has(&cli->connection.board, QL_INFO_FAULT_DUMP);
    if (result == 0 && there)
        tell(cli, elf);
    if (elf != NULL && there)
        compare_file(cli);
    ql_addresses_close(elf);
    return result;
}
