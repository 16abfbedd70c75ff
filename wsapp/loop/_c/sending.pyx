"""What leaves by a stream of uvloop's: one system call for each write, and little around it.

uvloop writes by write(2), which costs the kernel a tenth more than send(2), and cannot write without much
that only matters where something waits.  ``wsapp.loop.sending`` does without this.
"""

cdef extern from "sys/socket.h" nogil:
    """
    #ifndef MSG_NOSIGNAL  /* Python ignores SIGPIPE */
    #define MSG_NOSIGNAL 0
    #endif
    """
    int MSG_DONTWAIT, MSG_NOSIGNAL
    ssize_t send(int, const void *, size_t, int)


cdef class Sender:
    """Writes to a stream, past uvloop while that holds nothing."""

    cdef object _stream
    cdef int _descriptor
    cdef bint _behind  # uvloop has been given something, and may hold it

    def __init__(self, stream):
        self._stream = stream
        # uvloop closes it after connection_lost, when nothing is written here any more.
        self._descriptor = stream.get_extra_info("socket").fileno()
        self._behind = False

    def __call__(self, data):
        cdef ssize_t sent
        cdef Py_ssize_t size
        stream = self._stream
        if type(data) is not bytes or self._behind and stream.get_write_buffer_size() or stream.is_closing():
            self._behind = True
            stream.write(data)
            return
        size = len(<bytes>data)
        sent = send(self._descriptor, <const char *><bytes>data, size, MSG_DONTWAIT | MSG_NOSIGNAL)
        self._behind = sent != size
        if self._behind:
            # What is wrong, if anything is, uvloop finds out as well, and says so in its way.
            stream.write(data if sent <= 0 else memoryview(data)[sent:])


def writer(stream):
    """What writes bytes to a stream from now on."""
    return Sender(stream)


def writeViews(write, stream, list pieces):
    """Write pieces by a stream's own writer, without joining them.

    :return: Whether it is one.
    """
    if type(write) is not Sender:
        return False
    (<Sender>write)._behind = True
    stream.writelines(pieces)
    return True
