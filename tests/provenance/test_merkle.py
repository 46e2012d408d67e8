"""RFC 6962 trees: the reference vectors of Certificate Transparency, then every size to 100 and every index."""

import pytest

from provenance import merkle
from provenance.errors import ForgedError

# Certificate Transparency reference implementation, cpp/merkletree/merkle_tree_test.cc (kInputs, kSHA256Roots and the
# proofs of its tests); the same corpus is in transparency-dev/merkle, testonly/constants.go.
INPUTS = [
    bytes.fromhex(text)
    for text in ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
]
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
INCLUSION = {
    (0, 8): [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ],
    (5, 8): [
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
}
CONSISTENCY = {
    (1, 8): [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ],
    (6, 8): [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
    (2, 5): [
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ],
}
SIZES = range(1, 101)
LEAVES = [merkle.leaf_hash(str(i).encode()) for i in range(100)]
NODES = merkle.nodes_of(LEAVES)
TREE_ROOTS = [merkle.tree_root(NODES, size) for size in range(101)]


def recursive_root(hashes):
    """MTH written straight from the RFC, to compare with."""
    if not hashes:
        return merkle.EMPTY_ROOT
    if len(hashes) == 1:
        return hashes[0]
    k = 1
    while k * 2 < len(hashes):
        k *= 2
    return merkle.node_hash(recursive_root(hashes[:k]), recursive_root(hashes[k:]))


@pytest.mark.parametrize("size", range(9))
def test_reference_roots(size):
    assert merkle.root([merkle.leaf_hash(entry) for entry in INPUTS[:size]]).hex() == ROOTS[size]


@pytest.mark.parametrize(("index", "size"), INCLUSION)
def test_reference_inclusion_paths(index, size):
    hashes = [merkle.leaf_hash(entry) for entry in INPUTS]
    path = merkle.inclusion_path(merkle.nodes_of(hashes), index, size)
    assert [value.hex() for value in path] == INCLUSION[index, size]
    merkle.check_inclusion(hashes[index], index, size, path, bytes.fromhex(ROOTS[size]))


@pytest.mark.parametrize(("first", "size"), CONSISTENCY)
def test_reference_consistency_paths(first, size):
    hashes = [merkle.leaf_hash(entry) for entry in INPUTS]
    path = merkle.consistency_path(merkle.nodes_of(hashes), first, size)
    assert [value.hex() for value in path] == CONSISTENCY[first, size]
    merkle.check_consistency(first, size, bytes.fromhex(ROOTS[first]), bytes.fromhex(ROOTS[size]), path)


def test_the_worked_example_of_the_docstring():
    a, b, c, d, e, f, g = LEAVES[:7]
    i, j, k = merkle.node_hash(a, b), merkle.node_hash(c, d), merkle.node_hash(e, f)
    h, m = merkle.node_hash(i, j), merkle.node_hash(k, g)
    assert merkle.inclusion_path(NODES, 4, 7) == [f, g, h]
    assert merkle.consistency_path(NODES, 3, 7) == [c, d, i, m]


@pytest.mark.parametrize("size", range(101))
def test_roots_follow_the_recursive_definition(size):
    assert TREE_ROOTS[size] == recursive_root(LEAVES[:size]) == merkle.root(LEAVES[:size])


@pytest.mark.parametrize("size", SIZES)
def test_every_index_is_proved_and_only_there(size):
    for index in range(size):
        path = merkle.inclusion_path(NODES, index, size)
        merkle.check_inclusion(LEAVES[index], index, size, path, TREE_ROOTS[size])
        wrong = [
            (LEAVES[index], index + 1, size, path, TREE_ROOTS[size]),
            (LEAVES[index], index - 1, size, path, TREE_ROOTS[size]),
            (LEAVES[(index + 1) % 100], index, size, path, TREE_ROOTS[size]),
            (LEAVES[index], index, size, path, TREE_ROOTS[size - 1]),
            (LEAVES[index], index, size, [*path, LEAVES[0]], TREE_ROOTS[size]),
            (LEAVES[index], index + size, size, path, TREE_ROOTS[size]),
        ]
        if path:
            wrong.append((LEAVES[index], index, size, path[:-1], TREE_ROOTS[size]))
            wrong.append((LEAVES[index], index, size, [*path[:-1], path[-1][:31]], TREE_ROOTS[size]))
            wrong.append((LEAVES[index], index, size, [bytes(32), *path[1:]], TREE_ROOTS[size]))
        for arguments in wrong:
            with pytest.raises(ForgedError):
                merkle.check_inclusion(*arguments)


@pytest.mark.parametrize("size", SIZES)
def test_every_prefix_is_consistent_and_no_other_tree(size):
    for first in range(1, size + 1):
        path = merkle.consistency_path(NODES, first, size)
        old, new = TREE_ROOTS[first], TREE_ROOTS[size]
        merkle.check_consistency(first, size, old, new, path)
        wrong = [
            (first, size, bytes(32), new, path),
            (first, size, old, bytes(32), path),
            (first, size, old, new, [*path, LEAVES[0]]),
        ]
        if path:
            wrong += [(first, size, old, new, path[:-1]), (first, size, old, new, [*path[:-1], bytes(32)])]
            wrong += [(first, size, old, new, [*path[:-1], path[-1][:31]])]
        for arguments in wrong:
            with pytest.raises(ForgedError):
                merkle.check_consistency(*arguments)


@pytest.mark.parametrize(("index", "size"), [(0, 0), (1, 1), (-1, 1), (5, 5), (3, -4), (-1, -1), (2**70, 8)])
def test_there_is_no_leaf_beyond_the_tree(index, size):
    with pytest.raises(ForgedError, match="no leaf"):
        merkle.inclusion_path(NODES, index, size)
    with pytest.raises(ForgedError, match="no leaf"):
        merkle.check_inclusion(LEAVES[0], index, size, [], LEAVES[0])


@pytest.mark.parametrize(("first", "size"), [(0, 0), (0, 5), (6, 5), (-1, 5), (5, -1)])
def test_there_is_no_prefix_beyond_the_tree(first, size):
    with pytest.raises(ForgedError, match="no prefix"):
        merkle.consistency_path(NODES, first, size)
    with pytest.raises(ForgedError, match="no prefix"):
        merkle.check_consistency(first, size, LEAVES[0], LEAVES[0], [])


def test_a_tree_has_no_negative_size():
    with pytest.raises(ForgedError, match=r"^a tree cannot have -1 leaves$"):
        merkle.tree_root(NODES, -1)


def test_appending_stores_each_complete_subtree_once_and_reads_little():
    stored = {}
    reads = 0

    def node(level, index):
        nonlocal reads
        reads += 1
        return stored[level, index]

    for index, leaf in enumerate(LEAVES):
        for level, position, value in merkle.appended_nodes(node, index, leaf):
            assert (level, position) not in stored
            stored[level, position] = value
    assert reads < 100  # one left sibling for each inner node
    assert all(merkle.tree_root(node, size) == TREE_ROOTS[size] for size in range(101))
    assert len(stored) == sum(100 >> level for level in range(7))


@pytest.mark.parametrize("size", [0, 31, 33, 64])
def test_only_hashes_stand_in_a_path(size):
    """A log that nobody knows may make up a root for a path of other bytes; it must not pass for a tree."""
    leaf, other = LEAVES[0], b"x" * size
    with pytest.raises(ForgedError, match="no hash"):
        merkle.check_inclusion(leaf, 0, 2, [other], merkle.node_hash(leaf, other))
    with pytest.raises(ForgedError, match="no hash"):
        merkle.check_consistency(1, 2, leaf, merkle.node_hash(leaf, other), [other])


SHORT = "inclusion proof: the path is too short, or holds something that is no hash"
LONG = "inclusion proof: the path is too long for this index and tree size"
ELSEWHERE = "inclusion proof: it does not lead to the root of the checkpoint"
SAME = "consistency proof: two checkpoints of one size must have one root and an empty proof"
NO_HASH = "consistency proof: it holds something that is no hash"
TOO_SHORT = "consistency proof: it is too short for these tree sizes"
TOO_LONG = "consistency proof: it is too long for these tree sizes"
NO_PREFIX = "consistency proof: the older tree is not a prefix of the newer one"


@pytest.mark.parametrize(
    ("path", "root", "reason"),
    [([], TREE_ROOTS[2], SHORT), ([LEAVES[1]] * 2, TREE_ROOTS[2], LONG), ([LEAVES[1]], bytes(32), ELSEWHERE)],
)
def test_an_inclusion_proof_that_does_not_hold_says_why(path, root, reason):
    with pytest.raises(ForgedError) as raised:
        merkle.check_inclusion(LEAVES[0], 0, 2, path, root)
    assert str(raised.value) == reason


@pytest.mark.parametrize(
    ("first", "size", "path", "reason"),
    [
        (2, 2, [LEAVES[0]], SAME),
        (3, 7, [bytes(31)], NO_HASH),
        (3, 7, [], TOO_SHORT),  # nothing to begin with, where the old tree is no node of the new one
        (4, 7, [], TOO_SHORT),
        (3, 7, [*merkle.consistency_path(NODES, 3, 7), LEAVES[0]], TOO_LONG),
        (3, 7, [bytes(32), *merkle.consistency_path(NODES, 3, 7)[1:]], NO_PREFIX),
    ],
)
def test_a_consistency_proof_that_does_not_hold_says_why(first, size, path, reason):
    with pytest.raises(ForgedError) as raised:
        merkle.check_consistency(first, size, TREE_ROOTS[first], TREE_ROOTS[size], path)
    assert str(raised.value) == reason
