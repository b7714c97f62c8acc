// A stock Firefox without a window, by its own remote protocol (Marionette). Playwright brings a patched Firefox, and drives a
// stock one by WebDriver BiDi, with commands that Firefox ESR 153 does not know.
//
//   a message = its length in bytes ":" JSON     a command [0, id, name, parameters]     an answer [1, id, error, result]

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, writeFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { KeyName } from "../../sim/core/card.js";
import { scratchFolder } from "./scratch.js";
import type { Hand } from "./webcard.js";

const FIREFOX = "/usr/bin/firefox-esr";
/** A reason to skip; undefined if it is installed. */
export const NO_FIREFOX = existsSync(FIREFOX) ? undefined : "apt-get install firefox-esr";

/** Turns off what a single page does not need, a quarter of the processor time: processes, its own pages, blocklists. */
const PREFERENCES = {
  "marionette.port": 0,
  "browser.newtabpage.enabled": false,
  "browser.safebrowsing.malware.enabled": false,
  "browser.safebrowsing.phishing.enabled": false,
  "browser.startup.page": 0,
  "dom.ipc.processCount": 1,
  "dom.ipc.processPrelaunch.enabled": false,
  "extensions.enabledScopes": 0,
  "extensions.systemAddon.update.enabled": false,
  "extensions.webextensions.remote": false,
  "fission.autostart": false,
  "media.rdd-process.enabled": false,
  "media.utility-process.enabled": false,
  "network.process.enabled": false,
  "services.settings.server": "data:,#remote-settings-dummy/v1",
  "ui.prefersReducedMotion": 1,
};

/** How often a condition in a page is polled, at least 25 ms apart: that takes minutes. */
const MOST_LOOKS = 10_000;
/** The property that names an element in WebDriver. */
const ELEMENT = "element-6066-11e4-a52e-4f735466cecf";

type Answered = { readonly done: (result: unknown) => void; readonly failed: (error: Error) => void };

export class Firefox {
  readonly #process: ChildProcess;
  readonly #socket: Socket;
  readonly #waiting = new Map<number, Answered>();
  #received = Buffer.alloc(0);
  #last = 0;

  private constructor(process: ChildProcess, socket: Socket) {
    this.#process = process;
    this.#socket = socket;
    socket.on("data", (bytes) => this.#take(bytes));
    socket.on("close", () => {
      for (const { failed } of this.#waiting.values()) failed(new Error("Firefox is gone"));
    });
  }

  /** Starts it with a new profile. */
  static async start(): Promise<Firefox> {
    const profile = scratchFolder();
    writeFileSync(join(profile, "user.js"), preferences());
    const args = ["--marionette", "--headless", "--no-remote", "--profile", profile];
    // Firefox keeps user data in the home folder, and refuses another user's folder.
    const env = { ...process.env, HOME: profile };
    const child = spawn(FIREFOX, args, { stdio: ["ignore", "pipe", "ignore"], env });
    const socket = connect(await portOf(child), "127.0.0.1");
    await once(socket, "connect");
    const firefox = new Firefox(child, socket);
    await firefox.command("WebDriver:NewSession", {});
    return firefox;
  }

  /** Carries out a command of WebDriver. */
  command(name: string, parameters: object): Promise<unknown> {
    const id = ++this.#last;
    const text = JSON.stringify([0, id, name, parameters]);
    this.#socket.write(`${Buffer.byteLength(text)}:${text}`);
    return new Promise((done, failed) => this.#waiting.set(id, { done, failed }));
  }

  /** The value of an expression in the page. */
  async evaluate(expression: string): Promise<unknown> {
    const parameters = { script: `return ${expression};`, args: [] };
    return valueIn(await this.command("WebDriver:ExecuteScript", parameters));
  }

  /** Waits until an expression in the page is true. */
  async until(expression: string): Promise<void> {
    for (let look = 0; look < MOST_LOOKS; look++) {
      if (await this.evaluate(expression)) return;
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
    throw new Error(`never true: ${expression}`);
  }

  /** Types a text into an element, or clicks the element if no text is given. */
  async use(selector: string, text?: string): Promise<void> {
    const found = valueIn(
      await this.command("WebDriver:FindElement", { using: "css selector", value: selector }),
    ) as Record<string, string>;
    const id = found[ELEMENT];
    if (text === undefined) await this.command("WebDriver:ElementClick", { id });
    else await this.command("WebDriver:ElementSendKeys", { id, text });
  }

  /** The mouse on the card's keys, in real time. */
  get mouse(): Hand {
    const act = (...actions: object[]) =>
      this.command("WebDriver:PerformActions", { actions: [{ type: "pointer", id: "mouse", actions }] });
    const down = async (key: KeyName) => {
      const origin = valueIn(
        await this.command("WebDriver:FindElement", { using: "css selector", value: `[data-key="${key}"]` }),
      );
      return [
        { type: "pointerMove", origin, x: 0, y: 0 },
        { type: "pointerDown", button: 0 },
      ] as const;
    };
    const up = { type: "pointerUp", button: 0 } as const;
    return {
      hold: async (key, display) => {
        await act(...(await down(key)));
        await this.until(`document.querySelector("svg.card").dataset.display === ${JSON.stringify(display)}`);
        await act(up);
      },
      // In one command: a key that is released only once the next command comes may count as held.
      press: async (...keys) => {
        const touches = [];
        for (const key of keys) touches.push(...(await down(key)), up);
        await act(...touches);
      },
    };
  }

  async close(): Promise<void> {
    const ended = once(this.#process, "exit");
    this.#process.kill("SIGKILL");
    await ended;
    this.#socket.destroy();
  }

  #take(bytes: Buffer): void {
    this.#received = Buffer.concat([this.#received, bytes]);
    for (;;) {
      const colon = this.#received.indexOf(":");
      const end = colon + 1 + Number(this.#received.subarray(0, Math.max(0, colon)).toString());
      if (colon < 0 || this.#received.length < end) return;
      const message: unknown = JSON.parse(this.#received.subarray(colon + 1, end).toString());
      this.#received = this.#received.subarray(end);
      // The first message is not an answer: it names the protocol.
      if (Array.isArray(message)) this.#answer(message);
    }
  }

  #answer([, id, error, result]: unknown[]): void {
    const waiting = this.#waiting.get(id as number);
    this.#waiting.delete(id as number);
    if (error) waiting?.failed(new Error((error as { message: string }).message));
    else waiting?.done(result);
  }
}

/** The file of a profile that sets preferences. */
function preferences(): string {
  const lines = Object.entries(PREFERENCES).map(([name, value]) => `user_pref("${name}", ${JSON.stringify(value)});\n`);
  return lines.join("");
}

/** The port that it names on stdout, once it listens. */
async function portOf(child: ChildProcess): Promise<number> {
  for await (const line of createInterface({ input: child.stdout as NodeJS.ReadableStream })) {
    const [, port] = /Listening on port (\d+)/.exec(line) ?? [];
    if (port !== undefined) {
      child.stdout?.resume();
      return Number(port);
    }
  }
  throw new Error("Firefox ended before it listened");
}

function valueIn(result: unknown): unknown {
  return (result as { value: unknown }).value;
}
