# mypy: allow-untyped-calls
"""What the website mints, the server believes."""

import json
from typing import Any

from twisted.trial.unittest import SynchronousTestCase
from website_login import KEYS, token

from wsapp.tokens import verify


class LoginTests(SynchronousTestCase):
    def ask(self, environ: dict[str, Any]) -> tuple[str, bytes]:
        answers: list[str] = []
        body = b"".join(token(environ, lambda status, headers: answers.append(status)))
        return answers[0], body

    def test_loggedIn(self) -> None:
        status, body = self.ask({"REMOTE_USER": "ann"})
        self.assertEqual(status, "200 OK")
        self.assertEqual(verify(KEYS, json.loads(body)["token"], "members").user, "ann")

    def test_stranger(self) -> None:
        self.assertEqual(self.ask({}), ("403 Forbidden", b""))
