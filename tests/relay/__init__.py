"""Tests of `wsapp.relay`."""
