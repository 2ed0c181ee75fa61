import { URLExt } from '@jupyterlab/coreutils';
import { Contents, ServerConnection } from '@jupyterlab/services';

import { Page } from './model.js';

async function call(resource: string, query: Record<string, string>, init: RequestInit = {}): Promise<Response> {
  const settings = ServerConnection.makeSettings();
  const url = URLExt.join(settings.baseUrl, 's3-contents/api', resource) + URLExt.objectToQueryString(query);
  const response = await ServerConnection.makeRequest(url, init, settings);
  if (!response.ok) {
    throw await ServerConnection.ResponseError.create(response);
  }
  return response;
}

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
