"""The log: an append-only Merkle tree of claims in a database, and what serves it.

This package makes proofs; checking them is :mod:`provenance`'s. It never imports ``generator``.
"""
