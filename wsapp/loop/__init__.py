"""A Twisted reactor whose stream connections are uvloop's own transports.

For whom it is: ``twistd --reactor uvloop`` (the plugin :mod:`twisted.plugins.wsapp_reactor`), or a program
that calls :func:`install` before anything imports ``twisted.internet.reactor``. Ports, clients, endpoints
and services written for any other reactor work unchanged.

The package imports nothing of wsapp. uvloop is imported by :func:`install`, so that importing this package
works, and says nothing, where uvloop is not to be had.
"""

from __future__ import annotations

__all__ = ["install", "newLoop"]

from asyncio import AbstractEventLoop


def newLoop() -> AbstractEventLoop:
    """Make a uvloop event loop.

    :raises ImportError: uvloop is not installed, or does not run on this platform; the message says so
    """
    try:
        import uvloop
    except ImportError as error:
        raise ImportError(
            f"the uvloop reactor needs the package uvloop, which cannot be imported here ({error}): install "
            "it with `pip install uvloop` (Linux, macOS), or choose another reactor: `twistd --reactor epoll`"
        ) from error
    return uvloop.new_event_loop()


def install() -> None:
    """Make a :class:`~wsapp.loop.reactor.UvloopReactor` the process's reactor, on a new event loop.

    The loop becomes asyncio's current one, so that asyncio libraries and Twisted share it.

    :raises ImportError: uvloop is not to be had; the message says so
    :raises twisted.internet.error.ReactorAlreadyInstalledError: a reactor was installed before
    """
    # First of all: on a platform that uvloop does not know, the rest cannot even be imported.
    loop = newLoop()
    from wsapp.loop.reactor import install

    install(loop)
