// Ctrl-Z: gives the terminal to the shell until it continues the program (`fg`).

/** The time that the release of keys may take to reach a board, in ms. */
const LAST_WORDS = 50;
/** The time in which a stop takes effect, in ms, if it can. */
const STOP_TIME = 50;
const WHOLE_JOB = 0;

/** Windows has no suspension. */
export const CAN_SUSPEND = process.platform !== "win32";

/** The operations on the terminal. */
export interface Terminal {
  leave(): void;
  enter(): void;
}

export class Suspension {
  readonly #terminal: Terminal;
  #away = false;
  #timer: NodeJS.Timeout | undefined;
  readonly #onStop = () => this.#leave(process.pid);
  readonly #onContinue = () => this.#back();

  /** Until `end`, a requested stop first gives the terminal back. */
  constructor(terminal: Terminal) {
    this.#terminal = terminal;
    if (!CAN_SUSPEND) return;
    process.on("SIGTSTP", this.#onStop);
    process.on("SIGCONT", this.#onContinue);
  }

  /** Stops the program and the processes that started it in the same job (npm), as a shell's Ctrl-Z does. */
  suspend(): void {
    if (CAN_SUSPEND) this.#leave(WHOLE_JOB);
  }

  end(): void {
    clearTimeout(this.#timer);
    process.off("SIGTSTP", this.#onStop);
    process.off("SIGCONT", this.#onContinue);
  }

  #leave(target: number): void {
    if (this.#away) return;
    this.#away = true;
    this.#terminal.leave();
    this.#timer = setTimeout(() => this.#stop(target), LAST_WORDS);
  }

  /** Stops, unless no shell could continue it: then the signal has no effect, and the program continues. */
  #stop(target: number): void {
    process.off("SIGTSTP", this.#onStop);
    this.#timer = setTimeout(this.#onContinue, STOP_TIME);
    process.kill(target, "SIGTSTP");
  }

  /** Called on continuation, also after a stop without warning: the terminal may be in any state. */
  #back(): void {
    clearTimeout(this.#timer);
    if (!this.#away) this.#terminal.leave();
    this.#away = false;
    process.off("SIGTSTP", this.#onStop);
    process.on("SIGTSTP", this.#onStop);
    this.#terminal.enter();
  }
}
