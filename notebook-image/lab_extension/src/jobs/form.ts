import { Dialog } from '@jupyterlab/apputils';
import { Widget } from '@lumino/widgets';

import { element } from '../elements.js';
import { Kind, Options, Profile } from './model.js';

/** What was typed, by the names that the server knows. */
export type Asked = Record<string, string>;

/** The fields of a new job, each with a label. What was typed before, and why it was refused, is shown again. */
export class JobForm extends Widget implements Dialog.IBodyWidget<Asked> {
  constructor(kind: Kind, options: Options, before: Asked, refused: string) {
    super();
    this.addClass('sn-JobForm');
    this._before = before;
    if (refused !== '') {
      const said = element('p', 'sn-JobForm-refused', refused);
      said.setAttribute('role', 'alert');
      this.node.append(said);
    }
    if (kind === 'notebook') {
      this._field('parameters', 'Parameters', 'one per line, such as day=2013-01-01', 'textarea');
    } else {
      this._field('arguments', 'Arguments', 'as in a terminal, such as --day 2013-01-01');
    }
    if (kind === 'jar') {
      this._field('main_class', 'Main class', 'the one that its manifest names');
      this._field('packages', 'Packages', 'jars and Maven coordinates, with commas between them');
    }
    const most = options.most_executors === null ? '' : `, ${options.most_executors} at most`;
    this._field('executors', 'Executors', `where the code names no number: ${options.executors}${most}`);
    this._profiles('profile', 'Machines for executors', options.profiles.executors);
    this._field('driver_memory', 'Memory of its own pod', "your instance's, or such as 4g");
    this._field('driver_cores', 'Cores of its own pod', "your instance's, or such as 2");
    this._profiles('driver_profile', 'Machines for its own pod', options.profiles.drivers);
    this._field('timeout', 'Time limit', '24h');
    this._field('retries', 'Retries if its pod is lost', '0');
    this._field('name', 'Name', "the file's");
    this._schedule();
  }

  getValue(): Asked {
    const found = [...this.node.querySelectorAll<HTMLInputElement>('[name]')].filter(field => field.value.trim() !== '');
    return Object.fromEntries(found.map(field => [field.name, field.value]));
  }

  private _schedule(): void {
    const details = element('details', 'sn-JobForm-schedule', '') as HTMLDetailsElement;
    details.open = 'schedule' in this._before;
    details.append(element('summary', '', 'At times of the clock'));
    this.node.append(details);
    this._field('schedule', 'Times', '0 3 * * *: every night at three', 'input', details);
    const here = Intl.DateTimeFormat().resolvedOptions().timeZone ?? '';
    this._field('time_zone', 'Time zone', 'UTC', 'input', details, here);
    this._choices(
      'overlap',
      'If the run before goes on',
      [
        ['', 'wait for its end, for an hour at most'],
        ['allow', 'run both at once'],
        ['replace', 'end the one before']
      ],
      details
    );
  }

  private _profiles(name: string, label: string, offered: Profile[]): void {
    if (offered.length === 0) {
      return;
    }
    const standard = offered.find(profile => profile.default);
    const nothing = standard === undefined ? 'as your administrator chose' : `${standard.name} (your administrator's choice)`;
    this._choices(name, label, [
      ['', nothing],
      ...offered.map(({ name, description }): [string, string] => [name, description === '' ? name : `${name}: ${description}`])
    ]);
  }

  private _choices(name: string, label: string, choices: [string, string][], where: HTMLElement = this.node): void {
    const field = element('select', 'jp-mod-styled', '') as HTMLSelectElement;
    for (const [value, text] of choices) {
      field.append(new Option(text, value, false, value === (this._before[name] ?? '')));
    }
    this._add(name, label, field, where);
  }

  private _field(name: string, label: string, hint: string, tag = 'input', where: HTMLElement = this.node, standard = ''): void {
    const field = element(tag, 'jp-mod-styled', '') as HTMLInputElement;
    field.placeholder = hint;
    field.value = this._before[name] ?? standard;
    field.spellcheck = false;
    this._add(name, label, field, where);
  }

  private _add(name: string, label: string, field: HTMLInputElement | HTMLSelectElement, where: HTMLElement): void {
    const row = element('label', 'sn-JobForm-row', '');
    field.name = name;
    row.append(element('span', '', label), field);
    where.append(row);
  }

  private readonly _before: Asked;
}
