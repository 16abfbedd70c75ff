import cython

cdef class Delivery:
    cdef object _fairness, _hook, _receiver, _recipient, _timer, _wheel
    cdef list _inbox
    cdef Py_ssize_t _maxMessage, _maxQueue, _size
    cdef double _hookTimeout, _until
    cdef bint _cancelled, _ending, _later, _pumping
    cdef public bint blocked, reading

    cpdef receive(self, bytes data)
    cpdef discard(self)
    @cython.locals(inbox=list, count=Py_ssize_t, size=Py_ssize_t, ready=bint, begun=bint, until=double)
    cpdef pump(self)
    cpdef read(self, bint on)
    cdef _take(self, event)
    cdef _wait(self)
    cpdef wait(self, result)
