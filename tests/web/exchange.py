"""One HTTP exchange with a site, over a transport in memory and under virtual time."""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

from dataclasses import dataclass

from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.web.server import Site


@dataclass(frozen=True)
class Answer:
    """What came back: the status code, the headers (names in lower case) and the body."""

    code: int
    headers: dict[str, str]
    body: bytes


def fetch(
    site: Site,
    path: str,
    method: str = "GET",
    headers: dict[str, str] | None = None,
    body: bytes = b"",
) -> Answer:
    """Ask a site for a path and give its answer; fails if there is not exactly one."""
    lines = [f"{method} {path} HTTP/1.1", "Host: example.org"]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    wire = StringTransport()
    channel = site.buildProtocol(None)
    assert channel is not None
    channel.makeConnection(wire)
    channel.dataReceived("\r\n".join([*lines, "", ""]).encode("latin-1") + body)
    head, _, rest = wire.value().partition(b"\r\n\r\n")
    first, *fields = head.decode("latin-1").split("\r\n")
    names = dict(field.split(": ", 1) for field in fields)
    answer = Answer(int(first.split()[1]), {key.lower(): value for key, value in names.items()}, rest)
    assert len(names) == len(fields), f"a header came twice: {fields}"
    if method != "HEAD" and answer.code != 304:
        assert answer.headers["content-length"] == str(len(rest)), "the body is not of the length promised"
    clock = site.reactor
    assert isinstance(clock, Clock)
    wire.loseConnection()
    channel.connectionLost(None)
    assert not clock.getDelayedCalls(), "a timer was left behind"
    return answer
