import { Contents } from '@jupyterlab/services';

import { call } from '../api.js';
import { Page } from './model.js';

/** The versions of a file, newest first; `after` is the `next` of the page before. */
export async function history(path: string, after: string | null): Promise<Page> {
  return (await call('history', after === null ? { path } : { path, after })).json();
}

/** Makes a version the present one. The one that is it now stays a version. */
export async function restore(path: string, id: string): Promise<void> {
  await call('history', { path }, { method: 'POST', body: JSON.stringify({ id }) });
}

/** A version with its content, as a model that cannot be written to. */
export async function version(path: string, id: string, options: Contents.IFetchOptions): Promise<Contents.IModel> {
  const wanted: Record<string, string> = { path, id };
  if (options.type && options.type !== 'directory') {
    wanted.type = options.type;
  }
  if (options.format && options.type !== 'notebook') {
    wanted.format = options.format;
  }
  return (await call('version', wanted)).json();
}
