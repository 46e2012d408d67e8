// Checks tests/vectors/follow-ups-v1.json with none of Seedproof's code: sections 10 and 14 of docs/protocol.md, written
// a second time in another language. Prints one line for each check; exits with 1 if any does not hold.
//
//     node verify_follow_ups.mjs VECTORS

import { readFileSync } from 'node:fs';
import { schnorr } from '@noble/curves/secp256k1.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex as hex, concatBytes as cat, hexToBytes, utf8ToBytes as utf8 } from '@noble/hashes/utils.js';

const vectors = JSON.parse(readFileSync(process.argv[2], 'utf8'));

let failures = 0;
let checks = 0;
function check(name, found, expected = true) {
  checks += 1;
  const good = JSON.stringify(found) === JSON.stringify(expected);
  if (!good) failures += 1;
  console.log(`${good ? 'ok  ' : 'FAIL'} ${name}${good ? '' : `: found ${JSON.stringify(found)}, expected ${JSON.stringify(expected)}`}`);
}

function canonical(value) {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  return `{${Object.keys(value).sort().map((key) => `${JSON.stringify(key)}:${canonical(value[key])}`).join(',')}}`;
}

const taggedHash = (tag, message) => sha256(cat(sha256(utf8(tag)), sha256(utf8(tag)), message));

function holds(purpose, key, id, signature) {
  try {
    return schnorr.verify(hexToBytes(signature), taggedHash(`seedproof/v1/${purpose}`, hexToBytes(id)), hexToBytes(key));
  } catch {
    return false;
  }
}

const bodyId = (body) => hex(taggedHash('seedproof/v1/entry', utf8(canonical(body))));
const claimId = (claim) => hex(taggedHash('seedproof/v1/claim', utf8(canonical(claim))));

function slot({ kind, claim, prev, key, log, notary }) {
  if (kind === 'transfer' || kind === 'revocation') return prev;
  const rest = kind === 'key-revocation' ? cat(hexToBytes(key.key), utf8(log)) : hexToBytes(claim + (notary?.key ?? ''));
  return hex(taggedHash('seedproof/v1/slot', cat(utf8(`${kind}\n`), rest)));
}

const signedByAll = (purpose, keys, id, signatures) =>
  keys.length > 0 && keys.length === signatures.length && keys.every((key, i) => holds(purpose, key, id, signatures[i]));

/** What follows from a log's entries about one claim: section 14. */
function replay({ log, entries }) {
  const items = entries.map((text, index) => ({ index, ...JSON.parse(text) }));
  const claim = items.find(({ kind }) => kind === 'claim');
  const { Y, authors: named, recipe } = claim.body;
  const id = claimId(claim.body);
  const authors = named.map(({ key }) => key);
  const state = { owners: authors.length ? authors : [Y], head: id, chain: [], author: null, attestations: [], contested: [], void: [] };
  const revoked = new Map();
  const slots = new Set();
  const contest = (index, keys) => {
    for (const key of keys) if (revoked.has(key) && index >= revoked.get(key).from) state.contested.push([index, key]);
  };
  const gone = (index, kind, key) => {
    const found = revoked.get(key);
    return found !== undefined && index >= found.from && (index > found.at || kind === 'attestation');
  };
  for (const { index, kind, body, proofs } of items) {
    if (kind !== 'key-revocation') continue;
    const key = body.key.key;
    if (body.log !== log || revoked.has(key) || !holds('key-revocation', key, bodyId(body), proofs.key)) state.void.push(index);
    else revoked.set(key, { from: body.from_index, at: index });
  }
  contest(claim.index, [Y, ...authors]);
  for (const { index, kind, body, proofs } of items) {
    if (kind === 'claim' || kind === 'key-revocation') continue;
    const entry = bodyId(body);
    let good = body.claim === id && index > claim.index && !slots.has(slot(body));
    let signers = [];
    if (kind === 'transfer' || kind === 'revocation') {
      signers = state.owners;
      good &&= body.prev === state.head;
      good &&= signedByAll(kind === 'transfer' ? 'transfer-offer' : 'revocation', state.owners, entry, proofs.owners);
      if (kind === 'transfer') good &&= holds('transfer-accept', body.to.key, entry, proofs.accept);
    } else if (kind === 'attribution') {
      signers = [Y, body.author.key];
      good &&= !authors.length && holds('attribution', Y, entry, proofs.possession);
      good &&= holds('attribution', body.author.key, entry, proofs.author);
    } else {
      signers = [body.notary.key];
      good &&= body.recipe === recipe && holds('attestation', body.notary.key, entry, proofs.notary);
    }
    if (!good || signers.some((key) => gone(index, kind, key))) {
      state.void.push(index);
      continue;
    }
    slots.add(slot(body));
    contest(index, signers);
    if (kind === 'attribution') state.author = body.author.key;
    else if (kind === 'attestation') state.attestations.push(index);
    else {
      state.chain.push(index);
      state.head = entry;
      state.owners = kind === 'transfer' ? [body.to.key] : [];
    }
  }
  state.void.sort((a, b) => a - b);
  return state;
}

for (const { entry, claim, id } of vectors.claims) {
  check('claim is canonical', canonical(JSON.parse(claim)), claim);
  check('claim id', claimId(JSON.parse(claim)), id);
  check('entry holds the claim', canonical(JSON.parse(entry).body), claim);
}

for (const item of vectors.follow_ups) {
  const entry = JSON.parse(item.entry);
  check(`${item.kind}: canonical`, canonical(entry), item.entry);
  check(`${item.kind}: body`, canonical(entry.body), item.body);
  check(`${item.kind}: id`, bodyId(entry.body), item.id);
  check(`${item.kind}: slot`, slot(entry.body), item.slot);
  const inside = Object.values(entry.proofs).flat().sort();
  check(`${item.kind}: all signatures are described`, item.signatures.map(({ signature }) => signature).sort(), inside);
  for (const { tag, key, signature } of item.signatures) {
    check(`${item.kind}: ${tag}`, holds(tag.replace('seedproof/v1/', ''), key, item.id, signature));
    check(`${item.kind}: ${tag} is good for this alone`, holds('possession', key, item.id, signature), false);
  }
}

const offer = JSON.parse(vectors.offer);
const grant = JSON.parse(vectors.grant.grant);
check('offer', signedByAll('transfer-offer', vectors.grant.owners, bodyId(offer.body), offer.owners));
check('grant: id', bodyId(grant.body), vectors.grant.id);
check('grant', signedByAll('grant', vectors.grant.owners, vectors.grant.id, grant.proofs.owners));

for (const history of vectors.histories) {
  const found = replay(history);
  for (const [name, value] of Object.entries(found)) check(`${history.name}: ${name}`, value, history[name]);
}

console.log(`${checks} checks, ${failures} failures`);
process.exit(failures || checks < 200 ? 1 : 0);
