"""``Meeting``: the folder in which workers find each other, each by a name of its own."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterable

__all__ = ["Meeting"]


class Meeting:
    """That of one master's workers.

    A worker's name is new with each process, so that who looks for one that has ended finds nobody at once.

    :ivar node: What all of them are called together; new with each start.
    """

    def __init__(self) -> None:
        self.node = secrets.token_urlsafe(9)
        self._folder: str | None = None
        self._names: set[str] = set()

    def open(self) -> None:
        """Make the folder, which nobody but this process's user may enter."""
        self._folder = tempfile.mkdtemp(prefix="wsapp-")

    def place(self, number: int) -> tuple[str, str, str]:
        """:return: For one more worker: the folder, the node, and its name."""
        assert self._folder is not None, "it has not been opened"
        name = f"{number}-{secrets.token_urlsafe(6)}"
        self._names.add(name)
        return self._folder, self.node, name

    def sweep(self, names: Iterable[str]) -> None:
        """Remove what workers have left behind: all but those of these names."""
        ended = self._names.difference(names)
        self._names -= ended
        if self._folder is None:
            return
        for name in ended:
            with contextlib.suppress(OSError):  # who has ended in order has done so itself
                os.remove(os.path.join(self._folder, name))

    def close(self) -> None:
        """Remove the folder."""
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None
