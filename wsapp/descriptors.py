"""How many file descriptors this process may have, and whether that is enough.  Imports nothing of wsapp."""

from __future__ import annotations

from typing import Any

resource: Any
try:
    import resource
except ImportError:  # Windows knows no such limit
    resource = None

__all__ = ["SPARE", "raiseLimit"]

#: Descriptors beside those of connections: logs, ports, what the application opens.
SPARE = 64


def raiseLimit(connections: int) -> tuple[str, bool] | None:
    """Raise the soft limit to the hard one, where that can be done.

    :param connections: How many connections are to be possible.
    :return: A sentence for people about the limit, and whether it is enough; None where there is no limit.
    """
    if resource is None:
        return None
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    before, failed = soft, ""
    if _less(soft, hard):
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
            soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        except (OSError, ValueError) as error:
            # An unlimited hard limit is more than the kernel grants (Linux: fs.nr_open; macOS).
            failed = f" (it cannot be raised: {error})"
    if soft == resource.RLIM_INFINITY:
        return "file descriptors: no limit", True
    text = f"file descriptors: {soft}"
    if soft != before:
        text += f" (raised from {before})"
    room = max(0, soft - SPARE)
    if room >= connections:
        return f"{text}, enough for {connections} connections", True
    return (
        f"{text}{failed}, enough for about {room} connections of the {connections} that --max-connections "
        "allows; past that, new ones wait. Raise the limit (ulimit -n, LimitNOFILE=), or lower "
        "--max-connections",
        False,
    )


def _less(soft: int, hard: int) -> bool:
    infinity = resource.RLIM_INFINITY
    return bool(soft != infinity and (hard == infinity or soft < hard))
