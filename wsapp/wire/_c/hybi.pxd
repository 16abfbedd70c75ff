import cython

cdef class HybiReceiver:
    cdef Py_ssize_t _maxMessage, _maxFragments, _maxWire, _number, _position, _opcode, _size, _wire, _fragments
    cdef Py_ssize_t _left, _offset, _state
    cdef object _gathered, _inflater, _inflation
    cdef bint _masked, _compressed, _fin
    cdef public bint hungry
    cdef bytes _data, _key
    cdef bytearray _stored

    @cython.locals(events=list, steps=Py_ssize_t)
    cpdef list next(self, Py_ssize_t count, Py_ssize_t size)
    cpdef receive(self, bytes data)
    cdef bint _refill(self)
    cdef _end(self)
    @cython.locals(data=bytes, at=Py_ssize_t, available=Py_ssize_t, first=Py_ssize_t, second=Py_ssize_t,
                   opcode=Py_ssize_t, rsv=Py_ssize_t, fin=bint, start=Py_ssize_t, extended=Py_ssize_t, compressed=bint, most=Py_ssize_t, length=Py_ssize_t, topBit=bint)
    cdef object _header(self)
    @cython.locals(data=bytes, start=Py_ssize_t, end=Py_ssize_t)
    cdef object _control(self, Py_ssize_t opcode, Py_ssize_t length)
    @cython.locals(size=Py_ssize_t)
    cdef object _payload(self)
    cdef object _gather(self, Py_ssize_t size)
    @cython.locals(piece=bytes)
    cdef object _inflate(self, Py_ssize_t size)
    cdef Py_ssize_t _room(self)
    @cython.locals(room=Py_ssize_t, size=Py_ssize_t)
    cdef object _inflated(self, bytes out)
    cdef object _message(self)
