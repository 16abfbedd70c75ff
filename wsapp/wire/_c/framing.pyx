# cython: language_level=3, boundscheck=False, wraparound=False
"""One frame's bytes in C: what wsapp.wire.framing does, with one allocation and one copy."""

import os

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from libc.stdint cimport uint8_t
from libc.string cimport memcpy

from wsapp.wire._c.masking import mask

cdef extern from "Python.h":
    bint PyUnicode_IS_ASCII(object text)
    Py_ssize_t PyUnicode_GET_LENGTH(object text)
    const char *PyUnicode_DATA(object text)


FIN = 0x80

cdef enum:
    _TEXT = 0x81
    _BINARY = 0x82
    _LONGEST = 10  # of what stands before key and payload
    _BLOCK = 4096

cdef bytes _keys = b""
cdef Py_ssize_t _taken = 0


cdef bytes _key():
    """See :func:`wsapp.wire.framing._key`."""
    global _keys, _taken
    cdef bytes fresh, key
    if _taken == len(_keys):
        fresh = os.urandom(_BLOCK)  # other threads may run meanwhile, and take of the old one
        _keys = fresh
        _taken = 0
    key = _keys[_taken : _taken + 4]
    _taken += 4
    return key


def forgetKeys():
    """See :func:`wsapp.wire.framing.forgetKeys`."""
    global _keys, _taken
    _keys = b""
    _taken = 0


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=forgetKeys)


cdef Py_ssize_t _begin(uint8_t *out, uint8_t first, Py_ssize_t size, uint8_t bit) noexcept:
    """Write what stands before the key, and say how long it is."""
    cdef int i
    out[0] = first
    if size < 126:
        out[1] = bit | <uint8_t>size
        return 2
    if size < 65536:
        out[1] = bit | 126
        out[2] = <uint8_t>(size >> 8)
        out[3] = <uint8_t>size
        return 4
    out[1] = bit | 127
    for i in range(8):
        out[2 + i] = <uint8_t>(size >> (56 - 8 * i))
    return _LONGEST


cdef bytes _frame(uint8_t first, const char *payload, Py_ssize_t size):
    cdef uint8_t begin[_LONGEST]
    cdef Py_ssize_t length = _begin(begin, first, size, 0)
    cdef bytes made = PyBytes_FromStringAndSize(NULL, length + size)
    cdef char *out = PyBytes_AS_STRING(made)
    memcpy(out, begin, length)
    memcpy(out + length, payload, size)
    return made


def head(uint8_t first, Py_ssize_t size, bint masked):
    """See :func:`wsapp.wire.framing.head`."""
    cdef uint8_t begin[_LONGEST]
    cdef Py_ssize_t length = _begin(begin, first, size, 0x80 if masked else 0)
    return begin[:length]


def frame(uint8_t first, bytes payload not None, bint masked=False):
    """See :func:`wsapp.wire.framing.frame`."""
    cdef bytes key
    if masked:
        key = _key()
        return head(first, len(payload), True) + key + mask(payload, key)
    return _frame(first, PyBytes_AS_STRING(payload), len(payload))


def whole(message not None):
    """See :func:`wsapp.wire.framing.whole`."""
    cdef bytes payload
    if isinstance(message, str):
        if PyUnicode_IS_ASCII(message):
            return _frame(_TEXT, PyUnicode_DATA(message), PyUnicode_GET_LENGTH(message))
        payload = (<str>message).encode()
        return _frame(_TEXT, PyBytes_AS_STRING(payload), len(payload))
    payload = message
    return _frame(_BINARY, PyBytes_AS_STRING(payload), len(payload))
