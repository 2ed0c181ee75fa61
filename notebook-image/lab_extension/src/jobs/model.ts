import { since } from '../sessions/model.js';

/** A job as the server tells of it. Times are ISO 8601. */
export interface Job {
  name: string;
  script: string;
  /** The schedule that it is a run of; null for none. */
  schedule: string | null;
  state: string;
  code: number | null;
  /** A sentence where there is something to say. */
  message: string;
  submitted: string;
  began: string | null;
  ended: string | null;
  /** Whether its log is there. */
  log: boolean;
  /** What Spark calls its sessions. */
  applications: string[];
  /** Path of the executed notebook; null where there is none. */
  executed: string | null;
}

export interface Schedule {
  name: string;
  script: string;
  state: 'paused' | 'running' | 'waiting';
  when: string;
  time_zone: string;
  next: string | null;
  last: { job: string; told: string } | null;
}

export interface Overview {
  /** Why there can be no jobs here; null where there can. */
  unavailable: string | null;
  /** Those that run or wait, the newest first. */
  jobs: Job[];
  schedules: Schedule[];
  /** Those that have ended, the newest first. */
  ended: Job[];
  /** Why those of before cannot be told. */
  note: string | null;
}

/** What is new in a log. */
export interface Excerpt {
  state: string;
  code: number | null;
  message: string;
  over: boolean;
  pod: string;
  since: string;
  text: string;
  /** Whether lines before these were left out. */
  cut: boolean;
  /** Whether it is the log of another try. */
  again: boolean;
}

export interface Executor {
  id: string;
  /** Spark's; they begin anew with each session of a job. */
  number: string;
  gone: boolean;
}

export interface Profile {
  name: string;
  description: string;
  default: boolean;
}

export interface Options {
  executors: number;
  most_executors: number | null;
  profiles: { executors: Profile[]; drivers: Profile[] };
}

export type Kind = 'script' | 'notebook' | 'jar';

/** What a file is run as; null for a file that is no job. */
export function kindOf(path: string): Kind | null {
  const kinds: [string, Kind][] = [
    ['.py', 'script'],
    ['.ipynb', 'notebook'],
    ['.jar', 'jar']
  ];
  return kinds.find(([ending]) => path.endsWith(ending))?.[1] ?? null;
}

/** How a job stands, in a few words: "failed (3)". */
export function stands(job: Pick<Job, 'state' | 'code'>): string {
  return job.state === 'failed' && job.code !== null ? `failed (${job.code})` : job.state;
}

/** How long it took, or has taken so far; "" where it has not begun, or that is not known. `now` in milliseconds since 1970. */
export function took(job: Pick<Job, 'began' | 'ended'>, now: number): string {
  if (job.began === null) {
    return '';
  }
  const end = job.ended === null ? now : Date.parse(job.ended);
  return duration(Math.max(0, Math.floor((end - Date.parse(job.began)) / 1000)));
}

/** Seconds as people read them: two units at most. */
export function duration(seconds: number): string {
  const units: [number, string][] = [
    [86400, 'd'],
    [3600, 'h'],
    [60, 'min'],
    [1, 's']
  ];
  const first = units.findIndex(([size]) => seconds >= size);
  if (first === -1) {
    return '0 s';
  }
  const [size, unit] = units[first];
  const rest = units[first + 1];
  const more = rest === undefined ? 0 : Math.floor((seconds % size) / rest[0]);
  return `${Math.floor(seconds / size)} ${unit}` + (more > 0 ? ` ${more} ${rest[1]}` : '');
}

/** One line on a job. `now` in milliseconds since 1970. */
export function line(job: Job, now: number): string {
  const lasted = took(job, now);
  const parts = [stands(job)];
  if (job.ended !== null || isOver(job)) {
    parts.push(`submitted ${since(Date.parse(job.submitted) / 1000, now / 1000)} ago`);
    if (lasted !== '') {
      parts.push(`took ${lasted}`);
    }
  } else if (lasted !== '') {
    parts.push(`for ${lasted}`);
  } else {
    parts.push(`since ${since(Date.parse(job.submitted) / 1000, now / 1000)}`);
  }
  return parts.join(' · ');
}

export function isOver(job: Pick<Job, 'state'>): boolean {
  return job.state !== 'waiting' && job.state !== 'running';
}

/** What executors are called in a list: by their sessions, too, where there are several. */
export function executorNames(executors: Executor[]): string[] {
  const sessions = [...new Set(executors.map(({ id }) => id.split('_')[0]))];
  return executors.map(({ id, number, gone }) => {
    const session = sessions.length > 1 ? ` of session ${sessions.indexOf(id.split('_')[0]) + 1}` : '';
    return `executor ${number}${session}${gone ? ' (gone)' : ''}`;
  });
}

/** A log as text: what colours it in a terminal is left out. */
export function plain(text: string): string {
  return text.replace(/\u001b\[[0-9;?]*[ -/]*[@-~]/g, '');
}

/** Where the history server shows a session, below the address of its first page. */
export function historyOf(past: string, application: string): string {
  return `${past}history/${encodeURIComponent(application)}/jobs/`;
}
