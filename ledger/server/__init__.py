"""The log as an HTTP service: thin handlers over ``ledger.log.Log`` and ``ledger.pool.Pool``.

::

    process      sockets, one or several worker processes, signals
    connection   one TCP connection: bounds on headers and time        (uvicorn's protocol, tightened)
    app          from settings to the ASGI application, and what lives as long as it does
    edge         around every request: admission, metrics, journal, problem documents
    submit, lookup, tiles, blobs, about      the handlers, by what they are about
    openapi      the contract that a test holds the handlers to

Nothing here decides anything about entries: what holds and what is logged is for ``provenance`` and ``ledger.log``.
"""
