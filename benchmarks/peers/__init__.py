"""The servers that wsapp is measured against, each at its own plainest.

Each is a program of its own: ``python -m benchmarks.peers.NAME PORT`` serves on 127.0.0.1.
"""
