"""A connection's inner path compiled by Cython: the same sources under names of their own.

:mod:`wsapp.selection` chooses between these and the plain modules.
"""
