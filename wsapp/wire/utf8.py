"""UTF-8 checked as it arrives.  Imports nothing of wsapp."""

from __future__ import annotations

from codecs import utf_8_decode

__all__ = ["checked"]


def checked(text: bytearray, valid: int) -> int:
    """Check what has come of a text since the last time, up to its first wrong byte (RFC 6455 8.1).

    :param text: All of it that is here; it may end amid a character.
    :param valid: How many bytes of it are known to be whole characters.
    :return: How many are now, or -1 where one is wrong.
    """
    try:
        valid += utf_8_decode(memoryview(text)[valid:], "strict", False)[1]
    except UnicodeDecodeError:
        return -1
    # Python waits for a surrogate's third byte, for the sake of "surrogatepass"; the second is wrong.
    if len(text) - valid == 2 and text[valid] == 0xED and text[valid + 1] >= 0xA0:
        return -1
    return valid
