# CodeCourier Project API
#
#   make            build the programs
#   make run        a private stack on 127.0.0.1:8080, data kept in .run
#   make check      build with warnings as errors, run every test
#   make bench      measure, beside PHP and the limit of the machine
#   make deb        the Debian package, in build/deb
#   make install    into DESTDIR, below prefix
#
# Variables may be set on the command line or in the environment.
CC ?= gcc
PKG_CONFIG ?= pkg-config
prefix ?= /usr/local
sysconfdir ?= /etc
libdir ?= $(prefix)/lib
sbindir ?= $(prefix)/sbin
datadir ?= $(prefix)/share
mandir ?= $(datadir)/man
docdir ?= $(datadir)/doc/codecourier-api
systemdunitdir ?= $(prefix)/lib/systemd/system
tmpfilesdir ?= $(prefix)/lib/tmpfiles.d
CFLAGS ?= -O2 -g
BUILD ?= build
BIN ?= cgi-bin
WERROR ?=
SANITIZE ?=

WARNINGS = -Wall -Wextra -Wmissing-prototypes -Wstrict-prototypes -Wshadow \
	-Wformat=2 -Wcast-qual -Wvla
HARDEN = -fstack-protector-strong -D_FORTIFY_SOURCE=2 -fPIE \
	-fvisibility=hidden
PKGS = libpq json-c libsodium zlib
# the package's, which the programs tell
VERSION := $(shell sed -n '1s/.*(\(.*\)).*/\1/p' cgi-bin/debian/changelog)
# kept apart from CFLAGS, which belongs to the user
PROJECT_CFLAGS = -std=gnu11 -D_GNU_SOURCE -Isrc -I$(BUILD) $(WARNINGS) \
	$(HARDEN) \
	-DCODECOURIER_VERSION='"$(VERSION)"' \
	$(shell $(PKG_CONFIG) --cflags $(PKGS))
PROJECT_LDFLAGS = -pie -Wl,-z,relro,-z,now
ALL_CFLAGS = $(PROJECT_CFLAGS) $(CPPFLAGS) $(CFLAGS) $(WERROR) $(SANITIZE)
LIBS = $(shell $(PKG_CONFIG) --libs $(PKGS)) -lfcgi -lscrypt

# everything testable; no main in it
LIB_SRC = $(filter-out src/base/wipe.c,$(wildcard src/*/*.c src/*/*/*.c))
LIB_OBJ = $(LIB_SRC:src/%.c=$(BUILD)/%.o) $(BUILD)/db/statements.o
LIB = $(BUILD)/libcodecourier.a
STATEMENTS = $(wildcard src/db/sql/*.sql) src/db/counters.def \
	$(BUILD)/db/settings.sql
SQL = $(sort $(wildcard migrations/[0-9]*.sql))
UNIT_SRC = $(wildcard tests/unit/*/test_*.c)
UNIT = $(UNIT_SRC:tests/unit/%.c=$(BUILD)/tests/%)

PROGRAMS = $(BIN)/project-api.fcgi $(BIN)/codecourierctl
INSTALL = install

# `make V=1` shows the commands
ifneq ($(V),1)
.SILENT:
endif

all: $(PROGRAMS) $(BUILD)/openapi.json

$(BIN)/project-api.fcgi: $(BUILD)/project-api.o $(BUILD)/base/wipe.o $(LIB)
$(BIN)/codecourierctl: $(BUILD)/codecourierctl.o $(BUILD)/migrations.o \
	$(BUILD)/base/wipe.o $(LIB)
# a client of TLS, for doctor; no worker has it
$(BIN)/codecourierctl: LIBS += -lssl -lcrypto
$(PROGRAMS):
	$(CC) $(PROJECT_LDFLAGS) $(ALL_CFLAGS) $(LDFLAGS) -o $@.new $^ $(LIBS)
	mv $@.new $@

# q: two wings may have a room of the same name
$(LIB): $(LIB_OBJ)
	rm -f $@
	$(AR) qcs $@ $^

COMPILE = echo "  CC $<"; $(CC) $(ALL_CFLAGS) -MMD -MP
$(BUILD)/%.o: src/%.c $(BUILD)/flags
	mkdir -p $(@D)
	$(COMPILE) -c -o $@ $<
$(BUILD)/%.o: cgi-bin/%.c $(BUILD)/flags
	$(COMPILE) -c -o $@ $<
$(BUILD)/db/statements.o: $(BUILD)/db/statements.c $(BUILD)/flags
	$(COMPILE) -c -o $@ $<
$(BUILD)/db/settings.sql: src/db/sql/settings.awk src/db/settings.def
	mkdir -p $(@D)
	awk -f $^ >$@.new
	mv $@.new $@
# another text alone is no other enum; the folder: a file was taken away
$(addprefix $(BUILD)/db/statements.,h c sql): $(BUILD)/db/statements.%: \
		src/db/sql/make.awk $(STATEMENTS) src/db/sql
	mkdir -p $(@D)
	awk -v want=$* -f $< $(STATEMENTS) >$@.new
	cmp -s $@.new $@ || cp $@.new $@
# what each of its parts says once, said wherever it holds
$(BUILD)/openapi.json: $(addprefix nginx/openapi/,build.jq paths.json \
		responses.json schemas.json audit.json env.json history.json \
		invitations.json)
	mkdir -p $(@D)
	jq --tab -s -f $^ >$@.new
	mv $@.new $@
$(BUILD)/migrations.o: $(BUILD)/migrations.c $(SQL) migrations/roles.sql \
	migrations/database.sql
	$(COMPILE) -c -o $@ $<
$(BUILD)/migrations.c: migrations/embed.sh $(SQL) $(BUILD)/flags
	sh migrations/embed.sh $(SQL) >$@.new
	mv $@.new $@
$(BUILD)/tests/%: tests/unit/%.c $(LIB) $(BUILD)/flags
	mkdir -p $(@D)
	$(COMPILE) -Itests/unit $(PROJECT_LDFLAGS) $(LDFLAGS) $(WRAP) \
		-MF $@.d -o $@ $< $(LIB) $(LIBS) -lcmocka
# without a database: what they ask comes to the test itself
$(patsubst tests/unit/%.c,$(BUILD)/tests/%,$(shell \
	grep -l '"worker.h"' $(UNIT_SRC))): WRAP = -Wl,--wrap=db_run,--wrap=db_go_on
# print the server's tables, for tests/http/test_openapi.py, and variables
$(BUILD)/tests/tables $(BUILD)/tests/dotenv: $(BUILD)/tests/%: \
		tests/http/%.c $(LIB) $(BUILD)/flags
	mkdir -p $(@D)
	$(COMPILE) $(PROJECT_LDFLAGS) $(LDFLAGS) -MF $@.d -o $@ $< \
		$(LIB) $(LIBS)
# fails calls in a worker; of the library's own: no banned function, no wipe
# (nor a sanitizer: it stands in front of theirs)
$(BUILD)/tests/%.so: override SANITIZE =
$(BUILD)/tests/%.so: tests/faults/%.c $(BUILD)/flags
	mkdir -p $(@D)
	$(COMPILE) -fPIC -fvisibility=default -shared $(LDFLAGS) -MF $@.d -o $@ $<
# other flags, or another list of migrations: build again; and no file of C is
# compiled before the statements have their names
$(BUILD)/flags: FORCE | $(BUILD)/db/statements.h
	mkdir -p $(@D)
	echo '$(CC) $(ALL_CFLAGS) $(SQL)' | cmp -s - $@ || \
		echo '$(CC) $(ALL_CFLAGS) $(SQL)' >$@

-include $(wildcard $(BUILD)/*.d $(LIB_OBJ:.o=.d) $(BUILD)/base/wipe.d \
	$(UNIT:=.d) $(BUILD)/tests/*.d $(BUILD)/bench/*.d)

include tests/fuzz/fuzz.mk
include tests/bench/bench.mk

# As root these build as the checkout's owner, see as-builder.sh.
BUILD_ALL = cgi-bin/stack/as-builder.sh $(MAKE) --no-print-directory \
	-j$(shell nproc)
run:
	cgi-bin/stack/packages.sh run
	$(BUILD_ALL) all
	exec cgi-bin/stack/run.sh

unit: $(UNIT) $(BUILD)/db/statements.sql $(BUILD)/tests/tables \
	$(BUILD)/tests/dotenv $(BUILD)/tests/shim.so $(BUILD)/tests/dumpable.so \
	$(BUILD)/tests/late.so

# Prints failures only and, last, the sum; see tests/check for the suites.
SUITES = unit fcgi sql http faults prove mutants asan-unit asan-fcgi asan-http
check lint $(SUITES:%=check-%):
	cgi-bin/stack/packages.sh check
	$(BUILD_ALL) WERROR=-Werror all unit
	$(if $(filter check check-asan%,$@),$(MAKE) --no-print-directory \
		build-asan)
	tests/check $(patsubst check-%,%,$(filter-out check,$@))

# Programs that stop at the first bad access, for tests/check asan-SUITE.
# Without _FORTIFY_SOURCE, whose functions the sanitizers do not know.
build-asan:
	$(BUILD_ALL) BUILD=$(BUILD)/asan BIN=$(BUILD)/asan WERROR=-Werror \
		CFLAGS='-O1 -g' CPPFLAGS='-U_FORTIFY_SOURCE $(CPPFLAGS)' \
		SANITIZE='-fsanitize=address,undefined \
		-fno-sanitize-recover=all -fno-omit-frame-pointer' all unit

# The package on a Debian 12 that is booted for it, as root.
SYSTEM_CACHE ?= $(BUILD)/system
export SYSTEM_CACHE
check-system: $(BUILD)/openapi.json
	cgi-bin/stack/packages.sh system
	$(MAKE) --no-print-directory deb
	tests/system/base.sh $(SYSTEM_CACHE) $(BUILD)/deb/codecourier-api_*.deb
	TEST_SECONDS=3600 tests/check system

# Which lines and branches of src the whole suite runs.
coverage:
	cgi-bin/stack/packages.sh coverage
	$(BUILD_ALL) BUILD=$(BUILD)/coverage BIN=$(BUILD)/coverage \
		CFLAGS='-O0 -g --coverage' CPPFLAGS=-U_FORTIFY_SOURCE all unit
	tests/coverage/run.sh $(BUILD)/coverage

# All mistakes planted on purpose: is each seen? TIMES=N for those by chance.
mutants:
	cgi-bin/stack/packages.sh check
	$(BUILD_ALL) WERROR=-Werror all unit
	$(MAKE) --no-print-directory build-asan
	MUTANTS=all TEST_SECONDS=3600 tests/check mutants

# Random operations under faults on several hosts, held against the contract.
prove:
	cgi-bin/stack/packages.sh check
	$(BUILD_ALL) all
	/usr/bin/python3 tests/prove/prove.py $(SEED:%=--seed %) \
		$(MINUTES:%=--minutes %) $(HOSTS:%=--hosts %)

format:
	find cgi-bin src tests -name '*.[ch]' -exec clang-format -i {} +

# The files name the places of the Debian package.
PLACED = sed -e 's,/usr/lib/codecourier,$(libdir)/codecourier,g' \
	-e 's,/usr/share/,$(datadir)/,g' -e 's,/usr/sbin/,$(sbindir)/,g'
# put FILE PLACE [MODE]
PUT = put() { $(PLACED) "$$1" | \
	$(INSTALL) -D -m "$${3:-644}" /dev/stdin "$(DESTDIR)$$2"; }
# keep FILE PLACE MODE: what the administrator changed stays
KEEP = $(PUT); keep() { set -- "$$1" "$(sysconfdir)/$$2" "$$3"; \
	[ ! -e "$(DESTDIR)$$2" ] || { \
		$(PLACED) "$$1" | cmp -s - "$(DESTDIR)$$2" && return; \
		set -- "$$1" "$$2.new" "$$3"; \
		echo "yours stays, ours is $(DESTDIR)$$2"; }; \
	put "$$@"; }
# not for a host: the one that the site replaces, the one for load tests
COMPANIONS = nginx/fastcgi_params $(filter-out nginx/codecourier.conf \
	nginx/limits-off.conf,$(wildcard nginx/*.conf))
# each also as a template, for further instances
UNITS = codecourier-api.service codecourier-audit.service \
	codecourier-audit.timer codecourier-doctor.service \
	codecourier-doctor.timer codecourier-mail.service \
	codecourier-mail.timer codecourier-purge.service \
	codecourier-purge.timer
MOUNTS = run-codecourier_body.mount run-codecourier_answer.mount
EXAMPLES = $(addprefix systemd/,codecourier-api.socket socket-activation.conf \
	remote-database.conf) \
	$(patsubst cgi-bin/%,%,$(wildcard cgi-bin/apache/* cgi-bin/prometheus/* \
	cgi-bin/scanners/*))

install: all install-files
	$(INSTALL) -D -t $(DESTDIR)$(sbindir) $(BIN)/codecourierctl
	$(INSTALL) -D -t $(DESTDIR)$(libdir)/codecourier \
		$(BIN)/project-api.fcgi
	$(if $(DESTDIR),,cgi-bin/stack/needs.sh)

COMPLETION = $(datadir)/bash-completion/completions/codecourierctl

# All but the two programs.
install-files: $(BUILD)/openapi.json
	set -e; $(PUT); \
	put cgi-bin/pool $(libdir)/codecourier/pool 755; \
	put $(BUILD)/openapi.json $(datadir)/codecourier/openapi.json; \
	put cgi-bin/completion/codecourierctl.bash $(COMPLETION); \
	for unit in $(UNITS); do \
		put "cgi-bin/systemd/$$unit" "$(systemdunitdir)/$$unit"; \
		sed -f cgi-bin/systemd/instance.sed "cgi-bin/systemd/$$unit" | \
			put - "$(systemdunitdir)/$${unit%.*}@.$${unit##*.}"; \
	done; \
	for unit in $(MOUNTS); do \
		put "cgi-bin/systemd/$$unit" "$(systemdunitdir)/$$unit"; done; \
	put cgi-bin/systemd/tmpfiles.conf $(tmpfilesdir)/codecourier-api.conf; \
	for page in cgi-bin/man/*.[58]; do \
		put "$$page" "$(mandir)/man$${page##*.}/$${page##*/}"; done; \
	put nginx/README.md $(docdir)/nginx/README.md; \
	for name in $(EXAMPLES); do \
		put "cgi-bin/$$name" "$(docdir)/examples/$$name"; done
	# which schema the programs bring; the package compares it
	echo '$(lastword $(SQL:migrations/%.sql=%))' | \
		$(INSTALL) -D -m 644 /dev/stdin \
		$(DESTDIR)$(datadir)/codecourier/schema-version
	set -e; $(KEEP); \
	keep cgi-bin/api.conf codecourier/api.conf 640; \
	keep cgi-bin/invitation.txt codecourier/invitation.txt 644; \
	keep nginx/codecourier.conf nginx/sites-available/codecourier 644; \
	for name in $(COMPANIONS); do \
		keep "$$name" "nginx/codecourier/$${name##*/}" 644; done

# The configuration stays, and what it is for.
uninstall:
	rm -rf $(DESTDIR)$(libdir)/codecourier $(DESTDIR)$(datadir)/codecourier \
		$(DESTDIR)$(docdir)
	rm -f $(DESTDIR)$(sbindir)/codecourierctl $(DESTDIR)$(COMPLETION) \
		$(foreach u,$(UNITS),$(addprefix $(DESTDIR)$(systemdunitdir)/, \
			$u $(basename $u)@$(suffix $u))) \
		$(addprefix $(DESTDIR)$(systemdunitdir)/,$(MOUNTS)) \
		$(DESTDIR)$(tmpfilesdir)/codecourier-api.conf
	for page in cgi-bin/man/*.[58]; do \
		rm -f "$(DESTDIR)$(mandir)/man$${page##*.}/$${page##*/}"; done

# The package, checked by lintian; cgi-bin/debian/changelog has the version.
deb:
	cgi-bin/stack/packages.sh deb
	cgi-bin/stack/as-builder.sh cgi-bin/stack/deb.sh $(BUILD)/deb

clean:
	rm -rf $(BUILD) $(PROGRAMS)

.PHONY: all run unit check lint $(SUITES:%=check-%) build-asan check-system \
	coverage mutants prove format \
	install install-files uninstall deb clean FORCE
.DELETE_ON_ERROR:
