"""The main job as a user runs it: separate processes, an empty home, the installed command."""

import json
import os
import subprocess
import sys
from pathlib import Path

COMMAND = str(Path(sys.executable).with_name("seedproof"))


def run(folder, *arguments, code=0):
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("SEEDPROOF", "XDG"))}
    environment["HOME"] = str(folder)
    done = subprocess.run(
        [COMMAND, *map(str, arguments)], env=environment, cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == code, done.stderr
    return done


def test_create_claim_verify(tmp_path):
    run(tmp_path, "create", "hills", "-o", "hills.png", code=2)
    run(tmp_path, "keys", "new", "--no-passphrase")
    run(tmp_path, "create", "snowy mountains at sunset", "-o", "hills.png")
    report = json.loads(run(tmp_path, "verify", "hills.png", "--json").stdout)
    assert report["verdict"] == "authentic"
    assert {c["status"] for c in report["checks"]} == {"pass", "skip"}
    assert all(c["detail"] for c in report["checks"])
    logs = list((tmp_path / ".local" / "share" / "seedproof").glob("ledger.db"))
    assert len(logs) == 1


def test_quick_verification_loads_neither_torch_nor_a_database(tmp_path):
    from tests.support.forge import made

    (tmp_path / "hills.png").write_bytes(made().sign())
    code = (
        "import sys\nfrom provenance.cli import main\n"
        "try:\n    main(['verify', 'hills.png', '--quick', '--json'])\n"
        "finally:\n    print(sorted({'torch', 'diffusers', 'sqlalchemy'} & set(sys.modules)), file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 3
    assert done.stderr.strip() == "[]"
