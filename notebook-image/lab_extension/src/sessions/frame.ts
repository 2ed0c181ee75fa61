import { ILabShell } from '@jupyterlab/application';
import { IFrame, MainAreaWidget } from '@jupyterlab/apputils';

import { sparkIcon } from '../icon.js';

/** Shows a page of Spark in a tab of JupyterLab; the one that shows it already, if there is one. */
export function openFrame(shell: ILabShell, title: string, frame: string): void {
  const id = `spark-notebooks-ui-${frame.replace(/[^a-zA-Z0-9]+/g, '-')}`;
  for (const widget of shell.widgets('main')) {
    if (widget.id === id) {
      shell.activateById(id);
      return;
    }
  }
  const content = new IFrame({
    sandbox: ['allow-same-origin', 'allow-scripts', 'allow-forms', 'allow-modals', 'allow-popups', 'allow-downloads']
  });
  content.url = frame;
  const widget = new MainAreaWidget({ content });
  widget.id = id;
  widget.title.label = title;
  widget.title.caption = `Spark UI: ${title}`;
  widget.title.icon = sparkIcon;
  widget.title.closable = true;
  shell.add(widget, 'main', { type: 'Spark UI' });
  shell.activateById(id);
}
