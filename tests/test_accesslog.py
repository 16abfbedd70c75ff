"""Tests of `wsapp.accesslog`."""

# Trial's assertions have no annotations.
# mypy: allow-untyped-calls

from __future__ import annotations

import io
import json

from twisted.trial.unittest import SynchronousTestCase

from wsapp.accesslog import AccessLog
from wsapp.accounts import Access

GONE = Access(86400.25, "192.0.2.7", "chat", "RFC 6455", 101, 12.34567, 3, 5, 120, 300, 1000, "Xw3")
REFUSED = Access(0.0, "", "", "", 403)


class AccessLogTests(SynchronousTestCase):
    """What is written."""

    def written(self, *accesses: Access, json: bool = False) -> list[str]:
        """The lines of some connections."""
        sink = io.StringIO()
        log = AccessLog(sink, json)
        for access in accesses:
            log.write(access)
        return sink.getvalue().splitlines()

    def test_text(self) -> None:
        """Words of ``name=value``, in quotes where a value is more than one word, - where there is none."""
        self.assertEqual(
            self.written(GONE, REFUSED),
            [
                'time=1970-01-02T00:00:00.250Z peer=192.0.2.7 app=chat version="RFC 6455" status=101 '
                "seconds=12.346 messages_in=3 messages_out=5 bytes_in=120 bytes_out=300 code=1000 client=Xw3",
                "time=1970-01-01T00:00:00.000Z peer=unix app=- version=- status=403 "
                "seconds=0.0 messages_in=0 messages_out=0 bytes_in=0 bytes_out=0 code=- client=-",
            ],
        )

    def test_json(self) -> None:
        """The same as objects, one a line."""
        gone, refused = (json.loads(line) for line in self.written(GONE, REFUSED, json=True))
        self.assertEqual(
            gone,
            {
                "time": "1970-01-02T00:00:00.250Z",
                "peer": "192.0.2.7",
                "app": "chat",
                "version": "RFC 6455",
                "status": 101,
                "seconds": 12.346,
                "messages_in": 3,
                "messages_out": 5,
                "bytes_in": 120,
                "bytes_out": 300,
                "code": 1000,
                "client": "Xw3",
            },
        )
        self.assertEqual((refused["app"], refused["code"], refused["client"]), (None, None, None))

    def test_oneLine(self) -> None:
        """Whatever a value has in it, a record is one line, and each value one word or in quotes."""
        for odd in ('a"b', "a b", "a=b", "a\nb", "a\x1b[31m", "a\u2028b"):
            (line,) = self.written(GONE._replace(app=odd))
            self.assertIn(f"app={json.dumps(odd)} version=", line)
            self.assertEqual(len(self.written(GONE._replace(app=odd), json=True)), 1)
