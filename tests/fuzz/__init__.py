"""Fuzzing of every parser that reads bytes from strangers: docs/fuzzing.md, ``make fuzz``."""
