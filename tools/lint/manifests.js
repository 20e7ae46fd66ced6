// Checks Kubernetes manifests, as `kubectl kustomize` prints them, against the schemas of their APIs: types, required
// keys, and keys that do not exist. usage: manifests.js FILE..., with kubernetes-models in NODE_PATH.
'use strict';
const fs = require('fs');
const yaml = require('yaml');

const PACKAGES = {
  'keda.sh': '@kubernetes-models/keda',
  'monitoring.coreos.com': '@kubernetes-models/prometheus-operator',
};

// The validators read each key that they know, and all keys of maps: one that was never read is unknown.
function watch(value, path, unread) {
  if (value === null || typeof value !== 'object') return value;
  for (const key of Object.keys(value)) unread.add(`${path}/${key}`);
  const children = {};
  return new Proxy(value, {
    get(target, key, receiver) {
      if (typeof key === 'symbol' || !Object.hasOwn(target, key)) return Reflect.get(target, key, receiver);
      unread.delete(`${path}/${key}`);
      children[key] ??= watch(target[key], `${path}/${key}`, unread);
      return children[key];
    },
  });
}

function problems(manifest) {
  const group = manifest.apiVersion.includes('/') ? manifest.apiVersion.split('/')[0] : '';
  const models = require(`${PACKAGES[group] ?? 'kubernetes-models'}/${manifest.apiVersion}`);
  if (models[manifest.kind] === undefined) return [`${manifest.apiVersion} has no kind ${manifest.kind}`];
  const unread = new Set();
  const model = watch(new models[manifest.kind](manifest), '', unread);
  try {
    model.validate();
  } catch (error) {
    return [error.message];
  }
  return [...unread].filter((path) => path !== '/kind' && path !== '/apiVersion').map((path) => `${path}: there is no such key`);
}

let failed = false;
for (const file of process.argv.slice(2)) {
  for (const document of yaml.parseAllDocuments(fs.readFileSync(file, 'utf8'))) {
    const manifest = document.toJS();
    for (const problem of problems(manifest)) {
      failed = true;
      console.log(`${file}: ${manifest.kind} ${manifest.metadata?.name}: ${problem}`);
    }
  }
}
process.exit(failed ? 1 : 0);
