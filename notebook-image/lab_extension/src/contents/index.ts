import { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { Notification, showErrorMessage } from '@jupyterlab/apputils';
import { IDocumentManager } from '@jupyterlab/docmanager';
import { DocumentRegistry } from '@jupyterlab/docregistry';
import { Contents, IDefaultDrive, IServerSettings, ServerConnection, ServiceManagerPlugin } from '@jupyterlab/services';

import { call } from '../api.js';
import { opened } from '../documents.js';
import { SafeDrive } from './drive.js';
import { Follower } from './follower.js';
import { Keeper, Notice } from './keeper.js';

/** JupyterLab's access to files, in place of its own (package.json turns that off). */
export const drive: ServiceManagerPlugin<Contents.IDrive> = {
  id: '@spark-notebooks/lab:drive',
  description: 'Reads and writes files; a save replaces the version that this tab has seen, and no other.',
  autoStart: true,
  provides: IDefaultDrive,
  optional: [IServerSettings],
  activate: (_: null, serverSettings: ServerConnection.ISettings | null) =>
    new SafeDrive({ serverSettings: serverSettings ?? undefined })
};

/** Saves later what could not be saved, and lets JupyterLab ask where the file has changed. */
export const saving: JupyterFrontEndPlugin<void> = {
  id: '@spark-notebooks/lab:saving',
  description: 'Saves documents when the storage is back, and asks what to do with a file that has changed.',
  autoStart: true,
  requires: [IDefaultDrive, IDocumentManager],
  activate: (app: JupyterFrontEnd, files: Contents.IDrive, documents: IDocumentManager) => {
    if (!(files instanceof SafeDrive)) {
      return;
    }
    const notices = new Notices(path => void keeper.retry(path));
    const keeper = new Keeper({
      save: path => saveDocuments(opened(app, documents, path)),
      show: (path, notice) => notices.show(path, notice),
      fail: (path, message) => void showErrorMessage(`${path} was not saved`, message),
      later
    });
    files.unsaved.connect((_, unsaved) => keeper.unsaved(unsaved));
    files.fileChanged.connect((_, change) => {
      if (change.type === 'save' && change.newValue?.path) {
        keeper.saved(change.newValue.path);
      }
    });
  }
};

/** Shows how far the renaming or deletion of a large folder is. */
export const moving: JupyterFrontEndPlugin<void> = {
  id: '@spark-notebooks/lab:moving',
  description: 'Shows how far the renaming or deletion of a large folder is.',
  autoStart: true,
  requires: [IDefaultDrive],
  activate: (_: JupyterFrontEnd, files: Contents.IDrive) => {
    if (!(files instanceof SafeDrive)) {
      return;
    }
    const shown = new Map<string, string>();
    const show = (path: string, text: string | null): void => {
      const id = shown.get(path);
      if (text !== null) {
        if (id === undefined || !Notification.update({ id, message: text })) {
          shown.set(path, Notification.emit(text, 'in-progress', { autoClose: false }));
        }
      } else if (id !== undefined) {
        shown.delete(path);
        Notification.dismiss(id);
      }
    };
    const follower = new Follower({ ask: async path => (await call('progress', { path })).json(), show, later });
    files.moves.connect((_, move) => void follower.follow(move));
  }
};

function later(callback: () => void, seconds: number): () => void {
  const timer = setTimeout(callback, seconds * 1000);
  return () => clearTimeout(timer);
}

async function saveDocuments(contexts: DocumentRegistry.Context[]): Promise<boolean> {
  const dirty = contexts.filter(context => context.model.dirty);
  // A document counts as saved when a save that began before its last change has succeeded.
  const wanted = dirty.length > 0 ? dirty : contexts;
  let saved = wanted.length > 0;
  for (const context of wanted) {
    try {
      await context.save();
    } catch {
      // JupyterLab, or the next notice, has told the person.
      saved = false;
    }
  }
  return saved;
}

/** One notification per file, at the lower right. */
class Notices {
  constructor(retry: (path: string) => void) {
    this._retry = retry;
  }

  show(path: string, notice: Notice | null): void {
    const id = this._ids.get(path);
    if (notice === null || notice.kind === 'saved') {
      this._ids.delete(path);
    }
    if (notice === null) {
      if (id !== undefined) {
        Notification.dismiss(id);
      }
      return;
    }
    const type = ({ slow: 'in-progress', waiting: 'warning', saved: 'success' } as const)[notice.kind];
    const options = { autoClose: notice.kind === 'saved' ? 5000 : (false as const), actions: this._actions(path, notice) };
    if (id === undefined || !Notification.update({ id, message: notice.text, type, ...options })) {
      const shown = Notification.emit(notice.text, type, options);
      if (notice.kind !== 'saved') {
        this._ids.set(path, shown);
      }
    }
  }

  private _actions(path: string, notice: Notice): Notification.IAction[] {
    if (notice.kind !== 'waiting') {
      return [];
    }
    return [
      {
        label: 'Try now',
        callback: event => {
          event.preventDefault(); // the notification stays
          this._retry(path);
        }
      },
      {
        label: 'Details',
        callback: event => {
          event.preventDefault();
          void showErrorMessage(`${path} is not saved yet`, notice.details);
        }
      }
    ];
  }

  private readonly _ids = new Map<string, string>();
  private readonly _retry: (path: string) => void;
}
