import { ILabShell, JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { Dialog, ICommandPalette, showDialog, showErrorMessage } from '@jupyterlab/apputils';

import { sparkIcon } from '../icon.js';
import { addPanel } from '../panels.js';
import { list, stop } from './api.js';
import { openFrame } from './frame.js';
import { Session } from './model.js';
import { SessionsPanel } from './panel.js';

const PANEL = 'spark-notebooks-sessions';
const SHOW = 'spark-notebooks:show-sessions';

/** A panel at the left with the Spark sessions of this server. */
export const sessions: JupyterFrontEndPlugin<void> = {
  id: '@spark-notebooks/lab:sessions',
  description: 'Lists the Spark sessions of this server, with their Spark UI and a way to stop them.',
  autoStart: true,
  requires: [ILabShell],
  optional: [ICommandPalette],
  activate: (app: JupyterFrontEnd, shell: ILabShell, palette: ICommandPalette | null) => {
    const panel = new SessionsPanel({
      list,
      open: (title, frame) => openFrame(shell, title, frame),
      stop: askAndStop
    });
    addPanel(shell, panel, { id: PANEL, title: 'Spark sessions', icon: sparkIcon, area: 'left', rank: 350, type: 'Spark sessions' });
    app.commands.addCommand(SHOW, {
      label: 'Show Spark Sessions',
      execute: () => shell.activateById(PANEL)
    });
    palette?.addItem({ command: SHOW, category: 'Spark' });
  }
};

async function askAndStop(session: Session): Promise<void> {
  const answer = await showDialog({
    title: `Stop ${session.name}?`,
    body: 'What it computes is cancelled, its executors are given back, and cached data is gone. The notebook and its Python variables stay.',
    buttons: [Dialog.cancelButton(), Dialog.warnButton({ label: 'Stop the session' })]
  });
  if (!answer.button.accept) {
    return;
  }
  try {
    await stop(session.id);
  } catch (error) {
    await showErrorMessage(`${session.name} was not stopped`, error instanceof Error ? error : String(error));
  }
}
