"""The byte path compiled by Cython: the same sources under names of their own.

:mod:`wsapp.wire.build` chooses between these and the plain modules.
"""
