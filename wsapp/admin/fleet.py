"""All nodes of one service as one source, for their consoles: over the broker, in channels of their own.

Each node that has an admin port lists itself at the broker, which forgets it some time after it has died,
and takes questions in a channel of its own; answers come back in that of who asks.  Nothing else is said
while no console is open.  These channels have a prefix that no application's have, so that none can reach
them.  Whoever can write to the broker can do what a console can: see ``docs/howto/operating.rst``.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Mapping
from typing import Any

from twisted.internet.defer import Deferred, inlineCallbacks
from twisted.logger import Logger
from twisted.python.failure import Failure

from wsapp.admin.answering import MOST_ANSWER, Answerer
from wsapp.admin.asking import Asker, Unanswered
from wsapp.admin.labelled import Labelled
from wsapp.admin.several import Several, together
from wsapp.admin.snapshot import Snapshot, blank, isSound
from wsapp.admin.source import Source, Unknown
from wsapp.brokers import Broker, Channel, Dismissal, Member, Publication

__all__ = ["AWAY", "FORGET", "MOST_NODES", "PATIENCE", "Fleet"]

_log = Logger()

#: Seconds that another node may take to answer: more than it gives its own workers.
PATIENCE = 3.0

#: Seconds after which a node that has not answered is asked again: questions may be lost with the broker.
FORGET = 10.0

#: Seconds that a question is good for; what would come later, when the broker is back, is not done any more.
AWAY = 30.0

#: Nodes that are asked, at most.
MOST_NODES = 100

#: Characters of a node's name, and of its id.
_MOST_NAME = 100

_NODES = Channel("console", "group", "nodes")

#: What is done, and therefore is in the log of the node that does it.
_DEEDS = frozenset(["close", "announce", "drain", "resume"])


def _mailbox(identity: str) -> Channel:
    return Channel("console", "user", identity)


class _Other:
    """Another node, and the last that it told."""

    def __init__(self, told: str, asker: Asker) -> None:
        self.told = told
        self.name = told
        self.asker = asker
        self.last: list[Snapshot] = []

    def keep(self, snapshots: Any) -> list[Snapshot]:
        """It has told.

        :raises Unanswered: That is nothing that can be shown.
        """
        if not isSound(snapshots):
            raise Unanswered(
                f"{self.name} tells what is not understood here: it has another release of wsapp"
            )
        self.last = snapshots
        return self.last


class Fleet(Several):
    """This node and all others.

    :param clock: The reactor.
    :param wallClock: The time in seconds since the epoch.
    :param own: This node.
    :param name: Says what this node is called, once it starts.
    :param broker: One that is for this alone.
    """

    def __init__(
        self,
        clock: Any,
        wallClock: Callable[[], float],
        own: Source,
        name: Callable[[], str],
        broker: Broker,
    ) -> None:
        self._clock = clock
        self._wallClock = wallClock
        self._own = own
        self._name = name
        self._broker = broker
        self._identity = secrets.token_hex(8)
        self._answerer = Answerer(own)
        self._others: dict[str, _Other] = {}
        self.name = ""

    def start(self) -> None:
        """List this node; where the broker cannot be reached, as soon as it can."""
        self.name = self._name()[:_MOST_NAME]

        def enter(_: object) -> Deferred[None]:
            return self._broker.enter(_NODES, Member(self._identity, None, {"name": self.name}))

        started = self._broker.start(self._deliver)
        started.addCallback(lambda _: self._broker.subscribe(_mailbox(self._identity)))
        started.addCallback(enter).addErrback(_complain, "this node is not shown in others' consoles")

    @inlineCallbacks
    def stop(self) -> Any:
        """Leave the list."""
        for other in self._others.values():
            other.asker.end("is not asked any more")
        self._others.clear()
        try:
            yield self._broker.stop()
        except Exception:
            _log.failure("the broker for consoles did not stop")

    # Between nodes

    def _send(self, to: str, text: str) -> None:
        sent = self._broker.publish(_mailbox(to), f"{self._identity} {text}", frozenset(), None)
        sent.addErrback(lambda _: None)  # who asks has a time-out

    def _asking(self, to: str, name: str) -> Callable[[dict[str, Any]], None]:
        def say(question: dict[str, Any]) -> None:
            if not self._broker.reachable:
                raise Unanswered(f"{name} cannot be asked: the broker cannot be reached")
            self._send(to, json.dumps({**question, "time": self._wallClock()}))

        return say

    def _deliver(self, channel: Channel, item: Publication | Dismissal) -> None:
        """Something has come for this node; what is no question and no answer is nothing."""
        if isinstance(item, Dismissal) or not isinstance(item.message, str):
            return
        sender, _, text = item.message.partition(" ")
        if len(sender) > _MOST_NAME or len(text) > 2 * MOST_ANSWER:
            return
        try:
            said = json.loads(text)
        except (ValueError, RecursionError):
            return
        if not isinstance(said, dict):
            return
        if "answer" in said:
            if (other := self._others.get(sender)) is not None:
                other.asker.answered(said)
        elif "ask" in said:
            self._answer(sender, said)

    def _answer(self, sender: str, question: dict[str, Any]) -> None:
        time, now = question.get("time"), self._wallClock()
        if not isinstance(time, float) or not abs(now - time) <= AWAY:
            why = (
                f"nothing is done: by the clock of {self.name} that was not asked within {AWAY:g} s of now; "
                "either the broker was away, or the nodes' clocks differ"
            )
            self._send(sender, json.dumps({"answer": question["ask"], "unknown": why}))
            return
        what, arguments = question.get("what"), question.get("arguments")
        if isinstance(what, str) and what in _DEEDS:
            whom = arguments[0] if isinstance(arguments, list) and arguments else ""
            _log.info("console of another node: {what} {whom}", what=what, whom=str(whom)[:_MOST_NAME])
        self._answerer.answer(question, lambda text: self._send(sender, text))

    # Who is there

    @inlineCallbacks
    def _look(self) -> Any:
        """Ask the broker for the nodes; where it does not say, they are those that were."""
        if not self._broker.reachable:
            return
        listed = self._broker.members(_NODES)
        listed.addTimeout(PATIENCE, self._clock)
        try:
            members = yield listed
        except Exception as error:
            _log.warn("the broker does not say which nodes there are: {error}", error=error)
            return
        found = {
            member.id: member.info["name"][:_MOST_NAME]
            for member in members
            if isinstance(member.info, dict) and isinstance(member.info.get("name"), str)
        }
        found.pop(self._identity, None)
        for identity in [one for one, other in self._others.items() if found.get(one) != other.told]:
            self._others.pop(identity).asker.end("is gone")
        for identity in sorted(found)[:MOST_NODES]:
            if identity not in self._others:
                name = found[identity]
                asker = Asker(self._clock, name, self._asking(identity, name), PATIENCE, FORGET)
                self._others[identity] = _Other(name, asker)
        self._tellApart()

    def _tellApart(self) -> None:
        """Nodes that call themselves the same are told apart by what is random."""
        taken = {self.name}
        for identity, other in sorted(self._others.items()):
            other.name = other.told if other.told not in taken else f"{other.told} ({identity[:4]})"
            other.asker.who = other.name
            taken.add(other.name)

    def sources(self) -> Mapping[str, Source]:
        """This node and the others."""
        found: dict[str, Source] = {self.name: Labelled(self._own, self.name)}
        for other in self._others.values():
            found[other.name] = Labelled(other.asker, other.name)
        return found

    def named(self, name: str) -> Source:
        """One node.

        :raises Unknown: There is none.
        """
        found = self.sources().get(name)
        if found is None:
            raise Unknown(f"there is no node {name} any more")
        return found

    # As a source

    def ready(self) -> Deferred[str]:
        """Of this node alone."""
        return self._own.ready()

    @inlineCallbacks
    def snapshots(self) -> Any:
        """Those of all nodes; of one that does not answer what it last told, as ``silent``."""
        yield self._look()
        asked: dict[str, Deferred[list[Snapshot]]] = {"": self._own.snapshots()}
        for identity, other in self._others.items():
            asked[identity] = other.asker.snapshots().addCallback(other.keep)
        results = yield together(asked)
        own = results.pop("")
        if isinstance(own, Failure):
            own.raiseException()
        found = [{**one, "node": self.name} for one in own]
        for identity, result in results.items():
            if (known := self._others.get(identity)) is None:
                continue  # it has left meanwhile
            if isinstance(result, Failure):
                last = known.last or [blank("0", "", self._wallClock())]
                result = [{**one, "state": "silent"} for one in last]
            found += [{**one, "node": known.name} for one in result]
        return found

    def drain(self, seconds: float) -> Deferred[None]:
        """Where there are others, never all nodes at once."""
        if not self._others:
            return self._own.drain(seconds)
        failed: Deferred[None] = Deferred()
        failed.errback(Unknown("say which node: all of them at once would leave nobody to serve"))
        return failed


def _complain(failure: Failure, trouble: str) -> None:
    _log.error("{trouble}: {error}", trouble=trouble, error=failure.value)
