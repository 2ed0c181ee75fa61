import { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { Clipboard, Dialog, ICommandPalette, InputDialog, Notification, showDialog, showErrorMessage } from '@jupyterlab/apputils';
import { IFileBrowserFactory } from '@jupyterlab/filebrowser';
import { copyIcon, undoIcon } from '@jupyterlab/ui-components';

import { call } from '../api.js';
import { address, lines, Trash } from './model.js';

const TRASH = 'spark-notebooks:restore-from-trash';
const COPY = 'spark-notebooks:copy-s3-path';

/** What belongs to files that are on S3: the trash, and their addresses. */
export const files: JupyterFrontEndPlugin<void> = {
  id: '@spark-notebooks/lab:files',
  description: 'Restores files and folders from the trash, and copies their S3 addresses.',
  autoStart: true,
  optional: [IFileBrowserFactory, ICommandPalette],
  activate: (app: JupyterFrontEnd, browsers: IFileBrowserFactory | null, palette: ICommandPalette | null) => {
    app.commands.addCommand(TRASH, {
      label: 'Restore from Trash…',
      caption: 'Bring back a file or folder that was deleted',
      icon: undoIcon,
      execute: async () => {
        try {
          await chooseAndRestore(browsers);
        } catch (error) {
          await showErrorMessage('Nothing was restored', error instanceof Error ? error : String(error));
        }
      }
    });
    const selected = (): string | null => {
      const items = [...(browsers?.tracker.currentWidget?.selectedItems() ?? [])];
      return items.length === 1 && app.serviceManager.contents.driveName(items[0].path) === '' ? items[0].path : null;
    };
    app.commands.addCommand(COPY, {
      label: 'Copy S3 Path',
      caption: 'Copy the s3:// address, for pandas, Spark and other programs',
      icon: copyIcon,
      isEnabled: () => selected() !== null,
      execute: async () => {
        const path = selected();
        if (path !== null) {
          Clipboard.copyToSystem(address((await (await call('store')).json()).url, path));
        }
      }
    });
    palette?.addItem({ command: TRASH, category: 'File Operations' });
  }
};

async function chooseAndRestore(browsers: IFileBrowserFactory | null): Promise<void> {
  const { days, trashed }: Trash = await (await call('trash')).json();
  if (trashed.length === 0) {
    await showDialog({ title: 'The trash is empty', body: 'Nothing was deleted here.', buttons: [Dialog.okButton()] });
    return;
  }
  const choices = lines(trashed);
  const chosen = await InputDialog.getItem({
    title: 'Restore from the trash',
    label: days === null ? 'What was deleted, the last first' : `What was deleted in the last ${days} days, the last first`,
    items: [...choices.keys()],
    okLabel: 'Restore'
  });
  const entry = chosen.button.accept && chosen.value !== null ? choices.get(chosen.value) : undefined;
  if (entry !== undefined) {
    const answer = await call('trash', {}, { method: 'POST', body: JSON.stringify({ id: entry.id }) });
    const { path } = await answer.json();
    Notification.success(`${path} is restored.`, { autoClose: 5000 });
    await browsers?.tracker.currentWidget?.model.refresh();
  }
}
