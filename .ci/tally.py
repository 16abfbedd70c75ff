"""Sum trial's summaries into the one line that tells how many tests passed.

``python tally.py LOG...``: each log is one run of trial's.  Prints "N passed, N failed, N skipped".  Exits
1 when a test has failed (an unexpected success is one, unlike for trial), or a log shows no test.
"""

import re
import sys
from collections import Counter
from pathlib import Path

#: Trial's words, and ours for them.
KINDS = {
    "successes": "passed",
    "expectedFailures": "passed",
    "failures": "failed",
    "errors": "failed",
    "unexpectedSuccesses": "failed",
    "skips": "skipped",
}


def read(log: str) -> Counter[str]:
    """:return: How many tests a run's summaries count, by our words.
    :raises ValueError: A summary does not account for every test that it says has run, or there is none."""
    counts: Counter[str] = Counter()
    runs = re.findall(r"^Ran (\d+) tests? in .*\n+(PASSED|FAILED)(?: \((.*)\))?$", log, re.MULTILINE)
    for ran, _, words in runs:
        found: Counter[str] = Counter()
        for kind, number in re.findall(r"(\w+)=(\d+)", words):
            found[KINDS[kind]] += int(number)
        # An error in a test's cleanup is one more than the test itself; fewer would be tests that got lost.
        if found.total() < int(ran):
            raise ValueError(f"{ran} tests have run, but the summary counts {dict(found)}")
        counts += found
    if not counts["passed"] + counts["failed"]:
        raise ValueError("no test has run")
    return counts


def main(names: list[str]) -> int:
    """:return: The exit status."""
    total: Counter[str] = Counter()
    status = 0
    for name in names:
        try:
            total += read(Path(name).read_text(encoding="utf-8", errors="replace"))
        except ValueError as error:
            print(f"{name}: {error}", file=sys.stderr)
            status = 1
    print(f"{total['passed']} passed, {total['failed']} failed, {total['skipped']} skipped")
    return int(bool(status or total["failed"] or not names))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
