cdef class Accepted:
    cdef readonly bytes head
    cdef readonly object deflation, challenge
