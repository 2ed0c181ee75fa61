/** Executors of a session: registered, asked for at its start (null: local Spark), and the tasks on them. */
export interface Executors {
  alive: number;
  asked: number | null;
  tasks: number;
  failed_tasks: number;
}

/** A session as the server tells of it. Paths start at the root of the host. */
export interface Session {
  id: string;
  name: string;
  application_id: string;
  state: string;
  /** Seconds since 1970. */
  started: number;
  executors: Executors | null;
  /** Its Spark UI for a tab of the browser, and for a frame in JupyterLab; null where it is off. */
  ui: string | null;
  frame: string | null;
}

/** The history server, at the same two kinds of address; null where it is off. */
export interface Past {
  ui: string;
  frame: string;
}

export interface Listing {
  sessions: Session[];
  past: Past | null;
}

export function count(number: number, one: string, many: string): string {
  return `${number} ${number === 1 ? one : many}`;
}

/** How long ago, in the largest unit that fits. Both in seconds since 1970. */
export function since(started: number, now: number): string {
  const seconds = Math.max(0, Math.floor(now - started));
  const units: [number, string][] = [
    [86400, 'd'],
    [3600, 'h'],
    [60, 'min']
  ];
  for (const [size, unit] of units) {
    if (seconds >= size) {
      return `${Math.floor(seconds / size)} ${unit}`;
    }
  }
  return 'less than a minute';
}

/** One line on the executors and what they do. */
export function activity(session: Session): string {
  const executors = session.executors;
  if (executors === null) {
    return session.state;
  }
  const parts = [
    executors.asked === null
      ? 'local Spark'
      : `${executors.alive} of ${count(executors.asked, 'executor', 'executors')}`,
    executors.tasks === 0 ? 'idle' : `${count(executors.tasks, 'task', 'tasks')} running`
  ];
  if (executors.failed_tasks > 0) {
    parts.push(`${executors.failed_tasks} failed`);
  }
  return parts.join(' · ');
}

/** Whether anything a reader can see differs, the age left out. */
export function differs(before: Listing | null, after: Listing): boolean {
  return JSON.stringify(before) !== JSON.stringify(after);
}
