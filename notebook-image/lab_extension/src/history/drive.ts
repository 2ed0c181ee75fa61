import { Contents, Drive } from '@jupyterlab/services';

import { version } from './api.js';
import { ofVersionPath } from './model.js';

export const DRIVE = 'History';

/** The versions of files as files of their own (see `versionPath`). Nothing on it can be changed. */
export class VersionsDrive extends Drive {
  constructor() {
    super({ name: DRIVE });
  }

  async get(local: string, options: Contents.IFetchOptions = {}): Promise<Contents.IModel> {
    const found = ofVersionPath(local);
    if (found === null) {
      throw new Error(`${local} is no version of a file.`);
    }
    const model = await version(found.path, found.id, options);
    return { ...model, path: local, name: local.slice(local.lastIndexOf('/') + 1) };
  }

  async save(): Promise<Contents.IModel> {
    throw new Error('An earlier version cannot be changed. Restore it, or copy from it.');
  }

  async listCheckpoints(): Promise<Contents.ICheckpointModel[]> {
    return [];
  }
}
