import { Dialog, showDialog, showErrorMessage } from '@jupyterlab/apputils';
import { Widget } from '@lumino/widgets';

import { element } from '../elements.js';
import * as server from './api.js';
import { Asked, JobForm } from './form.js';
import { row } from './log.js';
import { isOver, Job, kindOf, Schedule } from './model.js';

/** Asks how a file is to be run, and starts it; what is refused is told in the same dialog. null: nothing was started. */
export async function start(path: string, address: string): Promise<server.Made | null> {
  const name = path.slice(path.lastIndexOf('/') + 1);
  const offered = await server.options();
  let asked: Asked = {};
  let refused = '';
  for (;;) {
    const answer = await showDialog({
      title: `Run ${name} as a job`,
      body: new JobForm(kindOf(path)!, offered, asked, refused),
      buttons: [Dialog.cancelButton(), Dialog.okButton({ label: 'Run' })]
    });
    if (!answer.button.accept || answer.value === null) {
      return null;
    }
    asked = answer.value;
    try {
      return await server.start({ ...asked, script: address });
    } catch (error) {
      refused = error instanceof Error ? error.message : String(error);
    }
  }
}

/** Asks, then ends a job. */
export async function cancelJob(job: Job): Promise<void> {
  const body = 'It ends at once, with its executors, and its log goes. The history keeps how it ended.';
  if (await isSure(`Cancel ${job.name}?`, body, 'Cancel the job')) {
    await told(`${job.name} was not cancelled`, () => server.cancel('jobs', job.name));
  }
}

/** Asks, then takes a schedule away. */
export async function cancelSchedule(schedule: Schedule): Promise<void> {
  const body = 'It starts no runs any more. The runs that it has started go with it and with their logs; one that goes on is ended.';
  if (await isSure(`Take the schedule ${schedule.name} away?`, body, 'Take it away')) {
    await told(`${schedule.name} was not taken away`, () => server.cancel('schedules', schedule.name));
  }
}

/** Runs a job again; the name of the new one, null where there is none. */
export async function rerun(job: Job): Promise<string | null> {
  const made = await told(`${job.name} was not run again`, () => server.rerun(job.name, !isOver(job)));
  return made?.job ?? null;
}

/** Pauses or resumes a schedule, or runs it now; the name of the run, null where there is none. */
export async function change(schedule: Schedule, action: 'pause' | 'resume' | 'run-now'): Promise<string | null> {
  const made = await told(`${schedule.name} is as it was`, () => server.change(schedule.name, action));
  return made?.job ?? null;
}

/** Shows what is known of a schedule. */
export async function showSchedule(name: string): Promise<void> {
  const found = await told(`Nothing is told of ${name}`, () => server.details('schedules', name));
  if (found === null) {
    return;
  }
  const table = element('table', 'sn-JobLog-table', '');
  table.append(...found.map(row));
  const body = new Widget();
  body.node.append(table);
  await showDialog({ title: `The schedule ${name}`, body, buttons: [Dialog.okButton()] });
}

async function isSure(title: string, body: string, label: string): Promise<boolean> {
  const answer = await showDialog({
    title,
    body,
    buttons: [Dialog.cancelButton({ label: 'Leave it' }), Dialog.warnButton({ label })]
  });
  return answer.button.accept;
}

/** What `act` gives; null where it is refused, which is told. */
async function told<T>(title: string, act: () => Promise<T>): Promise<T | null> {
  try {
    return await act();
  } catch (error) {
    await showErrorMessage(title, error instanceof Error ? error : String(error));
    return null;
  }
}
