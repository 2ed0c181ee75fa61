import { URLExt } from '@jupyterlab/coreutils';
import { ServerConnection } from '@jupyterlab/services';

import { Listing } from './model.js';

async function call(method: string, path = ''): Promise<Response> {
  const settings = ServerConnection.makeSettings();
  const url = URLExt.join(settings.baseUrl, 'spark-ui/api/sessions') + path;
  const response = await ServerConnection.makeRequest(url, { method }, settings);
  if (!response.ok) {
    throw await ServerConnection.ResponseError.create(response);
  }
  return response;
}

/** What runs. The question is no sign that anyone works here: an idle server may still be stopped. */
export async function list(): Promise<Listing> {
  return (await call('GET', '?no_track_activity=1')).json();
}

/** Stops a session; done when its executors are being taken down. */
export async function stop(id: string): Promise<void> {
  await call('DELETE', `/${id}`);
}
