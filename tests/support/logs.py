"""A small log in memory for tests: leaves, a key, and receipts as one-line edits of honest ones."""

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from provenance import merkle
from provenance.checkpoint import NoteSigner, sign_checkpoint
from provenance.receipt import format_receipt, make_receipt


def signer(name="log.example/1", seed=1):
    return NoteSigner(name, Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32))


class MemoryLog:
    """Leaves ``leaf 0`` to ``leaf size-1``."""

    def __init__(self, size=7, who=None):
        self.signer = who or signer()
        self.key = self.signer.verifier_key
        self.entries = [f"leaf {i}".encode() for i in range(size)]
        self.hashes = [merkle.leaf_hash(entry) for entry in self.entries]

    def checkpoint(self, size=None, root=None):
        size = len(self.hashes) if size is None else size
        root = merkle.root(self.hashes[:size]) if root is None else root
        return sign_checkpoint(self.signer.name, size, root, self.signer)

    def path(self, index, size=None):
        return merkle.inclusion_path(merkle.nodes_of(self.hashes), index, len(self.hashes) if size is None else size)

    def receipt(self, index, timestamps=()):
        return make_receipt(index, self.path(index), self.checkpoint(), timestamps)

    def receipt_bytes(self, index, timestamps=()):
        return format_receipt(self.receipt(index, timestamps))
