"""Tests of `wsapp.wire`: bytes, no sockets, no time."""
