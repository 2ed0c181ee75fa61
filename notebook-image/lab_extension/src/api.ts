import { URLExt } from '@jupyterlab/coreutils';
import { ServerConnection } from '@jupyterlab/services';

/** The answer of `s3-contents/api/<resource>`; what the server refuses is thrown. */
export async function call(resource: string, query: Record<string, string> = {}, init: RequestInit = {}): Promise<Response> {
  const settings = ServerConnection.makeSettings();
  const url = URLExt.join(settings.baseUrl, 's3-contents/api', resource) + URLExt.objectToQueryString(query);
  const response = await ServerConnection.makeRequest(url, init, settings);
  if (!response.ok) {
    throw await ServerConnection.ResponseError.create(response);
  }
  return response;
}
