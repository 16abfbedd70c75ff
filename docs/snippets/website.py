# mypy: allow-untyped-calls
"""An existing twisted.web site, and WebSockets on the same port: `twistd -ny website.py`."""

from twisted.application.service import Application
from twisted.internet import reactor
from twisted.web.resource import Resource
from twisted.web.server import Site
from twisted.web.static import Data

from wsapp import Server
from wsapp.apps.chat import Chat
from wsapp.listening import Endpoint
from wsapp.web import BoundedRequest

# The site as it was.
root = Resource()
root.putChild(b"", Data(b"<h1>Our shop</h1>", "text/html"))

# Its port is now wsapp's, which hands it all but WebSockets.  An application's pages are a
# resource like any other.
chat = Chat(room="shop", title="Ask us")
root.putChild(b"chat", chat.resource())
site = Site(root, BoundedRequest)
server = Server(reactor, {"chat": chat}, [Endpoint(reactor, "tcp:8080:interface=127.0.0.1")], site=site)

application = Application("shop")
server.setServiceParent(application)
