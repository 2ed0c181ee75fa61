import { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { Clipboard, Dialog, ICommandPalette, InputDialog, Notification, showDialog, showErrorMessage } from '@jupyterlab/apputils';
import { IFileBrowserFactory } from '@jupyterlab/filebrowser';
import { Contents } from '@jupyterlab/services';
import { copyIcon, downloadIcon, undoIcon } from '@jupyterlab/ui-components';

import { call, link } from '../api.js';
import { address, lines, Trash } from './model.js';

const TRASH = 'spark-notebooks:restore-from-trash';
const COPY = 'spark-notebooks:copy-s3-path';
const DOWNLOAD_FOLDER = 'spark-notebooks:download-folder';
const DOWNLOAD_CURRENT = 'spark-notebooks:download-current-folder';

/** What belongs to files that are on S3: the trash, their addresses, folders as archives. */
export const files: JupyterFrontEndPlugin<void> = {
  id: '@spark-notebooks/lab:files',
  description: 'Restores files and folders from the trash, copies their S3 addresses, and downloads folders.',
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
    const isOurs = (path: string): boolean => app.serviceManager.contents.driveName(path) === '';
    const only = (): Contents.IModel | null => {
      const items = [...(browsers?.tracker.currentWidget?.selectedItems() ?? [])];
      return items.length === 1 && isOurs(items[0].path) ? items[0] : null;
    };
    const selected = (): string | null => only()?.path ?? null;
    const selectedFolder = (): string | null => (only()?.type === 'directory' ? selected() : null);
    const currentFolder = (): string | null => {
      const path = browsers?.tracker.currentWidget?.model.path;
      return path !== undefined && isOurs(path) ? path : null;
    };
    for (const [command, path, label] of [
      [DOWNLOAD_FOLDER, selectedFolder, 'Download as Zip'],
      [DOWNLOAD_CURRENT, currentFolder, 'Download Current Folder as Zip']
    ] as const) {
      app.commands.addCommand(command, {
        label,
        caption: 'Download the folder and all in it as one zip archive',
        icon: downloadIcon,
        isEnabled: () => path() !== null,
        execute: () => {
          const found = path();
          if (found !== null) {
            download(found);
          }
        }
      });
    }
    app.commands.addCommand(COPY, {
      label: 'Copy S3 Path',
      caption: 'Copy the s3:// address, for pandas, Spark and other programs',
      icon: copyIcon,
      isEnabled: () => selected() !== null,
      execute: async () => {
        const path = selected();
        if (path === null) {
          return;
        }
        const found = address((await (await call('store')).json()).folders, path);
        if (found === null) {
          await showErrorMessage('Nothing was copied', `${path} has no address of its own: the folders in it have.`);
        } else {
          Clipboard.copyToSystem(found);
        }
      }
    });
    for (const command of [TRASH, DOWNLOAD_CURRENT]) {
      palette?.addItem({ command, category: 'File Operations' });
    }
  }
};

function download(folder: string): void {
  const anchor = document.createElement('a');
  anchor.href = link('archive', { path: folder });
  anchor.download = '';
  document.body.appendChild(anchor);
  anchor.click();
  anchor.remove();
}

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
