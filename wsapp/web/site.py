"""
The web site of a port: each application's pages below its name, and what stands at ``/``.

It knows of an application only that it has a `resource()`, and imports only `wsapp.web.pages`.
"""

# Much of twisted.web has no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from io import BytesIO
from typing import Protocol
from urllib.parse import quote

from twisted.internet.interfaces import IReactorTime
from twisted.web.http import Request as HTTPRequest
from twisted.web.resource import IResource, Resource
from twisted.web.server import Request, Site

from wsapp.web.pages import BROWSER_CLIENT, Page, StaticFolder, document, notFound, redirectTo, secure

__all__ = ["BoundedRequest", "QuietSite", "siteFor"]

#: Seconds that an idle kept-alive connection is held.
IDLE = 60


_CLIENT = BROWSER_CLIENT.name.encode()


class HasPages(Protocol):
    """What is asked of an application here."""

    def resource(self) -> IResource | None:
        """Its web pages, if it has any."""


class _Root(Resource):
    """``/`` and, below it, one child for each application that has pages."""

    def __init__(self, pages: Mapping[str, IResource]) -> None:
        super().__init__()
        self._pages = {name.encode(): page for name, page in pages.items()}
        self._client = StaticFolder(BROWSER_CLIENT.parent)
        # With one page there is nothing to choose, so "/" leads to it.
        self._front = redirectTo(f"{next(iter(pages))}/") if len(pages) == 1 else _index(list(pages))

    def getChild(self, path: bytes, request: Request) -> IResource:
        """The resource for one segment of the path."""
        # For pages of other makes as well; those made with wsapp.web set their own again.
        secure(request)
        if path == b"" and not request.postpath:
            return self._front
        page = self._pages.get(path)
        if page is None and path == _CLIENT and not request.postpath:
            request.postpath = [path]  # it is the folder that is asked for the file
            return self._client
        if page is None:
            return notFound()
        if not request.postpath:
            return redirectTo(path.decode() + "/")
        return page


class BoundedRequest(Request):
    """
    A request whose body costs what its bytes cost, whatever is in it.

    Twisted's own parses what calls itself a form before any page is asked, in time that one mebibyte can
    make half a minute, and opens a file for each body that is large or in chunks. Here the body is in
    memory, which ``maxBody`` bounds, for pages that read ``request.content``; ``request.args`` is the
    URL's query alone. Give it to a site of your own as its ``requestFactory``.
    """

    _kinds: Sequence[bytes] | None = None

    def gotLength(self, length: int | None) -> None:
        """The body begins; None: in chunks."""
        self.content = BytesIO()

    def requestReceived(self, command: bytes, path: bytes, version: bytes) -> None:
        """The body has come."""
        # What has no Content-Type is no form; not every Twisted that is supported can be told not to parse.
        self._kinds = self.requestHeaders.getRawHeaders(b"Content-Type")
        self.requestHeaders.removeHeader(b"Content-Type")
        super().requestReceived(command, path, version)

    def process(self) -> None:
        """Find the page and ask it."""
        if self._kinds is not None:
            self.requestHeaders.setRawHeaders(b"Content-Type", self._kinds)
        super().process()


class QuietSite(Site):
    """
    A site that leaves no trace of requests in the log, and does not parse forms.

    Twisted's writes a line for each, to its own log when it has no file: a peer could fill the disk.
    Starting and stopping are left out with it, for all they do is open that file and keep a timer
    that rewrites the time of its lines every second.
    """

    noisy = False
    displayTracebacks = False

    def __init__(self, root: IResource, reactor: IReactorTime) -> None:
        super().__init__(root, BoundedRequest, reactor=reactor, timeout=IDLE)

    def startFactory(self) -> None:
        """Nothing to open."""

    def stopFactory(self) -> None:
        """Nothing to close."""

    def log(self, request: HTTPRequest) -> None:
        """Write nothing."""


def siteFor(apps: Mapping[str, HasPages], reactor: IReactorTime) -> Site:
    """
    Make the web site of some applications.

    ``/NAME/`` are the pages of the application NAME, ``/NAME`` leads there. ``/`` leads to the only
    application that has pages, or is an index of them. ``/wsapp.js`` is the client for browsers, unless an
    application is called that. Every redirect is relative, so the site works
    below any path of a reverse proxy. Every answer has the headers of `wsapp.web.secure`; nothing of
    the request is repeated in it; the log has no line about it. Forms are not parsed: see `BoundedRequest`.

    :param apps: The applications by name, in the order in which the index lists them.
    :param reactor: For the time-outs of idle connections.
    :return: A site, to be given to a wsapp port, or to listen with by itself.
    :raise ValueError: If an application's ``resource()`` raises; the text says whose and what in one line.
    """
    pages = {}
    for name, app in apps.items():
        try:
            resource = app.resource()
        except Exception as error:
            said = " ".join(str(error).split())
            raise ValueError(f"the pages of {name}: {type(error).__name__}: {said}") from error
        if resource is not None:
            pages[name] = resource
    return QuietSite(_Root(pages), reactor)


def _index(names: list[str]) -> Page:
    """The page at ``/``: which applications have pages."""
    if not names:
        return Page(document("wsapp", "<p>This server speaks WebSocket. It has no pages.</p>"))
    links = "\n".join(
        f'<li><a href="./{html.escape(quote(name, safe=""))}/">{html.escape(name)}</a></li>' for name in names
    )
    return Page(document("wsapp", f"<p>What runs on this server:</p>\n<ul>\n{links}\n</ul>"))
