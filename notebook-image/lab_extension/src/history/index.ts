import { ILabShell, JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { Dialog, ICommandPalette, showDialog, showErrorMessage } from '@jupyterlab/apputils';
import { IDocumentManager } from '@jupyterlab/docmanager';
import { IFileBrowserFactory } from '@jupyterlab/filebrowser';
import { historyIcon } from '@jupyterlab/ui-components';

import { opened } from '../documents.js';
import { addPanel } from '../panels.js';
import { history as list, restore } from './api.js';
import { DRIVE, VersionsDrive } from './drive.js';
import { Page, Version, versionPath } from './model.js';
import { HistoryPanel } from './panel.js';

const PANEL = 'spark-notebooks-history';
const SHOW = 'spark-notebooks:show-history';
const SHOW_SELECTED = 'spark-notebooks:show-history-of-selected';

/** A panel at the right with the versions of a file. */
export const history: JupyterFrontEndPlugin<void> = {
  id: '@spark-notebooks/lab:history',
  description: 'Shows the versions of a file, opens them beside it, and restores them.',
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
    const { contents } = app.serviceManager;
    contents.addDrive(new VersionsDrive());
    const panel = new HistoryPanel({
      list,
      open: (path, version) => openBeside(documents, path, version),
      restore: (path, version, kept) => askAndRestore(app, documents, path, version, kept)
    });
    addPanel(shell, panel, { id: PANEL, title: 'History of a file', icon: historyIcon, area: 'right', rank: 350, type: 'History' });
    // What is saved while one looks is the next version.
    contents.fileChanged.connect((_, change) => {
      if (change.type === 'save' && change.newValue?.path === panel.path && panel.isVisible) {
        void panel.look(panel.path!);
      }
    });

    const show = (path: string): void => {
      shell.activateById(PANEL);
      void panel.look(path);
    };
    const current = (): string | null => {
      const context = shell.currentWidget && documents.contextForWidget(shell.currentWidget);
      return context && contents.driveName(context.path) === '' ? context.path : null;
    };
    const selected = (): string | null => {
      const items = [...(browsers?.tracker.currentWidget?.selectedItems() ?? [])];
      return items.length === 1 && items[0].type !== 'directory' ? items[0].path : null;
    };
    for (const [command, path] of [
      [SHOW, current],
      [SHOW_SELECTED, selected]
    ] as const) {
      app.commands.addCommand(command, {
        label: 'History…',
        caption: 'Show the versions of this file',
        icon: historyIcon,
        isEnabled: () => path() !== null,
        execute: () => {
          const found = path();
          if (found !== null) {
            show(found);
          }
        }
      });
    }
    palette?.addItem({ command: SHOW, category: 'File Operations' });
  }
};

function openBeside(documents: IDocumentManager, path: string, version: Version): void {
  const document = documents.findWidget(path, null);
  const beside = document === undefined ? {} : { ref: document.id, mode: 'split-right' as const };
  const noKernel = { shouldStart: false, canStart: false, autoStartDefault: false };
  documents.openOrReveal(`${DRIVE}:${versionPath(version, path)}`, undefined, undefined, beside, noKernel);
}

async function askAndRestore(
  app: JupyterFrontEnd,
  documents: IDocumentManager,
  path: string,
  version: Version,
  kept: Page['kept']
): Promise<boolean> {
  const contexts = opened(app, documents, path);
  const unsaved = contexts.some(context => context.model.dirty)
    ? ' What you have changed in the open document and not saved will be gone.'
    : '';
  const answer = await showDialog({
    title: `Restore the version of ${new Date(version.time).toLocaleString()}?`,
    body: `It becomes the present version of ${path}. The present one stays in the history.${unsaved}`,
    buttons: [Dialog.cancelButton(), Dialog.warnButton({ label: 'Restore' })]
  });
  if (!answer.button.accept) {
    return false;
  }
  try {
    if (kept === 'checkpoints') {
      await app.serviceManager.contents.createCheckpoint(path);
    }
    await restore(path, version.id!);
  } catch (error) {
    await showErrorMessage(`${path} is as it was`, error instanceof Error ? error : String(error));
    return false;
  }
  for (const context of contexts) {
    // JupyterLab tells by itself what it cannot load.
    await context.revert().catch(() => undefined);
  }
  return true;
}
