import assert from 'node:assert/strict';
import { test } from 'node:test';

import { address, lines, Trashed } from './model.js';

const file: Trashed = { id: '1', path: 'f/a.txt', type: 'file', time: '2026-11-21T09:00:00+00:00', files: 1, size: 1500 };

test('each thing in the trash has a line of its own, in the order that it has', () => {
  const folder: Trashed = { ...file, id: '3', path: 'f', type: 'directory', files: 2 };
  const found = lines([file, { ...file, id: '2' }, folder, { ...folder, id: '4', files: 1 }]);
  assert.deepEqual([...found.values()].map(entry => entry.id), ['1', '2', '3', '4']);
  const [first, second, third, fourth] = found.keys();
  assert.match(first, /^f\/a\.txt \(1\.5 kB\), deleted /);
  assert.equal(second, `${first} [2]`);
  assert.match(third, /^f \(folder, 2 files, 1\.5 kB\), deleted /);
  assert.match(fourth, /^f \(folder, 1 file, /);
});

test('an address is that of the home, or of the shared folder, with the path', () => {
  const home = { path: '', url: 's3://b/users/ada/' };
  const places = [home, { path: 'shared', url: null }, { path: 'shared/flights', url: 's3://b/groups/flights/' }];
  assert.equal(address(places, 'f/ä b.csv'), 's3://b/users/ada/f/ä b.csv');
  assert.equal(address(places, 'shared/flights/f/a.csv'), 's3://b/groups/flights/f/a.csv');
  assert.equal(address(places, 'shared/flights'), 's3://b/groups/flights/');
  assert.equal(address(places, 'shared2/flights/a'), 's3://b/users/ada/shared2/flights/a');
  assert.equal(address(places, 'shared'), null);
  assert.equal(address(places, 'shared/flights2'), null);
  assert.equal(address([home], 'shared/a'), 's3://b/users/ada/shared/a');
  assert.equal(address([{ path: '', url: 's3://b/' }], '/a'), 's3://b/a');
});
