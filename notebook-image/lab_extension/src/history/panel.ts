import { Widget } from '@lumino/widgets';

import { element } from '../elements.js';
import { byDay, Page, remarks, Version } from './model.js';

export interface Actions {
  /** A page of the versions of a file. */
  list(path: string, after: string | null): Promise<Page>;
  /** Shows a version beside the document. */
  open(path: string, version: Version): void;
  /** Asks, then makes the version the present one; whether it did. */
  restore(path: string, version: Version, kept: Page['kept']): Promise<boolean>;
}

const NOTHING = 'Choose History… in the File menu, or in the menu of a file at the left, to see its versions.';
const ONLY_CHECKPOINTS =
  'This storage keeps no versions of files. Listed are the checkpoints, one for each time that you saved by hand.';

/** The versions of one file, newest first. */
export class HistoryPanel extends Widget {
  constructor(actions: Actions) {
    super();
    this._actions = actions;
    this.addClass('sn-History');
    this._showNote(NOTHING);
  }

  get path(): string | null {
    return this._path;
  }

  /** Shows the versions of a file, from the newest on. */
  async look(path: string): Promise<void> {
    const isAnother = path !== this._path;
    this._path = path;
    if (isAnother) {
      this._versions = [];
      this._showNote('Looking for versions …');
    }
    await this._load(null);
  }

  private async _load(after: string | null): Promise<void> {
    const path = this._path!;
    const request = ++this._request;
    try {
      const page = await this._actions.list(path, after);
      if (request === this._request) {
        this._versions = after === null ? page.versions : [...this._versions, ...page.versions];
        this._render(page);
      }
    } catch (error) {
      if (request === this._request) {
        const why = error instanceof Error ? error.message : String(error);
        this._showNote(`The versions of this file cannot be shown: ${why}`, this._button('Try again', () => this._load(after)));
      }
    }
  }

  private _render(page: Page): void {
    const focused = document.activeElement?.getAttribute('data-key');
    const parts = this._header();
    if (page.kept === 'checkpoints') {
      parts.push(element('p', 'sn-History-note', ONLY_CHECKPOINTS));
    }
    if (this._versions.length === 0) {
      parts.push(element('p', 'sn-History-note', 'There are no versions of this file.'));
    }
    for (const { day, versions } of byDay(this._versions, new Date())) {
      const list = element('ul', 'sn-History-list', '');
      list.append(...versions.map(version => this._row(version, page.kept)));
      parts.push(element('h3', 'sn-History-day', day), list);
    }
    if (page.next !== null) {
      const next = page.next;
      parts.push(this._button('Show older versions', () => this._load(next)));
    }
    this.node.replaceChildren(...parts);
    if (focused) {
      this.node.querySelector<HTMLElement>(`[data-key="${CSS.escape(focused)}"]`)?.focus();
    }
  }

  private _row(version: Version, kept: Page['kept']): HTMLElement {
    const path = this._path!;
    const row = element('li', 'sn-History-version', '');
    const time = new Date(version.time);
    const clock = time.toLocaleTimeString(undefined, { hour: '2-digit', minute: '2-digit', second: '2-digit' });
    const text = element('div', 'sn-History-text', '');
    const told = element('time', 'sn-History-time', clock) as HTMLTimeElement;
    told.dateTime = version.time;
    told.title = time.toLocaleString();
    text.append(told);
    if (version.latest) {
      text.append(element('span', 'sn-History-badge', 'current'));
    }
    text.append(element('div', 'sn-History-note', remarks(version, path).join(' · ')));
    row.append(text);
    if (version.id === null || version.latest) {
      row.classList.toggle('sn-mod-deleted', version.id === null);
      return row;
    }
    const buttons = element('div', 'sn-History-buttons', '');
    const open = this._button('Open', async () => this._actions.open(path, version), `Open the version of ${clock} beside the document`);
    const restore = this._button('Restore', () => this._restore(version, kept), `Restore the version of ${clock}`);
    open.dataset.key = `open ${version.id}`;
    restore.dataset.key = `restore ${version.id}`;
    buttons.append(open, restore);
    row.append(buttons);
    return row;
  }

  private async _restore(version: Version, kept: Page['kept']): Promise<void> {
    if (await this._actions.restore(this._path!, version, kept)) {
      await this._load(null);
    }
  }

  private _header(): HTMLElement[] {
    if (this._path === null) {
      return [element('h2', 'sn-History-title', 'History')];
    }
    const name = element('h2', 'sn-History-title', this._path.slice(this._path.lastIndexOf('/') + 1));
    name.title = this._path;
    const head = element('div', 'sn-History-head', '');
    head.append(name, this._button('Refresh', () => this._load(null), 'Look for new versions'));
    return [head];
  }

  private _showNote(note: string, ...more: HTMLElement[]): void {
    const shown = element('p', 'sn-History-note', note);
    shown.setAttribute('role', 'status');
    this.node.replaceChildren(...this._header(), shown, ...more);
  }

  private _button(label: string, act: () => Promise<void>, title = label): HTMLButtonElement {
    const button = element('button', 'jp-Button sn-Button', label) as HTMLButtonElement;
    button.title = title;
    button.setAttribute('aria-label', title);
    button.onclick = async () => {
      button.disabled = true;
      try {
        await act();
      } finally {
        button.disabled = false;
      }
    };
    return button;
  }

  private readonly _actions: Actions;
  private _path: string | null = null;
  private _versions: Version[] = [];
  private _request = 0;
}
