import { element } from '../elements.js';
import { PolledWidget } from '../polled.js';
import { Excerpt, Executor, executorNames, plain, stands } from './model.js';

const REFRESH = 2000; // milliseconds
const MOST = 8_000_000; // characters that are shown: a browser's tab gets slow with more

export interface Source {
  log(pod: string, since: string): Promise<Excerpt>;
  details(): Promise<[string, string][]>;
  executors(): Promise<Executor[]>;
  /** The last lines of an executor. */
  executorLog(id: string): Promise<string>;
}

/** The log of a job, as it grows, and what is known of the job. It asks the server until the job is over. */
export class JobLog extends PolledWidget {
  constructor(name: string, source: Source) {
    super(`job-log-${name}`, REFRESH, 'sn-JobLog');
    this._source = source;
    this._state.setAttribute('role', 'status');
    this._details.append(element('summary', '', 'What it runs'), this._table);
    // One that has the focus is scrolled by keys.
    this._text.tabIndex = 0;
    this._text.setAttribute('role', 'log');
    this._text.setAttribute('aria-label', `Log of ${name}`);
    this._text.setAttribute('aria-live', 'off');
    this._choice.name = 'executor';
    this._choice.setAttribute('aria-label', `Whose log of ${name}`);
    this._choice.append(new Option('what the job printed', ''));
    // Asked for when the job begins or ends, and when somebody comes to the list; not each time that something is new.
    this._choice.onfocus = () => void this._offer();
    this._choice.onchange = () => void this._choose();
    this._executor.tabIndex = 0;
    this._executor.setAttribute('role', 'log');
    this._executor.setAttribute('aria-label', `Log of an executor of ${name}`);
    this._executor.setAttribute('aria-live', 'off');
    this._executor.hidden = true;
    const head = element('div', 'sn-JobLog-head', '');
    head.append(element('h2', 'sn-JobLog-title', name), this._choice);
    this.node.append(head, this._state, this._details, this._text, this._executor);
  }

  protected async refresh(): Promise<void> {
    try {
      const found = await this._source.log(this._pod, this._since);
      this._show(found);
      if (found.state !== this._told) {
        this._told = found.state;
        this._table.replaceChildren(...(await this._source.details()).map(row));
        void this._offer();
      }
      if (found.over && found.text === '') {
        this.finish();
      }
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      this._state.textContent = `The log cannot be read for now: ${why} This tries again by itself.`;
      throw error;
    }
  }

  private async _offer(): Promise<void> {
    const found = await this._source.executors().catch(() => []);
    const names = executorNames(found);
    const offered = new Set([...this._choice.options].map(option => option.value));
    found.forEach(({ id }, index) => {
      if (!offered.has(id)) {
        this._choice.append(new Option(names[index], id));
      }
    });
  }

  private async _choose(): Promise<void> {
    const id = this._choice.value;
    this._text.hidden = id !== '';
    this._executor.hidden = id === '';
    if (id === '') {
      return;
    }
    this._executor.textContent = 'Looking for the log …';
    const text = await this._source.executorLog(id).then(plain, error => (error instanceof Error ? error.message : String(error)));
    if (this._choice.value === id) {
      this._executor.textContent = text;
      this._executor.scrollTop = this._executor.scrollHeight;
    }
  }

  private _show(found: Excerpt): void {
    this._state.textContent = [stands(found), found.message].filter(Boolean).join(' · ');
    this._state.dataset.state = found.state;
    this._pod = found.pod;
    this._since = found.since;
    const box = this._text;
    const follows = box.scrollHeight - box.scrollTop - box.clientHeight < 20;
    if (found.again) {
      this._add('— It begins again, in another pod. —\n');
    }
    if (found.cut) {
      this._add('— Lines before these are left out: spark-session logs shows all of them. —\n');
    }
    if (found.text !== '') {
      this._add(plain(found.text));
    }
    if (follows) {
      box.scrollTop = box.scrollHeight;
    }
  }

  private _add(text: string): void {
    this._text.append(document.createTextNode(text));
    this._length += text.length;
    while (this._length > MOST && this._text.firstChild !== null && this._text.firstChild !== this._text.lastChild) {
      this._length -= this._text.firstChild.textContent?.length ?? 0;
      this._text.firstChild.remove();
    }
  }

  private readonly _source: Source;
  private readonly _state = element('p', 'sn-JobLog-state', 'Looking for the log …');
  private readonly _details = element('details', 'sn-JobLog-details', '');
  private readonly _table = element('table', 'sn-JobLog-table', '');
  private readonly _choice = element('select', 'jp-mod-styled sn-JobLog-choice', '') as HTMLSelectElement;
  private readonly _executor = element('pre', 'sn-JobLog-text', '');
  private readonly _text = element('pre', 'sn-JobLog-text', '');
  private _pod = '';
  private _since = '';
  private _told = '';
  private _length = 0;
}

/** A line of a table with a name and a value. */
export function row([name, value]: [string, string]): HTMLElement {
  const made = element('tr', '', '');
  const head = element('th', '', name);
  head.setAttribute('scope', 'row');
  made.append(head, element('td', '', value));
  return made;
}
