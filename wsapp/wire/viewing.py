"""The bytes of a text.  Imports nothing."""

from __future__ import annotations

__all__ = ["utf8"]


def utf8(text: str) -> bytes | memoryview:
    """The UTF-8 of *text*; where the wire is compiled, that of an ASCII text is not copied.

    :raises UnicodeEncodeError: A lone surrogate, which UTF-8 cannot say.
    """
    return text.encode()
