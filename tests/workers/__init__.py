"""Tests of `wsapp.workers`."""
