"""Documents of the protocol: JSON, notes, tokens, keys."""

import base64
import functools
import json
from dataclasses import replace
from pathlib import Path

from tests.fuzz.target import Target, each
from tests.support.pictures import NOW

VECTORS = Path(__file__).parents[1] / "vectors"


# --- honest inputs --------------------------------------------------------------------------------------------------


@functools.cache
def log():
    """A log in memory with a claim, and follow-ups of every kind."""
    from provenance.claim import claim_id, parse_entry
    from provenance.followup import format_follow_up
    from tests.support import follow
    from tests.support.entries import make_entry
    from tests.support.entrylog import EntryLog

    made = EntryLog()
    made.append(make_entry("a", authors=("ann",)))
    claim = claim_id(parse_entry(made.entries[0].data).claim)
    transfer = follow.transfer(claim, claim, "ann", to="bob")
    made.extra = [
        format_follow_up(each)
        for each in (
            follow.attestation(claim),
            transfer,
            follow.revocation(claim, claim, "ann", note="a note"),
            follow.attribution(claim, "a", "ann"),
            follow.key_revocation("ann", 1),
        )
    ]
    made.extra_claim = claim
    return made


def entries():
    from tests.support.entries import make_entry

    return [*log().extra, make_entry("b"), make_entry("c", authors=("ann", "bob"), notice="é"), log().entries[0].data]


def claims():
    from provenance.claim import format_claim, parse_entry

    return [format_claim(parse_entry(data).claim) for data in entries() if b'"kind":"claim"' in data]


@functools.cache
def recipes():
    from provenance.recipe import format_recipe
    from tests.support.remixes import blend, image_to_image, original
    from tests.support.works import master, recipe

    one, two = original(1), original(2)
    made = [recipe(bytes(32), master()), replace(recipe(bytes(32), master()), prompt=bytes(32))]
    made += [image_to_image(3, one).recipe, blend(4, one, two).recipe]
    setups = json.loads((VECTORS / "setups-v1.json").read_text())
    return [*_texts(setups, '{"', '"kind":"recipe"'), *map(format_recipe, made)]


def _texts(value, start, inside):
    """Strings of a vector file that are documents."""
    if isinstance(value, str):
        return [value.encode()] if value.startswith(start) and inside in value else []
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [found for item in items for found in _texts(item, start, inside)]


def receipts():
    from provenance.receipt import format_receipt, make_receipt, parse_receipt
    from tests.support.logs import MemoryLog

    plain = parse_receipt(log().receipt(0))
    attested = make_receipt(plain.index, plain.path, plain.checkpoint.note, (), log().extra[:2])
    stamped = make_receipt(plain.index, plain.path, plain.checkpoint.note, tokens()[:1])
    return [MemoryLog(77).receipt_bytes(42), format_receipt(attested), format_receipt(stamped), log().receipt(0)]


def notes():
    from provenance.notekey import KeyType, NoteSigner, new_signer

    public = json.loads((VECTORS / "checkpoints.json").read_text())
    found = [item["note"].encode() for item in public["cosigned"]]
    both = (new_signer("log.example/1"), new_signer("log.example/1", KeyType.MLDSA44))
    from provenance.checkpoint import sign_checkpoint

    assert all(isinstance(each, NoteSigner) for each in both)
    return [*found, sign_checkpoint("log.example/1", 7, bytes(32), both), log_note()]


def log_note():
    from tests.support.logs import MemoryLog

    return MemoryLog().checkpoint()


@functools.cache
def tokens():
    from asn1crypto import cms, tsp

    from ledger.tokens import read_response
    from tests.support.tsa import Authority

    public = [path.read_bytes() for path in sorted((VECTORS / "timestamps").glob("*.der"))]
    granted = [
        tsp.TimeStampResp({"status": {"status": "granted"}, "time_stamp_token": cms.ContentInfo.load(token)}).dump()
        for token in public
    ]
    return [*(read_response(answer).token for answer in granted), Authority().token(b"a checkpoint\n")]


@functools.cache
def anchors():
    return ((VECTORS / "timestamps" / "openssl-root.pem").read_bytes(),)


# --- what is done with them -----------------------------------------------------------------------------------------


def parser(module, name):
    """The function itself, looked up when it is called."""

    def run(data):
        return getattr(__import__(f"provenance.{module}", fromlist=[name]), name)(data)

    return run


def simple(name, module, function, seeds, **more):
    return Target(name, parser(module, function), seeds, (f"provenance.{module}.{function}",), **more)


def run_entry(data):
    from provenance.entry import check_any, parse_any

    check_any(parse_any(data), second_opinion=False)


def run_history(data):
    """A log that shows anything as an entry about a claim."""
    from provenance.history import read_entry_of, read_history
    from provenance.ports import LoggedEntry

    class Shown:
        location, origin, verifier_key = "the log", log().origin, log().verifier_key
        verifier_keys = log().verifier_keys

        def find(self, _identifier):
            return LoggedEntry(0, log().entries[0].data)

        def receipt(self, _index):
            return log().receipt(0)

        def follow_ups(self, _subject, *, after=-1, **_criteria):
            return [LoggedEntry(1, data)] if after < 1 else []

    each(lambda: read_entry_of(Shown(), LoggedEntry(1, data)), lambda: read_history(log().extra_claim, Shown()))


def run_follow_up(data):
    from provenance.followup import check_named, parse_follow_up

    check_named(parse_follow_up(data), second_opinion=False)


def run_receipt(data):
    from provenance.receipt import check_receipt, parse_receipt

    check_receipt(parse_receipt(data), log().entries[0].data, [log().signer.verifier_key])


def run_note(data):
    from provenance.checkpoint import open_checkpoint, parse_checkpoint
    from provenance.cosignature import add_cosignatures, open_cosignatures
    from provenance.note import open_note, split_note
    from tests.support.logs import signer

    keys = [signer().verifier_key]
    each(
        lambda: split_note(data),
        lambda: parse_checkpoint(data),
        lambda: open_cosignatures(data, keys),
        lambda: add_cosignatures(data, [data.partition(b"\n\n")[2]]),
        lambda: open_note(data, keys),
        lambda: open_checkpoint(data, keys),
    )


def run_cosignatures(data):
    from provenance.cosignature import take_cosignatures

    take_cosignatures(log_note(), data, [_witness().verifier_key])


@functools.cache
def _witness():
    from provenance.notekey import KeyType, new_signer

    return new_signer("witness.example/w1", KeyType.COSIGNATURE)


def cosignatures():
    from provenance.cosignature import cosign

    return [cosign(log_note(), [_witness()], 1_800_000_000)]


def run_succession(data):
    from provenance.succession import follow, parse_succession, parse_successions

    if data.lstrip()[:1] == b"{":
        chain = parse_successions(data)
        if chain:
            follow(chain[0].keys, chain)
    else:
        parse_succession(data)


def successions():
    from provenance.notekey import KeyType, new_signer
    from provenance.succession import format_successions, sign_succession

    name = "log.example/1"
    old, new = ([new_signer(name), new_signer(name, KeyType.MLDSA44)] for _ in range(2))
    keys = [[one.verifier_key for one in each] for each in (old, new)]
    added = sign_succession(7, [*keys[1], *keys[0]], (), old)
    retired = sign_succession(9, keys[1], keys[0], [*new, *old])
    return [added, retired, format_successions([added, retired])]


def run_token(data):
    from provenance.timestamp import check_timestamp, decode_token, imprint_of, says_development

    each(
        lambda: says_development(data),
        lambda: decode_token(data),
        lambda: imprint_of(data),
        lambda: check_timestamp(data, b"a checkpoint\n", anchors()),
    )


def run_stamps(data):
    from provenance.timeevidence import check_timestamps

    check_timestamps([data], log_note(), anchors(), NOW)


def run_challenge(data):
    from provenance.challenge import parse_challenge, respond

    challenge = parse_challenge(data)
    respond(challenge, bytes(31) + b"\x2a", NOW)


def run_response(data):
    from provenance.challenge import check_response, parse_response
    from tests.provenance.test_challenge import CHALLENGE, NOW

    check_response(CHALLENGE, parse_response(data), NOW)


def challenges():
    from provenance.challenge import format_challenge
    from tests.provenance.test_challenge import CHALLENGE

    return [format_challenge(replace(CHALLENGE, prover=None, nonce=None)), format_challenge(CHALLENGE)]


def responses():
    from provenance.challenge import format_response, respond
    from tests.provenance.test_challenge import CHALLENGE, NOW, SECRET

    return [format_response(respond(CHALLENGE, SECRET, NOW))]


def run_grant(data):
    from provenance.grant import check_grant, parse_grant
    from tests.support.follow import key

    check_grant(parse_grant(data), (key("ann"), key("bob")))


def grants():
    from provenance.grant import format_grant
    from tests.provenance.test_grant import SIGNED

    return [format_grant(SIGNED)]


def run_offer(data):
    from provenance.offer import accept_offer, check_offer, parse_offer
    from tests.support.entries import secret
    from tests.support.follow import key

    offer = parse_offer(data)
    check_offer(offer, [key("ann")])
    accept_offer(offer, secret("author", "bob"))


def offers():
    from provenance.offer import format_offer
    from tests.support.follow import offer

    return [format_offer(offer(log().extra_claim, log().extra_claim, "ann", to="bob"))]


def run_draft(data):
    from provenance.draft import check_draft, parse_draft
    from tests.support.follow import key

    check_draft(parse_draft(data), [key("ann"), key("bob")])


def drafts():
    from provenance.draft import Draft, format_draft, sign_draft
    from provenance.followup_body import Revocation, Transfer
    from tests.support.follow import key, secrets

    claim = log().extra_claim
    bodies = (Revocation(claim, claim, "mistake", "why"), Transfer(claim, claim, key("bob")))
    return [format_draft(sign_draft(Draft(body), secrets("ann"))) for body in bodies]


def run_sidecar(data):
    from provenance.claim import check_entry
    from provenance.receipt import parse_receipt
    from provenance.sidecar import parse_sidecar

    sidecar = parse_sidecar(data)
    parse_receipt(sidecar.receipt)
    check_entry(sidecar.entry, second_opinion=False)


def sidecars():
    from provenance.sidecar import format_sidecar, make_sidecar

    return [format_sidecar(make_sidecar(log().entries[0].data, log().receipt(0)))]


def run_claim_file(data):
    from provenance.claimfile import looks_like_claim_file, parse_claim_file

    looks_like_claim_file(data)
    _ = parse_claim_file(data).integers


@functools.cache
def claim_files():
    from provenance.claimexport import export_claim
    from provenance.claimfile import format_claim_file
    from provenance.recipe import Opening, Prompt
    from tests.support.entrylog import EntryLog
    from tests.support.works import make_work

    plain = export_claim(make_work(1), "hills.png", NOW)
    logged = export_claim(make_work(2, log=EntryLog()), "hills.png", NOW)
    opened = replace(plain, opening=Opening(bytes(32), Prompt("hills")))
    return [format_claim_file(each) for each in (opened, logged, plain)]


def run_side(data):
    """One party of a dispute brings a file."""
    from provenance.side import read_side
    from provenance.verify import Depth, Request
    from tests.support.trust import policy

    read_side("A", "a.png", data, Request(policy=policy(log()), now=NOW, depth=Depth.QUICK))


def run_opening(data):
    from provenance.recipe import opening_commitment, parse_opening

    opening_commitment(parse_opening(data))


def openings():
    from provenance.recipe import Opening, Prompt, format_opening

    return [format_opening(Opening(bytes(32), Prompt("hills", "city")))]


def run_sealed_prompt(data):
    """An opening under a key that the attacker has chosen."""
    from provenance.recipe import open_sealed

    open_sealed(data[32:], data[:32], 0, bytes(32))


def sealed_prompts():
    from provenance.recipe import Opening, Prompt, seal

    return [bytes(32) + seal(Opening(bytes(32), Prompt("hills")), bytes(32), 0)]


def run_assertion(data):
    from provenance.assertion import parse_assertion

    try:
        value = json.loads(data)
    except (ValueError, RecursionError):  # a library hands this over as JSON
        return
    parse_assertion(value)


def assertions():
    from provenance.assertion import format_assertion
    from tests.support.pictures import assertion

    return [json.dumps(format_assertion(assertion())).encode()]


def run_policy(data):
    from provenance.errors import EnvironmentFault
    from provenance.policy import parse_policy

    def read(name):
        raise EnvironmentFault(f"no {name!r:.80}")

    parse_policy(data, read)


def policies():
    from tests.provenance.test_policy import KEY, NOTARY, WITNESS, document

    pem = anchors()[0].decode()
    full = document(
        logs=[{"key": KEY, "independent": True}],
        timestamp_authorities=[pem],
        c2pa_anchors=[pem],
        notaries=[NOTARY],
        notaries_required=1,
        witnesses=[{"key": WITNESS}],
        witnesses_required=1,
    )
    return [document(), full]


def calibrations():
    from provenance.calibration import format_calibration
    from tests.provenance.test_calibration import make

    return [format_calibration(make())]


def run_keystore(data):
    from provenance.keystore import author_key, certificate_chain, needs_passphrase, open_keystore

    author_key(data)
    certificate_chain(data)
    if not needs_passphrase(data):  # key derivation may take what the limits of a keystore allow
        open_keystore(data, None)


def keystores():
    from provenance.keystore import seal_keystore
    from tests.provenance.test_keystore import SECRETS

    return [seal_keystore(SECRETS, None)]


def run_key_lines(data):
    from provenance.notekey import NoteSigner, VerifierKey

    text = data.decode("utf-8", "replace")
    (NoteSigner if text.startswith("PRIVATE") else VerifierKey).parse(text.rstrip("\n"))


def key_lines():
    from provenance.notekey import KeyType, new_signer

    made = [new_signer("log.example/1", kind) for kind in KeyType]
    return [line.encode() + b"\n" for one in made for line in (one.format(), one.verifier_key.format())]


def run_words(data):
    from provenance.master import master_from_words

    master_from_words(data.decode("utf-8", "replace"))


def word_lists():
    from provenance.master import Master, words

    return [words(Master(bytes(range(32)))).encode() + b"\n"]


def run_notation(data):
    from provenance.encoding import decimal_string, parse_decimal, parse_hex
    from provenance.notation import parse_base64, parse_size

    text = data.decode("utf-8", "replace").partition("\n")[0]
    each(
        lambda: parse_decimal(text, "x"),
        lambda: decimal_string(text),
        lambda: parse_hex(text, "x"),
        lambda: parse_base64(text, "x"),
        lambda: parse_size(text, "x"),
    )


def run_json(data):
    from provenance.encoding import canonical, parse_canonical, parse_json

    value = parse_json(data, "document")
    made = canonical(value)
    assert parse_canonical(made, "document") == value


def run_tile(data):
    from provenance.tiles import parse_bundle, parse_tile, parse_tile_path

    kind, width, rest = data[:1], (data[1] if len(data) > 1 else 0) + 1, data[2:]
    if kind == b"t":
        parse_tile(rest, width)
    elif kind == b"b":
        parse_bundle(rest, width)
    else:
        parse_tile_path(rest.decode("utf-8", "replace"))


def tiles():
    from provenance.tiles import format_bundle, format_tile

    hashes = [bytes([n]) * 32 for n in range(5)]
    bundle = format_bundle(entries()[:3])
    paths = (b"tile/0/x001/234.p/7", b"tile/entries/067", b"tile/3/000")
    return [*(b"p\0" + path for path in paths), b"b\x02" + bundle, b"t\x04" + format_tile(hashes)]


def run_latent(data):
    from provenance.storedlatent import decode_latent

    decode_latent(data)


@functools.cache
def latents():
    import numpy as np

    from provenance.storedlatent import encode_latent

    random = np.random.default_rng(0)
    noise = random.integers(-300, 300, (4, 8, 8)).astype(np.int16)
    slope = np.cumsum(np.ones((3, 16, 16), np.int16), axis=2, dtype=np.int16)
    return [encode_latent(slope), encode_latent(noise)]


def bundles():
    from provenance.claimfile import parse_claim_file
    from provenance.work import format_bundle

    file = parse_claim_file(claim_files()[-1])
    return [format_bundle(file.entry, file.recipe, file.latent)]


def cbor_values():
    return [bytes.fromhex("d2844" + "3a10126a0f6" + "43010203"), bytes.fromhex("a3012603a0183f8261618041f5")]


def run_credentials(data):
    """A certificate and a key file that the user was given."""
    from tests.fuzz.files import two_files

    with two_files(data) as (certificate, key):
        from provenance.credentials import load_credentials

        load_credentials(certificate, key)


def credentials():
    from provenance.credentials import new_credentials

    made = new_credentials("Ada Author", NOW)
    return [made.chain_pem + b"=====\n" + made.key_pem]


def terms():
    return [b"notice=hello", b"training=no,derivation=ask,notice=hello"]


def run_terms(data):
    from provenance.authoring import parse_terms

    parse_terms(data.decode("utf-8", "replace"))


def _b64(data):
    return base64.b64encode(data)


TARGETS = (
    simple("claim", "claim", "parse_claim", claims),
    Target("entry", run_entry, entries, tuple(f"provenance.{name}" for name in (
        "entry.parse_any",  "claim.read_entry", "claim.read_shape", "claim.read_steps",
        "followup.read_follow_up", "followup_body.read_body", "followup_body.read_key"))),
    Target("history", run_history, entries, ("provenance.history.read_history", "provenance.history.read_entry_of"), cost=4),
    Target("follow-up", run_follow_up, lambda: log().extra, ("provenance.followup.parse_follow_up",)),
    simple("recipe", "recipe", "parse_recipe", recipes),
    Target("opening", run_opening, openings, ("provenance.opening.parse_opening",)),
    Target("sealed-prompt", run_sealed_prompt, sealed_prompts, ("provenance.opening.open_sealed",)),
    Target("assertion", run_assertion, assertions, ("provenance.assertion.parse_assertion",)),
    Target("receipt", run_receipt, receipts, ("provenance.receipt.parse_receipt",)),
    Target("note", run_note, notes, tuple(f"provenance.{name}" for name in (
        "checkpoint.parse_checkpoint", "checkpoint.open_checkpoint", "note.open_note", "note.split_note",
        "note.parse_signatures", "cosignature.open_cosignatures"))),
    Target("cosignatures", run_cosignatures, cosignatures, ("provenance.cosignature.take_cosignatures",)),
    Target("successions", run_succession, successions, (
        "provenance.succession.parse_succession", "provenance.succession.parse_successions")),
    Target("token", run_token, tokens, ("provenance.timestamp.decode_token", "provenance.timestamp.check_timestamp"), cost=4),
    Target("stamps", run_stamps, tokens, ("provenance.timeevidence.check_timestamps",), cost=4),
    Target("challenge", run_challenge, challenges, ("provenance.challenge.parse_challenge",)),
    Target("response", run_response, responses, ("provenance.challenge.parse_response",), cost=4),
    Target("grant", run_grant, grants, ("provenance.grant.parse_grant",)),
    Target("offer", run_offer, offers, ("provenance.offer.parse_offer",)),
    Target("draft", run_draft, drafts, ("provenance.draft.parse_draft",)),
    Target("sidecar", run_sidecar, sidecars, ("provenance.sidecar.parse_sidecar", "provenance.claim.parse_entry")),
    Target("claim-file", run_claim_file, claim_files, ("provenance.claimfile.parse_claim_file",), cost=2),
    Target("dispute-side", run_side, claim_files, ("provenance.side.read_side",), cost=10),
    Target("policy", run_policy, policies, ("provenance.policy.parse_policy",)),
    simple("calibration", "calibration", "parse_calibration", calibrations),
    Target("keystore", run_keystore, keystores, ("provenance.keystore.open_keystore", "provenance.sealedfile.parse_sealed")),
    Target("key-line", run_key_lines, key_lines, ("provenance.notekey.VerifierKey.parse", "provenance.notekey.NoteSigner.parse")),
    Target("words", run_words, word_lists, ("provenance.master.master_from_words",)),
    Target("credentials", run_credentials, credentials, ("provenance.credentials.load_credentials",)),
    Target("notation", run_notation, lambda: [b"0.125", b"007f", _b64(bytes(32)), b"1234"], tuple(
        f"provenance.{name}" for name in (
            "scalars.parse_hex", "scalars.parse_decimal", "notation.parse_base64", "notation.parse_size"))),
    Target("json", run_json, lambda: [*recipes(), b'{"a":[1,-2,{"\xc3\xa9":null,"\xf0\x9f\x98\x80":true}],"b":"\\u0001"}'], (
        "provenance.encoding.parse_json", "provenance.encoding.parse_canonical")),
    Target("tile", run_tile, tiles, (
        "provenance.tiles.parse_tile_path", "provenance.tiles.parse_tile", "provenance.tiles.parse_bundle")),
    Target("latent", run_latent, latents, ("provenance.storedlatent.decode_latent",)),
    Target("bundle", parser("work", "work_of_bundle"), bundles, ("provenance.work.work_of_bundle",), cost=20),
    simple("cbor", "cbor", "decode_cbor", cbor_values),
    Target("terms", run_terms, terms, ("provenance.authoring.parse_terms",)),
)  # fmt: skip
