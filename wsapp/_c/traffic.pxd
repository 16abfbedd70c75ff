import cython

from wsapp._c.delivery cimport Delivery as _Delivery
from wsapp._c.metrics cimport Metrics as _Metrics
from wsapp._c.sendqueue cimport SendQueue as _SendQueue


cdef class Traffic:
    cdef object _app
    cdef _Metrics _metrics
    cdef public object _keepAlive, _sender, client
    cdef public _Delivery _delivery
    cdef public _SendQueue _queue
    cdef public bint _sending
    cdef public Py_ssize_t bytesIn, messagesIn, messagesOut

    cpdef receive(self, bytes data)
    cpdef message(self, message)
    @cython.locals(data=bytes)
    cpdef bint send(self, message) except -1
    cpdef bint sendShared(self, message, dict encoded) except -1
    cdef bint _put(self, bytes data) except -1
    cdef bint _putAll(self, list pieces) except -1
