# cython: language_level=3, boundscheck=False, wraparound=False
"""A request's head in C: what wsapp.wire.heading does, byte by byte."""

from cpython.bytes cimport PyBytes_AS_STRING
from libc.stdint cimport uint8_t
from libc.string cimport memcmp

from wsapp.wire import heading


cdef extern from "Python.h":
    str PyUnicode_DecodeLatin1(const char *data, Py_ssize_t size, const char *errors)
    str PyUnicode_New(Py_ssize_t size, Py_UCS4 largest)
    uint8_t *PyUnicode_1BYTE_DATA(str text)
    bint PyUnicode_IS_ASCII(str text)


# What a byte may be part of.
DEF OF_TOKEN = 1
DEF OF_TARGET = 2
DEF OF_VALUE = 4

cdef uint8_t[256] _kinds


def _classify():
    cdef int byte
    for byte in range(256):
        _kinds[byte] = 0
        if byte > 0x20 and byte != 0x7F:
            _kinds[byte] |= OF_TARGET | OF_VALUE
        if byte == 0x20 or byte == 0x09:
            _kinds[byte] |= OF_VALUE
    for byte in b"!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz":
        _kinds[byte] |= OF_TOKEN


_classify()


cdef inline Py_ssize_t _run(const uint8_t *data, Py_ssize_t at, Py_ssize_t end, uint8_t kind) noexcept nogil:
    """Where the first byte stands that is not of that kind."""
    while at < end and _kinds[data[at]] & kind:
        at += 1
    return at


def split(bytes data not None, Py_ssize_t end):
    """See :func:`wsapp.wire.heading.split`."""
    cdef const uint8_t *head = <const uint8_t *>PyBytes_AS_STRING(data)
    cdef const char *text = PyBytes_AS_STRING(data)
    cdef Py_ssize_t method, target, fields, at, start, count = 0
    if end > len(data):
        return None
    method = _run(head, 0, end, OF_TOKEN)
    if method == 0 or method == end or head[method] != 0x20:
        return None
    target = _run(head, method + 1, end, OF_TARGET)
    # A space, the version and its CRLF, and the last CRLF.
    if target == method + 1 or end - target < 13 or memcmp(text + target, b" HTTP/1.", 8) != 0:
        return None
    if not 0x30 <= head[target + 8] <= 0x39 or memcmp(text + target + 9, b"\r\n", 2) != 0:
        return None
    fields = at = target + 11
    while head[at] != 0x0D:
        start = at
        at = _run(head, at, end, OF_TOKEN)
        if at == start or at == end or head[at] != 0x3A:
            return None
        at = _run(head, at + 1, end, OF_VALUE)
        # Its CRLF, and at least the last one behind it.
        if end - at < 4 or memcmp(text + at, b"\r\n", 2) != 0:
            return None
        at += 2
        count += 1
    if end - at != 2 or head[at + 1] != 0x0A:
        return None
    return (
        PyUnicode_DecodeLatin1(text, method, NULL),
        PyUnicode_DecodeLatin1(text + method + 1, target - method - 1, NULL),
        10 if head[target + 8] == 0x30 else 11,
        PyUnicode_DecodeLatin1(text + fields, at - fields, NULL),
        count,
    )


def byName(str lines not None):
    """See :func:`wsapp.wire.heading.byName`."""
    cdef dict values = {}
    cdef const uint8_t *data
    cdef uint8_t *lower
    cdef Py_ssize_t size = len(lines), at = 0, end, colon, first, last, i
    cdef str name, value
    cdef list known
    if not PyUnicode_IS_ASCII(lines):
        return heading.byName(lines)
    data = PyUnicode_1BYTE_DATA(lines)
    while at < size:
        end = at
        colon = -1
        while end < size and not (data[end] == 0x0D and end + 1 < size and data[end + 1] == 0x0A):
            if colon < 0 and data[end] == 0x3A:
                colon = end
            end += 1
        if colon >= 0:
            name = PyUnicode_New(colon - at, 127)
            lower = PyUnicode_1BYTE_DATA(name)
            for i in range(colon - at):
                lower[i] = data[at + i] + 32 if 0x41 <= data[at + i] <= 0x5A else data[at + i]
            first, last = colon + 1, end
            while first < last and (data[first] == 0x20 or data[first] == 0x09):
                first += 1
            while first < last and (data[last - 1] == 0x20 or data[last - 1] == 0x09):
                last -= 1
            value = PyUnicode_DecodeLatin1(<const char *>data + first, last - first, NULL)
            if name in values:
                known = values[name]
                known.append(value)
            else:
                values[name] = [value]
        at = end + 2
    return values
