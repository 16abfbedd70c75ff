"""The website's side, in any framework: a page asks here for a token, each time before it connects."""

import json
from collections.abc import Callable, Iterable
from typing import Any

from wsapp import tokens

KEYS = tokens.Keys("what stands in the file that the server reads too")


def token(environ: dict[str, Any], respond: Callable[..., Any]) -> Iterable[bytes]:
    """A view, here in plain WSGI: POST /token."""
    user = environ.get("REMOTE_USER")  # or request.user in Django, current_user in Flask
    if not user:
        respond("403 Forbidden", [])
        return []
    respond("200 OK", [("Content-Type", "application/json"), ("Cache-Control", "no-store")])
    return [json.dumps({"token": tokens.mint(KEYS, str(user), "members")}).encode()]
