"""How a package registers an application with Twisted's plugin system.

Every ``twistd`` loads this with the plugins, so it imports next to nothing.
"""

from __future__ import annotations

from twisted.plugin import IPlugin
from zope.interface import Attribute, Interface, implementer

__all__ = ["AppPlugin", "IAppPlugin"]


class IAppPlugin(Interface):
    """A Twisted plugin that registers an application."""

    name = Attribute("What --app calls it.")
    description = Attribute("One line for --list-apps.")
    target = Attribute("Its class, as 'package.module:Class'.")


@implementer(IPlugin, IAppPlugin)
class AppPlugin:
    """Put one into a module of ``twisted.plugins`` to register an application.

    :param target: The class, as ``package.module:Class``; imported when it is first used.
    """

    def __init__(self, name: str, description: str, target: str) -> None:
        self.name = name
        self.description = description
        self.target = target
