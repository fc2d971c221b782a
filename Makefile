# CodeCourier Project API
#
#   make            build the programs
#   make run        a private stack on 127.0.0.1:8080, data kept in .run
#   make check      build with warnings as errors, run every test
#
# Variables may be set on the command line or in the environment.
CC ?= gcc
PKG_CONFIG ?= pkg-config
prefix ?= /usr/local
sysconfdir ?= /etc
libdir ?= $(prefix)/lib
sbindir ?= $(prefix)/sbin
datadir ?= $(prefix)/share
CFLAGS ?= -O2 -g
BUILD ?= build
BIN ?= cgi-bin

WARNINGS = -Wall -Wextra -Wmissing-prototypes -Wstrict-prototypes -Wshadow \
	-Wformat=2 -Wcast-qual -Wvla
HARDEN = -fstack-protector-strong -D_FORTIFY_SOURCE=2 -fPIE \
	-fvisibility=hidden
PKGS = libpq json-c libsodium zlib
# kept apart from CFLAGS, which belongs to the user
PROJECT_CFLAGS = -std=gnu11 -D_GNU_SOURCE -Isrc $(WARNINGS) $(HARDEN) \
	$(shell $(PKG_CONFIG) --cflags $(PKGS))
PROJECT_LDFLAGS = -pie -Wl,-z,relro,-z,now
LIBS = $(shell $(PKG_CONFIG) --libs $(PKGS)) -lfcgi -lscrypt

# everything testable; no main in it
LIB_SRC = api_key auth call conf counter ctl ctl_host ctl_key \
	ctl_project db db_admin db_error db_query err fcgi field health host \
	keyhash log member number project provider_key query req route scan \
	seal secret serve settings stmt text utf8 vault verified
LIB_OBJ = $(LIB_SRC:%=$(BUILD)/%.o)
LIB = $(BUILD)/libcodecourier.a
SQL = $(sort $(wildcard migrations/[0-9]*.sql))
UNIT = $(patsubst tests/unit/%.c,$(BUILD)/tests/%,$(wildcard tests/unit/test_*.c))

PROGRAMS = $(BIN)/project-api.fcgi $(BIN)/codecourierctl

all: $(PROGRAMS)

$(BIN)/project-api.fcgi: $(BUILD)/project-api.o $(BUILD)/wipe.o $(LIB)
$(BIN)/codecourierctl: $(BUILD)/codecourierctl.o $(BUILD)/migrations.o \
	$(BUILD)/wipe.o $(LIB)
$(PROGRAMS):
	@mkdir -p $(@D)
	$(CC) $(PROJECT_LDFLAGS) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS)

$(LIB): $(LIB_OBJ)
	rm -f $@
	$(AR) rcs $@ $^

$(BUILD)/%.o: src/%.c | $(BUILD)
	$(CC) $(PROJECT_CFLAGS) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<
$(BUILD)/%.o: cgi-bin/%.c | $(BUILD)
	$(CC) $(PROJECT_CFLAGS) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<
$(BUILD)/migrations.o: $(BUILD)/migrations.c $(SQL) migrations/roles.sql
	$(CC) $(PROJECT_CFLAGS) $(CPPFLAGS) $(CFLAGS) -c -o $@ $<
$(BUILD)/migrations.c: migrations/embed.sh $(SQL) | $(BUILD)
	sh migrations/embed.sh $(SQL) >$@.new
	mv $@.new $@
$(BUILD)/tests/%: tests/unit/%.c $(LIB) | $(BUILD)
	@mkdir -p $(@D)
	$(CC) $(PROJECT_CFLAGS) $(CPPFLAGS) $(CFLAGS) $(PROJECT_LDFLAGS) \
		$(LDFLAGS) -MMD -MP -MF $@.d -o $@ $< $(LIB) $(LIBS) -lcmocka
$(BUILD):
	mkdir -p $@

-include $(wildcard $(BUILD)/*.d $(BUILD)/tests/*.d)

run:
	@cgi-bin/stack/packages.sh run
	@cgi-bin/stack/build.sh
	@exec cgi-bin/stack/run.sh

clean:
	rm -rf build build-* $(PROGRAMS)

.PHONY: all run clean
.DELETE_ON_ERROR:
