"""Tests of `wsapp.commands`."""
