// Checks tests/vectors/seedproof-v1.json with none of Seedproof's code: docs/protocol.md, written a second time in
// another language over other libraries (@noble). Only the noise table is shared; its SHA-256 stands in the protocol.
// Prints one line for each check; exits with 1 if any does not hold.
//
//     node verify.mjs VECTORS TABLE

import { readFileSync } from 'node:fs';
import { chacha20, chacha20poly1305 } from '@noble/ciphers/chacha.js';
import { ed25519 } from '@noble/curves/ed25519.js';
import { schnorr, secp256k1 } from '@noble/curves/secp256k1.js';
import { hkdf } from '@noble/hashes/hkdf.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex as hex, concatBytes as cat, hexToBytes, utf8ToBytes as utf8 } from '@noble/hashes/utils.js';

const TABLE_SHA256 = '1cfbba1e07e34386a57626f82aeb43e6ed54ba70a3ea6b7d964dc66a841074a8';
const [vectorsPath, tablePath] = process.argv.slice(2);
const vectors = JSON.parse(readFileSync(vectorsPath, 'utf8'));
const table = new Uint8Array(readFileSync(tablePath));

let failures = 0;
let checks = 0;
function check(name, found, expected = true) {
  checks += 1;
  const good = found === expected;
  if (!good) failures += 1;
  console.log(`${good ? 'ok  ' : 'FAIL'} ${name}${good ? '' : `: found ${found}, expected ${expected}`}`);
}

// --- section 1: encoding --------------------------------------------------------------------------------------------

function canonical(value) {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  const keys = Object.keys(value).sort(); // by UTF-16 code units, as RFC 8785 wants
  return `{${keys.map((key) => `${JSON.stringify(key)}:${canonical(value[key])}`).join(',')}}`;
}

function big(number, size) {
  const bytes = new Uint8Array(size);
  for (let i = size - 1, rest = BigInt(number); i >= 0; i -= 1, rest >>= 8n) bytes[i] = Number(rest & 255n);
  return bytes;
}
const u32be = (number) => big(number, 4);
const u96le = (number) => big(number, 12).reverse();
const number = (bytes) => BigInt(`0x${hex(bytes)}`);
const taggedHash = (tag, message) => sha256(cat(sha256(utf8(tag)), sha256(utf8(tag)), message));
const digest = (tag, message) => hex(taggedHash(tag, message));

// --- sections 2 to 6: secrets, seed, noise, latent, pixels ----------------------------------------------------------

function derive(master, salt, label) {
  for (let counter = 0; ; counter += 1) {
    const key = hkdf(sha256, master, salt, cat(utf8(label), u32be(counter)), 32);
    if (number(key) > 0n && number(key) < secp256k1.Point.Fn.ORDER) return key;
  }
}

const xOnly = (secret) => secp256k1.getPublicKey(secret, true).slice(1);

function noise(seed, stream, count) {
  const indices = chacha20(seed, u96le(stream), new Uint8Array(2 * count));
  const values = new Uint8Array(4 * count);
  for (let i = 0; i < count; i += 1) {
    const j = indices[2 * i] + 256 * indices[2 * i + 1];
    values.set(table.subarray(4 * j, 4 * j + 4), 4 * i);
  }
  return values;
}

function latentIntegers(w, shape) {
  return Array.from({ length: shape[0] * shape[1] * shape[2] }, (_, i) => ((7919 * i + 12345 * w) % 4001) - 2000);
}

function latentDigest(q, shape) {
  const values = new Uint8Array(2 * q.length);
  q.forEach((value, i) => new DataView(values.buffer).setInt16(2 * i, value, true));
  return digest('seedproof/v1/latent', cat(...shape.map(u32be), values));
}

/** The integers of a stored form whose zstd frame is one raw block (RFC 8878), as the vectors have it. */
function unstore(stored, shape) {
  if (Buffer.from(stored.slice(0, 4)).toString() !== 'SPL1') throw new Error('no stored latent');
  if (hex(stored.slice(5, 17)) !== hex(cat(...shape.map(u32be)))) throw new Error('another shape');
  const predictor = stored[4];
  const count = shape[0] * shape[1] * shape[2];
  const packed = stored.slice(17 + 4 + 1 + 2 + 3);
  if (packed.length !== 2 * count) throw new Error('not one raw block');
  const q = new Int16Array(count); // wraps modulo 2^16
  for (let i = 0; i < count; i += 1) {
    const zigzag = packed[i] + 256 * packed[count + i];
    const residual = zigzag % 2 ? -(zigzag + 1) / 2 : zigzag / 2;
    const column = i % shape[2];
    const row = Math.floor(i / shape[2]) % shape[1];
    const left = column ? q[i - 1] : 0;
    const up = row ? q[i - shape[2]] : 0;
    const corner = column && row ? q[i - shape[2] - 1] : 0;
    q[i] = residual + [0, left, up, left + up - corner][predictor];
  }
  return q;
}

// --- sections 7 to 12: recipe, claim, signatures, log, challenge ----------------------------------------------------

function holds(tag, key, id, signature) {
  try {
    return schnorr.verify(hexToBytes(signature), taggedHash(tag, hexToBytes(id)), hexToBytes(key));
  } catch {
    return false;
  }
}

function openSealed(sealed, key, index, commitment) {
  const plain = chacha20poly1305(key, u96le(index), commitment).decrypt(sealed);
  const end = plain.lastIndexOf(0x80);
  if (plain.length % 512 || plain.slice(end + 1).some((byte) => byte)) throw new Error('padding');
  return Buffer.from(plain.slice(0, end)).toString('utf8');
}

const node = (left, right) => sha256(cat(Uint8Array.of(1), left, right));

/** Root that an inclusion path leads to (RFC 9162, section 2.1.3.2), or null when the path has another length. */
function rootFrom(leaf, index, size, path) {
  let [fn, sn, hash] = [index, size - 1, leaf];
  for (const sibling of path) {
    if (sn === 0) return null;
    if (fn % 2 || fn === sn) {
      hash = node(sibling, hash);
      while (fn % 2 === 0 && fn !== 0) [fn, sn] = [fn >> 1, sn >> 1];
    } else {
      hash = node(hash, sibling);
    }
    [fn, sn] = [fn >> 1, sn >> 1];
  }
  return sn === 0 ? hash : null;
}

const base64 = (text) => new Uint8Array(Buffer.from(text, 'base64'));

function openCheckpoint(note, verifierKey) {
  const [name, keyId, encoded] = verifierKey.split(/\+(.{8})\+/);
  const typed = base64(encoded);
  const [text, tail] = [note.slice(0, note.lastIndexOf('\n\n') + 1), note.slice(note.lastIndexOf('\n\n') + 2)];
  const [origin, size, root] = text.split('\n');
  const [dash, signer, blob] = tail.trimEnd().split(' ');
  const id = hex(sha256(cat(utf8(`${name}\n`), typed)).slice(0, 4));
  const good =
    dash === '—' && origin === name && signer === name && typed[0] === 1 && id === keyId &&
    hex(base64(blob).slice(0, 4)) === id && ed25519.verify(base64(blob).slice(4), utf8(text), typed.slice(1));
  return { good, size: Number(size), root: base64(root) };
}

function readProof(proof) {
  const gap = proof.indexOf('\n\n');
  const [header, index, ...path] = proof.slice(0, gap).split('\n');
  if (header !== 'c2sp.org/tlog-proof@v1') throw new Error(header);
  return { index: Number(index.replace('index ', '')), path: path.map(base64), note: proof.slice(gap + 2) };
}

// --- the checks -----------------------------------------------------------------------------------------------------

check('noise table: SHA-256', hex(sha256(table)), TABLE_SHA256);
check('noise table: as in the vectors', vectors.noise_table_sha256, TABLE_SHA256);
vectors.canonical.forEach(({ text, canonical: form }, i) => check(`canonical form ${i}`, canonical(JSON.parse(text)), form));

for (const work of vectors.works) {
  const is = (name, ...values) => check(`${work.name}: ${name}`, ...values);
  const [master, nonce] = [hexToBytes(work.master), hexToBytes(work.nonce)];
  const claim = JSON.parse(work.claim);
  const recipe = JSON.parse(work.recipe);
  const entry = JSON.parse(work.entry);
  const challenge = JSON.parse(work.challenge);
  const response = JSON.parse(work.response);
  const receipt = JSON.parse(work.receipt);

  const P = derive(master, nonce, 'seedproof/v1/kdf/work');
  const author = derive(master, new Uint8Array(0), 'seedproof/v1/kdf/author');
  is('P', hex(P), work.P);
  is('author secret', hex(author), work.author_secret);
  is('author key', hex(xOnly(author)), work.author_key);
  is('Y', hex(xOnly(P)), work.Y);
  is('n - P has the same Y', hex(xOnly(big(secp256k1.Point.Fn.ORDER - number(P), 32))), work.Y);
  is('S', digest('seedproof/v1/seed', cat(xOnly(P), u32be(work.index))), work.S);
  for (const { stream, shape, first, last, sha256: sum } of work.noise) {
    const values = noise(hexToBytes(work.S), stream, shape[0] * shape[1] * shape[2]);
    is(`noise ${stream}: first values`, hex(values.slice(0, 32)), first.join(''));
    is(`noise ${stream}: last values`, hex(values.slice(-32)), last.join(''));
    is(`noise ${stream}: all values`, hex(sha256(values)), sum);
  }

  for (const name of ['claim', 'recipe', 'entry', 'receipt', 'challenge', 'response']) {
    is(`${name} is canonical`, canonical(JSON.parse(work[name])), work[name]);
  }
  is('recipe digest', digest('seedproof/v1/recipe', utf8(work.recipe)), work.recipe_digest);
  is('claim id', digest('seedproof/v1/claim', utf8(work.claim)), work.claim_id);
  is('claim names the recipe', claim.recipe, work.recipe_digest);
  is('claim names Y', claim.Y, work.Y);
  is('claim names the nonce', claim.derivation.nonce, work.nonce);
  is('claim names the index', claim.index, work.index);
  is('recipe names the seed', recipe.noise.seed, work.S);
  is('claim and recipe name the same parents', canonical(claim.parents), canonical(recipe.parents));

  const { shape } = claim.latent;
  const q = latentIntegers(work.latent.w, shape);
  is('latent digest', latentDigest(q, shape), work.latent.digest);
  is('claim names the latent', claim.latent.digest, work.latent.digest);
  is('stored latent', unstore(hexToBytes(work.latent.stored), shape).join(), q.join());
  const { width, height, rgb } = work.pixels;
  is('pixels digest', digest('seedproof/v1/pixels', cat(u32be(width), u32be(height), hexToBytes(rgb))), work.pixels.digest);
  is('claim names the pixels', claim.outputs[0].digest, work.pixels.digest);

  const promptKey = hkdf(sha256, master, nonce, utf8('seedproof/v1/kdf/prompt'), 32);
  is('prompt key', hex(promptKey), work.prompt_key);
  if (work.sealed) {
    is('opening is committed to', digest('seedproof/v1/prompt', utf8(work.opening)), recipe.prompt.sealed);
    const opened = openSealed(hexToBytes(work.sealed), promptKey, work.index, hexToBytes(recipe.prompt.sealed));
    is('sealed prompt opens', opened, work.opening);
  }

  is('possession', holds('seedproof/v1/possession', work.Y, work.claim_id, work.possession));
  is('as many authors as signatures', claim.authors.length, work.authors.length);
  claim.authors.forEach(({ key }, i) => is(`author ${i}`, holds('seedproof/v1/author', key, work.claim_id, work.authors[i])));
  const certificate = hex(sha256(hexToBytes(work.certificate)));
  is('container', holds('seedproof/v1/container', claim.authors[0]?.key ?? work.Y, certificate, work.container));
  is('entry holds the claim', canonical(entry.body), work.claim);
  is('entry holds the proofs', canonical(entry.proofs), canonical({ possession: work.possession, authors: work.authors }));

  const leaf = sha256(cat(Uint8Array.of(0), utf8(work.entry)));
  is('leaf hash', hex(leaf), work.leaf_hash);
  const { index, path, note } = readProof(receipt.proof);
  const checkpoint = openCheckpoint(note, vectors.log.verifier_key);
  is('leaf index', index, work.leaf_index);
  is('index below the size', index < checkpoint.size);
  is('inclusion', hex(rootFrom(leaf, index, checkpoint.size, path) ?? new Uint8Array(0)), hex(checkpoint.root));
  is('checkpoint signature', checkpoint.good);
  is('checkpoint as published', note, vectors.log.checkpoint);

  is('challenge id', digest('seedproof/v1/challenge-id', utf8(work.challenge)), work.challenge_id);
  is('challenge names the claim', challenge.claim, work.claim_id);
  is('response names the challenge', response.challenge, work.challenge_id);
  is('response', holds('seedproof/v1/challenge', challenge.Y, work.challenge_id, response.signature));
}

const leaves = vectors.log.leaf_hashes.map(hexToBytes);
for (const [index, text] of Object.entries(vectors.log.fillers)) {
  check(`filler ${index}`, hex(sha256(cat(Uint8Array.of(0), utf8(text)))), vectors.log.leaf_hashes[index]);
}
const [a, b, c, d, e] = leaves;
check('root of five leaves', hex(node(node(node(a, b), node(c, d)), e)), vectors.log.root);
check('root in the checkpoint', hex(openCheckpoint(vectors.log.checkpoint, vectors.log.verifier_key).root), vectors.log.root);
for (const { why, key, tag, id, signature, holds: expected } of vectors.signatures) {
  check(`signature: ${why}`, holds(tag, key, id, signature), expected);
}

console.log(`${checks} checks, ${failures} failures`);
process.exit(failures || checks < 150 ? 1 : 0);
