"""Tests of `wsapp.admin`."""
