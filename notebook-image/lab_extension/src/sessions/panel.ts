import { element } from '../elements.js';
import { PolledWidget } from '../polled.js';
import { activity, differs, Listing, Session, since } from './model.js';

const REFRESH = 5000; // milliseconds

export interface Actions {
  list(): Promise<Listing>;
  /** Shows a page of Spark in a tab of JupyterLab. */
  open(title: string, frame: string): void;
  /** Asks, then stops. */
  stop(session: Session): Promise<void>;
}

/** The list of sessions. */
export class SessionsPanel extends PolledWidget {
  constructor(actions: Actions) {
    super('sessions', REFRESH, 'sn-Sessions');
    this._actions = actions;
    this.node.append(element('div', 'sn-Sessions-note', 'Looking for sessions …'));
  }

  protected async refresh(): Promise<void> {
    try {
      const listing = await this._actions.list();
      const minute = Math.floor(Date.now() / 60000);
      if (differs(this._shown, listing) || minute !== this._minute) {
        this._minute = minute;
        this._shown = listing;
        this.node.replaceChildren(...this._render(listing));
      }
    } catch (error) {
      this._shown = null;
      const why = error instanceof Error ? error.message : String(error);
      this.node.replaceChildren(
        element('div', 'sn-Sessions-note', `The server does not tell which sessions run: ${why}. This list tries again by itself.`)
      );
      throw error;
    }
  }

  private _render(listing: Listing): HTMLElement[] {
    const now = Date.now() / 1000;
    const parts = [element('div', 'sn-Sessions-title', 'Running')];
    if (listing.sessions.length === 0) {
      parts.push(element('div', 'sn-Sessions-note', 'No Spark session is running. get_spark_session() in a notebook starts one.'));
    }
    parts.push(...listing.sessions.map(session => this._card(session, now)));
    if (listing.past !== null) {
      const past = listing.past;
      parts.push(element('div', 'sn-Sessions-title', 'Ended'));
      const row = element('div', 'sn-Sessions-card', '');
      row.append(
        element('div', 'sn-Sessions-note', 'The Spark UI of sessions that have ended.'),
        this._buttons('Past sessions', past.frame, past.ui, 'Past sessions')
      );
      parts.push(row);
    }
    return parts;
  }

  private _card(session: Session, now: number): HTMLElement {
    const card = element('div', 'sn-Sessions-card', '');
    card.dataset.session = session.id;
    const name = element('div', 'sn-Sessions-name', session.name);
    name.title = `${session.name} (${session.application_id})`;
    name.prepend(element('span', 'sn-Sessions-dot', ''));
    card.dataset.state = session.state;
    card.append(
      name,
      element('div', 'sn-Sessions-activity', activity(session)),
      element('div', 'sn-Sessions-note', `started ${since(session.started, now)} ago`)
    );
    const buttons = this._buttons('Spark UI', session.frame, session.ui, session.name);
    const stop = element('button', 'jp-Button sn-Button', 'Stop') as HTMLButtonElement;
    stop.title = `Stop ${session.name} and give back its executors`;
    stop.onclick = async () => {
      stop.disabled = true;
      try {
        await this._actions.stop(session);
        await this.look();
      } finally {
        stop.disabled = false;
      }
    };
    buttons.append(stop);
    card.append(buttons);
    return card;
  }

  private _buttons(label: string, frame: string | null, ui: string | null, title: string): HTMLElement {
    const row = element('div', 'sn-Buttons', '');
    if (frame !== null && ui !== null) {
      const open = element('button', 'jp-Button sn-Button', label);
      open.title = 'Open in JupyterLab';
      open.onclick = () => this._actions.open(title, frame);
      const link = element('a', 'jp-Button sn-Button', '↗') as HTMLAnchorElement;
      link.title = 'Open in a new tab of the browser';
      link.setAttribute('aria-label', link.title);
      link.href = ui;
      link.target = '_blank';
      link.rel = 'noopener';
      row.append(open, link);
    }
    return row;
  }

  private readonly _actions: Actions;
  private _shown: Listing | null = null;
  private _minute = 0;
}
