import { ILabShell } from '@jupyterlab/application';
import { LabIcon } from '@jupyterlab/ui-components';
import { Widget } from '@lumino/widgets';

export interface Place {
  id: string;
  /** What the panel is called, also by programs that read the page aloud. */
  title: string;
  icon: LabIcon;
  area: 'left' | 'right';
  rank: number;
  /** What JupyterLab calls panels of this kind where it lists them. */
  type: string;
}

/** Puts a panel at a side of JupyterLab. */
export function addPanel(shell: ILabShell, panel: Widget, { id, title, icon, area, rank, type }: Place): void {
  panel.id = id;
  panel.title.icon = icon;
  panel.title.caption = title;
  panel.node.setAttribute('role', 'region');
  panel.node.setAttribute('aria-label', title);
  shell.add(panel, area, { rank, type });
}
