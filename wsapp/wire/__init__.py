"""The protocol: bytes in, events out; messages in, bytes out.

Nothing in this package imports Twisted, touches a socket or knows the time.
:func:`wsapp.wire.versions.negotiate` is the way in.
"""
