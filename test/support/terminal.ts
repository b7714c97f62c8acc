// A program in a real pseudo-terminal, with its screen as a terminal would show it.

import { join } from "node:path";
import { type IPty, spawn } from "@lydell/node-pty";
import headless from "@xterm/headless";
import * as assert from "uvu/assert";
import { ROOT } from "../../host-tools/files/project.js";
import { DEADLINE } from "./deadline.js";

const TERM = "xterm-256color";
const ESCAPE = "\x1b";
/** A private mode set or reset. */
const MODE = new RegExp(`${ESCAPE}\\[\\?([\\d;]+)([hl])`, "g");

/** A cell of the screen. Colours are palette numbers; undefined: the terminal's own. */
export interface Cell {
  readonly char: string;
  readonly fg: number | undefined;
  readonly bg: number | undefined;
  readonly bold: boolean;
}

export class TerminalProgram {
  /** Everything that the program wrote, escape sequences and all. */
  raw = "";
  /** The exit code; a death by signal is 128 + its number. */
  readonly exit: Promise<number>;

  readonly #pty: IPty;
  readonly #screen: InstanceType<typeof headless.Terminal>;
  readonly #watchers = new Set<() => void>();
  #exited = false;

  /** Starts Node, or another program, with `args`. */
  constructor(
    args: string[],
    columns = 80,
    rows = 24,
    program = process.execPath,
    folder = ROOT,
    environment: Record<string, string> = {},
  ) {
    this.#screen = new headless.Terminal({ cols: columns, rows, allowProposedApi: true });
    this.#pty = spawn(program, args, {
      name: environment.TERM ?? TERM,
      cols: columns,
      rows,
      cwd: folder,
      env: { ...plainEnvironment(), ...environment },
    });
    this.#pty.onData((data) => {
      this.raw += data;
      this.#screen.write(data, () => this.#changed());
    });
    this.exit = new Promise((resolve) => {
      this.#pty.onExit(({ exitCode, signal }) => {
        this.#exited = true;
        resolve(signal ? 128 + signal : exitCode);
        // After everything that was written before.
        this.#screen.write("", () => this.#changed());
      });
    });
  }

  /** Starts the simulator. */
  static simulator(
    args = ["--demo"],
    columns?: number,
    rows?: number,
    folder?: string,
    environment?: Record<string, string>,
  ): TerminalProgram {
    const command = [join(ROOT, "sim", "dsc-sim.mjs"), ...args];
    return new TerminalProgram(command, columns, rows, process.execPath, folder, environment);
  }

  /** Starts the simulator as a job of a shell, which continues it once it is stopped and a line is typed. */
  static simulatorAsJob(shell: string, args: string[] = ["--demo"]): TerminalProgram {
    const script = 'set -m; "$0" "$@"; read -p "shell> " line; fg';
    const simulator = [process.execPath, join(ROOT, "sim", "dsc-sim.mjs"), ...args];
    return new TerminalProgram(["-c", script, ...simulator], 80, 24, shell);
  }

  /** Types a text. */
  send(text: string): void {
    this.#pty.write(text);
  }

  /** Clicks the left button at a cell counted from 0: down, up, or both, as SGR reports. */
  mouse(x: number, y: number, what: "down" | "up"): void {
    this.send(`\x1b[<0;${x + 1};${y + 1}${what === "down" ? "M" : "m"}`);
  }

  resize(columns: number, rows: number): void {
    this.#screen.resize(columns, rows);
    this.#pty.resize(columns, rows);
  }

  kill(signal: NodeJS.Signals): void {
    process.kill(this.#pty.pid, signal);
  }

  /** The lines of the screen, without the blanks at their ends. */
  lines(): string[] {
    const buffer = this.#screen.buffer.active;
    return Array.from({ length: this.#screen.rows }, (_, y) =>
      (buffer.getLine(y)?.translateToString() ?? "").trimEnd(),
    );
  }

  /** The cells of the screen, row by row. */
  cells(): Cell[][] {
    const buffer = this.#screen.buffer.active;
    const at = (x: number, y: number) => buffer.getLine(y)?.getCell(x);
    return Array.from({ length: this.#screen.rows }, (_, y) =>
      Array.from({ length: this.#screen.cols }, (_, x) => {
        const cell = at(x, y);
        return {
          char: cell?.getChars() || " ",
          fg: cell?.isFgPalette() ? cell.getFgColor() : undefined,
          bg: cell?.isBgPalette() ? cell.getBgColor() : undefined,
          bold: Boolean(cell?.isBold()),
        };
      }),
    );
  }

  /** Whether the program has the alternate screen. */
  get alternate(): boolean {
    return this.#screen.buffer.active.type === "alternate";
  }

  #changed(): void {
    for (const watcher of [...this.#watchers]) watcher();
  }

  /** Waits until the screen matches, if only for a moment; throws, with the screen, if it does not. */
  until(wanted: RegExp, ms = DEADLINE): Promise<RegExpExecArray> {
    return new Promise((resolve, reject) => {
      const end = () => {
        clearTimeout(timer);
        this.#watchers.delete(look);
      };
      const fail = () => {
        end();
        const state = this.#exited ? "ended" : "runs";
        // A program that still runs would keep the test's process from ending.
        if (ms === DEADLINE && !this.#exited) this.#pty.kill("SIGKILL");
        reject(new Error(`never saw ${wanted}; the program ${state}; its screen:\n${this.lines().join("\n")}`));
      };
      const look = () => {
        const match = wanted.exec(this.lines().join("\n"));
        if (match) resolve(match);
        if (match) end();
        else if (this.#exited) fail();
      };
      const timer = setTimeout(fail, ms);
      this.#watchers.add(look);
      // By then, everything written so far is on the screen.
      this.#screen.write("", look);
    });
  }

  /** Ends the program if it still runs. */
  async close(): Promise<void> {
    if (!this.#exited) this.#pty.kill("SIGKILL");
    await this.exit;
    this.#screen.dispose();
  }
}

/** The card's screen showing exactly this, in the line below the segments. */
export function shows(text: string): RegExp {
  return new RegExp(`\\[ ${text.replace(/[*>]/g, "\\$&")} \\][─-]`);
}

/** Checks that every mode that the program set was restored, and no private mode is left on. */
export function assertRestored(raw: string): void {
  const modes = new Map<string, boolean>();
  for (const [, numbers, end] of raw.matchAll(MODE)) {
    for (const number of (numbers as string).split(";")) modes.set(number, end === "h");
  }
  assert.is(modes.get("25"), true, "the cursor shows");
  for (const mode of ["1049", "1000", "1006", "2004", "1"]) assert.is(modes.get(mode), false, `mode ${mode} is off`);
  for (const [mode, on] of modes) assert.ok(!on || mode === "25", `mode ${mode} was left on`);
  assert.ok(raw.lastIndexOf("\x1b>") > raw.lastIndexOf("\x1b="), "the keypad is as it was");
}

/** The text that came after the alternate screen was left. */
export function afterwards(raw: string): string {
  return raw.slice(raw.lastIndexOf("\x1b[?1049l") + "\x1b[?1049l".length);
}

/** Removes the surrounding terminal from the environment, which must not matter. */
function plainEnvironment(): Record<string, string> {
  const kept = Object.entries(process.env).filter(
    ([name]) => !/^(TERM.*|TMUX.*|.*COLOR.*|VTE_VERSION|NODE_.*)$/.test(name),
  );
  return { ...(Object.fromEntries(kept) as Record<string, string>), LANG: "C.UTF-8" };
}
