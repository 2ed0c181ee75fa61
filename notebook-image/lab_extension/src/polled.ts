import { Message } from '@lumino/messaging';
import { Poll } from '@lumino/polling';
import { Widget } from '@lumino/widgets';

const MOST_PATIENCE = 6; // times the interval, while the server gives no answer

/** Something that asks the server again and again while it can be seen, less often while that fails. */
export abstract class PolledWidget extends Widget {
  constructor(name: string, interval: number, cssClass: string) {
    super();
    this.addClass(cssClass);
    this._poll = new Poll({
      name: `@spark-notebooks/lab:${name}`,
      auto: false,
      factory: () => this.refresh(),
      frequency: { interval, backoff: true, max: MOST_PATIENCE * interval },
      standby: 'when-hidden'
    });
  }

  dispose(): void {
    this._poll.dispose();
    super.dispose();
  }

  /** Asks the server, and shows what it says. Fails when there is no answer, after having shown that. */
  protected abstract refresh(): Promise<void>;

  /** There is nothing more to ask for. */
  protected finish(): void {
    this._finished = true;
    void this._poll.stop();
  }

  /** Asks now, if it can be seen. */
  async look(): Promise<void> {
    if (this.isVisible) {
      await this._poll.refresh();
    }
  }

  protected onAfterShow(_message: Message): void {
    this._start();
  }

  protected onAfterAttach(_message: Message): void {
    this._start();
  }

  protected onAfterHide(_message: Message): void {
    void this._poll.stop();
  }

  private _start(): void {
    if (!this._finished && this.isVisible) {
      void this._poll.start();
      void this._poll.refresh();
    }
  }

  private readonly _poll: Poll<void>;
  private _finished = false;
}
