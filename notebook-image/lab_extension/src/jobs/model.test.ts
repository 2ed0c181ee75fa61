import assert from 'node:assert/strict';
import { test } from 'node:test';

import { duration, executorNames, historyOf, Job, kindOf, line, plain, stands, took } from './model.js';

const NOW = Date.parse('2026-11-21T10:01:00Z');
const job: Job = {
  name: 'count-3f09ac',
  script: 'count.py',
  schedule: null,
  state: 'running',
  code: null,
  message: '',
  submitted: '2026-11-21T09:59:00Z',
  began: '2026-11-21T10:00:00+00:00',
  ended: null,
  log: true,
  applications: [],
  executed: null
};

test('a file is run by what its name ends in', () => {
  assert.deepEqual(['a/b.py', 'b.ipynb', 'c.jar', 'd.csv', 'py'].map(kindOf), ['script', 'notebook', 'jar', null, null]);
});

test('times are told in two units at most', () => {
  assert.deepEqual([0, 59, 60, 61, 3600, 3661, 90000].map(duration), [
    '0 s',
    '59 s',
    '1 min',
    '1 min 1 s',
    '1 h',
    '1 h 1 min',
    '1 d 1 h'
  ]);
});

test('a job takes from its beginning to its end, or until now', () => {
  assert.equal(took(job, NOW), '1 min');
  assert.equal(took({ ...job, ended: '2026-11-21T10:00:41Z' }, NOW), '41 s');
  assert.equal(took({ ...job, began: null }, NOW), '');
  assert.equal(took({ ...job, began: '2026-11-21T10:02:00Z' }, NOW), '0 s', 'clocks differ');
});

test('one line says how it stands and how long', () => {
  assert.equal(line(job, NOW), 'running · for 1 min');
  assert.equal(line({ ...job, state: 'waiting', began: null }, NOW), 'waiting · since 2 min');
  const failed = { ...job, state: 'failed', code: 3, ended: '2026-11-21T10:00:41Z' };
  assert.equal(line(failed, NOW), 'failed (3) · submitted 2 min ago · took 41 s');
  assert.equal(line({ ...job, state: 'unknown', began: null }, NOW), 'unknown · submitted 2 min ago');
  assert.equal(stands({ state: 'succeeded', code: 0 }), 'succeeded');
});

test('colours of a terminal are left out of a log', () => {
  assert.equal(plain('\u001b[0;31mValueError\u001b[0m: 3 [m]'), 'ValueError: 3 [m]');
});

test('a session has an address of its own in the history', () => {
  assert.equal(historyOf('/user/ada/spark-ui/past/', 'spark-1'), '/user/ada/spark-ui/past/history/spark-1/jobs/');
});

test('executors are told apart', () => {
  const one = { id: '0a_1', number: '1', gone: true };
  assert.deepEqual(executorNames([one, { id: '0a_2', number: '2', gone: false }]), ['executor 1 (gone)', 'executor 2']);
  assert.deepEqual(executorNames([one, { id: '0b_1', number: '1', gone: false }]), [
    'executor 1 of session 1 (gone)',
    'executor 1 of session 2'
  ]);
});
