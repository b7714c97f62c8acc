// The card over HTTP: takes a line of the language and returns its report; shows the screen as JSON, as a picture, and
// as events.
//
// Answers are built from strings, so that a report has the same bytes here as on a pipe.

import { type FastifyInstance, type FastifyReply, fastify } from "fastify";
import Type from "typebox";
import { Value } from "typebox/value";
import { type Card, CardTrap, type KeyName } from "../core/card.js";
import { FlashMisuse } from "../core/flash.js";
import { cardPicture } from "../drawing/svg.js";
import { Session } from "../session/session.js";
import { type Address, urlOf } from "./address.js";
import { Changes, EVENTS_TYPE } from "./changes.js";
import { type Described, type Operation, openApi } from "./openapi.js";
import { whyRefused } from "./origins.js";
import { PROBLEM_TYPE, problemOf, Refusal, refusalOf } from "./problems.js";
import { LINE, LONGEST_BODY, REPORT, SCREEN, type Screen } from "./schemas.js";

const JSON_TYPE = "application/json; charset=utf-8";
const TEXT_TYPE = "text/plain";
const PICTURE_TYPE = "image/svg+xml; charset=utf-8";
/** The time that a request may take to arrive, in ms. */
const REQUEST_TIME = 10_000;

/**
 * Headers for browsers: an answer is never cached, never taken for another type, and never embedded in another page.
 */
const HEADERS = {
  "cache-control": "no-store",
  "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
  "cross-origin-resource-policy": "same-origin",
  "x-content-type-options": "nosniff",
};

const NOT_FOR_YOU = { 403: "Host, Origin or Sec-Fetch-Site are those of another site's page" };

/** The served session, which has not begun, and a function that passes on its card when it begins. */
export interface Served {
  readonly session: Session;
  readonly onBegin: (watch: (card: Card) => void) => void;
}

export interface ServerOptions {
  /** The version of this program. */
  readonly version: string;
  /** A command failed so badly that the card cannot continue, for example because its flash file cannot be written. */
  readonly onBroken: (error: unknown) => void;
}

/** A card at an address. */
export interface CardServer {
  readonly url: string;
  close(): Promise<void>;
}

/** Serves a card. Throws the errors of `listen`. */
export async function serveCard(card: Served, address: Address, options: ServerOptions): Promise<CardServer> {
  const { session } = card;
  const routes: Described[] = [];
  const app = plainServer();
  const changes = new Changes();
  const seen = new Screens(card, changes);
  const get = (path: string, operation: Operation, answer: (reply: FastifyReply) => FastifyReply) => {
    routes.push({ method: "GET", path, operation });
    app.get(path, (_, reply) => answer(reply));
  };

  routes.push({ method: "POST", path: "/command", operation: COMMAND });
  app.post("/command", (request, reply) => {
    const line = lineIn(request.body);
    return reply.type(JSON_TYPE).send(`${JSON.stringify(executed(session, line, options.onBroken))}\n`);
  });
  get("/screen", GET_SCREEN, (reply) => reply.type(JSON_TYPE).send(`${JSON.stringify(seen.now)}\n`));
  get("/screen.svg", GET_PICTURE, (reply) => {
    return reply.type(PICTURE_TYPE).send(cardPicture({ ...seen.now, down: seen.down }));
  });
  get("/events", GET_EVENTS, (reply) => {
    if (changes.isFull) throw new Refusal(503, "too many listeners; close one");
    reply.hijack();
    reply.raw.writeHead(200, { ...HEADERS, "content-type": EVENTS_TYPE });
    changes.add(reply.raw);
    return reply;
  });
  let url = "";
  get("/openapi.json", GET_OPENAPI, (reply) => {
    return reply.type(JSON_TYPE).send(`${JSON.stringify(openApi(routes, options.version, url))}\n`);
  });

  const listening: Promise<string> = app.listen({ host: address.host, port: address.port });
  await listening;
  const { port } = app.server.address() as { port: number };
  url = urlOf({ host: address.host, port });
  return {
    url,
    close: async () => {
      changes.close();
      await app.close();
    },
  };
}

// ---- the routes, as OpenAPI describes them ----

const COMMAND: Operation = {
  summary: "runs one line of the command language",
  body: [TEXT_TYPE, LINE],
  answer: [JSON_TYPE, REPORT, "the line's report; it has `error` where the command failed"],
  refusals: {
    ...NOT_FOR_YOU,
    400: "no line, more than one, or a comment",
    413: "a body that is longer than any command",
    415: "another type than text/plain",
    500: "the firmware trapped, or the flash file cannot be written",
  },
};
const GET_SCREEN: Operation = {
  summary: "the screen as it is",
  answer: [JSON_TYPE, SCREEN, "the clock, whether the card is on, its state and what the screen shows"],
  refusals: NOT_FOR_YOU,
};
const GET_PICTURE: Operation = {
  summary: "a picture of the card",
  answer: [PICTURE_TYPE, Type.String(), "an SVG document"],
  refusals: NOT_FOR_YOU,
};
const GET_EVENTS: Operation = {
  summary: "server-sent events, one for each change of the screen from now on",
  answer: [EVENTS_TYPE, Type.String(), "each event has a number as `id`, and as `data` what GET /screen would answer"],
  refusals: { ...NOT_FOR_YOU, 503: "too many listeners" },
};
const GET_OPENAPI: Operation = {
  summary: "this description",
  answer: [JSON_TYPE, Type.Object({ openapi: Type.String(), paths: Type.Object({}) }), "OpenAPI 3.1"],
  refusals: NOT_FOR_YOU,
};

// ---- requests ----

/** A server without routes: decides who may ask, which bodies are accepted, and the answers to errors. */
function plainServer(): FastifyInstance {
  const app = fastify({
    bodyLimit: LONGEST_BODY,
    requestTimeout: REQUEST_TIME,
    forceCloseConnections: true,
    // A HEAD request for the stream of events would have no end and no events.
    exposeHeadRoutes: false,
    frameworkErrors: (error, _, reply) => void refuse(reply, refusalOf(error)),
    clientErrorHandler: (error, socket) => {
      if (!socket.writable) return socket.destroy();
      const refusal = new Refusal(400, `not an HTTP request (${(error as NodeJS.ErrnoException).code})`);
      const body = JSON.stringify(problemOf(refusal));
      socket.end(`HTTP/1.1 400 Bad Request\r\ncontent-type: ${PROBLEM_TYPE}\r\nconnection: close\r\n\r\n${body}`);
    },
  });
  app.removeAllContentTypeParsers();
  app.addContentTypeParser(TEXT_TYPE, { parseAs: "buffer" }, (_, body, done) => done(null, body));
  app.addHook("onRequest", (request, reply, done) => {
    reply.headers(HEADERS);
    const why = whyRefused(request.headers);
    done(why === undefined ? undefined : new Refusal(403, why));
  });
  app.setErrorHandler((error, _, reply) => refuse(reply, refusalOf(error)));
  app.setNotFoundHandler((request, reply) => {
    return refuse(reply, new Refusal(404, `unknown route ${request.method} ${request.url}; see GET /openapi.json`));
  });
  return app;
}

function refuse(reply: FastifyReply, refusal: Refusal): FastifyReply {
  return reply
    .code(refusal.status)
    .type(PROBLEM_TYPE)
    .send(JSON.stringify(problemOf(refusal)));
}

/** The line in a body, without its line end. Throws a Refusal if there is none or more than one. */
function lineIn(body: unknown): string {
  const line = textOf(body).replace(/\r?\n$/, "");
  if (!Value.Check(LINE, line)) throw new Refusal(400, "send one line of the command language as the body");
  if (Session.isComment(line)) throw new Refusal(400, "a blank line or a comment is not a command");
  return line;
}

function textOf(body: unknown): string {
  if (!(body instanceof Uint8Array)) return "";
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(body);
  } catch {
    throw new Refusal(400, "the body is not UTF-8");
  }
}

function executed(session: Session, line: string, onBroken: ServerOptions["onBroken"]): object {
  try {
    return session.execute(line);
  } catch (error) {
    // The card was restarted after a trap, and continues.
    if (!(error instanceof CardTrap || error instanceof FlashMisuse)) onBroken(error);
    throw new Refusal(500, (error as Error).message);
  }
}

// ---- the card ----

/** The visible state of the card, with each change of it. */
class Screens {
  /** The keys whose contacts are closed. */
  readonly down = new Set<KeyName>();
  readonly #session: Session;
  #told: Screen;

  constructor({ session, onBegin }: Served, changes: Changes) {
    this.#session = session;
    this.#told = this.now;
    const look = () => this.#look(changes);
    const key = (name: KeyName, isDown: boolean) => void (isDown ? this.down.add(name) : this.down.delete(name));
    onBegin((card) => card.watchers.push({ key, display: look, power: look }));
  }

  get now(): Screen {
    const { time, on, state, display } = this.#session.card;
    return { t: time, on, state, display };
  }

  /** Screen and power may be reported one after the other, but together they are one change. */
  #look(changes: Changes): void {
    const { now } = this;
    if (now.on === this.#told.on && now.display === this.#told.display) return;
    this.#told = now;
    changes.tell(now);
  }
}
