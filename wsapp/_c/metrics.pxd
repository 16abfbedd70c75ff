cdef class Metrics:
    cdef dict __dict__
    cdef public Py_ssize_t messagesIn, messagesOut
