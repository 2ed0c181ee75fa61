import assert from 'node:assert/strict';
import { test } from 'node:test';

import { byDay, dayText, ofVersionPath, remarks, sizeText, Version, versionPath } from './model.js';

const NOW = new Date(2026, 10, 21, 15, 0);

function version(changes: Partial<Version> = {}): Version {
  return { id: 'x', path: 'f/a.ipynb', time: NOW.toISOString(), size: 5, hash: 'h', latest: false, ...changes };
}

test('sizes', () => {
  const told = [0, 999, 1000, 12_345, 999_999, 123_456_789, 5e15].map(sizeText);
  assert.deepEqual(told, ['0 B', '999 B', '1.0 kB', '12.3 kB', '1000 kB', '123 MB', '5000 TB']);
});

test('days', () => {
  assert.equal(dayText(new Date(2026, 10, 21, 0, 0), NOW), 'Today');
  assert.equal(dayText(new Date(2026, 10, 20, 23, 59), NOW), 'Yesterday');
  assert.match(dayText(new Date(2026, 9, 1), NOW), /2026/);
});

test('versions of a day stand together', () => {
  const yesterday = new Date(2026, 10, 20).toISOString();
  const days = byDay([version(), version({ id: 'y' }), version({ time: yesterday })], NOW);
  assert.deepEqual(days.map(day => [day.day, day.versions.length]), [['Today', 2], ['Yesterday', 1]]);
  assert.deepEqual(byDay([], NOW), []);
});

test('a version tells its size, and its name if that was another', () => {
  assert.deepEqual(remarks(version(), 'f/a.ipynb'), ['5 B']);
  assert.deepEqual(remarks(version({ path: 'b.ipynb' }), 'f/a.ipynb'), ['5 B', 'as b.ipynb']);
  assert.deepEqual(remarks(version({ id: null, size: null }), 'f/a.ipynb'), ['deleted']);
});

test('the path of a version leads back to it', () => {
  const path = 'f/ä 100% b.ipynb';
  const local = versionPath(version({ id: 'WyJ4Il0' }), path);
  assert.match(local, /\/ä 100% b \(2026-11-21 15\.00\.00\)\.ipynb$/);
  assert.match(versionPath(version(), 'Makefile'), /\/Makefile \(2026-11-21 15\.00\.00\)$/);
  assert.deepEqual(ofVersionPath(local), { path, id: 'WyJ4Il0' });
  assert.equal(ofVersionPath('a.ipynb'), null);
});
