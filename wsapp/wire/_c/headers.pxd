import cython


cdef class Headers:
    cdef str _lines
    cdef dict _byName

    cpdef fold(self)
    @cython.locals(values=dict)
    cdef object _values(self, name)
    cpdef get(self, name)
    cpdef list getAll(self, name)
    cpdef list getList(self, name)
    @cython.locals(value=str)
    cpdef bint hasToken(self, str name, str token)
    @cython.locals(fields=list, line=str)
    cdef list _all(self)
