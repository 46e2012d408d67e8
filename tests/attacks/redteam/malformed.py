"""Malformed everything: real files with random damage, and what every parser makes of them.

What stops it: bounds before decoding, strict parsers, digests over all that counts. A break is *authentic* for a changed
picture, an exception that is not ours, or more than five seconds of work. Damage that leaves claim, pixels and manifest
as they were is no forgery: such files are counted as "untouched", or "same work" where bytes of the manifest store
differ that nothing of ours depends on, and the verdict is the victim's own.
"""

import io
import json
import time
import zlib
from dataclasses import replace

import numpy as np
from PIL import Image

from provenance.anypicture import read_any_picture
from provenance.challenge import (
    challenge_id,
    check_response,
    format_challenge,
    format_response,
    parse_challenge,
    parse_response,
    respond,
)
from provenance.chunks import embedded_store
from provenance.claim import claim_id, format_entry
from provenance.claimcheck import check_claim, work_of_claim_file
from provenance.claimfile import parse_claim_file
from provenance.latent import latent_digest
from provenance.manifest_write import sign_picture
from provenance.note import VerifierKey
from provenance.pixels import encode_webp, read_picture
from provenance.receipt import check_receipt, parse_receipt
from provenance.recipe import Opening, format_opening, opening_commitment, parse_opening
from provenance.report import Verdict
from provenance.sidecar import format_sidecar, make_sidecar
from provenance.storedlatent import decode_latent, encode_latent
from provenance.verify import Depth, Request
from tests.attacks.redteam.lab import attempt as judged
from tests.attacks.redteam.threat import Threat, chance
from tests.support.disputes import claim_file
from tests.support.pictures import join, split

SLOW_SECONDS = 5.0


# --- damage ---------------------------------------------------------------------------------------------------------------


def damaged(dice, data, other=b""):
    """``data`` with one to four accidents or tricks."""
    out = bytearray(data)
    for _ in range(dice.choice((1, 1, 1, 2, 4))):
        if not out:
            break
        at, size = dice.randrange(len(out)), dice.choice((1, 2, 4, 16, 200))
        way = dice.randrange(9)
        if way <= 2:
            out[at] ^= 1 << dice.randrange(8)
        elif way == 3:
            out[at : at + size] = dice.choice((bytes(size), b"\xff" * size, dice.randbytes(size)))
        elif way == 4:
            del out[at : at + size]
        elif way == 5:
            out[at:at] = dice.choice((out[at : at + size], dice.randbytes(size), bytes(size)))
        elif way == 6:
            del out[at:]
        elif way == 7 and other:  # spliced with another file of the kind
            out[at:] = other[dice.randrange(len(other)) :]
        else:  # a length or number that is far too large
            out[at : at + 4] = dice.choice((b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\0\0\0\0", b"\0\1\0\0"))
    return bytes(out)


def damaged_chunks(dice, data, other):
    """A PNG whose chunks are damaged inside and have right checksums again, moved, doubled, left out or invented."""
    parts, others = split(data), split(other)
    for _ in range(dice.choice((1, 1, 2))):
        at, way = dice.randrange(len(parts)), dice.randrange(6)
        if way <= 2:
            parts[at] = [parts[at][0], damaged(dice, parts[at][1])]
        elif way == 3:
            parts.insert(
                at, dice.choice((parts[at], dice.choice(others), [b"tEXt", dice.randbytes(20)], [b"gAMA", bytes(4)]))
            )
        elif way == 4 and len(parts) > 1:
            parts.pop(at)
        else:
            place = dice.randrange(len(parts))
            parts[at], parts[place] = parts[place], parts[at]
    return join(parts)


def damaged_pixels(dice, data):
    """A PNG whose compressed rows are damaged below the compression, so that it is a sound file of another picture."""
    parts = split(data)
    packed = b"".join(body for kind, body in parts if kind == b"IDAT")
    rows = bytearray(zlib.decompress(packed))
    at = dice.randrange(len(rows))
    rows[at] ^= 1 << dice.randrange(8)
    first = next(place for place, part in enumerate(parts) if part[0] == b"IDAT")
    kept = [part for part in parts if part[0] != b"IDAT"]
    kept.insert(first, [b"IDAT", zlib.compress(bytes(rows), dice.choice((1, 9)))])
    return join(kept)


def damaged_json(dice, data):
    """A JSON document in which some value is another one, or has moved."""
    try:
        document = json.loads(data)
    except ValueError:
        return damaged(dice, data)
    at = document
    while isinstance(at, dict) and at:
        key = dice.choice(list(at))
        if not isinstance(at[key], dict | list) or dice.random() < 0.3:
            at[key] = dice.choice(
                (None, 0, -1, 2**60, "", "x" * 3000, [], {}, [[]], True, 1.5, at.get("kind"), [at[key]] * 20)
            )
            break
        at = at[key][0] if isinstance(at[key], list) and at[key] else at[key]
    return json.dumps(document, separators=(",", ":"), sort_keys=dice.random() < 0.9, ensure_ascii=False).encode()


# --- pictures ---------------------------------------------------------------------------------------------------------------


def attempt_picture(lab, i):
    dice = chance("malformed-pictures", i)
    number = dice.randrange(lab.count)
    warm(lab, number)
    kind = ("png", "png chunks", "png pixels", "webp", "jpeg")[i % 5]
    honest = {"webp": webp, "jpeg": jpeg}.get(kind, lambda lab, number: lab.file(number))(lab, number)
    other = lab.file(number + 1)
    if kind == "png chunks":
        data = damaged_chunks(dice, honest, other)
    elif kind == "png pixels":
        data = damaged_pixels(dice, honest)
    else:
        data = damaged(dice, honest, other)
    return timed(lambda: whole(lab, number, honest, data, jpeg=kind == "jpeg"), {"kind": i % 5})


def whole(lab, number, honest, data, *, jpeg):
    """The verdict over a damaged file; of a JPEG its pixels are read first, as for a copy."""
    if jpeg:
        read_any_picture(data)
    report = lab.verify(data, pooled=True)
    if report.verdict is not Verdict.AUTHENTIC:
        return report
    work = lab.work(number)
    if report.claim_id != claim_id(work.claim) or not np.array_equal(read_picture(data).rgb, work.rgb):
        return "authentic"
    media_type = "image/webp" if honest[:4] == b"RIFF" else "image/png"
    same = embedded_store(data, media_type) == embedded_store(honest, media_type)
    return "untouched" if same else "same work"


def webp(lab, number):
    return kept(
        lab,
        f"lossless webp {number}",
        lambda work: sign_picture(
            encode_webp(work.rgb),
            "image/webp",
            lab.assertion(number),
            encode_latent(work.integers),
            work.credentials,
            title="work",
            training_mining={},
        ),
        number,
    )


def jpeg(lab, number):
    def make(work):
        out = io.BytesIO()
        Image.fromarray(work.rgb).save(out, "JPEG", quality=90)
        return out.getvalue()

    return kept(lab, f"jpeg {number}", make, number)


_KEPT = {}


def kept(lab, name, make, number):
    """What is made once for a lab and stays in its folder: attempts are repeatable only over the same bytes."""
    path = lab.folder / f"{name.replace(' ', '-')}.bin"
    if path not in _KEPT:
        if not path.exists():
            path.write_bytes(make(lab.work(number)))
        _KEPT[path] = path.read_bytes()
    return _KEPT[path]


# --- everything else ----------------------------------------------------------------------------------------------------------


def attempt_part(lab, i):
    dice = chance("malformed-parts", i)
    number = dice.randrange(lab.count)
    way = PARTS[i % len(PARTS)]
    warm(lab, number)
    return timed(lambda: way(lab, dice, number), {"part": i % len(PARTS)})


def harm(dice, data, other=b""):
    return damaged_json(dice, data) if data[:1] == b"{" and dice.random() < 0.4 else damaged(dice, data, other)


def latent(lab, dice, number):
    """A stored latent: other integers have another digest, and so are not the claimed ones."""
    work = lab.work(number)
    stored = encode_latent(work.integers)
    integers = decode_latent(harm(dice, stored, encode_latent(lab.work(number + 1).integers)))
    return "untouched" if latent_digest(integers) == work.claim.latent.digest else "invalid"


def claim_files(lab, dice, number):
    """A claim file, judged beside the claimed picture."""
    honest = kept(lab, f"claim file {number}", claim_file, number)
    data = harm(dice, honest)
    file = parse_claim_file(data)
    work = work_of_claim_file(file)
    request = Request(policy=lab.policy, now=lab.now, depth=Depth.AUTO, regenerator=lab.pooled, entropy=b"red team")
    found = check_claim(work, request, lab.work(number).rgb)
    if found.verdict is not Verdict.AUTHENTIC:
        return str(found.verdict)
    return "same work" if work.identifier == claim_id(lab.work(number).claim) else "authentic"


def openings(lab, dice, number):
    """The opening of a sealed prompt: another one does not open the commitment."""
    honest = Opening(b"\x05" * 32, lab.work(number).recipe.prompt)
    read = parse_opening(harm(dice, format_opening(honest)))
    if opening_commitment(read) != opening_commitment(honest):
        return "invalid"
    return "untouched" if read == honest else "authentic"


def receipts(lab, dice, number):
    """A receipt of the victim's log under that log's key: index, tree and root are what was signed, or it fails."""
    work = lab.work(number)
    entry = format_entry(parts(lab, number))
    honest = parse_receipt(work.receipt)
    read = parse_receipt(harm(dice, work.receipt, lab.work(number + 1).receipt))
    found = check_receipt(read, entry, [VerifierKey.parse(key) for key in lab.log.verifier_keys])
    if not found.known:
        return "unknown log"
    same = (found.index, found.size, found.root) == (honest.index, honest.checkpoint.size, honest.checkpoint.root)
    return "untouched" if same else "authentic"


def parts(lab, number):
    """The entry as it was logged: with the signatures in the file."""
    from provenance.claim import Entry

    assertion = lab.assertion(number)
    return Entry(lab.work(number).claim, assertion.possession, assertion.authors)


def sidecars(lab, dice, number):
    """A damaged sidecar beside the genuine file speaks neither for nor against it."""
    honest = format_sidecar(make_sidecar(format_entry(parts(lab, number)), lab.work(number).receipt))
    report = lab.verify(lab.file(number), regenerate=False, sidecar=harm(dice, honest))
    return "untouched" if report.verdict is Verdict.CLAIMED else f"changed to {report.verdict}"


def challenges(lab, dice, number):
    """A challenge and its response, one of them damaged."""
    from datetime import timedelta

    from tests.attacks.redteam.challenge import ask

    work = lab.work(number)
    asked = ask(dice, work)
    now = asked.expires - timedelta(seconds=9)
    question, answer = format_challenge(asked), format_response(respond(asked, work.secret, now))
    if dice.random() < 0.5:
        question = harm(dice, question)
    else:
        answer = harm(dice, answer)
    read = parse_challenge(question)
    check_response(read, parse_response(answer), now)
    return "untouched" if challenge_id(read) == challenge_id(asked) else "authentic"


PARTS = (latent, claim_files, openings, receipts, sidecars, challenges)


_WARM = set()


def warm(lab, number):
    """What the genuine file needs of the model is made before anything is timed."""
    if (lab.folder, number) not in _WARM:
        lab.verify(lab.file(number), pooled=True)
        _WARM.add((lab.folder, number))


def timed(check, figures):
    """As ``lab.attempt``, with "slow" where the work took longer than it may."""
    began = time.process_time()
    outcome = judged(check, figures)
    spent = time.process_time() - began
    outcome = replace(outcome, figures={**outcome.figures, "cpu_seconds": round(spent, 4)})
    return replace(outcome, verdict="slow") if spent > SLOW_SECONDS else outcome


BREAKS = frozenset({"authentic", "slow", "consistent"})

THREATS = (
    Threat(
        name="malformed-pictures",
        title="Damaged picture files",
        knowledge="the published file",
        budget="microseconds",
        method="signed PNG and lossless WebP, a JPEG: bytes flipped, cut, doubled, spliced with another work's file, lengths blown up; PNG chunks damaged inside with right checksums, moved, invented; rows changed below the compression; verified with the model",
        kind="cheap",
        attempt=attempt_picture,
        success=BREAKS,
        edition=2,
    ),
    Threat(
        name="malformed-parts",
        title="Damaged latents, claim files, openings, receipts, sidecars, challenges",
        knowledge="genuine ones",
        budget="microseconds",
        method="the same damage, and JSON values exchanged for others; each part checked for what it is to prove",
        kind="cheap",
        attempt=attempt_part,
        success=BREAKS | {"changed to authentic", "changed to invalid", "changed to disputed", "changed to consistent"},
    ),
)
