"""Tests against a real ``twistd`` process, by clients that are not ours.

Each starts its own server, on loopback, and stops it again.  They run where ``WSAPP_LIVE`` is set in the
environment, for they take minutes.  With ``WSAPP_LIVE=1`` what is not installed (the ``websockets`` package,
node with ``ws``, Chromium with its driver, the Autobahn suite under CPython 2.7, ...) makes a test skip with
the reason; with ``WSAPP_LIVE=require`` it makes the test fail instead.
"""
