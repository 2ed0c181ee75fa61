import { URLExt } from '@jupyterlab/coreutils';
import { ServerConnection } from '@jupyterlab/services';

import { Excerpt, Executor, Options, Overview } from './model.js';

// The question is no sign that anyone works here: an idle server may still be stopped.
const QUIET = { no_track_activity: '1' };

async function call<T>(path: string, query: Record<string, string> = {}, body?: object): Promise<T> {
  const settings = ServerConnection.makeSettings();
  const url = URLExt.join(settings.baseUrl, 'spark-jobs/api', path) + URLExt.objectToQueryString(query);
  const init = body === undefined ? { method: 'GET' } : { method: 'POST', body: JSON.stringify(body) };
  const response = await ServerConnection.makeRequest(url, init, settings);
  if (!response.ok) {
    throw await ServerConnection.ResponseError.create(response);
  }
  return response.json();
}

/** What is made by what is done: a job, or a schedule. */
export interface Made {
  job?: string;
  schedule?: string;
}

export function overview(): Promise<Overview> {
  return call('jobs', QUIET);
}

export function options(): Promise<Options> {
  return call('options');
}

/** Starts what is asked for; what is refused is thrown, in the server's words. */
export function start(asked: Record<string, string>): Promise<Made> {
  return call('jobs', {}, asked);
}

/** What is known of a job or a schedule, as names and values. */
export async function details(kind: 'jobs' | 'schedules', name: string): Promise<[string, string][]> {
  return (await call<{ details: [string, string][] }>(`${kind}/${name}`, QUIET)).details;
}

/** What is new in a log since the look before. */
export function log(name: string, pod: string, since: string): Promise<Excerpt> {
  return call(`jobs/${name}/log`, { pod, since, ...QUIET });
}

/** The executors of a job, those that are gone included. */
export async function executors(name: string): Promise<Executor[]> {
  return (await call<{ executors: Executor[] }>(`jobs/${name}/executors`, QUIET)).executors;
}

/** The last lines of an executor. */
export async function executorLog(name: string, id: string): Promise<string> {
  return (await call<{ text: string }>(`jobs/${name}/executors/${id}`)).text;
}

export function cancel(kind: 'jobs' | 'schedules', name: string): Promise<Made> {
  return call(`${kind}/${name}/cancel`, {}, {});
}

export function rerun(name: string, overlap: boolean): Promise<Made> {
  return call(`jobs/${name}/rerun`, {}, { overlap });
}

export function change(name: string, action: 'pause' | 'resume' | 'run-now'): Promise<Made> {
  return call(`schedules/${name}/${action}`, {}, {});
}
