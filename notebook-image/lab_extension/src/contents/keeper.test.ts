import assert from 'node:assert/strict';
import { test } from 'node:test';

import { delay, Keeper, Notice, shortName } from './keeper.js';

class Surroundings {
  /** What each try to save does. */
  save = async (_path: string): Promise<boolean> => true;
  shown: (Notice | null)[] = [];
  failed: string[] = [];
  waits: { callback: () => void; seconds: number }[] = [];

  keeper = new Keeper({
    save: path => this.save(path),
    show: (_path, notice) => this.shown.push(notice),
    fail: (_path, message) => this.failed.push(message),
    later: (callback, seconds) => {
      const wait = { callback, seconds };
      this.waits.push(wait);
      return () => (this.waits = this.waits.filter(other => other !== wait));
    }
  });

  away(): void {
    this.keeper.unsaved({ path: 'f/a.ipynb', obstacle: 'away', message: 'S3 does not answer' });
  }

  changed(): void {
    this.keeper.unsaved({ path: 'f/a.ipynb', obstacle: 'changed', message: 'someone else' });
  }

  /** What waits happens, to its end. */
  async turn(): Promise<void> {
    this.waits.shift()!.callback();
    await new Promise(resolve => setImmediate(resolve));
  }

  kinds(): (string | undefined)[] {
    return this.shown.map(notice => notice?.kind);
  }
}

test('tries come slower and slower', () => {
  assert.deepEqual([1, 2, 3, 4, 5, 50].map(delay), [2, 4, 8, 16, 30, 30]);
});

test('a notice has room for a long name', () => {
  assert.equal(shortName('f/a.ipynb'), 'a.ipynb');
  assert.equal(shortName(`f/${'x'.repeat(100)}.ipynb`), `${'x'.repeat(20)}…${'x'.repeat(14)}.ipynb`);
  const here = new Surroundings();
  for (let failures = 0; failures < 9; failures++) {
    here.keeper.unsaved({ path: 'x'.repeat(100), obstacle: 'away', message: '' });
  }
  assert.ok(here.shown.at(-1)!.text.length <= 140);
});

test('a document is saved when the storage is back', async () => {
  const here = new Surroundings();
  here.save = async () => {
    here.away();
    return false;
  };
  here.away();
  await here.turn();
  assert.deepEqual(here.waits.map(wait => wait.seconds), [4]);
  assert.match(here.shown[1]!.text, /^a\.ipynb is not saved yet.*Next try in 4 s\.$/);
  assert.equal(here.shown[1]!.details, 'S3 does not answer');
  here.save = async () => true;
  await here.turn();
  assert.deepEqual(here.kinds(), ['waiting', 'waiting', 'saved']);
  assert.deepEqual(here.waits, []);
});

test('a save by someone else, or by the person, ends the waiting', () => {
  const here = new Surroundings();
  here.keeper.saved('f/a.ipynb');
  here.away();
  here.keeper.saved('b.ipynb');
  assert.equal(here.waits.length, 1);
  here.keeper.saved('f/a.ipynb');
  assert.deepEqual([here.waits.length, here.kinds()], [0, ['waiting', 'saved']]);
});

test('of several failures at a time one waits', () => {
  const here = new Surroundings();
  here.away();
  here.away();
  assert.deepEqual(here.waits.map(wait => wait.seconds), [4]);
});

test('a document that is closed is not waited for', async () => {
  const here = new Surroundings();
  here.save = async () => false;
  here.away();
  await here.turn();
  assert.deepEqual([here.waits.length, here.kinds()], [0, ['waiting', undefined]]);
});

test('a changed file is saved again at once, so that JupyterLab asks, and without a notice', async () => {
  const here = new Surroundings();
  here.changed();
  assert.equal(here.waits[0].seconds, 0);
  await here.turn();
  assert.deepEqual([here.waits.length, here.shown], [0, []]);
});

test('a file that changes at every save is an error in the end', async () => {
  const here = new Surroundings();
  here.save = async () => {
    here.changed();
    return false;
  };
  here.changed();
  for (let turn = 0; turn < 3; turn++) {
    assert.deepEqual(here.failed, []);
    await here.turn();
  }
  assert.deepEqual([here.failed, here.waits.length], [['someone else'], 0]);
});

test('a slow save says so, and then that it is done', () => {
  const here = new Surroundings();
  here.keeper.unsaved({ path: 'a', obstacle: 'slow', message: '' });
  here.keeper.saved('a');
  assert.deepEqual(here.kinds(), ['slow', 'saved']);
});
