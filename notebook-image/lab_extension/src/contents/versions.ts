/** As much of a contents model as tells a version. */
export interface Version {
  path: string;
  hash?: string | null;
}

/**
 * Which version of each file this tab has read or written last, by path: the version that its next save may replace.
 *
 * A hash is the version; null stands for a file that is not there; undefined for one that this tab knows nothing of.
 */
export class Versions {
  /** @param nextTurn calls back when what is going on now has run to its end; tests bring their own. */
  constructor(nextTurn: (done: () => void) => void = done => setTimeout(done)) {
    this._nextTurn = nextTurn;
  }

  /** The version that a save of this file may replace. */
  base(path: string): string | null | undefined {
    return this._bases.get(path);
  }

  /** A model of the file has come from the server; one without a hash tells nothing. */
  read(path: string, model: Version): void {
    if (model.hash) {
      this._bases.set(path, model.hash);
    }
  }

  /** The file is not there (any more). */
  absent(path: string): void {
    for (const known of this._below(path)) {
      this._bases.delete(known);
    }
    this._bases.set(path, null);
  }

  /** A file or folder has another name now. */
  renamed(before: string, after: string): void {
    for (const known of this._below(before)) {
      this._bases.set(after + known.slice(before.length), this._bases.get(known)!);
      this._bases.delete(known);
    }
    this._bases.set(before, null);
  }

  /** A save has succeeded, and this is the answer to it. */
  saved(path: string, model: Version): void {
    this.read(path, model);
    if (model.hash) {
      const answer = { path, model };
      this._answer = answer;
      this._nextTurn(() => {
        if (this._answer === answer) {
          this._answer = null;
        }
      });
    }
  }

  /**
   * The answer to a save that has succeeded in this very turn of the event loop.
   *
   * JupyterLab asks for the hash of what it has saved as soon as the save is done. Whoever writes in between would slip their version
   * under as the one that was saved, to be overwritten by the next save.
   */
  justSaved(path: string): Version | null {
    return this._answer?.path === path ? this._answer.model : null;
  }

  private _below(path: string): string[] {
    return [...this._bases.keys()].filter(known => known === path || known.startsWith(`${path}/`));
  }

  private readonly _bases = new Map<string, string | null>();
  private readonly _nextTurn: (done: () => void) => void;
  private _answer: { path: string; model: Version } | null = null;
}
