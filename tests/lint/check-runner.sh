#!/usr/bin/env bash
# check-runner.sh: plants tests that fail, crash, hang, are skipped or never
# run in a project of its own, and sees that tests/check calls each by its
# name: red. A runner that is green for no reason is worse than none.
set -u
cd "$(dirname "$0")/../.." || exit 1

tree=$(mktemp -d) || exit 1
trap 'rm -rf "$tree"' EXIT
mkdir -p "$tree"/tests/{unit/base,sql,http,lint} "$tree/build/tests/base"
cp tests/check tests/junit.py tests/progress.py "$tree/tests/"
ulimit -c 0
unset BUILD

cat >"$tree/tests/unit/base/test_plant.c" <<'END'
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int planted(const char *name) { return !!strstr(getenv("PLANT"), name); }
static void passes(void **state) { (void)state; }
static int setup(void **state) { (void)state; return planted("setup"); }
static int teardown(void **state) { (void)state; return planted("teardown"); }
static void fails(void **state)
{
	(void)state;
	if (planted("fail")) assert_string_equal("\001<&]]>\xff", "");
}
static void skips(void **state)
{
	(void)state;
	if (planted("skip")) skip();
}
static void plant(void **state)
{
	(void)state;
	if (planted("segv")) raise(11);
	if (planted("abort")) abort();
	if (planted("exit")) _exit(0);
	if (planted("hang")) sleep(60);
}
int main(void)
{
	const struct CMUnitTest one[] = {cmocka_unit_test(passes)};
	const struct CMUnitTest more[] = {
		cmocka_unit_test(fails),
		cmocka_unit_test(skips),
		cmocka_unit_test(plant),
		cmocka_unit_test_setup(passes, setup),
		cmocka_unit_test_teardown(passes, teardown)};
	int failed = cmocka_run_group_tests(one, NULL, NULL);
	failed += cmocka_run_group_tests(more, NULL, NULL);
	return planted("status") ? 3 : planted("pass") && failed;
}
END
cc -o "$tree/build/tests/base/test_plant" "$tree/tests/unit/base/test_plant.c" -lcmocka || exit 1

tee "$tree"/tests/{sql,http}/test_plant.py >/dev/null <<'END'
import os
import time

import pytest

PLANT = os.environ["PLANT"].split("+")
if "import" in PLANT:
    raise RuntimeError


@pytest.fixture(params=PLANT)
def plant(request):
    assert request.param != "setup"
    if request.param == "xfail":
        request.applymarker(pytest.mark.xfail(reason="planted"))
    yield request.param
    assert request.param != "teardown"


if "empty" not in PLANT:
    def test_passes(request):
        if "drop" in PLANT:
            request.session.items.pop()
        if "report" in PLANT:
            path = os.environ["ASAN_OPTIONS"].split(":")[0].split("=")[1]
            with open(path + ".1", "w") as report:
                report.write("==1==ERROR: planted")

    def test_plant(plant):
        assert plant not in ("fail", "xfail")
        if plant == "skip":
            pytest.skip()
        if plant == "exit":
            os._exit(0)
        if plant == "hang":
            time.sleep(60)
        if plant == "quit":
            pytest.exit("planted", 0)
END
cat >"$tree/tests/lint/check-plant.sh" <<'END'
#!/bin/sh
[ "$PLANT" = pass ]
END
chmod +x "$tree/tests/lint/check-plant.sh"

red=0
# expect SUITE PLANT[+PLANT...] LAST-LINE [SECONDS [NAME...]]: names stand in
# what it says.
expect() {
	local out status lines name want=1 suite=$1 plant=$2 last=$3

	out=$(PLANT=$2 TEST_SECONDS=${4:-30} "$tree/tests/check" "$1" 2>&1)
	status=$?
	lines=$(grep -cvE "^ *[0-9]+ s: " <<<"$out") # how far it is does not count
	[[ $3 == *" 0 failed" ]] && want=0
	if [ "$(tail -n 1 <<<"$out")" != "$3" ] || [ $status -ne $want ] ||
		{ [ $want -eq 0 ] && [ "$lines" -ne 2 ]; }; then
		printf '%s, %s: expected "%s", status %s saw:\n%s\n' \
			"$suite" "$plant" "$last" "$status" "$out"
		red=1
	fi
	shift 4 || return
	for name in "$@"; do
		[[ $out == *"$name"* ]] && continue
		printf '%s, %s: %s is not named:\n%s\n' "$suite" "$plant" \
			"$name" "$out"
		red=1
	done
}

expect lint pass '1 passed, 0 failed'
expect lint fail '0 passed, 1 failed'
expect unit pass '6 passed, 0 failed'
expect unit fail '1 passed, 2 failed' # one says what is no XML
expect unit skip+segv+setup+teardown '2 passed, 4 failed'
expect unit status '6 passed, 1 failed'
expect unit abort '1 passed, 1 failed'
expect unit exit '1 passed, 1 failed'
expect unit hang '1 passed, 1 failed' 5
expect sql pass '2 passed, 0 failed'
expect sql fail+skip+xfail+setup+teardown '1 passed, 5 failed' 30 \
	'[fail]' '[skip]' '[xfail]' '[setup]' '[teardown]'
expect sql import '0 passed, 1 failed'
expect sql empty '0 passed, 1 failed'
expect sql exit '0 passed, 1 failed'
expect sql quit '2 passed, 1 failed'
expect sql drop '1 passed, 1 failed'
expect sql hang '1 passed, 1 failed' 12
# by several processes
expect http fail+skip '1 passed, 2 failed' 30 '[fail]' '[skip]'
expect http import '0 passed, 1 failed'
expect http empty '0 passed, 1 failed'
expect http exit '1 passed, 1 failed'
expect http hang '1 passed, 1 failed' 12
expect asan-http pass '3 passed, 0 failed' # no report counts as one
expect asan-http report '2 passed, 1 failed'
expect fcgi pass '0 passed, 1 failed' # the folder is missing
mv "$tree/build/tests/base/test_plant" "$tree/build/tests/moved"
expect unit pass '0 passed, 1 failed' # not built
rm "$tree/tests/unit/base/test_plant.c" "$tree/tests/lint/check-plant.sh"
expect unit pass '0 passed, 1 failed' # nothing there
expect lint pass '0 passed, 1 failed'
exit $red
