"""``python -m tests.fuzz TARGET... --seconds N``: look for inputs that break a promise.

Without a target: all of them.  Each gets its share of the time; with ``--work FOLDER`` what was found
is there for the next run, and with ``--keep`` the smallest inputs that reach as much go into the corpus.
``--replay FILE`` runs one input, such as a ``crash-`` file that a run has left.  Needs
``pip install atheris``.  Exits 1 where there was a finding.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from hashlib import sha1
from pathlib import Path

from tests.fuzz import corpus
from tests.fuzz.targets import TARGETS

#: No input takes longer, in seconds, and no target more memory, in MB.
_TIMEOUT, _MEMORY = 60, 1000
#: How large a target's corpus may be, in bytes.
_SMALL = 6000


def _fuzzer(name: str, *options: str) -> list[str]:
    return [sys.executable, "-m", "tests.fuzz.guided", name, f"-max_len={TARGETS[name].longest}", *options]


def _words(name: str, path: Path) -> list[str]:
    """Write libFuzzer's dictionary, if there is any, and the option that names it."""
    if not TARGETS[name].words:
        return []
    path.write_text(
        "".join('"' + "".join(f"\\x{byte:02x}" for byte in word) + '"\n' for word in TARGETS[name].words)
    )
    return [f"-dict={path}"]


def _fill(folder: Path, found: Sequence[bytes]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for one in found:
        (folder / sha1(one, usedforsecurity=False).hexdigest()).write_bytes(one)


def fuzz(name: str, seconds: float, work: Path) -> bool:
    """Fuzz one target.

    :param work: Where its inputs and its findings are kept.
    :return: Whether all was well.
    """
    inputs, findings = work / name, work / "findings"
    _fill(inputs, corpus.inputs(name))
    findings.mkdir(exist_ok=True)
    print(f"--- {name}: {seconds:.0f} s", flush=True)
    ended = subprocess.run(
        _fuzzer(
            name,
            f"-max_total_time={max(1, round(seconds))}",
            f"-timeout={_TIMEOUT}",
            f"-report_slow_units={_TIMEOUT}",
            f"-rss_limit_mb={_MEMORY}",
            f"-artifact_prefix={findings}/{name}-",
            *_words(name, work / f"{name}.dict"),
            "-print_final_stats=1",
            "-verbosity=0",
            str(inputs),
        )
    )
    if ended.returncode:
        print(f"--- {name}: a finding, see {findings}", flush=True)
    return ended.returncode == 0


def keep(name: str, work: Path) -> None:
    """Take the smallest inputs that together reach what all of them do, as far as they are small."""
    found = [path.read_bytes() for path in (work / name).iterdir()]
    small = corpus.smallest(name, found, _SMALL)
    corpus.keep(name, small)
    print(f"--- {name}: {len(small)} of {len(found)} inputs are kept", flush=True)


def main(arguments: Sequence[str]) -> int:
    """:return: The exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("target", nargs="*", help=f"of {', '.join(TARGETS)}; none: all")
    parser.add_argument("--seconds", type=float, default=60, help="for all of them together (60)")
    parser.add_argument("--work", type=Path, help="where what is found stays; else it is not kept")
    parser.add_argument("--keep", action="store_true", help="put the best of it into the corpus")
    parser.add_argument("--replay", type=Path, metavar="FILE", help="run this one input instead")
    options = parser.parse_args(arguments)
    names = options.target or list(TARGETS)
    if unknown := set(names) - set(TARGETS):
        parser.error(f"no target {', '.join(sorted(unknown))}: there are {', '.join(TARGETS)}")
    if options.replay:
        for name in names:
            TARGETS[name].run(options.replay.read_bytes())
        return 0
    with tempfile.TemporaryDirectory() as temporary:
        work = options.work or Path(temporary)
        began, good = time.monotonic(), True
        for number, name in enumerate(names):
            left = options.seconds - (time.monotonic() - began)
            good = fuzz(name, left / (len(names) - number), work) and good
        for name in names if options.keep else ():
            keep(name, work)
        if not good and not options.work:
            for path in sorted((work / "findings").iterdir()):
                print(f"{path.name}: {path.read_bytes().hex()}")
    return int(not good)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
