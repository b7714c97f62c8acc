// Several ports are asked at once. A port that is silent, slow, or answers everything does not delay the others.

import * as assert from "uvu/assert";
import { CardClient, type CardStatus } from "../../../host-tools/card/cardclient.js";
import { Link } from "../../../host-tools/card/link.js";
import { scanPorts } from "../../../host-tools/card/portscan.js";
import { PortError } from "../../../host-tools/files/errors.js";
import { FEW_SECONDS, within } from "../../../host-tools/files/waiting.js";
import { blankCard } from "../../support/cards.js";
import { FakeCard, FakeClock, lineBytes } from "../../support/fakecard.js";
import { failureOf, statusOf } from "../../support/seeding.js";
import { suite } from "../../support/suite.js";

const test = suite("several ports");

const LIMIT = 5000;

/** Ports by name, asked as `dsc` asks real ones, by a clock that stands still until it is moved. */
function scanOf(ports: Record<string, FakeCard | "stuck">) {
  const clock = new FakeClock();
  const events: string[] = [];
  const ask = (path: string) => {
    events.push(`${path} asked`);
    const reads = (signal: AbortSignal) => statusAt(ports[path] as FakeCard | "stuck", clock, signal);
    return within(LIMIT, reads, () => new PortError(`${path}: no card`), clock.timer).finally(() =>
      events.push(`${path} ended at ${clock.now}`),
    );
  };
  const reports: string[] = [];
  const onWait = (what: string) => void reports.push(`${clock.now}: ${what}`);
  return {
    events,
    reports,
    scan: () => clock.until(scanPorts(Object.keys(ports), { ask, timer: clock.timer, onWait })),
  };
}

async function statusAt(card: FakeCard | "stuck", clock: FakeClock, signal: AbortSignal): Promise<CardStatus> {
  // A driver whose open never returns.
  if (card === "stuck") return new Promise(() => {});
  const link = new Link(card, { timer: clock.timer });
  signal.addEventListener("abort", () => link.close());
  const client = new CardClient(link);
  await link.hello(4);
  await client.closeChannel();
  return client.readStatus();
}

/** Answers everything with a valid hello. */
function parrot(): FakeCard {
  const card = new FakeCard();
  card.spoil = () => lineBytes(0, Buffer.of(1));
  return card;
}

function silent(): FakeCard {
  const card = new FakeCard();
  card.deaf = Number.POSITIVE_INFINITY;
  return card;
}

/** Answers as a blank card. */
async function telling(): Promise<FakeCard> {
  const card = new FakeCard();
  const data: Record<string, string> = {
    "00e0": "e012c00401ff8810c00402ff8810c00403ff8810",
    df20: "01000000000001000bb8",
    df21: "0001020102030405060708",
    df23: "07070806",
  };
  card.answer = ({ ins, p1, p2 }) => {
    if (ins !== 0xca) return { sw: 0x9000 };
    const found = data[Buffer.of(p1, p2).toString("hex")];
    return found ? { data: Buffer.from(found, "hex"), sw: 0x9000 } : { sw: 0x6a88 };
  };
  return card;
}

test("all ports are asked at once, and each has its own time limit", async () => {
  const { scan, events } = scanOf({
    stuck: "stuck",
    parrot: parrot(),
    silent: silent(),
    card: await telling(),
    other: parrot(),
  });
  const found = await scan();
  assert.equal(
    found.map(({ port, status }) => [port, status?.life]),
    [
      ["stuck", undefined],
      ["parrot", undefined],
      ["silent", undefined],
      ["card", "blank"],
      ["other", undefined],
    ],
  );
  const asked = ["stuck asked", "parrot asked", "silent asked", "card asked", "other asked"];
  assert.equal(events.slice(0, 5), asked);
  assert.equal(events.slice(5).sort(), [
    "card ended at 0",
    "other ended at 5000",
    "parrot ended at 5000",
    "silent ended at 2000",
    "stuck ended at 5000",
  ]);
});

test("after a few seconds the ports that have not answered are named", async () => {
  const { scan, reports } = scanOf({ one: parrot(), silent: silent(), card: await telling(), two: parrot() });
  await scan();
  assert.equal(reports, [`${FEW_SECONDS}: the devices at one, two to answer`]);
});

test("nothing is printed if all answer in time", async () => {
  const { scan, reports } = scanOf({ silent: silent(), card: await telling() });
  await scan();
  assert.equal(reports, []);
});

test("other errors are not reported as errors of a port", async () => {
  const status = await statusOf(blankCard());
  const ask = async (path: string) => {
    if (path === "bad") throw new TypeError("a mistake");
    return status;
  };
  assert.instance(await failureOf(scanPorts(["good", "bad"], { ask })), TypeError);
});

test.run();
