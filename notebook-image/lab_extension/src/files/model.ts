import { sizeText } from '../history/model.js';

/** Something in the trash, as the server tells of it. */
export interface Trashed {
  id: string;
  /** The path that it had. */
  path: string;
  type: 'file' | 'directory';
  /** When it was deleted, ISO 8601. */
  time: string;
  /** How many files there are in it. */
  files: number;
  /** Bytes. */
  size: number;
}

export interface Trash {
  /** How long things stay, in days; null: for ever. */
  days: number | null;
  trashed: Trashed[];
}

/** One line for each, in which no two are the same. */
export function lines(trashed: Trashed[]): Map<string, Trashed> {
  const found = new Map<string, Trashed>();
  for (const entry of trashed) {
    const what = entry.type === 'file' ? sizeText(entry.size) : `folder, ${filesText(entry.files)}, ${sizeText(entry.size)}`;
    const line = `${entry.path} (${what}), deleted ${new Date(entry.time).toLocaleString()}`;
    let unique = line;
    for (let number = 2; found.has(unique); number++) {
      unique = `${line} [${number}]`;
    }
    found.set(unique, entry);
  }
  return found;
}

function filesText(files: number): string {
  return files === 1 ? '1 file' : `${files} files`;
}

/** A folder with an address of its own: the home, whose path is "", and the shared ones; null for the folder that those are in. */
export interface Place {
  path: string;
  /** Ends with a slash. */
  url: string | null;
}

/** The address of a file or folder; null if it has none. */
export function address(places: Place[], path: string): string | null {
  const wanted = path.replace(/^\/+/, '');
  const [inner] = places
    .filter(place => place.path === '' || wanted === place.path || wanted.startsWith(`${place.path}/`))
    .sort((one, other) => other.path.length - one.path.length);
  return inner?.url ? inner.url + wanted.slice(inner.path.length).replace(/^\//, '') : null;
}
