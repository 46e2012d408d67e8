"""The Seedproof protocol: bytes in, verdict out.

Nothing in this package knows torch, a database, a web framework, the network or the clock: time is passed in, and
what needs a model or a log comes through the ports in :mod:`provenance.ports`.
"""

__version__ = "0.1.0"
