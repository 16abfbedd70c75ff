"""How a WebSocket connection ends, as one table (RFC 6455 7).

Everything that decides about closing is here: a state and what happened give the next state and
what is to be done, in order.  A pair that does not stand here means: nothing.  Imports nothing.
"""

from __future__ import annotations

import enum

__all__ = ["CLIENT_TABLE", "TABLE", "Action", "Happening", "State", "Table"]


class State(enum.Enum):
    """Where a connection stands."""

    __hash__ = object.__hash__  # Enum's own goes by the name, in two calls

    #: Messages go both ways.
    OPEN = enum.auto()
    #: The same, of a version that has no closing handshake (hixie-75).
    OPEN_BARE = enum.auto()
    #: The peer's Close has been read; hooks of messages before it still run.
    ANSWERING = enum.auto()
    #: Our Close is sent; the peer's is awaited, and messages before it are still taken.
    CLOSING = enum.auto()
    #: Our Close is sent because something failed; what the peer sends is discarded.
    DISCARDING = enum.auto()
    #: All is said; the connection's end is awaited.
    CLOSED = enum.auto()
    #: The connection has ended.
    LOST = enum.auto()


class Happening(enum.Enum):
    """What can happen."""

    __hash__ = object.__hash__

    #: ``close()`` was called, or the server stops.
    CLOSE = enum.auto()
    #: The peer broke the protocol or a limit, or a hook raised.
    FAIL = enum.auto()
    #: The peer's Close was read.
    PEER_CLOSE = enum.auto()
    #: The hooks of all messages before the peer's Close have run.
    TURN = enum.auto()
    #: The close timer ran out.
    TIMEOUT = enum.auto()
    #: The connection has ended.
    END = enum.auto()


class Action(enum.Enum):
    """What is to be done."""

    #: Send our Close, with the code of the side that began to close (RFC 6455 5.5.1).
    SAY = enum.auto()
    #: Let the close timer run, from now.
    WAIT = enum.auto()
    #: Once all is sent, close the connection (RFC 6455 7.1.1: the server does so first).
    HANG_UP = enum.auto()
    #: Once all is sent, end our direction only, so that no reset overtakes our Close.
    HALF_CLOSE = enum.auto()
    #: End the connection now, whatever is still to be sent.
    ABORT = enum.auto()
    #: Once all is sent, wait for the peer to close the connection (RFC 6455 7.1.1: a client does).
    LET_GO = enum.auto()
    #: Say that it has ended.
    FINISH = enum.auto()


_S, _H, _A = State, Happening, Action

Table = dict[tuple[State, Happening], tuple[State, tuple[Action, ...]]]

#: A server's.
TABLE: Table = {
    (_S.OPEN, _H.CLOSE): (_S.CLOSING, (_A.SAY, _A.WAIT)),
    (_S.OPEN, _H.FAIL): (_S.DISCARDING, (_A.SAY, _A.HALF_CLOSE, _A.WAIT)),
    (_S.OPEN, _H.PEER_CLOSE): (_S.ANSWERING, (_A.WAIT,)),
    (_S.OPEN, _H.END): (_S.LOST, (_A.FINISH,)),
    (_S.OPEN_BARE, _H.CLOSE): (_S.CLOSED, (_A.HANG_UP, _A.WAIT)),
    (_S.OPEN_BARE, _H.FAIL): (_S.CLOSED, (_A.HANG_UP, _A.WAIT)),
    (_S.OPEN_BARE, _H.END): (_S.LOST, (_A.FINISH,)),
    (_S.ANSWERING, _H.CLOSE): (_S.CLOSED, (_A.SAY, _A.HANG_UP, _A.WAIT)),
    (_S.ANSWERING, _H.FAIL): (_S.CLOSED, (_A.SAY, _A.HANG_UP, _A.WAIT)),
    (_S.ANSWERING, _H.TURN): (_S.CLOSED, (_A.SAY, _A.HANG_UP, _A.WAIT)),
    (_S.ANSWERING, _H.TIMEOUT): (_S.CLOSED, (_A.SAY, _A.HANG_UP, _A.WAIT)),
    (_S.ANSWERING, _H.END): (_S.LOST, (_A.FINISH,)),
    (_S.CLOSING, _H.PEER_CLOSE): (_S.CLOSED, (_A.HANG_UP,)),
    (_S.CLOSING, _H.FAIL): (_S.DISCARDING, (_A.HALF_CLOSE,)),
    (_S.CLOSING, _H.TIMEOUT): (_S.CLOSED, (_A.ABORT,)),
    (_S.CLOSING, _H.END): (_S.LOST, (_A.FINISH,)),
    (_S.DISCARDING, _H.TIMEOUT): (_S.CLOSED, (_A.ABORT,)),
    (_S.DISCARDING, _H.END): (_S.LOST, (_A.FINISH,)),
    (_S.CLOSED, _H.TIMEOUT): (_S.CLOSED, (_A.ABORT,)),
    (_S.CLOSED, _H.END): (_S.LOST, (_A.FINISH,)),
}

#: A client's: the same, but that after a closing handshake the server ends the connection, for who ends
#: it keeps its port busy for a while.  Without such a handshake (hixie-75) either may.
CLIENT_TABLE: Table = {
    (state, happening): (
        after,
        tuple(_A.LET_GO if act is _A.HANG_UP and state is not _S.OPEN_BARE else act for act in actions),
    )
    for (state, happening), (after, actions) in TABLE.items()
}
