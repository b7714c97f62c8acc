// `dsc-sim api` as a process, and hand-made requests to it.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { Agent, type IncomingHttpHeaders, type IncomingMessage, request } from "node:http";
import { createInterface } from "node:readline";
import { ROOT } from "../../host-tools/files/project.js";
import { LAUNCHER } from "./simprocess.js";

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface Asked {
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly body?: string | Uint8Array;
}

/** The headers of a request with a command. */
export const TEXT = { "content-type": "text/plain" };

export class ApiProcess {
  readonly process: ChildProcess;
  readonly url: string;
  readonly #agent = new Agent({ keepAlive: true });

  private constructor(running: ChildProcess, url: string) {
    this.process = running;
    this.url = url;
  }

  /** Starts a card, and waits until its address was printed. */
  static async start(args: readonly string[], cwd: string = ROOT, env = process.env): Promise<ApiProcess> {
    const stdio = ["ignore", "pipe", "inherit"] as const;
    const running = spawn(process.execPath, [LAUNCHER, "api", ...args], { cwd, env, stdio: [...stdio] });
    process.once("exit", () => running.kill("SIGKILL"));
    const ended = once(running, "close").then(() => {
      throw new Error("dsc-sim api ended before it printed its address");
    });
    const [line] = await Promise.race([once(createInterface({ input: running.stdout }), "line"), ended]);
    return new ApiProcess(running, (JSON.parse(String(line)) as { url: string }).url);
  }

  /** Sends a request for a path. */
  async ask(path: string, asked: Asked = {}): Promise<Answer> {
    const answer = await this.open(path, asked);
    answer.setEncoding("utf8");
    let body = "";
    for await (const part of answer) body += part;
    return { status: answer.statusCode ?? 0, headers: answer.headers, body };
  }

  /** Requests a path whose answer may not end. */
  open(path: string, { method = "GET", headers = {}, body }: Asked = {}): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const asking = request(new URL(path, this.url), { method, headers, agent: this.#agent }, resolve);
      asking.on("error", reject);
      asking.end(body);
    });
  }

  /** Runs a line of the language. */
  command(line: string | Uint8Array): Promise<Answer> {
    return this.ask("command", { method: "POST", headers: TEXT, body: line });
  }

  /** Ends the card with a signal. Returns the exit code. */
  async end(signal: NodeJS.Signals = "SIGTERM"): Promise<number | null> {
    this.#agent.destroy();
    const ended = once(this.process, "exit");
    this.process.kill(signal);
    const [code] = (await ended) as [number | null];
    return code;
  }
}
