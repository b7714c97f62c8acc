// Observes what is sent to a database: every statement of libsql and of pg, before it is run.

import { createRequire } from "node:module";

const require = createRequire(import.meta.url);

type Method = (this: unknown, ...args: unknown[]) => unknown;
type Methods = Record<string, Method>;

/**
 * Calls `before` with the text of each statement from now on. It loads the libraries that it observes; without `server` not pg,
 * whose loading takes as long as a short command.
 */
export function onStatement(before: (text: string) => void, { server = true } = {}): void {
  listenToSqlite(before);
  if (server) listenToPostgres(before);
}

function listenToSqlite(before: (text: string) => void): void {
  const { prototype } = require("libsql") as { prototype: Methods };
  const { prepare, exec } = prototype;
  prototype.prepare = function (text) {
    const statement = prepare?.call(this, text) as Methods;
    for (const name of ["run", "all"]) {
      const run = statement[name] as Method;
      statement[name] = function (...args) {
        before(String(text));
        return run.apply(this, args);
      };
    }
    return statement;
  };
  prototype.exec = function (text) {
    before(String(text));
    return exec?.call(this, text);
  };
}

function listenToPostgres(before: (text: string) => void): void {
  const { prototype } = (require("pg") as { Client: { prototype: Methods } }).Client;
  const { query } = prototype;
  prototype.query = function (...args) {
    if (typeof args[0] === "string") before(args[0]);
    return query?.apply(this, args);
  };
}
