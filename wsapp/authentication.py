"""``authenticate``: let in who brings a good token, as who it says, for as long as it says."""

from __future__ import annotations

from wsapp.request import Reject, Request
from wsapp.tokens import BadToken, Keys, Token, verify

__all__ = ["authenticate"]


def authenticate(
    request: Request,
    keys: Keys,
    audience: str,
    *,
    cookie: str | None = None,
    parameter: str | None = None,
    code: int | None = 4401,
    skew: float = 10,
) -> Token:
    """For ``onHandshake``: read the client's token, and say who it is and until when.

    The token comes as a second subprotocol (``new WebSocket(url, ["chat", "token." + token])``) or as a
    Bearer token, and where the arguments say so in a cookie or in the query.  Where the request has several
    the first of these counts, and is good or not.  ``request.user`` and ``request.expires`` are set from it;
    the client is closed with 1008 when the latter has come.

    :param keys: What tokens are signed with.
    :param audience: Whom tokens have to be for: the application's name, ``self.name``.
    :param cookie: The name of a cookie that may hold it.
    :param parameter: The name of a query parameter that may.  Proxies write queries into their logs.
    :param code: The close code for who has none; None: the HTTP status 401, which a page's script cannot see.
    :param skew: Seconds that the clock of whoever minted the token may differ, 0 to 60.
    :return: What the token says.
    :raises Reject: There is no token, or it is not good.
    """
    given = request.token
    if given is None and cookie is not None:
        given = request.cookies.get(cookie)
    if given is None and parameter is not None:
        given = next(iter(request.query.get(parameter, ())), None)
    try:
        if given is None:
            raise BadToken("log in first")
        token = verify(keys, given, audience, now=request.time, skew=skew)
    except BadToken as error:
        if code is None:
            request.setHeader("WWW-Authenticate", "Bearer")  # RFC 9110 11.6.1 asks for one with a 401
        raise Reject(401, str(error), code) from None
    request.user = token.user
    request.expires = token.expires
    return token
