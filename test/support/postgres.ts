// A PostgreSQL server for tests: Debian's, on its own socket in a folder that is removed with the process. The server
// refuses to run as root, so tests that run as root run it as nobody.

import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { chownSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
import { until } from "./deadline.js";

const VERSIONS = "/usr/lib/postgresql";
const PROGRAMS = programs();
/** How to install what these tests need; undefined if it is installed. */
export const NO_POSTGRES = PROGRAMS === undefined ? "apt-get install postgresql" : undefined;

/** uid and gid of nobody on Debian. */
const NOBODY = 65534;
const ROOT = process.getuid?.() === 0;
const USER = "dsc";

export interface PostgresOptions {
  /** Lines of postgresql.conf. */
  readonly settings?: readonly string[];
}

/** All running servers: they end with the process of the test. */
const running = new Set<PostgresServer>();
process.on("exit", () => {
  for (const server of running) server.remove();
});

export class PostgresServer {
  readonly #folder: string;
  #process: ChildProcess | undefined;
  #databases = 0;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  /** Makes a server and starts it. */
  static async start({ settings = [] }: PostgresOptions = {}): Promise<PostgresServer> {
    // Short: a socket's path has 107 bytes at most.
    const folder = mkdtempSync(join(tmpdir(), "dsc-pg-"));
    if (ROOT) chownSync(folder, NOBODY, NOBODY);
    const server = new PostgresServer(folder);
    running.add(server);
    const initdb = server.#command(
      "initdb",
      "-A",
      "trust",
      "-U",
      USER,
      "--no-locale",
      "-E",
      "UTF8",
      "-N",
      "-D",
      server.data,
    );
    const { status, stderr } = spawnSync(...initdb);
    if (status !== 0) throw new Error(`initdb: ${stderr}`);
    server.configure(...settings);
    await server.start();
    return server;
  }

  /** The folder of its files. */
  get data(): string {
    return join(this.#folder, "data");
  }

  /** The server's main process; each connection is a child of it. Undefined if it is stopped. */
  get pid(): number | undefined {
    return this.#process?.pid;
  }

  /** What it has logged. */
  get log(): string {
    return readFileSync(join(this.#folder, "log"), "utf8");
  }

  /** Settings from the next start on. */
  configure(...settings: readonly string[]): void {
    writeFileSync(join(this.data, "postgresql.conf"), `${settings.join("\n")}\n`, { flag: "a" });
  }

  async start(): Promise<void> {
    const settings = ["-h", "", "-k", this.#folder, "-F"];
    const [program, args, options] = this.#command("postgres", "-D", this.data, ...settings);
    const log = join(this.#folder, "log");
    const shell = ["-c", `exec "$@" >>${log} 2>&1`, "sh", program, ...args];
    const server = spawn("sh", shell, { ...options, stdio: "ignore" });
    // The server runs as long as the test file, but does not keep it from ending.
    server.unref();
    this.#process = server;
    await until(async () => {
      if (server.exitCode !== null) throw new Error(`PostgreSQL did not start:\n${this.log}`);
      return this.#answers();
    }, "PostgreSQL starts");
  }

  /** Ends it: `SIGINT` cuts all connections, `SIGKILL` is a crash. Returns when it has ended. */
  async stop(signal: "SIGINT" | "SIGQUIT" | "SIGKILL" = "SIGINT"): Promise<void> {
    const server = this.#process;
    if (!server) return;
    server.ref();
    const ended = new Promise((resolve) => server.once("exit", resolve));
    if (server.exitCode === null && server.signalCode === null) {
      server.kill(signal);
      await ended;
    }
    this.#process = undefined;
  }

  /** A new, empty database. Returns its URL. */
  async database(encoding = "UTF8"): Promise<string> {
    const name = `test${++this.#databases}`;
    await this.run(`CREATE DATABASE ${name} ENCODING '${encoding}' TEMPLATE template0`);
    return this.url(name);
  }

  /** A new, empty schema, which takes less time than a database. Returns its URL. */
  async schema(): Promise<string> {
    const name = `test${++this.#databases}`;
    await this.run(`CREATE SCHEMA ${name}`);
    return `${this.url("postgres")}&options=${encodeURIComponent(`-c search_path=${name}`)}`;
  }

  url(database: string): string {
    return `postgres://${USER}@/${database}?host=${encodeURIComponent(this.#folder)}`;
  }

  /** A statement as the superuser. */
  async run(statement: string, url = this.url("postgres")): Promise<Record<string, unknown>[]> {
    const client = new pg.Client({ connectionString: url });
    client.on("error", () => {});
    await client.connect();
    try {
      return (await client.query(statement)).rows;
    } finally {
      await client.end();
    }
  }

  /** Ends it at once, and removes its files. */
  remove(): void {
    if (this.#process) spawnSync(...this.#command("pg_ctl", "stop", "-D", this.data, "-m", "immediate", "-w"));
    rmSync(this.#folder, { recursive: true, force: true });
    running.delete(this);
  }

  async #answers(): Promise<boolean> {
    try {
      await this.run("SELECT 1");
      return true;
    } catch {
      return false;
    }
  }

  #command(
    name: string,
    ...args: string[]
  ): [string, string[], { cwd: string; env: NodeJS.ProcessEnv; encoding: "utf8" }] {
    const program = join(PROGRAMS as string, name);
    // The environment keeps the mark by which the runner finds the processes that a test file leaves.
    const { DSC_TEST_MARK } = process.env;
    const env = { PATH: "/usr/bin:/bin", HOME: this.#folder, LC_ALL: "C", ...(DSC_TEST_MARK && { DSC_TEST_MARK }) };
    const options = { cwd: this.#folder, env, encoding: "utf8" } as const;
    if (!ROOT) return [program, args, options];
    const nobody = [`--reuid=${NOBODY}`, `--regid=${NOBODY}`, "--clear-groups", "--inh-caps=-all", "--", program];
    return ["setpriv", [...nobody, ...args], options];
  }
}

/** The folder of the newest version's programs. */
function programs(): string | undefined {
  if (!existsSync(VERSIONS)) return undefined;
  const versions = readdirSync(VERSIONS).sort((one, other) => Number(other) - Number(one));
  return versions.map((version) => join(VERSIONS, version, "bin")).find((folder) => existsSync(join(folder, "initdb")));
}
