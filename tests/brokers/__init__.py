"""Tests of brokers, and the suite that each of them must pass."""
