"""A plugin of pytest: one byte more in the file PROGRESS for each test that
has ended, so that tests/check can say how far a suite is."""
import os


def pytest_runtest_logreport(report):
    # xdist's workers report to the process that started them, which is us
    if report.when == "teardown" and "PYTEST_XDIST_WORKER" not in os.environ:
        with open(os.environ["PROGRESS"], "ab") as file:
            file.write(b".")
