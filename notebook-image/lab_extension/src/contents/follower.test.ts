import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Follower, Progress } from './follower.js';

class Surroundings {
  answers: (Progress | Error)[] = [];
  /** Answers come after it. */
  held: Promise<unknown> = Promise.resolve();
  shown: (string | null)[] = [];
  waits: { callback: () => void; seconds: number }[] = [];

  follower = new Follower({
    ask: async () => {
      await this.held;
      const answer = this.answers.shift()!;
      if (answer instanceof Error) {
        throw answer;
      }
      return answer;
    },
    show: (_path, text) => this.shown.push(text),
    later: (callback, seconds) => {
      const wait = { callback, seconds };
      this.waits.push(wait);
      return () => (this.waits = this.waits.filter(other => other !== wait));
    }
  });

  async turn(): Promise<void> {
    this.waits.shift()!.callback();
    await new Promise(resolve => setImmediate(resolve));
  }
}

function move(): { path: string; verb: string; work: Promise<void>; end: () => void; fail: (error: Error) => void } {
  let end = () => {};
  let fail: (error: Error) => void = () => {};
  const work = new Promise<void>((resolve, reject) => {
    end = resolve;
    fail = reject;
  });
  return { path: 'runs/2026', verb: 'Renaming', work, end, fail };
}

test('a quick move shows nothing', async () => {
  const here = new Surroundings();
  const quick = move();
  const followed = here.follower.follow(quick);
  quick.end();
  await followed;
  assert.deepEqual(here.shown, [null]);
  assert.equal(here.waits.length, 0);
});

test('a long one shows how far it is, until it has ended', async () => {
  const here = new Surroundings();
  here.answers = [{ done: 0, total: null }, new Error('away'), { done: 430, total: 12_000 }, { done: 900, total: 12_000 }];
  const long = move();
  const followed = here.follower.follow(long);
  for (let looks = 0; looks < 4; looks++) {
    await here.turn();
  }
  long.end();
  await followed;
  assert.deepEqual(here.shown, ['Renaming 2026: 430 of 12,000 files', 'Renaming 2026: 900 of 12,000 files', null]);
  assert.equal(here.waits.length, 0);
});

test('what an answer tells that comes too late is not shown', async () => {
  const here = new Surroundings();
  here.answers = [{ done: 1, total: 2 }];
  const long = move();
  here.held = new Promise(resolve => setTimeout(resolve, 20));
  const followed = here.follower.follow(long);
  here.waits.shift()!.callback();
  long.fail(new Error('S3 is away'));
  await followed;
  await here.held;
  await new Promise(resolve => setImmediate(resolve));
  assert.equal(here.answers.length, 0);
  assert.deepEqual(here.shown, [null]);
  assert.equal(here.waits.length, 0);
});
