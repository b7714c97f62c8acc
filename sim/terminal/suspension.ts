// Ctrl-Z: the terminal is the shell's until that continues the program (`fg`).

/** How long what was let go may take to reach a board, in ms. */
const LAST_WORDS = 50;
/** How soon a stop takes effect, in ms, where anything can stop it. */
const STOP_TIME = 50;
const WHOLE_JOB = 0;

/** There is no such thing on Windows. */
export const CAN_SUSPEND = process.platform !== "win32";

/** What is done with the terminal. */
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

  /** Until `end`, a stop that somebody asks for is one with the terminal given back. */
  constructor(terminal: Terminal) {
    this.#terminal = terminal;
    if (!CAN_SUSPEND) return;
    process.on("SIGTSTP", this.#onStop);
    process.on("SIGCONT", this.#onContinue);
  }

  /** Stops the program, and what started it in the same job (npm), as a shell's Ctrl-Z does. */
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

  /** Stops, unless there is no shell that could continue it: then the signal does nothing, and all goes on. */
  #stop(target: number): void {
    process.off("SIGTSTP", this.#onStop);
    this.#timer = setTimeout(this.#onContinue, STOP_TIME);
    process.kill(target, "SIGTSTP");
  }

  /** Continued, also after a stop that could not be seen coming: the terminal may be in any state. */
  #back(): void {
    clearTimeout(this.#timer);
    if (!this.#away) this.#terminal.leave();
    this.#away = false;
    process.off("SIGTSTP", this.#onStop);
    process.on("SIGTSTP", this.#onStop);
    this.#terminal.enter();
  }
}
