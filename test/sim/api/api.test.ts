// `dsc-sim api`, used from another process: commands and their reports, the screen, events, errors, and refused
// clients.

import { on, once } from "node:events";
import { existsSync, readFileSync, rmSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { connect } from "node:net";
import { join } from "node:path";
import type { TSchema } from "typebox";
import { Value } from "typebox/value";
import * as assert from "uvu/assert";
import { ROOT } from "../../../host-tools/files/project.js";
import { parseAddress, urlOf } from "../../../sim/api/address.js";
import { Changes } from "../../../sim/api/changes.js";
import { PROBLEM, REPORT, SCREEN, type Screen } from "../../../sim/api/schemas.js";
import type { Report } from "../../../sim/session/cardsession.js";
import { DEMO } from "../../../sim/session/demo.js";
import { mutantEnvironment } from "../../mutants/mutantsim.js";
import { type Answer, ApiProcess, type Asked, TEXT } from "../../support/apiprocess.js";
import { expected } from "../../support/cards.js";
import { until } from "../../support/deadline.js";
import { scratchFolder } from "../../support/scratch.js";
import { dscSim } from "../../support/simprocess.js";
import { suite } from "../../support/suite.js";

const test = suite("api");

const FOLDER = scratchFolder();
const CARD = ["--demo", "--seed", "1"];
const LOGIN = ["hold press", `type ${DEMO.pin}`, "ok", "type 123456", "ok"];
/** The texts that the screen shows during a login, in order. */
const SCREENS = [
  ...["PIN>", "PIN>*", "PIN>**", "PIN>***", "PIN>****", "CHALLNG>"],
  ...["1", "12", "123", "1234", "12345", "123456", expected("123456")],
];
const PROBLEM_TYPE = "application/problem+json; charset=utf-8";

let api: ApiProcess;

test.before(async () => {
  api = await ApiProcess.start(CARD);
});
test.after(() => void api.process.kill("SIGKILL"));

async function run(line: string): Promise<Report> {
  const { status, body } = await api.command(line);
  assert.is(status, 200, body);
  return JSON.parse(body) as Report;
}

/** Turns the card off and clears its entry, whatever its state. */
async function turnOff(): Promise<void> {
  if ((await run("show")).on) await run("hold press");
}

// ---- the language ----

/** A report without its line number, because lines are not counted over HTTP. */
function unnumbered(line: string): string {
  return line.replace(/"line":\d+,?/, "").replace(/,}$/, "}");
}

test("reports are the same bytes as those of --headless, except for the line number", async () => {
  const lines = [...LOGIN, "expect WRONG", "hop", "flash-ops", "show", "serial c080cadf2000", "cut", "battery 3000"];
  const { lines: headless } = dscSim(["--headless", ...CARD], lines.join("\n"));
  const answers: string[] = [];
  for (const line of lines) answers.push((await api.command(line)).body);
  assert.equal(
    answers,
    headless.map((line) => `${unnumbered(line)}\n`),
  );
  assert.is(answers.filter((answer) => "error" in JSON.parse(answer)).length, 2);
});

test("a command may have a line end, blanks around it, and a charset in its type", async () => {
  await turnOff();
  for (const line of ["hold press\n", "  type 40\r\n"]) assert.is((await run(line)).error, undefined);
  const headers = { "content-type": "text/plain; charset=utf-8" };
  const { status, body } = await api.ask("command", { method: "POST", headers, body: "show" });
  assert.equal([status, (JSON.parse(body) as Report).display], [200, "PIN>**"]);
});

test("no file is opened over HTTP", async () => {
  const other = await ApiProcess.start([], FOLDER);
  const { body } = await other.command("flash card.bin");
  assert.match((JSON.parse(body) as Report).error ?? "", /^flash: no file is opened over HTTP; name it as --flash/);
  assert.not.ok(existsSync(join(FOLDER, "card.bin")));
  assert.is((await other.command("demo")).body, '{"t":0,"on":false,"state":"OFF","display":""}\n');
  for (const line of LOGIN) await other.command(line);
  assert.is((JSON.parse((await other.ask("screen")).body) as Screen).display, expected("123456"));
  await other.end();
});

// ---- the screen ----

test("GET /screen returns the screen", async () => {
  await turnOff();
  await run("hold press");
  const { t, on, state, display } = await run("type 40");
  const { status, headers, body } = await api.ask("screen");
  assert.equal([status, headers["content-type"]], [200, "application/json; charset=utf-8"]);
  assert.equal(JSON.parse(body), { t, on, state, display });
});

test("GET /screen.svg returns a picture of the card, with the pressed key", async () => {
  await turnOff();
  await run("hold press");
  const { headers, body } = await api.ask("screen.svg");
  assert.is(headers["content-type"], "image/svg+xml; charset=utf-8");
  assert.match(body, /<title>Digital Security Card\+: the screen shows PIN&#62;<\/title>/);
  await run("down 7");
  const down = (await api.ask("screen.svg")).body;
  await run("up 7");
  assert.is.not(down, body);
  assert.is((await api.ask("screen.svg")).body, body);
});

/** Events as they arrive, without comments. */
async function* eventsOf(stream: IncomingMessage): AsyncGenerator<{ id: number; screen: Screen }> {
  stream.setEncoding("utf8");
  let text = "";
  for await (const [part] of on(stream, "data")) {
    text += part;
    for (let end = text.indexOf("\n\n"); end >= 0; end = text.indexOf("\n\n")) {
      const [, id, data] = /^id: (\d+)\ndata: (.*)$/.exec(text.slice(0, end)) ?? [];
      text = text.slice(end + 2);
      if (data !== undefined) yield { id: Number(id), screen: JSON.parse(data) as Screen };
    }
  }
}

test("GET /events sends every change of the screen once, and nothing else", async () => {
  await turnOff();
  const streams = await Promise.all([api.open("events"), api.open("events")]);
  for (const { headers } of streams) assert.is(headers["content-type"], "text/event-stream; charset=utf-8");
  for (const line of ["show", ...LOGIN, "wait 100", "hold press"]) await run(line);
  for (const stream of streams) {
    const seen: { id: number; screen: Screen }[] = [];
    for await (const event of eventsOf(stream)) {
      seen.push(event);
      if (!event.screen.on) break;
    }
    assert.equal(
      seen.map(({ screen }) => screen.display),
      [...SCREENS, ""],
    );
    const [first] = seen as [{ id: number; screen: Screen }];
    assert.equal(
      seen.map(({ id }) => id),
      seen.map((_, at) => first.id + at),
    );
    for (const { screen } of seen) assert.ok(Value.Check(SCREEN, screen));
    assert.is(first.screen.on, true);
    stream.destroy();
  }
});

test("more than 100 listeners are refused until one leaves", async () => {
  const streams = await Promise.all(Array.from({ length: 100 }, () => api.open("events")));
  assertProblem(await api.ask("events"), 503, /too many/);
  for (const stream of streams) stream.destroy();
  let next: IncomingMessage | undefined;
  await until(async () => {
    next?.destroy();
    next = await api.open("events");
    return next.statusCode === 200;
  }, "a listener is taken again");
  next?.destroy();
});

test("a listener that does not read is disconnected, and the others still get events", () => {
  const changes = new Changes();
  const listener = (waiting: number) => {
    const told: string[] = [];
    const response = {
      told,
      ended: false,
      writableLength: waiting,
      on: () => {},
      write: (text: string) => told.push(text),
    };
    const destroy = () => {
      response.ended = true;
    };
    const one = Object.assign(response, { destroy, end: destroy });
    changes.add(one as unknown as ServerResponse);
    return one;
  };
  const [slow, fast] = [listener(2_000_000), listener(1_000)];
  const screen = { t: 1, on: true, state: "PIN", display: "PIN>" };
  changes.tell(screen);
  assert.equal([slow.ended, fast.ended], [true, false]);
  assert.is(fast.told.at(-1), `id: 1\ndata: ${JSON.stringify(screen)}\n\n`);
  changes.close();
  assert.is(fast.ended, true);
});

// ---- errors ----

function assertProblem({ status, headers, body }: Answer, wanted: number, detail: RegExp): void {
  assert.is(status, wanted, body);
  assert.is(headers["content-type"], PROBLEM_TYPE);
  const problem = JSON.parse(body) as { status: number; detail: string };
  assert.ok(Value.Check(PROBLEM, problem), body);
  assert.is(problem.status, wanted);
  assert.match(problem.detail, detail);
  assert.not.match(problem.detail, /\n/);
}

const WRONG: readonly (readonly [name: string, path: string, asked: Asked, status: number, detail: RegExp])[] = [
  ["no body", "command", { method: "POST" }, 400, /one line/],
  ["an empty body", "command", { method: "POST", headers: TEXT, body: "" }, 400, /one line/],
  ["only a line's end", "command", { method: "POST", headers: TEXT, body: "\n" }, 400, /one line/],
  ["two lines", "command", { method: "POST", headers: TEXT, body: "press\npress" }, 400, /one line/],
  ["a lone CR", "command", { method: "POST", headers: TEXT, body: "press\rpress" }, 400, /one line/],
  ["a NUL", "command", { method: "POST", headers: TEXT, body: "press\0" }, 400, /one line/],
  ["a comment", "command", { method: "POST", headers: TEXT, body: "# press" }, 400, /comment/],
  ["blanks", "command", { method: "POST", headers: TEXT, body: "   " }, 400, /blank/],
  ["no UTF-8", "command", { method: "POST", headers: TEXT, body: Buffer.of(0x61, 0xff) }, 400, /UTF-8/],
  ["a path that is none", "%zz", {}, 400, /path/],
  ["another path", "keys", {}, 404, /unknown route GET \/keys/],
  ["another method", "command", {}, 404, /unknown route GET \/command/],
  ["a body that is too long", "command", { method: "POST", headers: TEXT, body: "a".repeat(65_537) }, 413, /longer/],
  ["no type", "command", { method: "POST", body: "press" }, 415, /text\/plain/],
  ["JSON", "command", { method: "POST", headers: { "content-type": "application/json" }, body: '"ok"' }, 415, /text/],
  [
    "a form",
    "command",
    { method: "POST", headers: { "content-type": "application/x-www-form-urlencoded" }, body: "ok=" },
    415,
    /text/,
  ],
];

for (const [name, path, asked, status, detail] of WRONG) {
  test(`${name}: ${status}, and the card does not change`, async () => {
    const before = (await api.ask("screen")).body;
    assertProblem(await api.ask(path, asked), status, detail);
    assert.is((await api.ask("screen")).body, before);
  });
}

/** The server's answer to these bytes. */
async function raw(bytes: string): Promise<string> {
  const socket = connect(Number(new URL(api.url).port), "127.0.0.1");
  socket.write(bytes);
  let text = "";
  for await (const part of socket) text += part;
  return text;
}

test("a request that is not HTTP is answered 400", async () => {
  const text = await raw("PRESS\r\n\r\n");
  const [head = "", body = ""] = text.split("\r\n\r\n");
  assert.match(head, /^HTTP\/1\.1 400 Bad Request\r\ncontent-type: application\/problem\+json/);
  assert.ok(Value.Check(PROBLEM, JSON.parse(body)), body);
});

test("firmware that misuses its flash is answered 500, and the card is restarted", async () => {
  const env = await mutantEnvironment(scratchFolder(), "I10-a-word-is-programmed-again");
  const other = await ApiProcess.start(CARD, FOLDER, env);
  for (const line of ["hold press", `type ${DEMO.pin}`]) await other.command(line);
  assertProblem(await other.command("ok"), 500, /the word was programmed before/);
  assert.is((JSON.parse((await other.ask("screen")).body) as Screen).on, false);
  assert.is((JSON.parse((await other.command("hold press")).body) as Report).display, "PIN>");
  await other.end();
});

test("a deleted flash file is answered 500, and the server ends with exit code 2", async () => {
  const folder = scratchFolder();
  const other = await ApiProcess.start(["--flash", "card.bin", ...CARD], folder);
  const ended = once(other.process, "exit");
  rmSync(join(folder, "card.bin"));
  for (const line of ["hold press", "type 1111"]) await other.command(line);
  assertProblem(await other.command("ok"), 500, /card\.bin: was renamed, replaced or deleted/);
  assert.equal(await ended, [2, null]);
});

// ---- permitted clients ----

test("another site's web page can neither press keys nor see the screen", async () => {
  await turnOff();
  const { host } = new URL(api.url);
  const refused: Record<string, string>[] = [
    { host: "evil.example" },
    { host: `evil.example:${host.split(":")[1]}` },
    { host: `127.0.0.1.evil.example:${host.split(":")[1]}` },
    { host: "localhost.evil.example" },
    { host: "192.168.0.1" },
    { origin: "http://evil.example" },
    { origin: "null" },
    { origin: `https://${host}` },
    { origin: "http://127.0.0.1" },
    { origin: "http://localhost:3000" },
    { "sec-fetch-site": "cross-site" },
    { "sec-fetch-site": "same-site" },
  ];
  const routes: [string, Asked][] = [
    ["command", { method: "POST", headers: TEXT, body: "hold press" }],
    ["screen", {}],
    ["screen.svg", {}],
    ["events", {}],
    ["openapi.json", {}],
    ["keys", {}],
  ];
  for (const headers of refused) {
    for (const [path, asked] of routes) {
      const answer = await api.ask(path, { ...asked, headers: { ...asked.headers, ...headers } });
      assertProblem(answer, 403, /loopback|another/);
      for (const name of Object.keys(answer.headers)) assert.not.match(name, /^access-control/);
    }
  }
  assert.is((await run("show")).on, false);
});

test("a request without Host is refused", async () => {
  const text = await raw("GET /screen HTTP/1.0\r\n\r\n");
  assert.match(text, /^HTTP\/1\.[01] 403 Forbidden\r\n/);
});

test("programs on this computer and pages of the card's own address may send requests", async () => {
  const { host, port } = new URL(api.url);
  const taken: Record<string, string>[] = [
    {},
    { host: `localhost:${port}` },
    { host: "127.0.0.1" },
    { host: "[::1]:9999" },
    { origin: `http://${host}` },
    { "sec-fetch-site": "none" },
    { "sec-fetch-site": "same-origin", origin: `http://${host}` },
  ];
  for (const headers of taken) assert.is((await api.ask("screen", { headers })).status, 200, JSON.stringify(headers));
});

test("the server listens on loopback only", async () => {
  assert.equal(new URL(api.url).hostname, "127.0.0.1");
  const good: [string, string][] = [
    ["127.0.0.1:0", "http://127.0.0.1:0/"],
    ["127.255.0.9:80", "http://127.255.0.9:80/"],
    ["[::1]:8080", "http://[::1]:8080/"],
    ["localhost:65535", "http://127.0.0.1:65535/"],
  ];
  for (const [text, url] of good) assert.is(urlOf(parseAddress(text)), url);
  const bad = [
    ...["0.0.0.0:80", "192.168.0.1:80", "[::]:80", "[::ffff:127.0.0.1]:80", "[fe80::1]:80", "example.org:80"],
    ...["127.0.0.1", "127.0.0.1:65536", "127.0.0.1:x", ":80", "80", "", "::1:80", "[127.0.0.1]:80", "127.1:80"],
  ];
  for (const text of bad) assert.throws(() => parseAddress(text), /^[^\n]+$/, text);
  const { code, stdout, stderr } = dscSim(["api", "--listen", "0.0.0.0:0"]);
  assert.equal([code, stdout], [2, ""]);
  assert.match(stderr, /^dsc-sim: .*0\.0\.0\.0:0.*this computer only.*\n$/);
});

test("a busy port is an error of one line with exit code 3", () => {
  const { host } = new URL(api.url);
  const { code, stdout, stderr } = dscSim(["api", "--listen", host]);
  assert.equal([code, stdout], [3, ""]);
  assert.is(stderr, `dsc-sim: --listen ${host}: in use by another program; choose another port\n`);
});

// ---- OpenAPI ----

interface Document {
  readonly openapi: string;
  readonly servers: readonly { url: string }[];
  readonly paths: Record<string, Record<string, { responses: Record<string, { content: Record<string, Schema> }> }>>;
}
interface Schema {
  readonly schema: TSchema;
}

/** The schema of a route's answer. */
function schemaOf({ paths }: Document, path: string, method: string, type: string): TSchema {
  const found = paths[path]?.[method]?.responses[200]?.content[type]?.schema;
  assert.ok(found, `${method} ${path}: ${type}`);
  return found as TSchema;
}

test("GET /openapi.json names every route, and its schemas fit the answers", async () => {
  const document = JSON.parse((await api.ask("openapi.json")).body) as Document;
  assert.match(document.openapi, /^3\.1\./);
  assert.is(`${document.servers[0]?.url}/`, api.url);
  const routes = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method} ${path}`),
  );
  const named = ["post /command", "get /screen", "get /screen.svg", "get /events", "get /openapi.json"];
  assert.equal(routes.sort(), named.sort());
  for (const path of ["/screen", "/openapi.json", "/screen.svg"]) {
    const { headers, body } = await api.ask(path);
    const type = (headers["content-type"] ?? "").replace(/;.*/, "");
    const schema = schemaOf(document, path, "get", type);
    assert.ok(Value.Check(schema, type.endsWith("json") ? JSON.parse(body) : body), path);
  }
  const schema = schemaOf(document, "/command", "post", "application/json");
  for (const line of ["show", "hop", "serial c080cadf20005a", "flash-ops", "cut", "battery 3000"]) {
    const report = await run(line);
    assert.ok(Value.Check(schema, report), JSON.stringify(report));
    const known = Object.keys(REPORT.properties);
    assert.equal(
      Object.keys(report).filter((name) => !known.includes(name)),
      [],
    );
  }
  assert.not.ok(Value.Check(schema, { ...(await run("show")), t: -1 }), "the schema can refuse");
});

test("docs/API.md has a row for every route and every status", async () => {
  const text = readFileSync(join(ROOT, "docs", "API.md"), "utf8");
  const { paths } = JSON.parse((await api.ask("openapi.json")).body) as Document;
  const statuses = new Set<string>();
  for (const [path, methods] of Object.entries(paths)) {
    for (const [method, { responses }] of Object.entries(methods)) {
      assert.ok(text.includes(`| \`${method.toUpperCase()} ${path}\` |`), `${method} ${path}`);
      for (const status of Object.keys(responses)) if (status !== "200") statuses.add(status);
    }
  }
  const rows = [...text.matchAll(/^\| (\d{3}) \|/gm)].map(([, status]) => status as string);
  assert.equal(rows.sort(), [...statuses, "404"].sort());
});

test.run();
