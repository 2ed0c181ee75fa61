import { URLExt } from '@jupyterlab/coreutils';
import { ServerConnection } from '@jupyterlab/services';

/** Where the browser finds `s3-contents/api/<resource>` by itself, as for a download; the token shows that the page is ours, as in JupyterLab's own downloads. */
export function link(resource: string, query: Record<string, string>): string {
  const token = document.cookie.match(/\b_xsrf=([^;]*)/)?.[1];
  return address(resource, token === undefined ? query : { ...query, _xsrf: token });
}

function address(resource: string, query: Record<string, string>): string {
  return URLExt.join(ServerConnection.makeSettings().baseUrl, 's3-contents/api', resource) + URLExt.objectToQueryString(query);
}

/** The answer of `s3-contents/api/<resource>`; what the server refuses is thrown. */
export async function call(resource: string, query: Record<string, string> = {}, init: RequestInit = {}): Promise<Response> {
  const settings = ServerConnection.makeSettings();
  const response = await ServerConnection.makeRequest(address(resource, query), init, settings);
  if (!response.ok) {
    throw await ServerConnection.ResponseError.create(response);
  }
  return response;
}
