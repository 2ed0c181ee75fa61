import assert from 'node:assert/strict';
import { test } from 'node:test';

import { activity, differs, Session, since } from './model.js';

const session: Session = {
  id: '0a1b2c3d',
  name: 'flights',
  application_id: 'spark-1',
  state: 'idle',
  started: 1000,
  executors: { alive: 1, asked: 2, tasks: 0, failed_tasks: 0 },
  ui: '/user/ada/spark-ui/0a1b2c3d/',
  frame: '/user/ada/spark-ui/lab-key/0a1b2c3d/'
};

function executing(changes: object): Session {
  return { ...session, executors: { ...session.executors!, ...changes } };
}

test('the age is told in the largest unit that fits', () => {
  assert.equal(since(1000, 1059), 'less than a minute');
  assert.equal(since(1000, 1060), '1 min');
  assert.equal(since(1000, 1000 + 3599), '59 min');
  assert.equal(since(1000, 1000 + 7200), '2 h');
  assert.equal(since(1000, 1000 + 3 * 86400), '3 d');
  assert.equal(since(1000, 900), 'less than a minute');
});

test('the activity names executors, tasks and failures', () => {
  assert.equal(activity(session), '1 of 2 executors · idle');
  assert.equal(activity(executing({ asked: 1 })), '1 of 1 executor · idle');
  assert.equal(activity(executing({ tasks: 1 })), '1 of 2 executors · 1 task running');
  assert.equal(activity(executing({ tasks: 4, failed_tasks: 2 })), '1 of 2 executors · 4 tasks running · 2 failed');
  assert.equal(activity(executing({ asked: null, alive: 0 })), 'local Spark · idle');
  assert.equal(activity({ ...session, state: 'not answering', executors: null }), 'not answering');
});

test('a listing differs when something in it does', () => {
  const listing = { sessions: [session], past: null };
  assert.equal(differs(null, listing), true);
  assert.equal(differs(listing, { sessions: [{ ...session }], past: null }), false);
  assert.equal(differs(listing, { sessions: [], past: null }), true);
});
