// Errors as application/problem+json (RFC 9457): one line with the fault and what to do.

import { STATUS_CODES } from "node:http";
import type { Problem } from "./schemas.js";

export const PROBLEM_TYPE = "application/problem+json; charset=utf-8";

/** A request that is refused. */
export class Refusal extends Error {
  override name = "Refusal";
  constructor(
    readonly status: number,
    detail: string,
  ) {
    super(detail);
  }
}

/** Fastify's codes for request errors, and our texts for them. */
const KNOWN: Readonly<Record<string, readonly [number, string]>> = {
  FST_ERR_CTP_INVALID_MEDIA_TYPE: [415, "a command is text/plain; say so in Content-Type"],
  FST_ERR_CTP_BODY_TOO_LARGE: [413, "the body is longer than any command; send one line"],
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: [400, "Content-Length is not the length of the body"],
  FST_ERR_BAD_URL: [400, "the path cannot be read"],
};

/** Status and text of an error from any source; an unknown error counts as a bug of this program. */
export function refusalOf(error: unknown): Refusal {
  if (error instanceof Refusal) return error;
  const { code = "", statusCode = 500, message } = error as { code?: string; statusCode?: number; message?: string };
  const known = KNOWN[code];
  if (known) return new Refusal(...known);
  if (statusCode >= 400 && statusCode < 500) return new Refusal(statusCode, inOneLine(message ?? "a bad request"));
  return new Refusal(500, inOneLine(message ?? String(error)));
}

/** The body of a refusal. */
export function problemOf({ status, message }: Refusal): Problem {
  return { type: "about:blank", title: STATUS_CODES[status] ?? "Error", status, detail: message };
}

function inOneLine(text: string): string {
  return text.replace(/\s*\n\s*/g, " ").trim();
}
