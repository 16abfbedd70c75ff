# cython: language_level=3, boundscheck=False, wraparound=False
"""What wsapp.loop.engine does, with the functions of pyOpenSSL's own OpenSSL called directly.

Their addresses are asked of the library that pyOpenSSL uses, so that both work on the same connection; what
of that is not public is looked for when this module is imported, and where it is missing the import fails.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from cpython.object cimport PyObject
from libc.stdint cimport intptr_t

from OpenSSL.SSL import Connection, Context, Error, TLS_METHOD, WantReadError, ZeroReturnError

cdef extern from "Python.h":
    int _PyBytes_Resize(PyObject **bytes, Py_ssize_t size) except -1

ctypedef int (*_Transfer)(void *, void *, int) noexcept nogil
ctypedef int (*_GetError)(void *, int) noexcept nogil
ctypedef void (*_Clear)() noexcept nogil

cdef enum:
    PIECE = 16384
    ROOM = 2048
    HEADER = 5
    WANT_READ = 2
    ZERO_RETURN = 6

cdef _Transfer SSL_read, SSL_write, BIO_read, BIO_write
cdef _GetError SSL_get_error
cdef _Clear ERR_clear_error
cdef object _ffi
cdef char _scratch[PIECE + ROOM]


cdef intptr_t _address(object ffi, object pointer) except 0:
    return int(ffi.cast("intptr_t", pointer))


def _link():
    """Find everything, or fail."""
    global SSL_read, SSL_write, BIO_read, BIO_write, SSL_get_error, ERR_clear_error, _ffi
    from cryptography.hazmat.bindings._rust import _openssl
    ffi, lib = _openssl.ffi, _openssl.lib
    try:
        of = {
            name: _address(ffi, ffi.addressof(lib, name))
            for name in ("SSL_read", "SSL_write", "BIO_read", "BIO_write", "SSL_get_error", "ERR_clear_error")
        }
        connection = Connection(Context(TLS_METHOD), None)
        for name in ("_ssl", "_into_ssl", "_from_ssl"):
            _address(ffi, getattr(connection, name))
        if not callable(connection._raise_ssl_error):
            raise TypeError("_raise_ssl_error")
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ImportError(f"pyOpenSSL has not what is looked for: {error}") from error
    SSL_read = <_Transfer><intptr_t>of["SSL_read"]
    SSL_write = <_Transfer><intptr_t>of["SSL_write"]
    BIO_read = <_Transfer><intptr_t>of["BIO_read"]
    BIO_write = <_Transfer><intptr_t>of["BIO_write"]
    SSL_get_error = <_GetError><intptr_t>of["SSL_get_error"]
    ERR_clear_error = <_Clear><intptr_t>of["ERR_clear_error"]
    _ffi = ffi


_link()


cdef class Engine:
    """See :class:`wsapp.loop.engine.Engine`."""

    cdef object _connection
    cdef void *_ssl
    cdef void *_into
    cdef void *_from
    cdef Py_ssize_t _rest
    cdef int _headed
    cdef unsigned char _head[HEADER]
    cdef readonly object refused

    def __init__(self, connection):
        self._connection = connection
        self._ssl = <void *>_address(_ffi, connection._ssl)
        self._into = <void *>_address(_ffi, connection._into_ssl)
        self._from = <void *>_address(_ffi, connection._from_ssl)
        self._rest = self._headed = 0
        self.refused = None

    cdef Py_ssize_t _complete(self, const unsigned char *data, Py_ssize_t size):
        """As wsapp.loop.records.complete()."""
        cdef Py_ssize_t count = 0, at = 0
        while True:
            if self._rest:
                if self._rest > size - at:
                    self._rest -= size - at
                    return count
                at += self._rest
                self._rest = 0
                count += 1
            while self._headed < HEADER:
                if at == size:
                    return count
                self._head[self._headed] = data[at]
                self._headed += 1
                at += 1
            self._headed = 0
            self._rest = self._head[3] << 8 | self._head[4]
            if not self._rest:
                # An empty record; OpenSSL takes few of them.
                count += 1

    cdef int _put(self, const char *data, int size) except -1:
        if BIO_write(self._into, <void *>data, size) != size:
            raise MemoryError("OpenSSL has no memory for what arrived")
        return 0

    def feed(self, bytes data not None):
        """See :meth:`wsapp.loop.engine.Engine.feed`."""
        self._put(PyBytes_AS_STRING(data), <int>len(data))
        self._complete(<const unsigned char *>PyBytes_AS_STRING(data), len(data))

    def receive(self, bytes data not None):
        """See :meth:`wsapp.loop.engine.Engine.receive`."""
        cdef const char *source = PyBytes_AS_STRING(data)
        cdef Py_ssize_t size = len(data), at = 0, count, used = 0, capacity = 0
        cdef int piece, got
        cdef PyObject *out = NULL
        cdef bytes plain
        self.refused = None
        try:
            while at < size:
                piece = <int>min(size - at, <Py_ssize_t>PIECE)
                self._put(source + at, piece)
                count = self._complete(<const unsigned char *>source + at, piece)
                at += piece
                if at == size and count == 1 and out is NULL:
                    # One message, most of the time.
                    ERR_clear_error()
                    got = SSL_read(self._ssl, _scratch, PIECE)
                    if got > 0:
                        return PyBytes_FromStringAndSize(_scratch, got)
                    self._refuse(got)
                    return b""
                while count:
                    if capacity - used < PIECE:
                        capacity = max(capacity * 2, size + PIECE)
                        _grow(&out, capacity)
                    ERR_clear_error()
                    got = SSL_read(self._ssl, (<char *>PyBytes_AS_STRING(<object>out)) + used, PIECE)
                    if got <= 0:
                        self._refuse(got)
                        if not isinstance(self.refused, WantReadError):
                            at = size
                        break
                    used += got
                    count -= 1
            if out is NULL:
                return b""
            _PyBytes_Resize(&out, used)
            return <object>out
        finally:
            _release(&out)

    def drain(self):
        """See :meth:`wsapp.loop.engine.Engine.drain`."""
        cdef int got
        parts = []
        while True:
            ERR_clear_error()
            got = SSL_read(self._ssl, _scratch, PIECE)
            if got <= 0:
                self._refuse(got)
                return b"".join(parts)
            parts.append(PyBytes_FromStringAndSize(_scratch, got))

    cdef object _refuse(self, int result):
        self.refused = self._error(result)

    cdef object _error(self, int result):
        """The exception of pyOpenSSL's for what OpenSSL has just returned."""
        cdef int kind = SSL_get_error(self._ssl, result)
        if kind == WANT_READ:
            return WantReadError()
        if kind == ZERO_RETURN:
            return ZeroReturnError()
        try:
            self._connection._raise_ssl_error(self._connection._ssl, result)
        except Error as error:
            # Without its traceback, which would keep what was read.
            return error.with_traceback(None)
        return Error([("SSL routines", "", "nothing was transferred")])

    def encrypt(self, bytes data not None):
        """See :meth:`wsapp.loop.engine.Engine.encrypt`."""
        cdef const char *source = PyBytes_AS_STRING(data)
        cdef Py_ssize_t size = len(data), at = 0, used = 0, capacity
        cdef int piece, got
        cdef PyObject *out = NULL
        if size == 0:
            return b""
        if size <= PIECE:
            ERR_clear_error()
            got = SSL_write(self._ssl, <void *>source, <int>size)
            if got <= 0:
                raise self._error(got)
            got = BIO_read(self._from, _scratch, PIECE + ROOM)
            if got < PIECE + ROOM:
                return PyBytes_FromStringAndSize(_scratch, max(got, 0))
            return PyBytes_FromStringAndSize(_scratch, got) + self._made()
        capacity = size + (size // PIECE + 1) * ROOM
        _grow(&out, capacity)
        try:
            while at < size:
                piece = <int>min(size - at, <Py_ssize_t>PIECE)
                ERR_clear_error()
                got = SSL_write(self._ssl, <void *>(source + at), piece)
                if got <= 0:
                    error = self._error(got)
                    if at and isinstance(error, WantReadError):
                        error = Error([("SSL routines", "", "a handshake began amidst a write")])
                    raise error
                at += piece
                while True:
                    if capacity - used < PIECE + ROOM:
                        capacity *= 2
                        _grow(&out, capacity)
                    got = BIO_read(
                        self._from, (<char *>PyBytes_AS_STRING(<object>out)) + used, PIECE + ROOM
                    )
                    if got <= 0:
                        break
                    used += got
                    if got < PIECE + ROOM:
                        break
            _PyBytes_Resize(&out, used)
            return <object>out
        finally:
            _release(&out)

    cdef bytes _made(self):
        """What else OpenSSL has to send."""
        cdef int got
        parts = []
        while True:
            got = BIO_read(self._from, _scratch, PIECE + ROOM)
            if got <= 0:
                return b"".join(parts)
            parts.append(PyBytes_FromStringAndSize(_scratch, got))


cdef extern from *:
    """
    static PyObject *wsapp_new(Py_ssize_t size) { return PyBytes_FromStringAndSize(NULL, size); }
    static void wsapp_release(PyObject **out) { Py_CLEAR(*out); }
    """
    PyObject *wsapp_new(Py_ssize_t size) except NULL
    void wsapp_release(PyObject **out)


cdef int _grow(PyObject **out, Py_ssize_t size) except -1:
    """Make a bytes object that nobody has seen yet, or make it larger."""
    if out[0] is NULL:
        out[0] = wsapp_new(size)
        return 0
    return _PyBytes_Resize(out, size)


cdef void _release(PyObject **out):
    wsapp_release(out)
