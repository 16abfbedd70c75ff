"""``python -m tests.soak``: see ``--help``."""

from __future__ import annotations

import argparse
import gc
import sys
import time
from pathlib import Path

from tests.soak import runs


def main() -> int:
    """Run what is asked for.

    :return: The exit status: 0 if all was as it should be.
    """
    parser = argparse.ArgumentParser("python -m tests.soak", description="Long runs against a real server.")
    parser.add_argument("--report", type=Path, help="append what is found to this file as well")
    kinds = parser.add_subparsers(dest="run", required=True)
    clients = kinds.add_parser("clients", help="many clients at once, with their echo latency")
    clients.add_argument("--count", type=int, default=10_000)
    clients.add_argument("--seconds", type=float, default=20)
    clients.add_argument("--rate", type=float, default=2000, help="messages a second, by all together")
    churn = kinds.add_parser("churn", help="connects and disconnects, and what they leave behind")
    churn.add_argument("--count", type=int, default=100_000)
    mixed = kinds.add_parser("mixed", help="a mixed load with faults; memory must stay flat")
    mixed.add_argument("--minutes", type=float, default=60)
    mixed.add_argument("--people", type=int, default=500, help="honest clients")
    options = parser.parse_args()

    def say(line: str) -> None:
        print(line, flush=True)
        if options.report:
            with options.report.open("a", encoding="utf-8") as file:
                file.write(line + "\n")

    gc.disable()  # or the load's own pauses would be taken for the server's
    say(f"{options.run}, {time.strftime('%Y-%m-%d %H:%M')}")
    if options.run == "clients":
        fine = runs.clients(options.count, options.seconds, options.rate, say)
    elif options.run == "churn":
        fine = runs.churn(options.count, say)
    else:
        fine = runs.mixed(options.minutes, options.people, say)
    say("good" if fine else "NOT GOOD")
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
