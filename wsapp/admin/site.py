"""The admin port's plain HTTP: health, metrics, the way in, and the console's page."""

# Much of twisted.web has no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web import http
from twisted.web.resource import IResource, Resource
from twisted.web.server import NOT_DONE_YET, Request, Site

from wsapp.admin import prometheus
from wsapp.admin.gate import SESSION, Gate
from wsapp.admin.source import Source
from wsapp.web.pages import StaticFolder, notFound, secure
from wsapp.web.site import QuietSite

__all__ = ["adminSite"]

_log = Logger()

_PAGES = Path(__file__).with_name("pages")

TOO_MANY_REQUESTS = 429

#: Bytes of a POST that are looked at.
_MOST = 4096


class _Answer(Resource):
    """Something short that is answered to GET (and HEAD) or to POST."""

    isLeaf = True
    method = b"GET"

    def render(self, request: Request) -> Any:
        """Answer."""
        secure(request)
        request.responseHeaders.setRawHeaders("Cache-Control", ["no-store"])
        if request.postpath:
            return notFound().render(request)
        if request.method != self.method and not (self.method == b"GET" and request.method == b"HEAD"):
            allowed = "GET, HEAD" if self.method == b"GET" else self.method.decode()
            request.responseHeaders.setRawHeaders("Allow", [allowed])
            return _say(request, http.NOT_ALLOWED, f"this is for {allowed}\n")
        return self.answer(request)

    def answer(self, request: Request) -> Any:
        """Answer a request of the right method."""
        raise NotImplementedError


def _say(request: Request, code: int, text: str | bytes, kind: str = "text/plain; charset=utf-8") -> bytes:
    body = text.encode() if isinstance(text, str) else text
    request.setResponseCode(code)
    request.responseHeaders.setRawHeaders("Content-Type", [kind])
    request.responseHeaders.setRawHeaders("Content-Length", [str(len(body))])
    return b"" if request.method == b"HEAD" else body


def _later(request: Request, body: Deferred[bytes]) -> int:
    """Answer once it is known what; who does not wait for it is no trouble."""
    gone: list[object] = []
    request.notifyFinish().addErrback(gone.append)

    def failed(failure: Failure) -> bytes:
        _log.failure("{path} could not be answered", failure, path=request.path.decode("ascii", "replace"))
        return _say(request, http.INTERNAL_SERVER_ERROR, "this could not be answered: the log says why\n")

    def write(body: bytes) -> None:
        if not gone:
            request.write(body)
            request.finish()

    body.addErrback(failed).addCallback(write)
    return NOT_DONE_YET


class _Health(_Answer):
    """``/healthz`` and ``/readyz``.

    :param why: Says why it is not well; empty where it is.
    """

    def __init__(self, why: Callable[[], Deferred[str]]) -> None:
        super().__init__()
        self._why = why

    def answer(self, request: Request) -> Any:
        """200, or 503 and why."""

        def said(why: str) -> bytes:
            return _say(request, http.SERVICE_UNAVAILABLE if why else http.OK, f"{why or 'ok'}\n")

        return _later(request, self._why().addCallback(said))


class _Metrics(_Answer):
    """``/metrics``."""

    def __init__(self, source: Source) -> None:
        super().__init__()
        self._source = source

    def answer(self, request: Request) -> Any:
        """The metrics, once they are gathered."""
        if not prometheus.available():
            return _say(request, http.NOT_IMPLEMENTED, "metrics need: pip install wsapp[admin]\n")

        def said(snapshots: Any) -> bytes:
            return _say(request, http.OK, prometheus.exposition(snapshots), prometheus.CONTENT_TYPE)

        return _later(request, self._source.snapshots().addCallback(said))


class _Login(_Answer):
    """``/login``: a POST with the token as its body."""

    method = b"POST"

    def __init__(self, gate: Gate) -> None:
        super().__init__()
        self._gate = gate

    def answer(self, request: Request) -> bytes:
        """204 and the cookie, or 403; 429 where too many wrong ones have come."""
        host = request.getHeader("host") or ""
        secured = request.isSecure()
        # A page of another origin could otherwise try tokens by its visitors' browsers.
        if request.getHeader("origin") != f"{'https' if secured else 'http'}://{host}":
            return _say(request, http.FORBIDDEN, "this is for the console's own page\n")
        body = request.content.read(_MOST) if request.content is not None else b""
        wait = self._gate.wait()
        if not self._gate.admits(body.decode("utf-8", "replace").strip()):
            if wait:
                request.responseHeaders.setRawHeaders("Retry-After", [str(math.ceil(wait))])
                return _say(request, TOO_MANY_REQUESTS, "too many wrong tokens\n")
            return _say(request, http.FORBIDDEN, "this is not the token\n")
        value = (
            f"{self._gate.cookie(host)}={self._gate.session()}; Path=/; Max-Age={SESSION}; "
            f"HttpOnly; SameSite=Strict{'; Secure' if secured else ''}"
        )
        request.responseHeaders.setRawHeaders("Set-Cookie", [value])
        request.setResponseCode(http.NO_CONTENT)
        return b""


class _Logout(_Answer):
    """``/logout``: a POST that takes the cookie away."""

    method = b"POST"

    def answer(self, request: Request) -> bytes:
        """204; whoever asks, all that is lost is a cookie."""
        name = Gate.cookie(request.getHeader("host") or "")
        request.responseHeaders.setRawHeaders(
            "Set-Cookie", [f"{name}=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict"]
        )
        request.setResponseCode(http.NO_CONTENT)
        return b""


class _Front(Resource):
    """What there is; scripts and styles have nothing secret in them, so only data asks for the cookie."""

    def __init__(self, source: Source, gate: Gate) -> None:
        super().__init__()
        self._children: dict[bytes, IResource] = {
            b"healthz": _Health(lambda: succeed("")),
            b"readyz": _Health(lambda: source.ready()),
            b"metrics": _Metrics(source),
            b"login": _Login(gate),
            b"logout": _Logout(),
        }
        self._pages = StaticFolder(_PAGES)

    def getChild(self, path: bytes, request: Request) -> Any:
        """The resource for one segment of the path."""
        child = self._children.get(path)
        if child is not None:
            return child
        request.postpath = [path, *(request.postpath or ())]  # the folder looks at the whole path
        request.prepath = []
        return self._pages


def adminSite(source: Source, gate: Gate, reactor: IReactorTime) -> Site:
    """The site of an admin port."""
    return QuietSite(_Front(source, gate), reactor)
