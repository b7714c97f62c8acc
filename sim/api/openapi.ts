// `GET /openapi.json`: the routes in OpenAPI 3.1, built from their schemas.

import type { TSchema } from "typebox";
import { PROBLEM_TYPE } from "./problems.js";
import { PROBLEM } from "./schemas.js";

/** The input and output of a route. */
export interface Operation {
  readonly summary: string;
  /** The type of the request's body, and its schema. */
  readonly body?: readonly [type: string, schema: TSchema];
  /** The answer with status 200: its type, its schema, and its description. */
  readonly answer: readonly [type: string, schema: TSchema, description: string];
  /** Other possible answers, in problem+json. */
  readonly refusals: Readonly<Record<number, string>>;
}

/** A route of the server. */
export interface Described {
  readonly method: string;
  readonly path: string;
  readonly operation: Operation;
}

/** The document. `version` is the version of this program. */
export function openApi(routes: readonly Described[], version: string, url: string): object {
  const paths: Record<string, Record<string, object>> = {};
  for (const { method, path, operation } of routes) {
    paths[path] = { ...paths[path], [method.toLowerCase()]: described(operation) };
  }
  return {
    openapi: "3.1.0",
    info: { title: "dsc-sim api", version, description: "A simulated Digital Security Card+ on this computer." },
    servers: [{ url: url.replace(/\/$/, "") }],
    paths,
  };
}

function described({ summary, body, answer: [type, schema, description], refusals }: Operation): object {
  const responses: Record<string, object> = { 200: { description, content: content(type, schema) } };
  for (const [status, why] of Object.entries(refusals)) {
    responses[status] = { description: why, content: content(PROBLEM_TYPE, PROBLEM) };
  }
  return { summary, ...(body && { requestBody: { required: true, content: content(...body) } }), responses };
}

/** The type without its parameters, such as the charset. */
function content(type: string, schema: TSchema): object {
  return { [type.replace(/;.*/, "")]: { schema } };
}
