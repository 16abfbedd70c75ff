"""Side-by-side measurements of wsapp and other WebSocket servers: ``python -m benchmarks``.

Linux only; imports nothing of wsapp, for it is measured from outside, as installed.  What is measured
and how stands in docs/performance.rst.
"""
