/** A version of a file as the server tells of it. */
export interface Version {
  /** null: the file was deleted, or got another name. */
  id: string | null;
  /** The name that the file had then. */
  path: string;
  /** ISO 8601. */
  time: string;
  /** Bytes. */
  size: number | null;
  hash: string | null;
  latest: boolean;
}

export interface Page {
  versions: Version[];
  /** What to ask for the next page with. */
  next: string | null;
  kept: 'versions' | 'checkpoints';
}

/** A size in the largest unit that leaves a number of at least one. */
export function sizeText(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let size = bytes;
  let unit = 0;
  while (size >= 1000 && unit < units.length - 1) {
    size /= 1000;
    unit += 1;
  }
  return `${unit === 0 || size >= 100 ? size.toFixed(0) : size.toFixed(1)} ${units[unit]}`;
}

/** The day of a time, for a heading: today and yesterday by these words. */
export function dayText(time: Date, now: Date): string {
  const days = Math.round((midnight(now) - midnight(time)) / 86_400_000);
  if (days === 0 || days === 1) {
    return days === 0 ? 'Today' : 'Yesterday';
  }
  return time.toLocaleDateString(undefined, { weekday: 'long', year: 'numeric', month: 'long', day: 'numeric' });
}

function midnight(time: Date): number {
  return new Date(time.getFullYear(), time.getMonth(), time.getDate()).getTime();
}

/** The versions of consecutive days, in the order that they have. */
export function byDay(versions: Version[], now: Date): { day: string; versions: Version[] }[] {
  const days: { day: string; versions: Version[] }[] = [];
  for (const version of versions) {
    const day = dayText(new Date(version.time), now);
    if (days.at(-1)?.day !== day) {
      days.push({ day, versions: [] });
    }
    days.at(-1)!.versions.push(version);
  }
  return days;
}

/** What is to be known of a version beside its time: its size, whether it is the present one, its other name. */
export function remarks(version: Version, path: string): string[] {
  const found = version.size === null ? ['deleted'] : [sizeText(version.size)];
  if (version.path !== path) {
    found.push(`as ${version.path}`);
  }
  return found;
}

/** The path of a version on the drive of versions: its name last, so that it opens as what it is. */
export function versionPath(version: Version, path: string): string {
  const name = path.slice(path.lastIndexOf('/') + 1);
  const dot = name.lastIndexOf('.');
  const end = dot > 0 ? dot : name.length;
  return `${encodeURIComponent(path)}/${version.id}/${name.slice(0, end)} (${stamp(new Date(version.time))})${name.slice(end)}`;
}

function stamp(time: Date): string {
  const two = (number: number): string => String(number).padStart(2, '0');
  const day = [time.getFullYear(), time.getMonth() + 1, time.getDate()].map(two).join('-');
  return `${day} ${[time.getHours(), time.getMinutes(), time.getSeconds()].map(two).join('.')}`;
}

/** What `versionPath` was made of. */
export function ofVersionPath(local: string): { path: string; id: string } | null {
  const [path, id, name] = local.split('/');
  return path && id && name ? { path: decodeURIComponent(path), id } : null;
}
