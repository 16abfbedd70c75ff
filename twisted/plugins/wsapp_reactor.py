"""The reactor that wsapp adds to Twisted's: ``twistd --reactor uvloop``."""

from twisted.application.reactors import Reactor

uvloop = Reactor("uvloop", "wsapp.loop", "Stream connections on uvloop's compiled transports.")
