"""Fuzzing: what outside bytes must never do, as targets for a fuzzer and as plain tests.

A target (:mod:`tests.fuzz.targets`) takes any bytes and raises where something is not as promised.
``python -m tests.fuzz`` lets a coverage-guided fuzzer (atheris) look for such bytes; the corpus,
one text file for each target with an input in hex on each line, is run through all of them by
:mod:`tests.fuzz.test_fuzz` with the other tests, and under AddressSanitizer by
:mod:`tests.fuzz.sanitized`.  :mod:`tests.fuzz.work` counts the compiled build's instructions.
"""
