import cython


cdef class HybiSender:
    cdef Py_ssize_t _number
    cdef object _deflater
    cdef bint _masked, _plain
    cdef public object form

    @cython.locals(opcode=Py_ssize_t, payload=bytes)
    cpdef bytes encode(self, message)
    cpdef list pieces(self, message)
    cpdef bytes ping(self, bytes payload)
    cpdef bytes pong(self, bytes payload)
