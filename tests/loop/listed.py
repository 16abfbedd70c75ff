"""Cases of Twisted's own suites that do not pass on the uvloop reactor, each with the reason why."""

from __future__ import annotations

_LOG_CONTEXT = (
    "wants the log context to name the connection while dataReceived runs. Setting it costs a third of "
    "handling a small message; logPrefix() says the same to who asks, and what a protocol raises is "
    "logged with it"
)
_EAGER = (
    "sets bufferSize below the size of one write and wants the producer paused before the write returns. "
    "Here the bytes have left by then: a producer is paused when the kernel takes no more"
)

CANNOT = {
    "TCP4ClientTestsBuilder.test_logPrefix": _LOG_CONTEXT,
    "TCP6ClientTestsBuilder.test_logPrefix": _LOG_CONTEXT,
    "UNIXTestsBuilder.test_logPrefix": _LOG_CONTEXT,
    "SSLClientTestsMixin.test_logPrefix": _LOG_CONTEXT,
    "StartTLSClientTestsMixin.test_logPrefix": _LOG_CONTEXT,
    "TCPTransportTestsBuilder.test_streamingProducer": _EAGER,
    "AdoptStreamConnectionTestsBuilder.test_streamingProducer": _EAGER,
    "UNIXAdoptStreamConnectionTestsBuilder.test_streamingProducer": _EAGER,
    "UNIXTestsBuilder.test_avoidLeakingFileDescriptors": (
        "wants a log line when descriptors arrive for a protocol that takes none. libuv reads without asking "
        "for them, so the kernel closes them itself, unseen: nothing leaks"
    ),
}
"""Fail on every machine. One that passes after all must be taken off the list."""

ELSEWHERE_TOO = {
    "ProcessTestsBuilder.test_changeUID": (
        "run as root from a Python that only root may read, a child of another user cannot start; the epoll "
        "reactor fails in the same place"
    ),
    "PTYProcessTestsBuilder.test_changeUID": "as ProcessTestsBuilder.test_changeUID",
}
"""Depend on the machine, whatever the reactor."""

_PAUSES = (
    "wants who connects while there are no descriptors to be closed. libuv does that; but where the port has "
    "looked in between, as it does four times a second, it has paused, and who connects waits in the kernel "
    "until there are some again"
)

EITHER_WAY = {
    f"{family}PortTestsBuilder.test_closePeerOnEMFILE": _PAUSES for family in ("TCP", "TLS", "UNIX")
}
"""Depend on the moment, and are right in either case."""

RUNNING = {
    "twisted.test.test_tcp.LoopbackTests.test_tcpNoDelay": (
        "wants no-delay to be off at first. uvloop switches it on for every TCP connection, before anyone is "
        "asked; setTcpNoDelay switches it off"
    ),
    "twisted.test.test_tcp.HalfCloseTests.testCloseWriteCloser": (
        "looks at _tempDataBuffer, the private buffer of Twisted's own transports; uvloop keeps what waits"
    ),
}
"""Those that use the running reactor, by their full names."""
