import { element } from '../elements.js';
import { PolledWidget } from '../polled.js';
import { isOver, Job, line, Overview, Schedule } from './model.js';

const REFRESH = 10000; // milliseconds

export interface Actions {
  overview(): Promise<Overview>;
  /** Shows the log of a job and what is known of it in a tab. */
  showJob(name: string): void;
  showSchedule(name: string): Promise<void>;
  /** Each asks where something would be lost, and tells what is refused. */
  cancelJob(job: Job): Promise<void>;
  rerun(job: Job): Promise<void>;
  /** Shows what Spark did, in a tab. */
  showHistory(job: Job, application: string): Promise<void>;
  openNotebook(path: string): void;
  change(schedule: Schedule, action: 'pause' | 'resume' | 'run-now'): Promise<void>;
  cancelSchedule(schedule: Schedule): Promise<void>;
}

/** Jobs that run and have ended, and schedules. */
export class JobsPanel extends PolledWidget {
  constructor(actions: Actions) {
    super('jobs', REFRESH, 'sn-Jobs');
    this._actions = actions;
    this._say('Looking for jobs …');
  }

  protected async refresh(): Promise<void> {
    try {
      this._render(await this._actions.overview());
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      this._say(`The server does not tell which jobs there are: ${why} This list tries again by itself.`);
      throw error;
    }
  }

  private _render(found: Overview): void {
    if (found.unavailable !== null) {
      this._say(found.unavailable);
      return;
    }
    const now = Date.now();
    const parts = [
      heading('Running and waiting'),
      list(
        'Running and waiting',
        found.jobs.map(job => this._job(job, now)),
        'No job runs. Run as a Job… in the menu of a script, notebook or jar at the left starts one.'
      ),
      heading('Schedules'),
      list(
        'Schedules',
        found.schedules.map(schedule => this._schedule(schedule)),
        'Nothing is scheduled.'
      ),
      heading('Ended'),
      list(
        'Ended',
        found.ended.map(job => this._job(job, now)),
        'No job has ended yet.'
      )
    ];
    if (found.note !== null) {
      parts.push(note(found.note));
    }
    // What has the focus, and where one has scrolled to, is to stay.
    const focused = document.activeElement?.getAttribute('data-key');
    const top = this.node.scrollTop;
    this.node.replaceChildren(...parts);
    this.node.scrollTop = top;
    if (focused) {
      this.node.querySelector<HTMLElement>(`[data-key="${CSS.escape(focused)}"]`)?.focus();
    }
  }

  private _job(job: Job, now: number): HTMLElement {
    const card = this._card(job.name, job.state, line(job, now));
    card.dataset.job = job.name;
    const about = [job.script, job.schedule === null ? '' : `run of ${job.schedule}`].filter(Boolean).join(' · ');
    card.append(note(about));
    if (job.message !== '') {
      card.append(note(job.message));
    }
    const buttons = element('div', 'sn-Buttons', '');
    const add = (label: string, title: string, act: () => Promise<void> | void): void => {
      buttons.append(this._button(`${label} ${job.name}`, label, title, act));
    };
    const over = isOver(job);
    add(job.log || !over ? 'Log' : 'Details', `${job.log || !over ? 'Log' : 'Details'} of ${job.name}`, () => this._actions.showJob(job.name));
    if (over) {
      add('Run again', `Run ${job.name} again as it was`, () => this._actions.rerun(job));
    } else {
      add('Cancel', `Cancel ${job.name}`, () => this._actions.cancelJob(job));
    }
    job.applications.forEach((application, index) => {
      const number = job.applications.length > 1 ? ` ${index + 1}` : '';
      add(`Spark${number}`, `What Spark did in ${job.name}${number && `, session${number}`}`, () => this._actions.showHistory(job, application));
    });
    if (job.executed !== null) {
      const path = job.executed;
      add('Notebook', `Open the executed notebook of ${job.name}`, () => this._actions.openNotebook(path));
    }
    card.append(buttons);
    return card;
  }

  private _schedule(schedule: Schedule): HTMLElement {
    const card = this._card(schedule.name, schedule.state, `${schedule.state} · ${schedule.when} ${schedule.time_zone}`);
    card.dataset.schedule = schedule.name;
    card.append(note(schedule.script));
    if (schedule.next !== null) {
      card.append(note(`next run: ${schedule.next}`));
    }
    if (schedule.last !== null) {
      card.append(note(`last run: ${schedule.last.told}`));
    }
    const buttons = element('div', 'sn-Buttons', '');
    const add = (label: string, title: string, act: () => Promise<void> | void): void => {
      buttons.append(this._button(`${label} schedule ${schedule.name}`, label, title, act));
    };
    if (schedule.state === 'paused') {
      add('Resume', `Resume the schedule ${schedule.name}`, () => this._actions.change(schedule, 'resume'));
    } else {
      add('Pause', `Pause the schedule ${schedule.name}`, () => this._actions.change(schedule, 'pause'));
    }
    add('Run now', `Run ${schedule.name} once more, now`, () => this._actions.change(schedule, 'run-now'));
    add('Details', `Details of the schedule ${schedule.name}`, () => this._actions.showSchedule(schedule.name));
    add('Cancel', `Take the schedule ${schedule.name} away`, () => this._actions.cancelSchedule(schedule));
    card.append(buttons);
    return card;
  }

  private _card(name: string, state: string, text: string): HTMLElement {
    const card = element('li', 'sn-Jobs-card', '');
    card.dataset.state = state;
    const title = element('h3', 'sn-Jobs-name', name);
    title.title = name;
    card.append(title, element('div', 'sn-Jobs-state', text));
    return card;
  }

  private _button(key: string, label: string, title: string, act: () => Promise<void> | void): HTMLButtonElement {
    const button = element('button', 'jp-Button sn-Button', label) as HTMLButtonElement;
    button.title = title;
    button.setAttribute('aria-label', title);
    button.dataset.key = key;
    button.onclick = async () => {
      button.disabled = true;
      try {
        await act();
      } finally {
        button.disabled = false;
        await this.look().catch(() => undefined);
      }
    };
    return button;
  }

  private _say(text: string): void {
    const said = note(text);
    said.setAttribute('role', 'status');
    this.node.replaceChildren(said);
  }

  private readonly _actions: Actions;
}

function heading(text: string): HTMLElement {
  return element('h2', 'sn-Sessions-title', text);
}

function note(text: string): HTMLElement {
  return element('p', 'sn-Jobs-note', text);
}

function list(name: string, items: HTMLElement[], nothing: string): HTMLElement {
  if (items.length === 0) {
    return note(nothing);
  }
  const made = element('ul', 'sn-Jobs-list', '');
  made.setAttribute('aria-label', name);
  made.append(...items);
  return made;
}
