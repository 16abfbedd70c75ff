"""Clients whose session is another worker's of the same machine: led to it, and carried both ways.

A worker that has a client's connection, and reads in its first message the token of a sibling's session, has
the sibling serve it: :mod:`~wsapp.relay.leading` is its part, :mod:`~wsapp.relay.arriving` the sibling's, and
what they say to each other is :mod:`~wsapp.relay.channel`.
"""
