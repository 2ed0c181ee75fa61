export const MAX_DELAY = 30; // seconds
const MAX_CHANGES = 3;
const MAX_NAME = 40;

/** Why a document could not be saved: its file has changed, or the store is slow or away. */
export type Obstacle = 'changed' | 'slow' | 'away';

export interface Unsaved {
  path: string;
  obstacle: Obstacle;
  /** What the server says, for a person; empty while it has not answered. */
  message: string;
}

export interface Notice {
  kind: 'slow' | 'waiting' | 'saved';
  text: string;
  /** What the server said. */
  details: string;
}

export interface Actions {
  /** Saves the documents of a file; whether that succeeded. */
  save(path: string): Promise<boolean>;
  /** Shows a notice on a file in place of an earlier one; null takes that away. */
  show(path: string, notice: Notice | null): void;
  /** Shows an error that nothing here can help. */
  fail(path: string, message: string): void;
  /** Calls back after some seconds, unless what it returns is called before. */
  later(callback: () => void, seconds: number): () => void;
}

interface Waiting {
  failures: number;
  isShown: boolean;
  cancel: () => void;
}

/** Seconds until a save is tried for the next time, after so many that failed. */
export function delay(failures: number): number {
  return Math.min(2 ** failures, MAX_DELAY);
}

/** The name of a file, its middle left out if it is long: JupyterLab cuts a notice after 140 characters. */
export function shortName(path: string): string {
  const name = path.slice(path.lastIndexOf('/') + 1);
  const half = MAX_NAME / 2;
  return name.length <= MAX_NAME ? name : `${name.slice(0, half)}…${name.slice(-half)}`;
}

/** Sees to it that what could not be saved is saved later, without the person's doing. */
export class Keeper {
  constructor(actions: Actions) {
    this._actions = actions;
  }

  /** A document could not be saved. */
  unsaved({ path, obstacle, message }: Unsaved): void {
    const name = shortName(path);
    const waiting = this._waiting.get(path) ?? { failures: 0, isShown: false, cancel: () => undefined };
    this._waiting.set(path, waiting);
    if (obstacle === 'slow') {
      this._show(path, waiting, {
        kind: 'slow',
        text: `Saving ${name} takes long: the storage is slow. Keep this tab open.`,
        details: ''
      });
      return;
    }
    waiting.failures += 1;
    waiting.cancel();
    if (obstacle === 'changed') {
      if (waiting.failures > MAX_CHANGES) {
        this._end(path, null);
        this._actions.fail(path, message);
        return;
      }
      // JupyterLab then finds that the file has changed, and asks what to do.
      waiting.cancel = this._actions.later(() => void this.retry(path), 0);
      return;
    }
    const seconds = delay(waiting.failures);
    this._show(path, waiting, {
      kind: 'waiting',
      text: `${name} is not saved yet: the storage does not answer. Keep this tab open. Next try in ${seconds} s.`,
      details: message
    });
    waiting.cancel = this._actions.later(() => void this.retry(path), seconds);
  }

  /** A file has been saved. */
  saved(path: string): void {
    this._end(path, { kind: 'saved', text: `${shortName(path)} is saved.`, details: '' });
  }

  /** Tries now. */
  async retry(path: string): Promise<void> {
    const waiting = this._waiting.get(path);
    if (waiting === undefined) {
      return;
    }
    waiting.cancel();
    const failures = waiting.failures;
    const saved = await this._actions.save(path);
    // Another failure has been told by now, and waits for its turn.
    if (this._waiting.get(path) !== waiting || waiting.failures !== failures) {
      return;
    }
    if (saved) {
      this.saved(path);
    } else {
      // The person has closed the document, or called the save off.
      this._end(path, null);
    }
  }

  private _show(path: string, waiting: Waiting, notice: Notice): void {
    waiting.isShown = true;
    this._actions.show(path, notice);
  }

  private _end(path: string, notice: Notice | null): void {
    const waiting = this._waiting.get(path);
    if (waiting === undefined) {
      return;
    }
    waiting.cancel();
    this._waiting.delete(path);
    if (waiting.isShown) {
      this._actions.show(path, notice);
    }
  }

  private readonly _actions: Actions;
  private readonly _waiting = new Map<string, Waiting>();
}
