"""Counts the results of one program:
tests/junit.py STATUS SUITES TESTS [FILE...]

STATUS is the program's exit status, SUITES and TESTS how many it has at
least, the files are the JUnit XML it has written. Prints "PASSED FAILED" and
then a paragraph for each failure. Whatever is not shown to have passed has
failed: a skipped test, a suite that ran none, a test that was listed and did
not run, a program that ended badly on its own.
"""
import pathlib
import re
import sys
import xml.etree.ElementTree as ET

# cmocka writes what a test compared as it is, and a document for each group.
NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
DOCUMENT = re.compile("<testsuites\\b.*?</testsuites>", re.S)


def documents(files):
    """Every JUnit document of the files, as text."""
    for file in files:
        text = pathlib.Path(file).read_text("utf-8", errors="replace")
        yield from DOCUMENT.findall(NOT_XML.sub("?", text))


def count(document):
    """How many of its tests passed, and what is to be said of the others."""
    try:
        root = ET.fromstring(document)
    except ET.ParseError as error:
        # A compared text can hold what ends cmocka's CDATA.
        return 0, [f"{error} in:\n{document}"]
    passed, failures = 0, []
    for case in root.iter("testcase"):
        name = ".".join(filter(None, (case.get("classname"),
                                      case.get("name"))))
        bad = [f"{name}: {child.tag}\n{child.text or ''}" for child in case
               if child.tag in ("failure", "error", "skipped")]
        if bad:
            failures.append("\n".join(bad))
        else:
            passed += 1
    if not passed and not failures:
        failures.append("no test has run")
    return passed, failures


def main(status, suites, tests, files):
    counts = [count(document) for document in documents(files)]
    passed = sum(ok for ok, _ in counts)
    failures = [failure for _, bad in counts for failure in bad]
    if len(counts) < suites:
        failures.append(f"ended after {len(counts)} of {suites} suites")
    elif passed + len(failures) < tests:
        failures.append(f"{passed + len(failures)} of {tests} tests have run")
    elif status and not failures:
        failures.append(f"no test has failed, but the exit status is {status}")
    print(passed, len(failures))
    print("\n".join(failures))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:4]), sys.argv[4:])
