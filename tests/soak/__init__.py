"""Long runs against a real server, started by hand: ``python -m tests.soak --help``.

They take minutes or hours and the whole machine, so they are no part of the suite; what they found is in
docs/performance.rst.
"""
