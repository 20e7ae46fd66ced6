"""Runs the unittest cases of a test program, and tells Bazel of each one.

    if __name__ == "__main__":
        cases.main()
"""

import os
import signal
import sys
import time
import unittest
import xml.etree.ElementTree as xml


class Result(unittest.TextTestResult):
    """Keeps what Bazel's test.xml has to say of each case."""

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.cases = []
        self.began = time.monotonic()

    def startTest(self, test):
        self.began = time.monotonic()
        super().startTest(test)

    def _keep(self, test, failure="", skipped=""):
        self.cases.append((test.id(), time.monotonic() - self.began, failure, skipped))

    def addSuccess(self, test):
        super().addSuccess(test)
        self._keep(test)

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self._keep(test, self.failures[-1][1])

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self._keep(test, skipped=reason)

    def addError(self, test, err):
        super().addError(test, err)
        self._keep(test, self.errors[-1][1])


def write_xml(path, name, cases):
    suite = xml.Element("testsuite", name=name, tests=str(len(cases)),
                        failures=str(sum(1 for case in cases if case[2])))
    for identity, seconds, failure, skipped in cases:
        class_name, _, case_name = identity.rpartition(".")
        case = xml.SubElement(suite, "testcase", classname=class_name, name=case_name, time=f"{seconds:.3f}")
        if skipped:
            xml.SubElement(case, "skipped", message=skipped)
        if failure:
            # XML cannot hold control characters.
            text = "".join(c if c.isprintable() or c in "\n\t" else "?" for c in failure)
            xml.SubElement(case, "failure", message=text.strip().splitlines()[-1]).text = text
    root = xml.Element("testsuites")
    root.append(suite)
    xml.ElementTree(root).write(path, encoding="utf-8", xml_declaration=True)


def main():
    # Bazel's time-out: what was started goes away in good order.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    sys.stdout.reconfigure(line_buffering=True)
    suite = unittest.defaultTestLoader.loadTestsFromModule(sys.modules["__main__"])
    if len(sys.argv) > 1:
        suite = unittest.defaultTestLoader.loadTestsFromNames(sys.argv[1:], sys.modules["__main__"])
    result = unittest.TextTestRunner(stream=sys.stdout, verbosity=2, resultclass=Result, failfast=False).run(suite)
    if os.environ.get("XML_OUTPUT_FILE"):
        name = os.environ.get("TEST_TARGET", os.path.basename(sys.argv[0]))
        write_xml(os.environ["XML_OUTPUT_FILE"], name, result.cases)
    # A class that is skipped as a whole runs no test.
    sys.exit(0 if result.wasSuccessful() and (result.testsRun or result.skipped) else 1)
