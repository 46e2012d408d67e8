// What other people's readers of C2PA see in a PNG: node read_manifests.mjs FILE
//
// c2pa-wasm is what browsers run (c2pa-rs in WebAssembly); c2pa-ts shares no code with it. Written to standard output,
// for each: whether the file is valid, and the tree of manifests from the active one down, with titles, relationships,
// digests of thumbnails, and the titles of the ingredients that each action names.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { initSync, WasmReader } from '@contentauth/c2pa-wasm';
import { PNG } from '@trustnxt/c2pa-ts/asset';
import { SuperBox } from '@trustnxt/c2pa-ts/jumbf';
import { ManifestStore } from '@trustnxt/c2pa-ts/manifest';

const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex');
const last = (uri) => uri.split('/').at(-1);

function named(actions, titles) {
  return actions.map(({ action, parameters }) => ({
    action,
    ingredients: (parameters?.ingredients ?? []).map((each) => titles.get(last(each.url ?? each.uri))),
  }));
}

async function byWasm(bytes) {
  const require = createRequire(import.meta.url);
  initSync({ module: readFileSync(require.resolve('@contentauth/c2pa-wasm/c2pa.wasm')) });
  const reader = await WasmReader.fromBytes('image/png', bytes);
  const report = JSON.parse(reader.json());
  const tree = (label) => {
    const manifest = report.manifests[label];
    const titles = new Map(manifest.ingredients.map((each) => [each.label, each.title]));
    const { actions } = manifest.assertions.find((each) => each.label === 'c2pa.actions.v2').data;
    return {
      title: manifest.title,
      actions: named(actions, titles),
      ingredients: manifest.ingredients.map((each) => ({
        title: each.title,
        relationship: each.relationship,
        thumbnail: each.thumbnail ? sha256(reader.resourceToBytes(each.thumbnail.identifier)) : null,
        manifest: each.active_manifest ? tree(each.active_manifest) : null,
      })),
    };
  };
  const failures = (report.validation_status ?? []).map((each) => each.code);
  return {
    valid: report.validation_state !== 'Invalid',
    failures: failures.filter((code) => code !== 'signingCredential.untrusted'),
    tree: tree(report.active_manifest),
  };
}

async function byTypeScript(bytes) {
  const asset = new PNG(bytes);
  const store = ManifestStore.read(SuperBox.fromBuffer(await asset.getManifestJUMBF()));
  const result = await store.validate(asset);
  const labels = new Map(store.manifests.map((each) => [each.label, each]));
  const tree = (manifest) => {
    const assertions = new Map(manifest.assertions.assertions.map((each) => [each.fullLabel, each]));
    const found = [...assertions].filter(([, each]) => each.label === 'c2pa.ingredient.v3');
    const titles = new Map(found.map(([label, each]) => [label, each.title]));
    return {
      title: manifest.claim.title,
      actions: named(assertions.get('c2pa.actions.v2').actions, titles),
      ingredients: found.map(([, each]) => ({
        title: each.title,
        relationship: each.relationship,
        thumbnail: each.thumbnail ? sha256(assertions.get(last(each.thumbnail.uri).replace(/^.*=c2pa.assertions\//, '')).content) : null,
        manifest: each.activeManifest ? tree(labels.get(last(each.activeManifest.uri))) : null,
      })),
    };
  };
  const failures = (result.statusEntries ?? []).filter((each) => !each.success).map((each) => each.code);
  return { valid: result.isValid, failures, tree: tree(store.getActiveManifest()) };
}

const bytes = readFileSync(process.argv[2]);
const told = {};
for (const [name, read] of Object.entries({ 'c2pa-wasm': byWasm, 'c2pa-ts': byTypeScript })) {
  try {
    told[name] = await read(bytes);
  } catch (error) {
    told[name] = { valid: false, failures: [String(error)], tree: null };
  }
}
process.stdout.write(`${JSON.stringify(told, null, 1)}\n`);
