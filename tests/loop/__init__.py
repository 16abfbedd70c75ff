"""Tests of ``wsapp.loop``: Twisted's own suites for reactors against it, and what they do not cover."""
