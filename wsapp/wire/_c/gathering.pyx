# cython: language_level=3, boundscheck=False, wraparound=False
"""Payload to messages in C: what wsapp.wire.gathering does, in one pass over the bytes.

A message is unmasked from the read that it came in straight to where it will stay.  While no byte
of a text has its top bit set, that is a str already; from the first one on its buffer is only where
the bytes are gathered, and each is checked as it comes.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from cpython.object cimport PyObject
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy


cdef extern from "Python.h":
    PyObject *NewBytes "PyBytes_FromStringAndSize"(const char *data, Py_ssize_t size) except NULL
    PyObject *NewText "PyUnicode_New"(Py_ssize_t size, Py_UCS4 largest) except NULL
    int _PyBytes_Resize(PyObject **data, Py_ssize_t size) except -1
    int PyUnicode_Resize(PyObject **text, Py_ssize_t size) except -1
    char *AddressOfBytes "PyBytes_AS_STRING"(PyObject *data) nogil
    uint8_t *AddressOfText "PyUnicode_1BYTE_DATA"(PyObject *text) nogil
    str PyUnicode_New(Py_ssize_t size, Py_UCS4 largest)
    uint8_t *PyUnicode_1BYTE_DATA(str text)
    str PyUnicode_DecodeUTF8(const char *data, Py_ssize_t size, const char *errors)
    void Py_XDECREF(PyObject *it)


DEF TOP_BITS = 0x8080808080808080


cdef bint _xor(uint8_t *out, const uint8_t *data, Py_ssize_t size, const uint8_t *key, Py_ssize_t offset) noexcept nogil:
    """Unmask, and say whether any byte that comes out has its top bit set."""
    cdef uint8_t turned[4]
    cdef uint32_t narrow
    cdef uint64_t wide, seen = 0
    cdef uint64_t words[4]
    cdef Py_ssize_t i
    for i in range(4):
        turned[i] = key[(i + offset) & 3]
    memcpy(&narrow, turned, 4)
    wide = (<uint64_t>narrow << 32) | narrow
    i = 0
    while i + 32 <= size:
        memcpy(words, data + i, 32)
        words[0] ^= wide
        words[1] ^= wide
        words[2] ^= wide
        words[3] ^= wide
        seen |= (words[0] | words[1]) | (words[2] | words[3])
        memcpy(out + i, words, 32)
        i += 32
    while i < size:
        out[i] = data[i] ^ turned[i & 3]
        seen |= out[i]
        i += 1
    return (seen & <uint64_t>TOP_BITS) != 0


cdef void _within(bytes data, Py_ssize_t start, Py_ssize_t size, Py_ssize_t first) except *:
    if start < first or size < 0 or size > len(data) - start:
        raise ValueError("out of range")


def payload(bytes data not None, Py_ssize_t start, Py_ssize_t size, bint masked):
    """See :func:`wsapp.wire.gathering.payload`."""
    return whole(data, start, size, masked, False)


cpdef whole(bytes data, Py_ssize_t start, Py_ssize_t size, bint masked, bint text):
    """See :func:`wsapp.wire.gathering.whole`."""
    if data is None:
        raise TypeError("data is None")
    _within(data, start, size, 4 if masked else 0)
    cdef const uint8_t *at = <const uint8_t *>PyBytes_AS_STRING(data) + start
    cdef const uint8_t *key = at - 4 if masked else <const uint8_t *>b"\0\0\0\0"
    cdef bytes message
    cdef str said
    if not text:
        message = PyBytes_FromStringAndSize(NULL, size)
        _xor(<uint8_t *>PyBytes_AS_STRING(message), at, size, key, 0)
        return message
    said = PyUnicode_New(size, 127)
    if _xor(PyUnicode_1BYTE_DATA(said), at, size, key, 0):
        try:
            return PyUnicode_DecodeUTF8(<const char *>PyUnicode_1BYTE_DATA(said), size, "strict")
        except UnicodeDecodeError:
            return None
    return said


def messages(
    bytes data not None,
    Py_ssize_t position,
    bint masked,
    Py_ssize_t most,
    Py_ssize_t count,
    Py_ssize_t size,
    list events not None,
):
    """See :func:`wsapp.wire.gathering.messages`."""
    cdef const uint8_t *at = <const uint8_t *>PyBytes_AS_STRING(data)
    cdef Py_ssize_t end = len(data), length, start
    cdef uint8_t first
    cdef object message
    if position < 0:
        raise ValueError("out of range")
    while count > 0 and size > 0 and end - position >= 4:
        first = at[position]
        length = at[position + 1]
        if masked:
            length -= 128
        start = position + 2
        if length == 126:
            length = at[start] << 8 | at[start + 1]
            start += 2
            if length < 126:
                break
        elif not 0 <= length < 126:
            break
        if masked:
            start += 4
        if not 0x81 <= first <= 0x82 or length > most or end - start < length:
            break
        message = whole(data, start, length, masked, first == 0x81)
        if message is None:
            break
        events.append(message)
        count -= 1
        size -= len(<str>message) if first == 0x81 else len(<bytes>message)
        position = start + length
    return position


cdef class Gathering:
    """See :class:`wsapp.wire.gathering.Gathering`."""

    cdef PyObject *_buffer  # a str or bytes that nobody else has seen, of _room bytes
    cdef uint8_t *_at  # its first byte
    cdef Py_ssize_t _size, _room
    cdef bint _text, _ascii
    # Of a text that is not ASCII: how many bytes its last character still lacks, and what the next may be.
    cdef uint8_t _lacking, _low, _high

    def __init__(self, bint text):
        self._text = text
        self._ascii = True

    def __dealloc__(self):
        Py_XDECREF(self._buffer)

    def __sizeof__(self):
        return object.__sizeof__(self) + self._room

    cdef void _resize(self, Py_ssize_t room) except *:
        if self._text:
            if self._buffer is NULL:
                self._buffer = NewText(room, 127)
            else:
                PyUnicode_Resize(&self._buffer, room)
            self._at = AddressOfText(self._buffer)
        else:
            if self._buffer is NULL:
                self._buffer = NewBytes(NULL, room)
            else:
                _PyBytes_Resize(&self._buffer, room)
            self._at = <uint8_t *>AddressOfBytes(self._buffer)
        self._room = room

    cdef bint _check(self, Py_ssize_t i) noexcept:
        """Check the bytes from *i* on, by table 3-7 of the Unicode Standard."""
        cdef const uint8_t *at = self._at
        cdef Py_ssize_t size = self._size
        cdef uint64_t word
        cdef uint8_t octet
        cdef uint8_t lacking = self._lacking, low = self._low, high = self._high
        while i < size:
            octet = at[i]
            i += 1
            if lacking:
                if octet < low or octet > high:
                    return False
                lacking -= 1
                low, high = 0x80, 0xBF
            elif octet < 0x80:
                while i + 8 <= size:
                    memcpy(&word, at + i, 8)
                    if word & <uint64_t>TOP_BITS:
                        break
                    i += 8
            elif octet < 0xC2 or octet > 0xF4:
                return False
            else:
                low = 0xA0 if octet == 0xE0 else 0x90 if octet == 0xF0 else 0x80
                high = 0x9F if octet == 0xED else 0x8F if octet == 0xF4 else 0xBF
                lacking = 1 if octet < 0xE0 else 2 if octet < 0xF0 else 3
                if lacking == 2 and i + 2 <= size and low <= at[i] <= high and at[i + 1] & 0xC0 == 0x80:
                    lacking = 0  # most characters that are not ASCII, in one go
                    i += 2
        self._lacking, self._low, self._high = lacking, low, high
        return True

    def add(
        self,
        bytes data not None,
        Py_ssize_t start,
        Py_ssize_t size,
        bytes key not None,
        Py_ssize_t offset,
        Py_ssize_t left,
    ):
        """See :meth:`wsapp.wire.gathering.Gathering.add`."""
        _within(data, start, size, 0)
        if offset < 0 or len(key) not in (0, 4):
            raise ValueError("out of range")
        if not size:
            return True
        cdef Py_ssize_t before = self._size
        cdef Py_ssize_t needed = before + size
        if needed > self._room:
            # All that is declared, as far as four times what has come; and by a quarter at least, or
            # a message of many fragments would be moved for each.
            self._resize(max(needed + needed // 4 if before else needed, min(before + left, 4 * needed)))
        cdef const uint8_t *mask = <const uint8_t *>PyBytes_AS_STRING(key) if len(key) else <const uint8_t *>b"\0\0\0\0"
        cdef bint beyond = _xor(
            self._at + before, <const uint8_t *>PyBytes_AS_STRING(data) + start, size, mask, offset
        )
        self._size = needed
        if self._text and (beyond or not self._ascii):
            self._ascii = False
            return self._check(before)
        return True

    def finish(self):
        """See :meth:`wsapp.wire.gathering.Gathering.finish`."""
        cdef object message
        if self._text and not self._ascii:
            if self._lacking:
                return None
            return PyUnicode_DecodeUTF8(<const char *>self._at, self._size, "strict")
        if self._room != self._size or self._buffer is NULL:
            self._resize(self._size)
        message = <object>self._buffer
        Py_XDECREF(self._buffer)
        self._buffer = NULL
        self._size = self._room = 0
        return message
