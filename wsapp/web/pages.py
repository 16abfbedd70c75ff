"""
Pages and folders of static files, as resources for `twisted.web`.

This module imports Twisted only, nothing of wsapp, so that an application can use it in
`App.resource()`. Nothing of a request is ever repeated in an answer: what is asked for is looked up
among names known beforehand, and every page is made of constants. The headers follow the Content
Security Policy 3 and Fetch specifications; caching and conditional requests RFC 9110 and RFC 9111.
"""

# Much of twisted.web has no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

import base64
import hashlib
import html
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import BinaryIO
from urllib.parse import quote

from twisted.internet.interfaces import IPushProducer
from twisted.web import http
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request
from zope.interface import implementer

__all__ = [
    "BROWSER_CLIENT",
    "PAGE_POLICY",
    "Page",
    "StaticFolder",
    "document",
    "notFound",
    "redirectTo",
    "secure",
]

#: The Content-Security-Policy of an application's pages: their own files and their own server, no more.
PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

#: ``wsapp.js``: the WebSocket for browsers that comes back.
BROWSER_CLIENT = Path(__file__).with_name("js") / "wsapp.js"

#: The look of the pages that wsapp writes itself. It stands within the page, so that no path is
#: taken from the applications, and the policy names it by its hash.
_STYLE = """
:root { color-scheme: light dark; --paper: #f7f5f2; --surface: #ffffff; --line: #e4e0da;
  --ink: #24272c; --quiet: #62666d; --accent: #1f6f78; }
@media (prefers-color-scheme: dark) {
  :root { --paper: #14171a; --surface: #1e2327; --line: #2d3338;
    --ink: #e8e6e1; --quiet: #9ca2aa; --accent: #7cc4c9; }
}
body { margin: 0 auto; max-width: 34rem; padding: 15vh 1.5rem 3rem; background: var(--paper);
  color: var(--ink); font: 1.0625rem/1.6 system-ui, sans-serif; }
h1 { margin: 0 0 .5rem; font-size: 1.5rem; font-weight: 600; }
p { margin: 0 0 1.5rem; color: var(--quiet); }
ul { margin: 0; padding: 0; list-style: none; }
li { margin: 0 0 .5rem; }
a { color: var(--accent); text-underline-offset: .2em; }
li a { display: block; padding: .75rem 1rem; border: 1px solid var(--line); border-radius: .75rem;
  background: var(--surface); text-decoration: none; }
li a:hover { border-color: var(--accent); }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
"""

_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_OWN_POLICY = (
    f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

#: Written out, because `mimetypes` reads the machine's own tables: the same file would have another
#: type on another machine, and under `nosniff` a script of a wrong type does not run.
_TYPES = {
    ".avif": "image/avif",
    ".css": "text/css; charset=utf-8",
    ".csv": "text/csv; charset=utf-8",
    ".gif": "image/gif",
    ".html": "text/html; charset=utf-8",
    ".ico": "image/x-icon",
    ".jpeg": "image/jpeg",
    ".jpg": "image/jpeg",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".map": "application/json",
    ".md": "text/markdown; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".mp3": "audio/mpeg",
    ".mp4": "video/mp4",
    ".ogg": "audio/ogg",
    ".pdf": "application/pdf",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".wasm": "application/wasm",
    ".wav": "audio/wav",
    ".webm": "video/webm",
    ".webmanifest": "application/manifest+json",
    ".webp": "image/webp",
    ".woff2": "font/woff2",
    ".xml": "application/xml",
}

#: Bytes read and written at a time.
_PIECE = 64 * 1024

_HTML = "text/html; charset=utf-8"


def secure(request: Request, policy: str = PAGE_POLICY) -> None:
    """
    Set the headers that every page should have, before it writes its body.

    :param request: The request that is being answered.
    :param policy: The Content-Security-Policy.
    """
    headers = request.responseHeaders
    headers.setRawHeaders("Content-Security-Policy", [policy])
    headers.setRawHeaders("X-Content-Type-Options", ["nosniff"])
    headers.setRawHeaders("Referrer-Policy", ["no-referrer"])
    headers.setRawHeaders("Cross-Origin-Opener-Policy", ["same-origin"])
    headers.setRawHeaders("Cross-Origin-Resource-Policy", ["same-origin"])
    # Revalidated each time: a page and its script must be of one release.
    headers.setRawHeaders("Cache-Control", ["no-cache"])
    # Twisted writes its exact release here, which is nobody's business.
    headers.setRawHeaders("Server", ["wsapp"])


def document(title: str, content: str) -> bytes:
    """
    :param title: The title and heading, as plain text.
    :param content: What follows the heading, as HTML that is already escaped.
    :return: A whole HTML page in wsapp's own style.
    """
    heading = html.escape(title)
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{heading}</title>\n<style>{_STYLE}</style>\n</head>\n"
        f"<body>\n<main>\n<h1>{heading}</h1>\n{content}\n</main>\n</body>\n</html>\n"
    ).encode()


class _Readable(Resource):
    """A resource that is only read: GET and HEAD are answered, all else gets a 405 (RFC 9110 15.5.6)."""

    isLeaf = True

    def __init__(self) -> None:
        super().__init__()

    def render(self, request: Request) -> bytes | int:
        """Answer the request; the body, or `NOT_DONE_YET` when it follows."""
        secure(request)
        if request.method in (b"GET", b"HEAD"):
            return self.answer(request)
        request.responseHeaders.setRawHeaders("Allow", ["GET, HEAD"])
        return _METHOD_NOT_ALLOWED.answer(request)

    def answer(self, request: Request) -> bytes | int:
        """Answer a GET or HEAD request."""
        raise NotImplementedError


class Page(_Readable):
    """
    One page, kept in memory.

    :param body: The page, in UTF-8.
    :param code: The HTTP status it is answered with.
    :param contentType: Its media type.
    :param policy: Its Content-Security-Policy.
    :param location: Where a redirect leads, a reference relative to the request's path.
    """

    def __init__(
        self,
        body: bytes,
        code: int = http.OK,
        contentType: str = _HTML,
        policy: str = _OWN_POLICY,
        location: str | None = None,
    ) -> None:
        super().__init__()
        self._body = body
        self._code = code
        self._contentType = contentType
        self._policy = policy
        self._location = location

    def answer(self, request: Request) -> bytes | int:
        """Answer with the page, whatever the method."""
        request.setResponseCode(self._code)
        headers = request.responseHeaders
        headers.setRawHeaders("Content-Security-Policy", [self._policy])
        headers.setRawHeaders("Content-Type", [self._contentType])
        headers.setRawHeaders("Content-Length", [str(len(self._body))])
        if self._location is not None:
            headers.setRawHeaders("Location", [self._location])
        # An empty body for HEAD: given one, Twisted drops it with a line in the log for each.
        return b"" if request.method == b"HEAD" else self._body


_METHOD_NOT_ALLOWED = Page(
    document("Method not allowed", "<p>This page can only be read.</p>"), http.NOT_ALLOWED
)
_NOT_FOUND = Page(document("Not found", "<p>There is no page at this address.</p>"), http.NOT_FOUND)


def notFound() -> Page:
    """:return: The page for an address where there is none."""
    return _NOT_FOUND


def redirectTo(reference: str) -> Page:
    """
    :param reference: A path relative to the request's own, such as ``chat/``, not yet quoted. Relative,
        so that it is right behind a reverse proxy that serves wsapp below a path of its own.
    :return: The redirect, as a page.
    """
    # "./" first: otherwise a colon in the first segment would make it a scheme (RFC 3986 4.2).
    location = "./" + quote(reference, safe="/")
    link = f'<p><a href="{html.escape(location)}">It is here.</a></p>'
    return Page(document("Moved", link), http.FOUND, location=location)


class StaticFolder(_Readable):
    """
    A folder of files, as an application's pages.

    ``folder/`` is answered with ``folder/index.html``. Which files there are is read once, here; what
    was not among them then is not found, however the path is written, and ``..`` is only a name that
    no file has. Their contents are read for each request, with an ETag, so a file that is edited
    shows on the next reload. Hidden files and Python's own (``.py``, ``.pyc``) are left out.

    :param folder: The folder; usually ``Path(__file__).with_name("pages")``.
    :param policy: The Content-Security-Policy of its files.
    :param also: Files from elsewhere, by their names here.
    :raise NotADirectoryError: If there is no such folder.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        policy: str = PAGE_POLICY,
        also: Mapping[str, Path] = MappingProxyType({}),
    ) -> None:
        super().__init__()
        self._policy = policy
        root = Path(folder)
        if not root.is_dir():
            raise NotADirectoryError(f"{str(root)!r} is not a folder: its pages cannot be served")
        self._files = {path.relative_to(root).as_posix(): path for path in _filesBelow(root)}
        self._files.update(also)

    def answer(self, request: Request) -> bytes | int:
        """Answer with the file that the rest of the path names."""
        if not request.postpath:
            return self._toFolder(request)
        try:
            name = b"/".join(request.postpath).decode()
        except UnicodeDecodeError:
            return _NOT_FOUND.answer(request)
        if name == "" or name.endswith("/"):
            name += "index.html"
        path = self._files.get(name)
        if path is None:
            if f"{name}/index.html" in self._files:
                return self._toFolder(request)
            return _NOT_FOUND.answer(request)
        try:
            file = path.open("rb")
        except OSError:
            # Gone, or not to be read, since the folder was listed.
            return _NOT_FOUND.answer(request)
        return self._send(request, path, file)

    def _toFolder(self, request: Request) -> bytes | int:
        """Add the slash that makes the page's relative links right."""
        last = (request.postpath or request.prepath or [b""])[-1]
        return redirectTo(last.decode("utf-8", "replace") + "/").answer(request)

    def _send(self, request: Request, path: Path, file: BinaryIO) -> bytes | int:
        """Send an open file, or 304 if the browser has it already; closes it in the end."""
        status = os.fstat(file.fileno())
        headers = request.responseHeaders
        headers.setRawHeaders("Content-Security-Policy", [self._policy])
        etag = f'"{status.st_mtime_ns:x}-{status.st_size:x}"'
        if request.setETag(etag.encode()) == http.CACHED:
            file.close()
            return b""
        contentType = _TYPES.get(path.suffix.lower(), "application/octet-stream")
        headers.setRawHeaders("Content-Type", [contentType])
        headers.setRawHeaders("Content-Length", [str(status.st_size)])
        if request.method == b"HEAD":
            file.close()
            return b""
        _Sending(request, file).resumeProducing()
        return NOT_DONE_YET


@implementer(IPushProducer)
class _Sending:
    """
    A file on its way, piece by piece as the client takes it, so that a slow reader never makes the
    server hold a whole file. (`twisted.web.static` has a pull producer, which needs the global
    reactor to be turned into one that pushes, as a channel needs it.)
    """

    def __init__(self, request: Request, file: BinaryIO) -> None:
        self._request = request
        self._file = file
        self._paused = False
        # However it ends, the file is closed.
        request.notifyFinish().addBoth(self._ended)
        request.registerProducer(self, True)

    def resumeProducing(self) -> None:
        """Write until told to pause, or to the end of the file."""
        self._paused = False
        while not self._paused and not self._file.closed:
            piece = self._file.read(_PIECE)
            if not piece:
                self._request.unregisterProducer()
                self._request.finish()
                return
            self._request.write(piece)

    def pauseProducing(self) -> None:
        """Write no more for now."""
        self._paused = True

    def stopProducing(self) -> None:
        """The client is gone; `_ended` hears of it."""
        self._paused = True

    def _ended(self, _: object) -> None:
        """Close the file when the answer is complete or its client gone."""
        self._file.close()


def _filesBelow(root: Path) -> Iterator[Path]:
    """Every file below a folder that is meant to be served."""
    for path in sorted(root.rglob("*")):
        parts = path.relative_to(root).parts
        hidden = any(part.startswith(".") or part == "__pycache__" for part in parts)
        if path.is_file() and not hidden and path.suffix not in (".py", ".pyc"):
            yield path
