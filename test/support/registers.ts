// Places for registers, on either engine: each test of the register runs on both.

import { join } from "node:path";
import type { EngineKind } from "../../host-tools/desk/register/engine.js";
import { NO_POSTGRES, PostgresServer } from "./postgres.js";
import { scratchFolder } from "./scratch.js";

export interface Place {
  readonly kind: EngineKind;
  /** How to install what it needs; undefined if that is installed. */
  readonly missing: string | undefined;
  /** The path of a file that does not exist yet, or the URL of an empty schema. */
  fresh(): Promise<string>;
}

let server: Promise<PostgresServer> | undefined;
const folder = scratchFolder();
let files = 0;

/** The test file's own server, started when it is first asked for. It ends with the process. */
export function postgres(): Promise<PostgresServer> {
  server ??= PostgresServer.start();
  return server;
}

export const PLACES: readonly Place[] = [
  { kind: "sqlite", missing: undefined, fresh: async () => join(folder, `register${++files}.db`) },
  { kind: "postgres", missing: NO_POSTGRES, fresh: async () => (await postgres()).schema() },
];
