# cython: language_level=3, boundscheck=False, wraparound=False
"""The bytes of a text without a copy: what wsapp.wire.viewing does by encoding."""

from cpython.buffer cimport PyBuffer_FillInfo


cdef extern from "Python.h":
    bint PyUnicode_IS_ASCII(object text)
    Py_ssize_t PyUnicode_GET_LENGTH(object text)
    void *PyUnicode_DATA(object text)


cdef class _Bytes:
    """What a memoryview of a text's bytes keeps alive."""

    cdef str _text

    def __cinit__(self, str text not None):
        self._text = text

    def __getbuffer__(self, Py_buffer *buffer, int flags):
        PyBuffer_FillInfo(buffer, self, PyUnicode_DATA(self._text), PyUnicode_GET_LENGTH(self._text), 1, flags)


def utf8(str text not None):
    """See :func:`wsapp.wire.viewing.utf8`."""
    # Of other texts Python has the bytes only once it has made them, and would keep them with the text.
    return memoryview(_Bytes(text)) if PyUnicode_IS_ASCII(text) else text.encode()
