import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Versions } from './versions.js';

function versions(): Versions {
  const made = new Versions();
  for (const path of ['a', 'f/a', 'f/g/b', 'fa']) {
    made.read(path, { path, hash: `1 of ${path}` });
  }
  return made;
}

test('the base is what was read or saved last', () => {
  const made = versions();
  assert.equal(made.base('a'), '1 of a');
  assert.equal(made.base('b'), undefined);
  made.read('a', { path: 'a', hash: null });
  assert.equal(made.base('a'), '1 of a', 'a model without a hash tells nothing');
  made.saved('a', { path: 'a', hash: '2' });
  assert.equal(made.base('a'), '2');
});

test('what was deleted is to be made anew, with all that was in it', () => {
  const made = versions();
  made.absent('f');
  assert.deepEqual([made.base('f'), made.base('f/a'), made.base('f/g/b'), made.base('fa')], [null, undefined, undefined, '1 of fa']);
});

test('a version follows its file, and those of a folder follow it', () => {
  const made = versions();
  made.renamed('f', 'h/i');
  assert.deepEqual([made.base('h/i/a'), made.base('h/i/g/b')], ['1 of f/a', '1 of f/g/b']);
  assert.deepEqual([made.base('f'), made.base('f/a'), made.base('fa')], [null, undefined, '1 of fa']);
});

test('the answer to a save is known until the turn ends', () => {
  const ends: (() => void)[] = [];
  const made = new Versions(end => ends.push(end));
  made.saved('a', { path: 'a', hash: '1' });
  assert.equal(made.justSaved('b'), null);
  assert.deepEqual(made.justSaved('a'), { path: 'a', hash: '1' });
  made.saved('a', { path: 'a', hash: '2' });
  ends.shift()!();
  assert.deepEqual(made.justSaved('a'), { path: 'a', hash: '2' }, 'the end of an earlier turn');
  ends.shift()!();
  assert.equal(made.justSaved('a'), null);
});

test('a server whose answers have no hash is asked, as ever', () => {
  const made = new Versions(() => undefined);
  made.saved('a', { path: 'a' });
  assert.equal(made.justSaved('a'), null);
});
