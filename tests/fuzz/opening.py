"""Targets: the opening handshake, and requests that are none."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence

from tests.fuzz.builds import BUILDS, Build
from tests.fuzz.inputs import Choices, Wrong, need
from wsapp.errors import BadToken, HandshakeError, NotAllowed
from wsapp.limits import Limits
from wsapp.origins import Origins, TrustedProxies, View
from wsapp.request import Request
from wsapp.tokens import Keys, verify
from wsapp.wire.deflate import Compression
from wsapp.wire.headers import parseExtensions
from wsapp.wire.http import BodyReader, RequestHead, response
from wsapp.wire.versions import Opening

__all__ = ["head", "offers", "token"]

_KEYS = Keys("a key that is thirty-two bytes long, or longer")

_LIMITS = [
    Limits(maxBody=5000),
    Limits(maxHead=300, maxLine=200, maxHeaders=10, maxBody=50),
    Limits(maxHead=200, maxLine=300, maxHeaders=2, maxBody=1),
]
_PROXIES = TrustedProxies(["192.0.2.0/24", "2001:db8::/32"])
_ORIGINS = [Origins(), Origins(["https://*.example.com", "null"], True, ["example.com"])]

# What a reader says of bytes that come in pieces: a head and what is behind it, an error, or nothing yet.
_Outcome = tuple[object, ...]


def _refusal(error: HandshakeError) -> tuple[str, int, str]:
    """An error, and that the response which it becomes is one."""
    said = response(error.status, error.phrase, list(error.headers), f"{error.message}\n".encode())
    lines = said.partition(b"\r\n\r\n")[0].split(b"\r\n")
    need(all(line.isascii() and b"\n" not in line and b"\r" not in line for line in lines), f"{said!r}")
    need(400 <= error.status < 600 and len(said) < 1000, f"{said!r}")
    return type(error).__name__, error.status, error.message


def _read(build: Build, pieces: Sequence[bytes], limits: Limits) -> tuple[_Outcome, RequestHead | None]:
    """What becomes of a request's head."""
    reader = build.headReader(limits)
    for number, piece in enumerate(pieces):
        try:
            found = reader.receive(piece)
        except HandshakeError as error:
            return _refusal(error), None
        if found is not None:
            rest = reader.rest + b"".join(pieces[number + 1 :])
            line = (found.method, found.target, found.version)
            return ("head", *line, tuple(found.headers), found.raw, rest), found
    return ("waits", reader.empty), None


def _body(found: RequestHead, pieces: Sequence[bytes], limits: Limits) -> _Outcome:
    """Where a body ends."""
    size = 0
    try:
        reader = BodyReader(found, limits)
        for piece in pieces:
            taken = reader.receive(piece)
            need(taken == len(piece) or reader.done, f"{taken} of {len(piece)} bytes, and not done")
            size += taken
    except HandshakeError as error:
        return _refusal(error)
    return size, reader.done


def _safe(said: bytes, fewest: int) -> None:
    """A response's head: lines that end where they should, with nothing slipped in between."""
    need(said.startswith(b"HTTP/1.1 101 ") and said.endswith(b"\r\n\r\n"), f"{said!r}")
    lines = said[:-4].split(b"\r\n")
    need(len(lines) >= fewest and all(lines), f"{said!r}")
    for line in lines[1:]:
        name, colon, _ = line.partition(b": ")
        need(bool(colon) and name.replace(b"-", b"").isalnum(), f"{said!r}")
        need(not any(byte < 0x20 and byte != 9 for byte in line), f"{said!r}")


def _asked(opening: Opening, view: View) -> Request:
    """What an application may look at, each in its kind."""
    request = Request(opening, view)
    for text in (request.path, request.queryString, request.location, request.host, request.peer):
        need(type(text) is str, f"{text!r}")
    need(request.path.startswith("/") and "?" not in request.location.partition("?")[0], f"{request.path!r}")
    for cookie, value in request.cookies.items():
        need(type(cookie) is type(value) is str, f"{cookie!r}: {value!r}")
    need(all(type(value) is str for values in request.query.values() for value in values), "a query")
    given = request.credentials
    need(given is None or (type(given.user) is type(given.password) is str), "credentials")
    need(given is None or not given.match("nobody", "knows"), "credentials that match all")
    need(not any(one.startswith("token.") for one in request.subprotocols), "a token among the subprotocols")
    if request.token is not None:
        try:
            verify(_KEYS, request.token, "chat", now=0)
        except BadToken:
            pass
        else:
            raise Wrong(f"{request.token!r} is believed")
    return request


def _answer(opening: Opening, view: View) -> list[object]:
    """Accept in every way, read what comes behind, and say what was done."""
    request = _asked(opening, view)
    head, version = opening.head, opening.version.name
    done: list[object] = [version, opening.subprotocols, opening.origin, request.path, request.location]
    for subprotocol in [None, *request.subprotocols[:2]]:
        for compression in Compression:
            accepted = opening.accept(subprotocol, [("X-More", "1")], request.location, compression)
            _safe(accepted.head, 4 + (subprotocol is not None))
            if accepted.deflation is not None:
                need(version == "RFC 6455" and compression is not Compression.OFF, "deflate, unasked")
                _deflationIsOffered(head, accepted.head)
            digest = accepted.challenge(b"12345678") if accepted.challenge is not None else b""
            need(len(digest) in (0, 16), "a digest of another length")
            receiver, sender = opening.framing(accepted, Limits())
            receiver.receive(b"\x81\x80abcd\x82")
            receiver.next(10, 1000)
            done += [accepted.head, accepted.deflation, digest, sender.encode("Hello, hello, hello" * 5)]
    return done


def _deflationIsOffered(head: RequestHead, said: bytes) -> None:
    """RFC 7692 5.1 and 7.1: the answer agrees to one of the offers, and to no more than it holds."""
    (answer,) = [line for line in said.split(b"\r\n") if line.startswith(b"Sec-WebSocket-Extensions: ")]
    ((name, agreed),) = parseExtensions(answer.partition(b": ")[2].decode("ascii"))
    need(name == "permessage-deflate", f"{answer!r}")
    need(len(dict(agreed)) == len(agreed), f"{answer!r} repeats itself")
    for name, offer in parseExtensions(", ".join(head.headers.getAll("Sec-WebSocket-Extensions"))):
        asked = dict(offer)
        if name.lower() == "permessage-deflate" and len(asked) == len(offer) and _fits(asked, dict(agreed)):
            return
    raise Wrong(f"{answer!r} is none of the offers")


def _fits(asked: dict[str, str | None], agreed: dict[str, str | None]) -> bool:
    """Whether an answer is one to this offer."""
    for name, value in agreed.items():
        if name == "server_max_window_bits" and asked.get(name) != value:
            return False
        if name == "client_max_window_bits":
            most = asked.get(name, "not offered") or "15"
            if not most.isdecimal() or not 8 <= int(value or 0) <= int(most):
                return False
    return not any(
        name in asked and name not in agreed
        for name in ("server_max_window_bits", "server_no_context_takeover")
    )


def _negotiated(build: Build, found: RequestHead, view: View) -> list[object]:
    """What becomes of an opening handshake."""
    try:
        opening: Opening = build.versions["negotiate"](found, frozenset(build.versions["VERSIONS"]))
    except HandshakeError as error:
        return list(_refusal(error))
    return _answer(opening, view)


def head(data: bytes) -> None:
    """Any bytes as a request: read, negotiated, answered, or refused by an error of our own."""
    choices = Choices(data)
    limits, handlings = choices.one(_LIMITS), choices.handlings()
    data = choices.rest
    whole, found = _read(BUILDS[0], [data], limits)
    for build in BUILDS:
        for pieces in ([data], *(handling.pieces for handling in handlings.of(data))):
            got, other = _read(build, pieces, limits)
            need(got == whole, f"{build.name}, in {len(pieces)} pieces: {got!r}; plain: {whole!r}")
            if found is None or other is None:
                continue
            isUpgrade = build.versions["isUpgrade"](other)
            need(isUpgrade is BUILDS[0].versions["isUpgrade"](found), f"{build.name}: {isUpgrade}")
            if isUpgrade:
                view = _PROXIES.view(other.headers, "192.0.2.1", False)
                outcome = _negotiated(build, other, view)
                expected = _negotiated(BUILDS[0], found, view)
                need(outcome == expected, f"{build.name}: {outcome!r}; plain: {expected!r}")
    if found is None:
        return
    need(len(found.raw) <= limits.maxHead, f"a head of {len(found.raw)} bytes")
    for peer in ("192.0.2.1", "198.51.100.7", ""):
        view = _PROXIES.view(found.headers, peer, False)
        for origins in _ORIGINS:
            _allowed(origins.checkHost, view, True)
            _allowed(origins.checkOrigin, found.headers.get("Origin"), view)
    if not BUILDS[0].versions["isUpgrade"](found):
        rest = whole[-1]
        assert isinstance(rest, bytes)
        ended = _body(found, [rest], limits)
        for pieces, _ in handlings.of(rest):
            got = _body(found, pieces, limits)
            need(got == ended, f"a body in {len(pieces)} pieces: {got!r}; at once: {ended!r}")


def _allowed(check: Callable[..., None], *arguments: object) -> None:
    """Whether the check passes or not, it says so in its own words."""
    try:
        check(*arguments)
    except NotAllowed as error:
        _refusal(error)
        need(error.detail.isprintable() and len(error.detail) < 2000, f"{error.detail!r}")


def offers(data: bytes) -> None:
    """Any text as the extensions that a client offers: an answer that keeps to the offer, or none."""
    value = data.translate(None, bytes([*range(9), *range(10, 32), 127]))
    request = (
        b"GET / HTTP/1.1\r\nHost: example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
        b"Sec-WebSocket-Extensions: " + value[:4000] + b"\r\n\r\n"
    )
    done = []
    for build in BUILDS:
        _, found = _read(build, [request], Limits())
        assert found is not None
        done.append(_negotiated(build, found, View("192.0.2.1", False, "example.com")))
        need(
            done[-1] == done[0] and done[0][0] == "RFC 6455",
            f"{build.name}: {done[-1]!r}; plain: {done[0]!r}",
        )


def token(data: bytes) -> None:
    """Any bytes as a token, and as what a token with a good signature says: good, or a BadToken."""
    choices = Choices(data)
    signed, text = choices.byte() & 1, choices.rest
    if signed:
        head, _, payload = text.partition(b".")
        text = b".".join(base64.urlsafe_b64encode(part).rstrip(b"=") or b"e30" for part in (head, payload))
        text += b"." + _KEYS.sign(text).encode()
    try:
        found = verify(_KEYS, text.decode("latin-1"), "chat", now=1000)
    except BadToken as error:
        need(str(error).isprintable() and len(str(error)) < 200, f"{error}")
        return
    need(bool(signed), f"{text!r} is believed")
    need(type(found.user) is str and found.user.encode() != b"", f"{found!r}")
    need(type(found.expires) is float and 0 <= found.expires < 1e12, f"{found!r}")
