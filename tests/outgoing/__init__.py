"""Tests of `wsapp.outgoing`."""
