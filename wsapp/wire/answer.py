"""A server's answer to an opening handshake: bytes in, an agreement or an error out.

How the bytes are cut makes no difference.  RFC 6455 4.1; interim responses are RFC 9110 15.2.
"""

from __future__ import annotations

from wsapp.errors import BadResponse, ConnectFailed, HandshakeError, HandshakeRefused
from wsapp.limits import Limits
from wsapp.wire.asking import Agreement, Asking
from wsapp.wire.response import ResponseBody, ResponseHead, ResponseReader

__all__ = ["Answer"]

#: So many interim responses (103 Early Hints, say) may come before the answer.
_INTERIM = 8


class Answer:
    """Reads the answer to one request.

    :ivar rest: Once :meth:`receive` has returned the agreement: what came behind it.
    """

    __slots__ = ("_agreement", "_asking", "_body", "_head", "_interim", "_limits", "_reader", "rest")

    def __init__(self, asking: Asking, limits: Limits) -> None:
        self._asking = asking
        self._limits = limits
        self._reader = ResponseReader(limits)
        self._interim = 0
        self._head: ResponseHead | None = None
        self._body: ResponseBody | None = None
        self._agreement: Agreement | None = None
        self.rest = b""

    def receive(self, data: bytes) -> Agreement | None:
        """Take bytes; return what is agreed to once that is known, None until then.

        :raises HandshakeRefused: It is a whole response other than 101.
        :raises BadResponse: It is no answer to the request.
        """
        while self._head is None:
            try:
                head = self._reader.receive(data)
            except HandshakeError as error:
                raise BadResponse(f"the server's answer: {error.message}") from None
            if head is None:
                return None
            data = self._reader.rest
            if 100 <= head.status < 200 and head.status != 101:
                self._interim += 1
                if self._interim > _INTERIM:
                    raise BadResponse(f"the server's answer: more than {_INTERIM} interim responses")
                self._reader = ResponseReader(self._limits)
                continue
            self._head = head
            if head.status == 101:
                self._agreement = self._asking.check(head)
            else:
                self._body = ResponseBody(head)
        if self._body is not None:
            self._body.receive(data)
            if self._body.done:
                raise self._refused(self._head, self._body)
            return None
        self.rest += data
        trailing = self._asking.trailing
        if len(self.rest) < trailing:
            return None
        if trailing:
            self._asking.checkDigest(self.rest[:trailing])
            self.rest = self.rest[trailing:]
        return self._agreement

    def end(self) -> ConnectFailed | None:
        """Nothing more comes: the error that this makes, or None where nothing has come that says why."""
        if self._head is not None and self._body is not None:
            return self._refused(self._head, self._body)
        if self._head is None and self._reader.empty:
            return None
        return BadResponse("the connection ended amid the server's answer")

    @staticmethod
    def _refused(head: ResponseHead, body: ResponseBody) -> HandshakeRefused:
        return HandshakeRefused(head.status, head.phrase, head.headers, bytes(body.kept))
