import cython

cdef class Turn:
    cdef object _clock
    cdef list _queues

    cpdef add(self, SendQueue queue)
    @cython.locals(queues=list, queue=SendQueue)
    cpdef _run(self)


cdef class SendQueue:
    cdef object _emptied, _limits, _owner, _stallTimer, _transport, _turn, _wheel
    cdef list _drained, _waiting
    cdef bytes _pong
    cdef Py_ssize_t _first, _handed, _head, _held, _most, _size, _step
    cdef bint _drains, _paused, _scheduled
    cdef public bint full
    cdef public Py_ssize_t sent

    cpdef hold(self)
    cpdef write(self, data)
    cpdef pong(self, bytes data)
    @cython.locals(pieces=list)
    cpdef flush(self)
    @cython.locals(much=bint)
    cdef _measure(self)
    cdef Py_ssize_t _unsent(self)
    cdef _watch(self, Py_ssize_t held)
    cdef _noStall(self)
    @cython.locals(waiting=list, taken=list, room=Py_ssize_t, size=Py_ssize_t)
    cdef list _take(self)
    cdef _left(self)
