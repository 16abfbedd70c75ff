"""Tests of wsapp.apps."""
