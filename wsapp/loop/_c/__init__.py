"""What of this package is written in C, by way of Cython: :mod:`wsapp.loop.selection` and
:mod:`wsapp.loop.sending` choose it.
"""
