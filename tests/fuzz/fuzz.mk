# fuzz.mk: the fuzz targets, and their inputs as a unit test. Included by the
# Makefile.
#
#	make fuzz TIME=60			each for so many seconds of CPU
#	make fuzz TIME=900 TARGETS='scan body'
FUZZ_TARGETS = scan body wire records query key conf keyring cidr dotenv
TARGETS ?= $(FUZZ_TARGETS)
TIME ?= 60
FUZZ_SRC = $(FUZZ_TARGETS:%=tests/fuzz/fuzz_%.c) tests/fuzz/common.c
FUZZ_FLAGS = -Itests/fuzz -Itests/unit -Wl,--wrap=db_run
FUZZ = $(BUILD)/fuzz

# The pattern rule of the unit tests with the targets in it.
$(BUILD)/tests/api/test_fuzz_replay: tests/unit/api/test_fuzz_replay.c $(FUZZ_SRC) \
	tests/fuzz/fuzz.h tests/unit/unit.h $(LIB) $(BUILD)/flags
	mkdir -p $(@D)
	echo "  CC $<"
	$(CC) $(ALL_CFLAGS) $(FUZZ_FLAGS) $(PROJECT_LDFLAGS) $(LDFLAGS) \
		-o $@ $< $(FUZZ_SRC) $(LIB) $(LIBS) -lcmocka

# Built anew by clang, in a folder of its own. Without _FORTIFY_SOURCE, whose
# functions the sanitizers do not know.
fuzz:
	cgi-bin/stack/packages.sh fuzz
	$(BUILD_ALL) BUILD=$(FUZZ) CC=clang CFLAGS='-O1 -g' \
		CPPFLAGS=-U_FORTIFY_SOURCE WERROR=-Werror \
		SANITIZE='-fsanitize=fuzzer-no-link,address,undefined \
		-fno-sanitize-recover=all -fno-omit-frame-pointer' \
		$(TARGETS:%=$(FUZZ)/fuzz_%)
	tests/fuzz/run.sh $(FUZZ) $(TIME) $(TARGETS)

$(BUILD)/fuzz_%: tests/fuzz/driver.c $(FUZZ_SRC) tests/fuzz/fuzz.h $(LIB) \
	$(BUILD)/flags
	echo "  CC $@"
	$(CC) $(ALL_CFLAGS) $(FUZZ_FLAGS) -fsanitize=fuzzer \
		-DFUZZ_TARGET=fuzz_$* $(PROJECT_LDFLAGS) $(LDFLAGS) \
		-o $@ $< $(FUZZ_SRC) $(LIB) $(LIBS)

.PHONY: fuzz
