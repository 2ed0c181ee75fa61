import { LabIcon } from '@jupyterlab/ui-components';

export const sparkIcon = new LabIcon({
  name: '@spark-notebooks/lab:spark',
  svgstr: `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24" width="16">
  <path class="jp-icon3" fill="#616161" d="M12 1.5 14.2 9l7.3-2.6-4.7 6.2 6.2 4.2-7.7-.1.2 5.8-3.5-4.6-3.5 4.6.2-5.8-7.7.1 6.2-4.2-4.7-6.2L9.8 9z"/>
</svg>`
});

export const jobsIcon = new LabIcon({
  name: '@spark-notebooks/lab:jobs',
  svgstr: `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24" width="16">
  <path class="jp-icon3" fill="#616161" d="M4 4h10v2H4zm0 7h8v2H4zm0 7h6v2H4zm11-8.5 7 5.5-7 5.5z"/>
</svg>`
});
