"""Endpoint strings: read, tried out before the server starts, and their certificates renewed.

Any string that Twisted's ``serverFromString`` takes is taken.  What is special to a server that
runs for long is added by standing between the endpoint and the reactor: ``ssl:`` ports get a
context that can be replaced while connections live, and client certificates where they are asked for.
"""

from __future__ import annotations

import errno
import os
import re
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn

from OpenSSL import SSL, crypto
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import StandardIOEndpoint, serverFromString
from twisted.internet.error import VerifyError
from twisted.internet.interfaces import (
    IListeningPort,
    IOpenSSLContextFactory,
    IOpenSSLServerConnectionCreator,
    IProtocolFactory,
)
from twisted.logger import Logger
from twisted.protocols.tls import TLSMemoryBIOProtocol
from twisted.python.failure import Failure
from zope.interface import implementer

from wsapp.announced import AnnouncedFactory
from wsapp.errors import WsappError
from wsapp.rehearsal import Held, Rehearsal
from wsapp.unread import BoundedConnection

__all__ = ["BACKLOG", "BadEndpoint", "ClientCertificates", "Endpoint", "shortly", "speaksTLS"]

_log = Logger()

_CIPHERS = b"ECDHE+AESGCM:ECDHE+CHACHA20:DHE+AESGCM:DHE+CHACHA20"
"""Those of TLS 1.2 with forward secrecy and authenticated encryption, as all of TLS 1.3 have; DHE is used
only with ``dhParameters``."""


#: Connections that may wait to be taken, where an endpoint does not say how many: Twisted's 50 are soon
#: fewer than come at once, and those beyond try again after a second.  The system may allow fewer.
BACKLOG = 1024

#: What stands before the endpoint of a port where a PROXY header comes first.
_ANNOUNCED = "haproxy:"

#: How many words without a name an endpoint of each kind may have before that of its backlog.
_BEFORE_BACKLOG = {"tcp": 2, "tcp6": 2, "ssl": 5}


def _deepened(text: str) -> str:
    """The endpoint with our backlog, where it has none of its own."""
    # As Twisted reads it, a backslash takes the meaning of what follows.
    words = re.sub(r"\\.", "_", text, flags=re.DOTALL).split(":")
    if text.startswith(_ANNOUNCED):
        del words[0]
    kind, *rest = words
    unnamed = [word for word in rest if "=" not in word]
    named = {word.partition("=")[0] for word in rest if "=" in word}
    if kind not in _BEFORE_BACKLOG or "backlog" in named or len(unnamed) > _BEFORE_BACKLOG[kind]:
        return text
    return f"{text}:backlog={BACKLOG}"


def speaksTLS(text: str) -> bool:
    """Whether an endpoint's clients come by TLS, and can be asked for certificates."""
    return text.removeprefix(_ANNOUNCED).startswith("ssl:")


class BadEndpoint(WsappError):
    """An endpoint that cannot be listened on; the text says why in one line."""


@dataclass(frozen=True)
class ClientCertificates:
    """What TLS clients must show.

    :ivar authorities: A PEM file of the authorities whose certificates are accepted.
    :ivar required: Whether clients without one are refused.
    """

    authorities: str
    required: bool = True


@implementer(IOpenSSLContextFactory, IOpenSSLServerConnectionCreator)
class _RenewableContext:
    """A context factory whose context can be replaced: new connections use the new one."""

    isClient = False

    def __init__(self, inner: Any, clients: ClientCertificates | None) -> None:
        self._clients = clients
        self._context = self._made(inner)

    def _made(self, inner: Any) -> SSL.Context:
        context: SSL.Context = inner.getContext()
        context.set_min_proto_version(SSL.TLS1_2_VERSION)
        context.set_options(SSL.OP_NO_RENEGOTIATION | SSL.OP_NO_COMPRESSION)
        context.set_mode(SSL.MODE_RELEASE_BUFFERS)
        context.set_alpn_select_callback(_speak)
        if self._clients is not None:
            _askClients(context, self._clients)
        context.set_cipher_list(_CIPHERS)
        return context

    def getContext(self) -> SSL.Context:
        """The context for a connection that begins."""
        return self._context

    def serverConnectionForTLS(self, layer: Any) -> SSL.Connection:
        """A connection that begins: Twisted's own TLS does not see to what it answers by itself."""
        if isinstance(layer, TLSMemoryBIOProtocol):
            return BoundedConnection(self._context, layer)
        return SSL.Connection(self._context, None)

    def renew(self, inner: Any) -> None:
        """Use what another context factory has read."""
        self._context = self._made(inner)


def _speak(connection: object, offered: list[bytes]) -> Any:
    """What is spoken here, to clients that ask (ALPN, RFC 7301): one context, one answer.

    Twisted would set this for each connection, on contexts that may not be changed any more.
    """
    return b"http/1.1" if b"http/1.1" in offered else SSL.NO_OVERLAPPING_PROTOCOLS


def _askClients(context: SSL.Context, clients: ClientCertificates) -> None:
    """Ask clients for certificates.

    :raises BadEndpoint: The authorities cannot be read.
    """
    name = clients.authorities
    try:
        with open(name, "rb"):
            pass
        context.load_verify_locations(name)
        context.load_client_ca(os.fsencode(name))
    except OSError as error:
        raise BadEndpoint(f"--client-ca: {name} cannot be read: {error.strerror}") from None
    except SSL.Error:
        raise BadEndpoint(f"--client-ca: {name} has no certificate in PEM format") from None
    required = SSL.VERIFY_FAIL_IF_NO_PEER_CERT if clients.required else 0
    context.set_verify(SSL.VERIFY_PEER | required)


class _Between:
    """The reactor as an endpoint sees it, but for how it listens with TLS."""

    def __init__(self, reactor: Any, wrap: Callable[[Any], Any]) -> None:
        self._reactor = reactor
        self._wrap = wrap

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reactor, name)

    def listenSSL(self, port: int, factory: Any, contextFactory: Any, *more: Any, **named: Any) -> Any:
        """Listen with a context that can be renewed."""
        return self._reactor.listenSSL(port, factory, self._wrap(contextFactory), *more, **named)

    def adoptStreamPort(self, descriptor: int, family: Any, factory: Any) -> Any:
        """Listen on a socket that was handed over.

        :raises OSError: It is a UNIX socket whose permissions this reactor would change, and which it would
            remove in the end (twisted#10261).
        """
        if family == getattr(socket, "AF_UNIX", None) and not getattr(self._reactor, "keepsPaths", False):
            raise OSError(
                errno.EOPNOTSUPP,
                "a UNIX socket can be handed over to the uvloop reactor only: install uvloop",
            )
        return self._reactor.adoptStreamPort(descriptor, family, factory)


class Endpoint:
    """One ``--port``.

    :param text: An endpoint string such as ``tcp:8080``.
    :param clients: What clients of ``ssl:`` ports must show.
    :raises BadEndpoint: It cannot be read, or its key or certificate cannot.
    """

    def __init__(self, reactor: Any, text: str, clients: ClientCertificates | None = None) -> None:
        self.text = text
        self._reactor = reactor
        self._clients = clients
        self._contexts: list[_RenewableContext] = []
        self._inner = self._parse(_Between(reactor, self._renewable))

    def _parse(self, reactor: Any) -> Any:
        try:
            parsed = serverFromString(reactor, _deepened(self.text).removeprefix(_ANNOUNCED))
        except (SSL.Error, crypto.Error, VerifyError) as error:
            raise BadEndpoint(
                f"{self.text}: the key or certificate cannot be used ({_reason(error)})"
            ) from None
        except OSError as error:
            raise BadEndpoint(f"{self.text}: {error.filename or ''}: {error.strerror or error}") from None
        except LookupError as error:
            if not self.text.removeprefix(_ANNOUNCED).startswith("systemd:"):
                raise self._unreadable(error) from None
            raise BadEndpoint(
                f"{self.text}: systemd has handed over no such socket: a .socket unit must start this"
            ) from None
        except Exception as error:
            raise self._unreadable(error) from None
        if isinstance(parsed, StandardIOEndpoint):
            raise BadEndpoint(
                f"{self.text}: standard input and output are no port: listen on one such as tcp:8080"
            )
        return parsed

    def _unreadable(self, error: Exception) -> BadEndpoint:
        # Twisted raises whatever its parsers stumble over.
        why = " ".join(str(error).split()) or type(error).__name__
        return BadEndpoint(
            f"{self.text!r} is not an endpoint ({why}): it must be like tcp:8080, "
            "ssl:8443:privateKey=key.pem:certKey=cert.pem or unix:/run/wsapp.sock"
        )

    def _renewable(self, inner: Any) -> _RenewableContext:
        context = _RenewableContext(inner, self._clients)
        self._contexts.append(context)
        return context

    def rehearse(self, held: Held) -> None:
        """Try whether it could be listened on.

        :param held: Keeps the port bound until it is closed.
        :raises BadEndpoint: It could not.
        """
        if self.text.startswith(("systemd:", "fd:")):
            return  # descriptors can be adopted once only
        self.listenBy(Rehearsal(self._reactor, lambda inner: _RenewableContext(inner, self._clients), held))

    def listenBy(self, reactor: Any) -> None:
        """Listen on something in the reactor's place, that does so at once or fails at once.

        :raises BadEndpoint: It fails.
        """
        failures: list[Failure] = []
        self._parse(reactor).listen(None).addErrback(self._refused).addErrback(failures.append)
        for failure in failures:
            failure.raiseException()

    def _refused(self, failure: Failure) -> NoReturn:
        error = failure.value
        if isinstance(error, BadEndpoint):
            raise error
        error = getattr(error, "socketError", error)  # of CannotListenError; of UNIX ports it may be a text
        if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
            why = "the port is in use: stop what uses it, or choose another"
        elif error == "Cannot acquire lock":
            why = "another process has locked the path: stop it, or remove the .lock beside it"
        elif isinstance(error, (SSL.Error, crypto.Error)):
            why = f"the key or certificate cannot be used ({_reason(error)})"
        else:
            why = str(getattr(error, "strerror", None) or error)
        raise BadEndpoint(f"{self.text}: {why}")

    def listen(self, factory: IProtocolFactory) -> Deferred[IListeningPort]:
        """Listen; fails with :exc:`BadEndpoint`."""
        if self.text.startswith(_ANNOUNCED):
            factory = AnnouncedFactory(factory)
        listening: Deferred[IListeningPort] = self._inner.listen(factory)
        return listening.addErrback(self._refused)

    def renew(self) -> None:
        """Read the key and certificate again; what cannot be read keeps the old ones, with one log line."""
        if not self._contexts:
            return

        def take(inner: Any) -> None:
            for context in self._contexts:
                context.renew(inner)

        try:
            self.listenBy(_Renewal(self._reactor, take))
        except BadEndpoint as error:
            _log.error("kept the old certificate: {error}", error=error)
        else:
            _log.info("{endpoint}: read the certificate again", endpoint=self.text)


class _Renewal(Rehearsal):
    """A reactor that only takes the context."""

    def listenSSL(
        self, port: int, factory: Any, contextFactory: Any, backlog: int = 50, interface: str = ""
    ) -> None:
        """Hand it over."""
        self._contexts(contextFactory)

    def listenTCP(self, port: int, factory: Any, backlog: int = 50, interface: str = "") -> None:
        """Nothing to do."""


def shortly(hook: Callable[..., object]) -> Callable[..., None]:
    """An exception hook, for ``sys``: of an endpoint that cannot be listened on the log has one line.

    :param hook: What is told of everything else.
    """

    def hooked(kind: type[BaseException], error: BaseException, traceback: object) -> None:
        if isinstance(error, BadEndpoint):
            _log.critical("cannot listen on {error}", error=error)
        else:
            hook(kind, error, traceback)

    return hooked


def _reason(error: Exception) -> str:
    reasons = error.args[0] if error.args else []
    if isinstance(reasons, list):
        return "; ".join(entry[-1] for entry in reasons) or "unknown"
    return str(reasons).rstrip(".")
