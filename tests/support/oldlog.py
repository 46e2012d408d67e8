"""Logs as earlier programs left them, for the tests of migrations."""

from sqlalchemy import text

from ledger import database
from provenance import merkle
from provenance.checkpoint import sign_checkpoint
from provenance.claim import claim_id, parse_entry


def write_first_log(engine, signer, entries):
    """A database of revision 0001 with these claims and a stamp over its second checkpoint, as issue 2's program did."""
    with database.writing(engine) as connection:
        database.migrate(connection, "0001")
        nodes = {}
        for index, entry in enumerate(entries):
            claim = parse_entry(entry).claim
            row = {
                "i": index,
                "entry": entry,
                "hash": merkle.leaf_hash(entry),
                "id": claim_id(claim),
                "y": claim.Y,
                "p": claim.pixels,
                "l": claim.latent.digest,
            }
            connection.execute(text("INSERT INTO leaves VALUES (:i, :entry, :hash, :id, :y, :p, :l)"), row)
            for author in claim.authors:
                connection.execute(text("INSERT INTO authors VALUES (:key, :i)"), {"key": author, "i": index})
            for level, position, value in merkle.appended_nodes(lambda *at: nodes[at], index, merkle.leaf_hash(entry)):
                nodes[level, position] = value
                if level:
                    values = {"level": level, "position": position, "hash": value}
                    connection.execute(text("INSERT INTO nodes VALUES (:level, :position, :hash)"), values)
        size = len(entries)
        root = merkle.root([merkle.leaf_hash(entry) for entry in entries])
        head = {"o": signer.name, "s": size, "r": root, "n": sign_checkpoint(signer.name, size, root, signer)}
        connection.execute(text("INSERT INTO head VALUES (1, :o, :s, :r, :n)"), head)
        second = merkle.root([merkle.leaf_hash(entry) for entry in entries[:2]])
        stamp = {"n": sign_checkpoint(signer.name, 2, second, signer), "t": b"token"}
        statement = "INSERT INTO stamps (size, authority, note, token) VALUES (2, 'http://tsa.example', :n, :t)"
        connection.execute(text(statement), stamp)


def dump(engine):
    """Every row of every table, to compare two states."""
    from sqlalchemy import MetaData, select

    found = {}
    with database.reading(engine) as connection:
        meta = MetaData()
        meta.reflect(connection)
        for name, table in meta.tables.items():
            found[name] = sorted(map(tuple, connection.execute(select(table))), key=repr)
    return found
