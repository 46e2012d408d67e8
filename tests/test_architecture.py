"""The rule of the house, kept by walking the imports: provenance knows nobody; generator and ledger know provenance and
not each other; inside provenance imports run only downward in the list below."""

import ast
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("provenance", "generator", "ledger")

ROOMS = """
    cli cli_lineage pedigreedraw pedigree cli_challenge cli_dispute cli_claim cli_verify cli_copy cli_keys cli_options cli_words unlock nearby
    claimexport authoring kept inspection claimed
    disputepage disputetext dispute settle crossing crosscheck side copyreport copies findclaim claimcheck claimfile transformed registration coarse affine likeness
    anypicture
    verify judgement descent ancestors sidecar stray standing freshness rivals history lineagesearch lineage library work attested integrity
    link wrongseeds subject plugins ports measured policy faint
    manifest_write manifest_parents manifest container ingredient assertion jumbf thumbnail cbor
    timeevidence receipt timestamp cosignature succession checkpoint note notekey notation tiles merkle
    correlation calibration region
    ownership entry grant draft offer followup followup_body
    recipe opening operation parameters setup claim challenge
    latent storedlatent pixels canonicalfile chunks xmp
    noise commitment
    credentials keystore passphrase sealedfile derivation master
    proof curve hashing
    report display terminal home files encoding fields scalars errors plainwords
    __init__
""".split()  # noqa: SIM905 - a list to be read line by line
"""Every file of provenance, each above all that it imports."""

FOREIGN = {
    "provenance": {
        "generator", "ledger", "torch", "diffusers", "transformers", "safetensors", "sqlalchemy", "alembic", "starlette",
        "fastapi", "flask", "uvicorn", "requests", "httpx", "urllib3", "urllib.request", "socket", "http", "ssl", "asyncio",
    },
    "generator": {"ledger", "sqlalchemy", "alembic"},
    "ledger": {"generator", "torch", "diffusers"},
}  # fmt: skip

ONLY_IN = {
    "c2pa": {"provenance/manifest.py", "provenance/manifest_write.py"},
    "btclib_secp256k1": {"provenance/curve.py"},
    "py_ecc": {"provenance/curve.py"},
}


def files(package):
    return sorted((ROOT / package).rglob("*.py"))


def tree(path):
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def imports(path):
    """Full dotted names of everything that a file imports, at its top, in functions, and for type checking alone."""
    found = set()
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def touches(name, module):
    return name == module or name.startswith(module + ".")


def rooms_imported_by(path):
    """Rooms of provenance that a file of provenance imports. ``from provenance import __version__`` is __init__."""
    found = {name.split(".")[1] for name in imports(path) if name.startswith("provenance.")}
    known = {room.stem for room in files("provenance")}
    return {name if name in known else "__init__" for name in found} - {path.stem}


def test_the_walk_sees_the_imports():
    assert "provenance.encoding" in imports(ROOT / "provenance" / "claim.py")
    assert "py_ecc.secp256k1" in imports(ROOT / "provenance" / "curve.py")  # inside a function
    assert "claim" in rooms_imported_by(ROOT / "provenance" / "recipe.py")
    for package in PACKAGES:
        assert len(files(package)) > 5


@pytest.mark.parametrize("package", PACKAGES)
def test_no_package_imports_what_is_foreign_to_it(package):
    for path in files(package):
        for name in imports(path):
            assert not any(touches(name, foreign) for foreign in FOREIGN[package]), f"{path} imports {name}"


@pytest.mark.parametrize("module", ONLY_IN)
def test_some_libraries_have_one_home(module):
    homes = {
        path.relative_to(ROOT).as_posix()
        for package in PACKAGES
        for path in files(package)
        if any(touches(name, module) for name in imports(path))
    }
    assert homes
    assert homes <= ONLY_IN[module]


def test_the_noise_table_has_one_home():
    homes = {
        path.relative_to(ROOT).as_posix()
        for package in PACKAGES
        for path in files(package)
        if "normal-quantiles" in path.read_text(encoding="utf-8")
    }
    assert homes == {"provenance/noise.py"}


def test_the_list_of_rooms_is_whole():
    assert sorted(ROOMS) == sorted(path.stem for path in files("provenance"))


def test_imports_run_only_downward():
    place = {room: position for position, room in enumerate(ROOMS)}
    upward = [
        f"{path.stem} imports {room}"
        for path in files("provenance")
        for room in rooms_imported_by(path)
        if place[room] < place[path.stem]
    ]
    assert not upward


@pytest.mark.parametrize("package", PACKAGES)
def test_no_cycle(package):
    names = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
        for path in files(package)
    }
    graph = {
        name: {
            other for other in names if other != name and other in imports(path) and not name.startswith(other + ".")
        }
        for name, path in names.items()
    }
    finished, way = set(), []

    def visit(name):
        assert name not in way, f"cycle: {' -> '.join([*way[way.index(name) :], name])}"
        if name not in finished:
            way.append(name)
            for other in sorted(graph[name]):
                visit(other)
            way.pop()
            finished.add(name)

    for name in sorted(graph):
        visit(name)
    assert finished == set(names)


@pytest.mark.parametrize("package", PACKAGES)
def test_no_assert_statements(package):
    """They are gone under -O, so nothing may rest on them."""
    found = [
        f"{path}:{node.lineno}"
        for path in files(package)
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Assert)
    ]
    assert not found


HEAVY = "torch,diffusers,transformers,sqlalchemy,alembic,scipy,requests,urllib3"


def modules_after(code):
    script = f"{code}\nimport sys\nprint(*(m for m in {HEAVY!r}.split(',') if m in sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    *printed, heavy = done.stdout.splitlines()
    return printed, heavy.split()


def test_the_probe_sees_a_heavy_module():
    assert modules_after("import sys; sys.modules['torch'] = sys") == ([], ["torch"])


def test_the_command_line_starts_light():
    assert modules_after("import provenance.cli") == ([], [])


def test_quick_verification_loads_neither_torch_nor_a_database(tmp_path):
    from tests.support.works import make_work

    picture = tmp_path / "picture.png"
    picture.write_bytes(make_work())
    code = f"""
import os
os.environ["SEEDPROOF_HOME"] = {str(tmp_path)!r}
from provenance.cli import main
try:
    main(["verify", "--quick", {str(picture)!r}])
except SystemExit as end:
    print("exit", end.code)
"""
    printed, heavy = modules_after(code)
    assert printed[-1] == "exit 3"  # claimed: the work was really read and judged
    assert heavy == []
