import { shortName } from './keeper.js';

/** A file or folder that is being renamed or deleted, which takes long for a folder of many files: each is copied on the server's side. */
export interface Move {
  path: string;
  /** "Renaming" or "Deleting". */
  verb: string;
  work: Promise<unknown>;
}

export interface Progress {
  done: number;
  /** Null while it is not known. */
  total: number | null;
}

export interface Surroundings {
  ask: (path: string) => Promise<Progress>;
  /** Shows how far it is, in place of what was shown before; null: it has ended. */
  show: (path: string, text: string | null) => void;
  /** Calls back after some seconds, unless the function that it gives is called before. */
  later: (callback: () => void, seconds: number) => () => void;
}

const PATIENCE = 2; // seconds
const BETWEEN = 1;

/** Shows how far a move is that takes longer than a person waits without asking. */
export class Follower {
  constructor(private readonly _surroundings: Surroundings) {}

  /** Returns when the move has ended, in whatever way. */
  async follow(move: Move): Promise<void> {
    const { ask, show, later } = this._surroundings;
    let ended = false;
    const look = async (): Promise<void> => {
      // Whoever asked for the move is told of its failure; one of a look at it is not worth a word.
      const { done, total } = await ask(move.path).catch(() => ({ done: 0, total: null }));
      if (ended) {
        return;
      }
      if (total !== null) {
        show(move.path, text(move, done, total));
      }
      cancel = later(look, BETWEEN);
    };
    let cancel = later(look, PATIENCE);
    await move.work.catch(() => undefined);
    ended = true;
    cancel();
    show(move.path, null);
  }
}

function text(move: Move, done: number, total: number): string {
  return `${move.verb} ${shortName(move.path)}: ${done.toLocaleString('en')} of ${total.toLocaleString('en')} files`;
}
