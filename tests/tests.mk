# tests: what `make test` runs beside the unit tests that the folders' own fragments list.

# Commands for tests/run: a `+` stands for a space.
TEST_COMMANDS = $(TEST_PROGRAMS) $(TEST_SCRIPTS) tools/tidy
TEST_SCRIPTS := $(sort $(wildcard tests/board/test_*.py) $(wildcard tests/cli/test_*.py) \
                       $(wildcard tests/debug/test_*.py) $(wildcard tests/power/test_*.py))

include tests/board/board.mk
include tests/bench/bench.mk tests/power/power.mk tests/linux/linux.mk
