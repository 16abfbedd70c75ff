"""What wsapp adds to Twisted: the command ``twistd wsapp``, and the applications that come with it."""

from twisted.application.service import ServiceMaker

from wsapp.appplugin import AppPlugin

wsapp = ServiceMaker(
    "wsapp", "wsapp.tap", "A WebSocket server: every version, applications, groups and broadcast", "wsapp"
)
echo = AppPlugin("echo", "sends back what it is sent, text and binary", "wsapp.apps.echo:Echo")
chat = AppPlugin("chat", "one room to talk in, with a page", "wsapp.apps.chat:Chat")
