import { ILabShell, JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ICommandPalette, MainAreaWidget, Notification, showErrorMessage } from '@jupyterlab/apputils';
import { IDocumentManager } from '@jupyterlab/docmanager';
import { IFileBrowserFactory } from '@jupyterlab/filebrowser';

import { call } from '../api.js';
import { opened } from '../documents.js';
import { address } from '../files/model.js';
import { jobsIcon } from '../icon.js';
import { addPanel } from '../panels.js';
import { list as listSessions } from '../sessions/api.js';
import { openFrame } from '../sessions/frame.js';
import { details, executorLog, executors, log, overview } from './api.js';
import * as ask from './ask.js';
import { JobLog } from './log.js';
import { historyOf, Job, kindOf } from './model.js';
import { JobsPanel } from './panel.js';

const PANEL = 'spark-notebooks-jobs';
const SHOW = 'spark-notebooks:show-jobs';
const RUN = 'spark-notebooks:run-as-job';
const RUN_CURRENT = 'spark-notebooks:run-current-as-job';

/** A panel at the left with the jobs and schedules of the workspace, and the ways to start one. */
export const jobs: JupyterFrontEndPlugin<void> = {
  id: '@spark-notebooks/lab:jobs',
  description: 'Lists jobs and schedules, shows their logs and what Spark did, and runs files as jobs.',
  autoStart: true,
  requires: [ILabShell, IDocumentManager],
  optional: [IFileBrowserFactory, ICommandPalette],
  activate: (
    app: JupyterFrontEnd,
    shell: ILabShell,
    documents: IDocumentManager,
    browsers: IFileBrowserFactory | null,
    palette: ICommandPalette | null
  ) => {
    const showJob = (name: string): void => openLog(shell, name);
    const panel = new JobsPanel({
      overview,
      showJob,
      showSchedule: ask.showSchedule,
      cancelJob: ask.cancelJob,
      rerun: async job => {
        const made = await ask.rerun(job);
        if (made !== null) {
          showJob(made);
        }
      },
      showHistory: (job, application) => showHistory(shell, job, application),
      // To look at what came of it needs no kernel, and none is started for it.
      openNotebook: path => void documents.openOrReveal(path, undefined, undefined, undefined, { shouldStart: false, autoStartDefault: false }),
      change: async (schedule, action) => {
        const made = await ask.change(schedule, action);
        if (made !== null) {
          showJob(made);
        }
      },
      cancelSchedule: ask.cancelSchedule
    });
    addPanel(shell, panel, { id: PANEL, title: 'Jobs', icon: jobsIcon, area: 'left', rank: 351, type: 'Jobs' });

    const isOurs = (path: string): boolean => app.serviceManager.contents.driveName(path) === '' && kindOf(path) !== null;
    const selected = (): string | null => {
      const items = [...(browsers?.tracker.currentWidget?.selectedItems() ?? [])];
      return items.length === 1 && items[0].type !== 'directory' && isOurs(items[0].path) ? items[0].path : null;
    };
    const current = (): string | null => {
      const path = shell.currentWidget && documents.contextForWidget(shell.currentWidget)?.path;
      return path && isOurs(path) ? path : null;
    };
    const run = async (path: string): Promise<void> => {
      try {
        // What one sees is what is to run.
        for (const context of opened(app, documents, path)) {
          if (context.model.dirty) {
            await context.save();
          }
        }
        const made = await ask.start(path, await addressOf(path));
        if (made === null) {
          return;
        }
        shell.activateById(PANEL);
        await panel.look().catch(() => undefined);
        if (made.job !== undefined) {
          showJob(made.job);
        } else {
          Notification.success(`${made.schedule} is scheduled, also while your notebook does not run.`, { autoClose: 5000 });
        }
      } catch (error) {
        await showErrorMessage(`${path} was not started`, error instanceof Error ? error : String(error));
      }
    };
    app.commands.addCommand(SHOW, { label: 'Show Jobs', execute: () => shell.activateById(PANEL) });
    for (const [command, label, path] of [
      [RUN, 'Run as a Job…', selected],
      [RUN_CURRENT, 'Run This File as a Job…', current]
    ] as const) {
      app.commands.addCommand(command, {
        label,
        caption: 'Run it by itself, also when the browser and the notebook are closed; once, or at times of the clock',
        icon: jobsIcon,
        isEnabled: () => path() !== null,
        isVisible: () => command === RUN_CURRENT || path() !== null,
        execute: async () => {
          const found = path();
          if (found !== null) {
            await run(found);
          }
        }
      });
    }
    palette?.addItem({ command: SHOW, category: 'Spark' });
    palette?.addItem({ command: RUN_CURRENT, category: 'Spark' });
  }
};

/** The s3:// address of a file: a file of the same path on the instance's disk is another one. */
async function addressOf(path: string): Promise<string> {
  const { folders } = await (await call('store')).json();
  return address(folders, path) ?? path;
}

function openLog(shell: ILabShell, name: string): void {
  const id = `spark-notebooks-job-${name.replace(/[^a-zA-Z0-9]+/g, '-')}`;
  const isOpen = [...shell.widgets('main')].some(widget => widget.id === id);
  if (!isOpen) {
    const content = new JobLog(name, {
      log: (pod, since) => log(name, pod, since),
      details: () => details('jobs', name),
      executors: () => executors(name),
      executorLog: id => executorLog(name, id)
    });
    const widget = new MainAreaWidget({ content });
    widget.id = id;
    widget.title.label = name;
    widget.title.caption = `Log of the job ${name}`;
    widget.title.icon = jobsIcon;
    widget.title.closable = true;
    shell.add(widget, 'main', { type: 'Job log' });
  }
  shell.activateById(id);
}

async function showHistory(shell: ILabShell, job: Job, application: string): Promise<void> {
  const { past } = await listSessions();
  if (past === null) {
    await showErrorMessage('There is no Spark history here', 'Your files are not on S3, where it would be kept.');
    return;
  }
  openFrame(shell, job.name, historyOf(past.frame, application));
}
