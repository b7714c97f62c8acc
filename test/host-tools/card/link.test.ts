// The link: requests and answers over a line that loses, changes and delays bytes, and that closes.

import { connect, createServer } from "node:net";
import { Duplex, PassThrough } from "node:stream";
import * as assert from "uvu/assert";
import { LineClosed, NoAnswer, OtherProtocol } from "../../../host-tools/card/errors.js";
import { Link, type LinkWatcher } from "../../../host-tools/card/link.js";
import { failure } from "../../support/failure.js";
import { FakeCard, FakeClock, framesIn, lineBytes, quiet } from "../../support/fakecard.js";
import { suite } from "../../support/suite.js";

const test = suite("link");

const hex = (text: string) => Buffer.from(text, "hex");
/** A command outside a channel: GET DATA of the serial number. */
const COMMAND = hex("80ca004500");

function setup() {
  const card = new FakeCard();
  const clock = new FakeClock();
  card.answer = () => ({ data: Buffer.from("IB3000123"), sw: 0x9000 });
  return { card, clock, link: new Link(card, { timer: clock.timer }) };
}

test("hello returns the version", async () => {
  const { card, clock, link } = setup();
  assert.is(await clock.until(link.hello()), 1);
  assert.is(card.hellos, 1);
});

test("hello is repeated until the card answers", async () => {
  const { card, clock, link } = setup();
  card.deaf = 6;
  assert.is(await clock.until(link.hello()), 1);
  assert.is(card.hellos, 7);
  assert.is(clock.now, 3000);
});

test("hello ends with an error if no answer comes", async () => {
  const { card, clock, link } = setup();
  card.deaf = Number.POSITIVE_INFINITY;
  assert.instance(await failure(clock.until(link.hello())), NoAnswer);
  assert.instance(await failure(clock.until(link.hello(2))), NoAnswer);
  assert.is(card.hellos, 12);
});

test("another version of the protocol is refused", async () => {
  const { card, clock, link } = setup();
  card.version = 2;
  const error = await failure(clock.until(link.exchange(COMMAND)));
  assert.instance(error, OtherProtocol);
  assert.match((error as Error).message, "version 2");
});

test("the first command sends a hello before it, once", async () => {
  const { card, clock, link } = setup();
  for (let i = 0; i < 3; i++)
    assert.is((await clock.until(link.exchange(COMMAND))).toString("latin1"), "IB3000123\x90\0");
  assert.is(card.hellos, 1);
  assert.is(clock.now, 0);
});

test("a command that must not be repeated is sent once", async () => {
  const { card, clock, link } = setup();
  await clock.until(link.hello());
  card.deaf = 1;
  assert.instance(await failure(clock.until(link.exchange(COMMAND, { time: 70_000 }))), NoAnswer);
  assert.is(clock.now, 70_000);
  assert.is(card.seen.length, 0);
});

test("a repeatable command is sent again, after a hello that resynchronizes both sides", async () => {
  const { card, clock, link } = setup();
  await clock.until(link.hello());
  card.deaf = 2;
  const answer = await clock.until(link.exchange(COMMAND, { again: true }));
  assert.is(answer.length, 11);
  assert.is(card.hellos, 3);
  assert.is(card.seen.length, 1);
});

test("a command is given up after three lost answers", async () => {
  const { card, clock, link } = setup();
  await clock.until(link.hello());
  card.spoil = (line) => (line.length > 8 ? Buffer.alloc(0) : line);
  assert.instance(await failure(clock.until(link.exchange(COMMAND, { again: true }))), NoAnswer);
  assert.is(card.seen.length, 3);
});

/** A link that records each announced wait with its time. */
function telling() {
  const { card, clock } = setup();
  const reports: string[] = [];
  const onWait = (what: string) => void reports.push(`${clock.now}: ${what}`);
  return { card, clock, reports, link: new Link(card, { timer: clock.timer, name: "P", onWait }) };
}

test("a wait of more than a few seconds is announced once, with its reason", async () => {
  const waits: [string, (link: Link) => Promise<unknown>, string][] = [
    ["hello", (link) => link.hello(), "P: the card's answer"],
    ["a command", (link) => link.exchange(COMMAND, { again: true }), "P: the card's answer"],
    ["a long one", (link) => link.exchange(COMMAND, { time: 70_000, waitingFor: "its keys" }), "P: its keys"],
  ];
  for (const [what, wait, words] of waits) {
    const { card, clock, reports, link } = telling();
    card.deaf = Number.POSITIVE_INFINITY;
    assert.instance(await failure(clock.until(wait(link))), NoAnswer);
    assert.ok(clock.now > 3000, what);
    assert.equal(reports, [`3000: ${words}`], what);
  }
});

test("a quick answer is not announced, nor is the next one", async () => {
  const { card, clock, reports, link } = telling();
  for (let i = 0; i < 3; i++) {
    card.deaf = 5;
    await clock.until(link.hello());
  }
  assert.is(clock.now, 7500);
  assert.equal(reports, []);
});

test("a late answer is not taken for the next one", async () => {
  const { card, clock, link } = setup();
  await clock.until(link.hello());
  card.deaf = 1;
  await failure(clock.until(link.exchange(COMMAND)));
  // The late answer comes before the next answer.
  card.spoil = (line) => {
    card.spoil = undefined;
    return Buffer.concat([lineBytes(0, hex("bad09000")), line]);
  };
  assert.is((await clock.until(link.exchange(COMMAND))).toString("latin1"), "IB3000123\x90\0");
});

test("an unexpected answer and a late hello are dropped", async () => {
  const { card, clock, link } = setup();
  await clock.until(link.hello());
  card.say(0, hex("bad09000"));
  await quiet();
  card.spoil = (line) => Buffer.concat([lineBytes(0, hex("01")), lineBytes(0, Buffer.alloc(0)), line]);
  assert.is((await clock.until(link.exchange(COMMAND))).length, 11);
});

test("an answer is found amid noise, and when it comes byte by byte", async () => {
  const { card, clock, link } = setup();
  card.spoil = (line) => {
    for (const byte of [...hex("db00ffc0"), ...line, ...hex("0102")]) card.push(Buffer.of(byte));
    return Buffer.alloc(0);
  };
  assert.is((await clock.until(link.exchange(COMMAND))).length, 11);
});

test("a second request fails while the first is unanswered", async () => {
  const { clock, link } = setup();
  const first = link.exchange(COMMAND);
  assert.match(String(await failure(link.exchange(COMMAND))), "one question at a time");
  assert.is((await clock.until(first)).length, 11);
});

test("the front panel uses its own channel", async () => {
  const { card, clock, link } = setup();
  const screens: string[] = [];
  card.say(1, Buffer.from("nobody listens yet"));
  await quiet();
  link.onPanel = (payload) => screens.push(payload.toString("latin1"));
  const answer = link.exchange(COMMAND);
  card.say(1, Buffer.from("\x01\x04PIN>    "));
  link.sendPanel(hex("0b01"));
  assert.is((await clock.until(answer)).length, 11);
  assert.equal(screens, ["\x01\x04PIN>    "]);
  assert.equal(card.panel, [hex("0b01")]);
});

const ENDINGS: Record<string, (card: FakeCard, link: Link) => void> = {
  "closes the link": (_, link) => link.close(),
  "destroys the stream": (card) => card.destroy(),
  "pulls the plug": (card) => card.destroy(new Error("device gone")),
  "unplugs a serial port": (card) => card.emit("close", new Error("device gone")),
  "ends the stream": (card) => card.push(null),
};

for (const [what, end] of Object.entries(ENDINGS)) {
  test(`a request fails when somebody ${what}, and so do later ones`, async () => {
    const { card, clock, link } = setup();
    await clock.until(link.hello());
    card.deaf = 1;
    const question = failure(link.exchange(COMMAND, { again: true }));
    end(card, link);
    const error = await clock.until(question);
    assert.instance(error, LineClosed);
    if (/plug/.test(what)) assert.is((error as Error).message, "the line failed: device gone");
    assert.instance(await failure(link.exchange(COMMAND)), LineClosed);
    assert.instance(await failure(link.hello()), LineClosed);
    assert.throws(() => link.sendPanel(hex("0001")), /closed|failed/);
    assert.is(clock.now, 0);
  });
}

test("an error about a missing or silent card names its port", async () => {
  const named = (card: FakeCard, clock: FakeClock) => new Link(card, { timer: clock.timer, name: "/dev/ttyX" });
  for (const how of ["pulls the plug", "unplugs a serial port", "ends the stream"]) {
    const { card, clock } = setup();
    const link = named(card, clock);
    await clock.until(link.hello());
    ENDINGS[how]?.(card, link);
    await quiet();
    const error = (await failure(link.exchange(COMMAND))) as Error;
    assert.is(error.message, "/dev/ttyX: the card is gone (unplugged?)");
  }
  const { card, clock } = setup();
  const link = named(card, clock);
  card.deaf = 100;
  assert.is(((await clock.until(failure(link.hello()))) as Error).message, "/dev/ttyX: the card does not answer");
});

test("a stream that is already destroyed is a closed line", async () => {
  const card = new FakeCard();
  card.destroy();
  await quiet();
  assert.instance(await failure(new Link(card).hello()), LineClosed);
});

test("a watcher gets every event", async () => {
  const { card, clock, link } = setup();
  const reports: string[] = [];
  const watcher: LinkWatcher = {
    hello: () => reports.push("hello"),
    version: (version) => reports.push(`version ${version}`),
    command: (command) => reports.push(Buffer.from(command).toString("hex")),
    response: (_, response) => reports.push(Buffer.from(response).toString("latin1", 0, 9)),
    noAnswer: () => reports.push("no answer"),
    closed: () => reports.push("closed"),
  };
  link.watchers.push(watcher);
  card.deaf = 1;
  await clock.until(link.hello());
  card.deaf = 1;
  await clock.until(link.exchange(COMMAND, { again: true }));
  link.close();
  const asked = ["80ca004500", "no answer", "hello", "version 1", "80ca004500", "IB3000123"];
  assert.equal(reports, ["hello", "hello", "version 1", ...asked, "closed"]);
});

test("any stream works: two pipes", async () => {
  const [toCard, toHost] = [new PassThrough(), new PassThrough()];
  toCard.on("data", (line) => {
    for (const { payload } of framesIn(line)) toHost.write(lineBytes(0, payload.length ? hex("9000") : hex("01")));
  });
  const link = new Link(Duplex.from({ readable: toHost, writable: toCard }));
  assert.equal(await link.exchange(COMMAND), hex("9000"));
  link.close();
});

test("any stream works: a socket", async () => {
  const card = new FakeCard();
  const server = createServer((socket) => socket.pipe(card).pipe(socket));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no address");
  const socket = connect(address.port, "127.0.0.1");
  const link = new Link(socket);
  assert.equal(await link.exchange(COMMAND), hex("9000"));
  const question = failure(link.exchange(hex("8010020000")));
  card.deaf = 1;
  socket.destroy();
  assert.instance(await question, LineClosed);
  server.close();
});

test.run();
