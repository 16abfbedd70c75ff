# cython: language_level=3, boundscheck=False, wraparound=False
"""The XOR mask of RFC 6455 5.3 in C: what wsapp.wire.masking does with big integers."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy


cdef void _xor(uint8_t *out, const uint8_t *data, Py_ssize_t size, const uint8_t *key) noexcept nogil:
    cdef uint32_t narrow
    cdef uint64_t wide, word
    cdef Py_ssize_t i = 0
    memcpy(&narrow, key, 4)
    wide = (<uint64_t>narrow << 32) | narrow
    while i + 8 <= size:
        memcpy(&word, data + i, 8)
        word ^= wide
        memcpy(out + i, &word, 8)
        i += 8
    while i < size:
        out[i] = data[i] ^ key[i & 3]
        i += 1


def unmask(bytes data not None, Py_ssize_t start, Py_ssize_t size, bytes key not None, Py_ssize_t offset):
    """See :func:`wsapp.wire.masking.unmask`."""
    cdef uint8_t turned[4]
    cdef int i
    if start < 0 or size < 0 or start + size > len(data) or len(key) != 4 or offset < 0:
        raise ValueError("out of range")
    for i in range(4):
        turned[i] = key[(i + offset) & 3]
    cdef bytes out = PyBytes_FromStringAndSize(NULL, size)
    _xor(<uint8_t *>PyBytes_AS_STRING(out), <const uint8_t *>PyBytes_AS_STRING(data) + start, size, turned)
    return out


def mask(bytes data not None, bytes key not None, Py_ssize_t offset=0):
    """See :func:`wsapp.wire.masking.mask`."""
    return unmask(data, 0, len(data), key, offset)
