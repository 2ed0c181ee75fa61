import { JupyterFrontEnd } from '@jupyterlab/application';
import { IDocumentManager } from '@jupyterlab/docmanager';
import { DocumentRegistry } from '@jupyterlab/docregistry';

const AREAS = ['main', 'left', 'right', 'down'];

/** The documents of a file: one, or one per kind of view that is open. */
export function opened(app: JupyterFrontEnd, documents: IDocumentManager, path: string): DocumentRegistry.Context[] {
  const found = new Set<DocumentRegistry.Context>();
  for (const area of AREAS) {
    for (const widget of app.shell.widgets(area)) {
      const context = documents.contextForWidget(widget);
      if (context?.path === path) {
        found.add(context);
      }
    }
  }
  return [...found];
}
