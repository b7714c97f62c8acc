// A proxy between `dsc` and PostgreSQL ends the connection, either before a statement reaches the server or before its
// answer comes back. Then the same command runs again without the proxy.
//
//   cut:FLOW/N.before   statement N never reached the server
//   cut:FLOW/N.after    the server executed statement N, and `dsc` never got the answer

import { mkdtempSync, rmSync } from "node:fs";
import { createConnection, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Launcher } from "../hostside/simulatedbench.js";
import { finishesHere } from "./kills.js";
import { unclear } from "./losses.js";
import { brokenPromise, type Verdict } from "./promises.js";
import { Desk, type Flow, sceneOf, withOpen } from "./scenes.js";

/** The name of a server's socket in its folder. */
const SOCKET = ".s.PGSQL.5432";
/** Message types: a statement as text, the end of a statement with parameters, and "the server is ready". */
const [QUERY, SYNC, READY] = [0x51, 0x53, 0x5a];
const LENGTH_BYTES = 4;

export interface Cut {
  /** Which statement, numbered from 1. */
  readonly at: number;
  readonly when: "before" | "after";
}

/** A proxy between client and server. It counts statements over all connections and cuts the connection at one of them. */
export class CuttingProxy {
  statements = 0;
  readonly #folder = mkdtempSync(join(tmpdir(), "dsc-cut-"));
  readonly #target: string;
  readonly #cut: Cut | undefined;
  readonly #sockets = new Set<Socket>();
  readonly #server: Server;

  private constructor(target: string, cut: Cut | undefined) {
    this.#target = target;
    this.#cut = cut;
    this.#server = createServer((client) => this.#join(client));
  }

  static async before(url: string, cut?: Cut): Promise<CuttingProxy> {
    const proxy = new CuttingProxy(join(hostOf(url), SOCKET), cut);
    await new Promise<void>((resolve) => proxy.#server.listen(join(proxy.#folder, SOCKET), resolve));
    return proxy;
  }

  /** The URL that reaches the same database through this proxy. */
  url(url: string): string {
    return url.replace(encodeURIComponent(hostOf(url)), encodeURIComponent(this.#folder));
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #join(client: Socket): void {
    const server = createConnection(this.#target);
    let isDeaf = false;
    const end = () => {
      client.destroy();
      server.destroy();
    };
    for (const socket of [client, server]) {
      this.#sockets.add(socket);
      socket.on("error", end).on("close", end);
    }
    const held: Buffer[] = [];
    // The first message of a client has no type.
    const fromClient = new Messages(false, (message, type) => {
      held.push(message);
      const isStatement = type === QUERY || type === SYNC;
      if (type !== undefined && !isStatement && type !== TERMINATE) return;
      if (isStatement && ++this.statements === this.#cut?.at) {
        if (this.#cut.when === "before") return end();
        isDeaf = true;
      }
      server.write(Buffer.concat(held.splice(0)));
    });
    const fromServer = new Messages(true, (message, type) => {
      if (!isDeaf) client.write(message);
      else if (type === READY) end();
    });
    client.on("data", (bytes) => fromClient.take(bytes));
    server.on("data", (bytes) => fromServer.take(bytes));
  }
}

/** Message type: the client closes the connection. */
const TERMINATE = 0x58;

/** Cuts a stream into messages: type (1 byte), length (4 bytes, its own included), contents. */
class Messages {
  #rest = Buffer.alloc(0);
  #isTyped: boolean;
  readonly #onMessage: (message: Buffer, type: number | undefined) => void;

  constructor(isTyped: boolean, onMessage: (message: Buffer, type: number | undefined) => void) {
    this.#isTyped = isTyped;
    this.#onMessage = onMessage;
  }

  take(bytes: Buffer): void {
    this.#rest = Buffer.concat([this.#rest, bytes]);
    for (;;) {
      const head = this.#isTyped ? 1 : 0;
      if (this.#rest.length < head + LENGTH_BYTES) return;
      const end = head + this.#rest.readUInt32BE(head);
      if (this.#rest.length < end) return;
      const message = this.#rest.subarray(0, end);
      this.#rest = this.#rest.subarray(end);
      this.#onMessage(message, this.#isTyped ? message[0] : undefined);
      this.#isTyped = true;
    }
  }
}

function hostOf(url: string): string {
  return decodeURIComponent(/host=([^&]+)/.exec(url)?.[1] ?? "");
}

/** How many statements a run sends. */
export async function statementsOf(flow: Flow, launcher?: Launcher): Promise<number> {
  return (await throughProxy(flow, undefined, launcher)).statements;
}

/** Cuts the connection: `dsc` must retry or fail in one line, nothing is lost, and the same command finishes. */
export async function runCut(flow: Flow, cut: Cut, launcher?: Launcher): Promise<Verdict> {
  return (await throughProxy(flow, cut, launcher)).wrong;
}

async function throughProxy(
  flow: Flow,
  cut: Cut | undefined,
  launcher: Launcher | undefined,
): Promise<{ readonly statements: number; readonly wrong: Verdict }> {
  const desk = await Desk.at(await sceneOf(flow, "postgres"), launcher);
  const proxy = await CuttingProxy.before(desk.where, cut);
  try {
    const outcome = await desk.run({}, {}, proxy.url(desk.where));
    const { statements } = proxy;
    const { flash } = desk.bench;
    const broken = await withOpen(desk.where, (register) =>
      brokenPromise(register, flash, flow, outcome.stdout !== ""),
    );
    const wrong = broken ?? unclear(outcome, /connection|server/) ?? (await finishesHere(desk));
    return { statements, wrong };
  } finally {
    proxy.close();
    await desk.close();
  }
}
