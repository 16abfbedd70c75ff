"""Tests of rpc.py: `cd examples && python -m twisted.trial test_rpc`."""
# mypy: allow-untyped-calls

import json
from typing import Any

from rpc import Rpc  # type: ignore[import-not-found]
from twisted.trial.unittest import SynchronousTestCase

from wsapp.testing import TestServer


def request(method: str, params: object, identity: int | None = 1) -> dict[str, object]:
    """A request, or without an id a notification."""
    made = {"jsonrpc": "2.0", "method": method, "params": params}
    return made if identity is None else {**made, "id": identity}


class RpcTests(SynchronousTestCase):
    """Ann calls."""

    def setUp(self) -> None:
        self.server = TestServer(Rpc())
        self.addCleanup(self.server.stop)
        self.ann = self.server.connect()

    def ask(self, what: object) -> Any:
        """:return: The answer to a message."""
        self.ann.send(what if isinstance(what, str) else json.dumps(what))
        return json.loads(self.ann.receive())

    def test_call(self) -> None:
        """Parameters by position and by name."""
        self.assertEqual(self.ask(request("add", [2, 3])), {"jsonrpc": "2.0", "id": 1, "result": 5})
        quotient = {"quotient": 2, "remainder": 1}
        self.assertEqual(self.ask(request("divide", {"b": 4, "a": 9}))["result"], quotient)

    def test_errors(self) -> None:
        """Whatever is wrong is answered by the code that JSON-RPC has for it, and nothing is logged."""
        for what, code in (
            ("{", -32700),
            ("[" * 16_000, -32700),
            ('{"jsonrpc":"2.0","method":"add","params":[1,' + "9" * 5000 + "]", -32700),
            ("[]", -32600),
            ({"method": "add"}, -32600),
            ([request("time", [], n) for n in range(21)], -32600),
            (request("open", []), -32601),
            (request("add", [1]), -32602),
            (request("add", [1, "2"]), -32602),
            (request("add", [True, 10**400]), -32602),
            ('{"jsonrpc":"2.0","id":1,"method":"add","params":[1,' + "[" * 900 + "]" * 900 + "]}", -32602),
            (request("wait", [11]), -32602),
            (request("wait", [float("nan")]), -32602),
            (request("divide", [1, 0]), 1),
        ):
            with self.assertNoLogs("pjrpc", "WARNING"):
                self.assertEqual(self.ask(what)["error"]["code"], code, str(what)[:100])

    def test_overlap(self) -> None:
        """A call that takes long does not hold up the next one."""
        self.ann.send(json.dumps(request("wait", [3], 1)))
        self.ann.send(json.dumps(request("add", [1, 1], 2)))
        self.assertEqual(json.loads(self.ann.receive())["id"], 2)
        self.server.advance(3)
        self.assertEqual(json.loads(self.ann.receive()), {"jsonrpc": "2.0", "id": 1, "result": "3 s later"})

    def test_bounded(self) -> None:
        """Eight calls are under way at once; the others wait for their turn."""
        for identity in range(10):
            self.ann.send(json.dumps(request("wait", [1], identity)))
        self.server.advance(1)
        self.assertEqual(len(self.ann.messages), 8)
        self.server.advance(1)
        self.assertEqual([json.loads(message)["id"] for message in self.ann.messages], [8, 9])

    def test_notifications(self) -> None:
        """They are not answered, alone or in a batch; in a batch the others are."""
        self.ann.send(json.dumps(request("add", [1, 2], None)))
        self.ann.send(json.dumps([request("add", [1, 2], None)]))
        self.assertEqual(self.ann.messages, [])
        batch = [request("add", [1, 2], None), request("add", [3, 4])]
        self.assertEqual(self.ask(batch), [{"jsonrpc": "2.0", "id": 1, "result": 7}])

    def test_announcement(self) -> None:
        """What an operator says is a notification."""
        assert self.ann.client is not None
        said = json.loads(Rpc().announcement(self.ann.client, "tea"))
        self.assertEqual(said, request("announcement", {"text": "tea"}, None))

    def test_gone(self) -> None:
        """Who leaves before the answer is there misses it."""
        self.ann.send(json.dumps(request("wait", [3])))
        self.ann.drop()
        self.server.advance(4)
        self.ann = self.server.connect()
        self.assertEqual(self.ask(request("add", [1, 1]))["result"], 2)

    def test_binary(self) -> None:
        """Binary messages are turned away."""
        self.ann.send(b"{}")
        self.assertEqual(self.ann.closed, (1003, "JSON-RPC is text"))
