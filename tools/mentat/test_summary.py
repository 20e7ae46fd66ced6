"""The closing line of a test run, `N passed, N failed`, counted over test cases.

usage: test_summary.py EVENTS    (the file of bazel test --build_event_json_file)
"""

import json
import sys
import urllib.parse
import xml.etree.ElementTree as xml


def read_events(path):
    with open(path, encoding="utf-8") as file:
        for line in file:
            yield json.loads(line)


def count_cases(path):
    """(passed, skipped with reasons, names of the failed) in one test.xml."""
    passed, skipped, failed = 0, [], []
    for case in xml.parse(path).iter("testcase"):
        name = f"{case.get('classname') or ''}.{case.get('name')}".lstrip(".")
        mark = case.find("skipped")
        if case.find("failure") is not None or case.find("error") is not None:
            failed.append(name)
        elif mark is not None or case.get("status") == "notrun":
            reason = mark.get("message") if mark is not None else None
            skipped.append(f"{name}: {reason or 'no reason given'}")
        else:
            passed += 1
    return passed, skipped, failed


def main():
    passed = targets = 0
    failures, skips = [], []
    finished = {}
    for event in read_events(sys.argv[1]):
        if "testSummary" in event:
            finished[event["id"]["testSummary"]["label"]] = event["testSummary"]["overallStatus"]
        if "testResult" not in event:
            continue
        label, result = event["id"]["testResult"]["label"], event["testResult"]
        targets += 1
        uris = [output["uri"] for output in result.get("testActionOutput", []) if output["name"] == "test.xml"]
        bad = []
        try:
            for uri in uris:
                good, left_out, bad = count_cases(urllib.parse.unquote(urllib.parse.urlparse(uri).path))
                passed += good
                skips += [f"{label}  {case}" for case in left_out]
        except (OSError, xml.ParseError):
            bad = []
        if result["status"] not in ("PASSED", "FLAKY") and not bad:
            bad = [result["status"].lower()]  # crashed or ran out of time, so that no case tells
        failures += [f"{label}  {case}" for case in bad]
    # A target that could not even be built has no result.
    failures += [f"{label}  {status.lower()}" for label, status in finished.items()
                 if status in ("NO_STATUS", "FAILED_TO_BUILD")]
    for skip in skips:
        print(f"skipped: {skip}")
    for failure in failures:
        print(f"failed: {failure}")
    print(f"{targets} test targets")
    line = f"{passed} passed, {len(failures)} failed"
    print(line + (f", {len(skips)} skipped" if skips else ""))
    return 1 if failures or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
