"""Tests of wsapp.web."""
