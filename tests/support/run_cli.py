"""``python -m tests.support.run_cli ARGUMENTS``: the command line in a process of its own, wherever it is installed."""

from provenance.cli import main

if __name__ == "__main__":
    main()
