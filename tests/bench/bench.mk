# bench.mk: the benchmark's own programs. Included by the Makefile.
BENCH = $(BUILD)/bench/constant $(BUILD)/bench/make

$(BUILD)/bench/%: tests/bench/%.c $(LIB) $(BUILD)/flags
	mkdir -p $(@D)
	$(COMPILE) $(PROJECT_LDFLAGS) $(LDFLAGS) -MF $@.d -o $@ $< \
		$(LIB) $(LIBS)

# Ours beside the limit of the machine and beside PHP. ARGS: see bench.py.
bench:
	cgi-bin/stack/packages.sh bench
	$(BUILD_ALL) all $(BENCH)
	/usr/bin/python3 tests/bench/bench.py $(ARGS)

.PHONY: bench
