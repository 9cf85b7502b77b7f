#!/usr/bin/env python3
"""Counts the test cases of one `bazel test`: prints "passed failed skipped".

usage: count_tests.py EVENTS.json [DIRECTORY]

EVENTS.json is what --build_event_json_file wrote: unlike a walk over bazel-testlogs it names just the tests of this run.
Each test's test.xml is also copied to DIRECTORY, because the next run overwrites it, and what failed is told in
DIRECTORY/failures.txt: the end of each failed case's message.
"""

import json
import os
import shutil
import sys
import urllib.parse
import xml.etree.ElementTree

LAST_LINES = 25  # of a failed case's message; its end says the most


def results(events):
    """The test results by target, run and shard; of several attempts the last."""
    last = {}
    for line in events:
        event = json.loads(line)
        test = event.get("id", {}).get("testResult")
        if test:
            last[test["label"], test.get("run"), test.get("shard")] = event["testResult"]
    return last


def count_xml(path, failures):
    """(passed, failed, skipped) test cases in a test.xml of GoogleTest, pytest, unittest or Bazel itself.

    Each failed one's name and message are added to `failures`."""
    passed = failed = skipped = 0
    for case in xml.etree.ElementTree.parse(path).iter("testcase"):
        wrong = [*case.iter("failure"), *case.iter("error")]
        if wrong:
            failed += 1
            text = "\n".join(part.text or part.get("message") or "" for part in wrong)
            failures.append((f"{case.get('classname', '')}.{case.get('name')}", text))
        elif (case.find("skipped") is not None or case.get("status") == "notrun" or
              case.get("result") in ("skipped", "suppressed")):
            skipped += 1
        else:
            passed += 1
    return passed, failed, skipped


def count_result(result, copy_to, failures):
    """The same for one test, which counts as one where its XML says nothing."""
    ok = result.get("status") in ("PASSED", "FLAKY")
    counts = (0, 0, 0)
    for output in result.get("testActionOutput", []):
        if output.get("name") != "test.xml":
            continue
        path = urllib.parse.unquote(urllib.parse.urlparse(output["uri"]).path)
        try:
            counts = count_xml(path, failures)
            if copy_to:
                os.makedirs(os.path.dirname(copy_to), exist_ok=True)
                shutil.copyfile(path, copy_to)
        except (OSError, xml.etree.ElementTree.ParseError):
            pass
    passed, failed, skipped = counts
    if not ok and failed == 0:
        # It died outside of a test case: a leak found at exit, a time-out.
        failed = 1
        failures.append((f"outside of a case, {result.get('status')}", ""))
    elif ok and sum(counts) == 0:
        passed = 1
    return passed, failed, skipped


def main(events_path, directory=None):
    total, told = (0, 0, 0), []
    with open(events_path, encoding="utf-8") as events:
        for (label, run, shard), result in sorted(results(events).items(), key=str):
            name = label.lstrip("/@").replace(":", "/") + f".{run or 1}.{shard or 1}.xml"
            failures = []
            counts = count_result(result, directory and os.path.join(directory, name), failures)
            total = tuple(map(sum, zip(total, counts)))
            for case, text in failures:
                told += [f"FAILED {label} {case}", *("    " + line for line in text.splitlines()[-LAST_LINES:])]
    if directory:
        os.makedirs(directory, exist_ok=True)
        with open(os.path.join(directory, "failures.txt"), "w", encoding="utf-8") as out:
            out.writelines(line + "\n" for line in told)
    print(*total)


if __name__ == "__main__":
    main(*sys.argv[1:])
