"""``Server``: applications, broadcast and ports as one Twisted service, with an ordered end."""

from __future__ import annotations

import ipaddress
import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred, DeferredList, inlineCallbacks, maybeDeferred, succeed
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IListeningPort
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.server import Site

from wsapp import hooks
from wsapp.app import App
from wsapp.broadcast import Broadcast
from wsapp.brokers import Broker
from wsapp.brokers.memory import MemoryBroker
from wsapp.draining import spread
from wsapp.factory import WsappFactory
from wsapp.limitoptions import ofApp
from wsapp.limits import Limits
from wsapp.listening import Endpoint
from wsapp.origins import Origins, TrustedProxies
from wsapp.registry import Choice
from wsapp.relay.arriving import ArrivingFactory
from wsapp.relay.channel import Siblings
from wsapp.terms import Served, Terms
from wsapp.transports import tuneAll
from wsapp.web import siteFor
from wsapp.wire.deflate import Compression
from wsapp.wire.versions import VERSIONS, Version

__all__ = ["Server"]

_log = Logger()

#: Seconds between two looks at whether somebody is still arriving.
_LOOK = 0.05


class Server(Service):
    """A whole server: give it applications and endpoint strings, and start it.

    :param reactor: The reactor; in tests anything with its clock.
    :param apps: The applications by name, in order: the first answers at ``/``.
    :param endpoints: Where to listen.
    :param limits: Of everybody, but for what an application has by ``limits`` of :class:`wsapp.App`.
    :param site: What the ports answer to plain HTTP instead of the applications' own pages.
    :param broker: How messages get to other nodes; by default there are none.
    :param wallClock: The time in seconds since the epoch.
    :param stopwatch: A clock for parts of a millisecond, which goes on during a turn of the reactor.
    :param drain: The seconds over which a stop spreads its Closes, so that not all clients come back at
        once; 0: all at once.
    :param late: Listen only once clients can be attended to: others do so on the same sockets until then.
    :param resume: The seconds for which a client is kept that has lost its connection, to go on with its
        session when it comes back; 0: none is.
    :param siblings: The other workers of this machine, who may have the sessions of clients that come here.
    :raises ValueError: *drain* or *resume* is negative or not finite.
    :ivar urls: What a person would open, of each TCP port that is listened on.
    :ivar started: Fires once clients are attended to; fails where an ``onStart`` does.
    """

    def __init__(
        self,
        reactor: Any,
        apps: Mapping[str, App],
        endpoints: Iterable[Endpoint] = (),
        *,
        limits: Limits | None = None,
        versions: frozenset[Version] = frozenset(VERSIONS),
        compression: Compression = Compression.SHARED,
        origins: Origins | None = None,
        proxies: TrustedProxies | None = None,
        site: Site | None = None,
        broker: Broker | None = None,
        wallClock: Callable[[], float] = time.time,
        stopwatch: Callable[[], float] = time.perf_counter,
        drain: float = 0,
        late: bool = False,
        resume: float = 0,
        siblings: Siblings | None = None,
    ) -> None:
        for name, seconds in (("drain", drain), ("resume", resume)):
            if not 0 <= seconds < math.inf:
                raise ValueError(f"{name} is {seconds!r}: it must be seconds, 0 or more")
        limits = limits or Limits()
        self._reactor = reactor
        self._drain = drain
        self._late = late
        self._endpoints = list(endpoints)
        self._apps = dict(apps)
        broker = broker or MemoryBroker(reactor, wallClock)
        self._broadcast = Broadcast(broker, limits.maxSendBuffer)
        served: dict[str, Served] = {}
        for name, app in self._apps.items():
            app.name = name
            own = ofApp(limits, app.limits, name)
            audience = self._broadcast.audience(app, own.maxSendBuffer)
            app.bind(name, audience, reactor)
            served[name] = Served(app, audience, own)
        self._site = site or siteFor(self._apps, reactor)
        self.terms = Terms(
            reactor,
            wallClock,
            Choice(served),
            self._site,
            limits,
            versions,
            compression,
            origins or Origins(),
            proxies or TrustedProxies(),
            stopwatch=stopwatch,
            resume=resume,
            siblings=siblings,
        )
        self.terms.metrics.broker = broker.metrics
        for app in self._apps.values():
            app._incidents = self.terms.incidents
        self._factories: list[WsappFactory | ArrivingFactory] = []
        self._ports: list[IListeningPort] = []
        self.urls: list[str] = []
        self._listening = False
        self._ready = False
        self._begun: list[App] = []  # those whose onStart is done
        self._starting: Deferred[None] | None = None
        self._hurry: list[Callable[[], None]] = []
        self._hurried = False
        self.started: Deferred[None] = Deferred()

    @property
    def apps(self) -> Mapping[str, App]:
        """The applications by name, in order."""
        return self._apps

    @property
    def ready(self) -> bool:
        """Whether clients are attended to: from :attr:`started` until it stops."""
        return self._ready and bool(self.running)

    def factory(self) -> WsappFactory:
        """A factory for one more listening port; its connections end with this service."""
        made = WsappFactory(self.terms)
        made.listener.ready = self._ready
        self._factories.append(made)
        return made

    # IService

    def privilegedStartService(self) -> None:
        """Listen, while low ports are still allowed; who connects is attended to once all is started.

        :raises BadEndpoint: A port cannot be listened on.
        """
        if not self._late:
            self._listen()

    def _listen(self) -> None:
        self._listening = True
        for endpoint in self._endpoints:
            factory = self.factory()
            failures: list[Failure] = []
            listening = endpoint.listen(factory)
            listening.addCallback(self._listens, endpoint, factory)
            listening.addErrback(failures.append)
            if failures:
                for port in self._ports:
                    port.stopListening()
                failures[0].raiseException()
        if self.terms.siblings is not None:
            self._meet(self.terms.siblings)

    def _meet(self, siblings: Siblings) -> None:
        """Take clients from siblings too; without that theirs begin anew."""
        factory = ArrivingFactory(self.terms)
        factory.listener.ready = self._ready
        try:
            self._ports.append(siblings.listen(factory))
        except CannotListenError as error:
            _log.warn("sessions cannot be resumed from another worker: {error}", error=error)
        else:
            self._factories.append(factory)

    def _listens(self, port: IListeningPort, endpoint: Endpoint, factory: WsappFactory) -> None:
        self._ports.append(port)
        host = port.getHost()
        address = str(getattr(host, "host", ""))
        factory.listener.tuned = tuneAll(port)
        factory.listener.loopback = _isLoopback(address)
        factory.listener.port = getattr(host, "port", None)
        secure = "ssl:" in endpoint.text
        if factory.listener.port is None:
            _log.info("listening on {endpoint}", endpoint=endpoint.text)
            return
        scheme = "https" if secure else "http"
        shown = "localhost" if address in ("0.0.0.0", "::", "127.0.0.1", "::1") else address
        shown = f"[{shown}]" if ":" in shown else shown
        self.urls.append(f"{scheme}://{shown}:{factory.listener.port}/")
        _log.info(
            "listening on {endpoint}: open {scheme}://{host}:{port}/",
            endpoint=endpoint.text,
            scheme=scheme,
            host=shown,
            port=factory.listener.port,
        )

    def startService(self) -> None:
        """Start the applications, then attend to those who connect: :attr:`started` tells when."""
        if not self._listening:
            self.privilegedStartService()  # nobody has called it
        Service.startService(self)
        self._site.doStart()
        self._starting = self._start()
        self._starting.addBoth(self._hasStarted)

    def _hasStarted(self, result: Any) -> None:
        self._starting = None
        if self.running:  # else it was stopped before
            self.started.callback(result)

    @inlineCallbacks
    def _start(self) -> Any:
        yield self._broadcast.start()
        for app in self._apps.values():
            try:
                yield maybeDeferred(_settled, app.onStart)
            except Exception:
                if self.running:
                    _log.failure("onStart of {app} failed: the server cannot start", app=app.name)
                raise
            self._begun.append(app)
        self._ready = True
        if self._late:
            self._listen()
        for factory in self._factories:
            factory.listener.open()

    @inlineCallbacks
    def stopService(self) -> Any:
        """Take no more, close every client with 1001, wait for them a bounded time, then end.

        With a drain, the Closes go out evenly over that time, and who has not had its own yet is served
        as before; all others (requests, handshakes, who is being told goodbye) end at once.  Either way
        what a client has sent goes to the application until the client's own Close.

        An application that has not started is not stopped either.
        """
        if not self.running:
            return
        Service.stopService(self)
        self.terms.admission.stopping = True  # a port may be the application's own, and stay open
        if self._starting is not None:
            self._starting.cancel()
        yield self._unlessHurried(self._close())
        self.terms.sessions.stop()
        yield self._tellAll()
        yield self._emptied(self.terms.limits.closeTimeout)
        for connection in self.connections():
            connection.abort()
        yield self._emptied(1.0)
        for connection in self.connections():
            connection.giveUp()
        yield self._emptied(1.0)  # the last hooks may take a moment too
        if left := len(self.connections()):
            _log.warn(
                "{left} clients' hooks did not heed being cancelled: they are not waited for", left=left
            )
        settled = self.terms.sessions.settled().addTimeout(1.0, self._reactor)
        yield self._unlessHurried(settled.addErrback(lambda _: None))
        begun, self._begun = self._begun, []
        for app in begun:
            stopped = maybeDeferred(_settled, app.onStop)
            stopped.addErrback(_complain, f"onStop of {app.name} failed")
            yield self._unlessHurried(stopped)
        parted = self._broadcast.stop()
        parted.addErrback(_complain, "the broker did not stop")
        yield self._unlessHurried(parted)
        self._site.doStop()
        self.terms.incidents.flush()
        for factory in self._factories:
            if isinstance(factory, WsappFactory):
                factory.dismiss()  # their time would not end any more
        self.terms.wheel.stop()

    def _close(self) -> Deferred[Any]:
        ports, self._ports = self._ports, []
        return DeferredList([maybeDeferred(port.stopListening) for port in ports])

    @inlineCallbacks
    def retire(self) -> Any:
        """Take no more connections, for somebody else does; who has come already is served.

        :return: Fires once nobody waits for the answer to an opening handshake any more, at the latest after
            the time that those may take: the time for :meth:`stopService`.
        """
        yield self._close()
        end = self._reactor.seconds() + self.terms.limits.handshakeTimeout
        while any(one.arriving for one in self.connections()) and self._reactor.seconds() < end:
            yield deferLater(self._reactor, _LOOK)

    def _tellAll(self) -> Deferred[None]:
        """Tell every connection that the server stops; fires once all have been told or have gone."""
        staying = []
        for connection in self.connections():
            if self._drain and connection.serving:
                staying.append(connection)
            else:
                connection.stop()
        if not staying:
            return succeed(None)
        _log.info("closing {count} clients over {drain:g} s", count=len(staying), drain=self._drain)
        told = spread(self._reactor, self._drain, staying)
        self._hurry.append(told.cancel)
        if self._hurried:
            told.cancel()
        return told

    def _unlessHurried(self, waited: Deferred[Any]) -> Deferred[None]:
        """Fires once *waited* has, or once it is to be hurried."""
        done: Deferred[None] = Deferred()

        def end(_: object = None) -> None:
            if not done.called:
                done.callback(None)

        waited.addCallback(end)
        self._hurry.append(end)
        if self._hurried:
            end()
        return done

    def hurry(self) -> None:
        """Do not wait for anybody any more, neither for clients nor for ``onStop``."""
        self._hurried = True
        for connection in self.connections():
            connection.abort()
        # A turn later, as then the applications have been told of those ends.
        self._reactor.callLater(0, self._waitNoMore)

    def _waitNoMore(self) -> None:
        hurry, self._hurry = self._hurry, []
        for call in hurry:
            call()

    def renewCertificates(self) -> None:
        """Read keys and certificates again; nobody is dropped."""
        for endpoint in self._endpoints:
            endpoint.renew()

    def replaceWorkers(self) -> None:
        """There are none: :class:`~wsapp.workers.master.Master` has them."""
        _log.info("there are no workers to replace: give --workers, if only 1")

    def connections(self) -> Sequence[Any]:
        """Those of all ports that are not over: their last hook is not done."""
        return [one for factory in self._factories for one in factory.listener.connections]

    def _emptied(self, seconds: float) -> Deferred[None]:
        """Fires once no connection is left, or the time is over, or it is to be hurried."""
        done: Deferred[None] = Deferred()

        def end() -> None:
            if not done.called:
                if late.active():
                    late.cancel()
                done.callback(None)

        def look() -> None:
            if not self.connections():
                end()

        late = self._reactor.callLater(seconds, end)
        self._hurry.append(end)
        for factory in self._factories:
            factory.listener.whenLeft = look
        look()
        if self._hurried:
            end()
        return done


def _isLoopback(address: str) -> bool:
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    return (getattr(found, "ipv4_mapped", None) or found).is_loopback


def _complain(failure: Failure, trouble: str) -> None:
    _log.failure("{trouble}", failure, trouble=trouble)


def _settled(hook: Callable[[], object]) -> Deferred[Any] | None:
    result = hooks.call(hook)
    if isinstance(result, Failure):
        result.raiseException()
    return result if isinstance(result, Deferred) else None
