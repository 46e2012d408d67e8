#!/bin/sh
# Build a wheel, install it into an empty environment elsewhere, and do the main job there. Usage: wheel_test.sh PYTHON
set -eu
python=$1
root=$(CDPATH= cd -- "$(dirname -- "$0")/.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM
"$python" -m build --wheel --outdir "$work/dist" "$root"
"$python" -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check -c "$root/constraints.txt" "$work"/dist/*.whl
cd "$work"
env -i HOME="$work/home" PATH="$work/venv/bin:/usr/bin:/bin" sh -euc '
    mkdir -p "$HOME"
    python -c "import alembic, importlib.util, provenance; assert importlib.util.find_spec(\"alembic.config\"), alembic"
    seedproof keys new --no-passphrase >/dev/null
    seedproof create "snowy mountains at sunset" -o hills.png
    seedproof verify hills.png
    seedproof publish hills.png --ledger second.db
    seedproof verify hills.png --ledger second.db --require-fresh
'
echo "the wheel does the main job"
