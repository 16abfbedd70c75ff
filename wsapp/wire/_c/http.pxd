import cython


cdef class RequestHead:
    cdef readonly str method, target
    cdef readonly int version
    cdef readonly object headers
    cdef readonly bytes raw


cdef class HeadReader:
    cdef object _limits
    cdef bytearray _buffer
    cdef Py_ssize_t _fields, _lineStart, _lines, _searched
    cdef list _request
    cdef public bytes rest

    @cython.locals(buffer=bytearray, end=Py_ssize_t, line=bytes, raw=bytes)
    cpdef receive(self, bytes data)
    @cython.locals(end=Py_ssize_t)
    cdef object _whole(self, bytes data)
    cdef _check(self, Py_ssize_t end)
    cdef _take(self, bytes line)
