"""One target under atheris, in a process of its own: ``python -m tests.fuzz.guided TARGET OPTION...``.

The options are libFuzzer's.  The plain build is what is looked into: it is instrumented, and the
compiled one, which is made of the same sources, is compared with it at every input.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys

import atheris

# What the rest of wsapp stands on is the build that can be looked into.
os.environ["WSAPP_PURE"] = "1"

# What is imported from here on is instrumented; each module would say so.
with (
    contextlib.redirect_stderr(io.StringIO()),
    atheris.instrument_imports(include=["wsapp"], enable_loader_override=False),
):
    from tests.fuzz.targets import TARGETS

if __name__ == "__main__":
    name, *options = sys.argv[1:]
    atheris.Setup([sys.argv[0], *options], TARGETS[name].run)
    atheris.Fuzz()
