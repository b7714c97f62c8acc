// Every random draw of the host tools: each use takes all of its value from the random source, every byte varies, and
// no two values are equal. The last test fails if code draws without a row here.

import { createDecipheriv } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { Ins } from "../../../firmware/wire.js";
import { CardClient } from "../../../host-tools/card/cardclient.js";
import { Link } from "../../../host-tools/card/link.js";
import { testKeys } from "../../../host-tools/card/transportkeys.js";
import type { TokenKey } from "../../../host-tools/desk/custody/tokenkey.js";
import { TokenWrapping } from "../../../host-tools/desk/custody/tokenkeys.js";
import { drawPin } from "../../../host-tools/desk/drawnpin.js";
import type { CardRecord } from "../../../host-tools/desk/keyregister.js";
import { carryOut } from "../../../host-tools/desk/personalize.js";
import { makePlan } from "../../../host-tools/desk/plan.js";
import { sealUnder } from "../../../host-tools/desk/register/aead.js";
import { requestNumber } from "../../../host-tools/desk/register/approvals.js";
import { batchOf, openOrdersBatch } from "../../../host-tools/desk/register/batches.js";
import { issueChallenge } from "../../../host-tools/desk/register/challenges.js";
import { change } from "../../../host-tools/desk/register/change.js";
import { createCustodyKey } from "../../../host-tools/desk/register/custodykeys.js";
import { drawDeskPair } from "../../../host-tools/desk/register/deskbox.js";
import { keyToUse } from "../../../host-tools/desk/register/heldkeys.js";
import { openEngine } from "../../../host-tools/desk/register/open.js";
import { addOrder } from "../../../host-tools/desk/register/orders.js";
import type { Register } from "../../../host-tools/desk/register/register.js";
import { copyTo } from "../../../host-tools/desk/register/sqlite.js";
import type { Request } from "../../../host-tools/desk/request.js";
import { createExclusive, DISK } from "../../../host-tools/files/files.js";
import { ROOT } from "../../../host-tools/files/project.js";
import { createTransportKeyFile } from "../../../host-tools/files/secretfile.js";
import { exportPskc } from "../../../host-tools/seeds/pskcexport.js";
import { blankCard } from "../../support/cards.js";
import { DRAWING, type Draw, drawsOf } from "../../support/draws.js";
import { FakeCard, framesIn } from "../../support/fakecard.js";
import { newRegister, putCard } from "../../support/openregister.js";
import { pattern } from "../../support/pattern.js";
import { scratchFolder } from "../../support/scratch.js";
import { KeptRegister, Line } from "../../support/seeding.js";
import { suite } from "../../support/suite.js";

const test = suite("draws");

const FOLDER = scratchFolder();
const SERIAL = "IB3000123";
const SUITE = "OCRA-1:HOTP-SHA256-8:QN06";
const REQUEST: Request = { serial: SERIAL, suite: SUITE, pinCheck: "card", tries: 5, pin: "8352" };
/** Enough runs to notice a byte that never changes. */
const RUNS = 12;

/** A drawn value with one purpose. */
interface Use {
  readonly what: string;
  /** The file that draws it. */
  readonly file: string;
  /** Bytes, or decimal digits. */
  readonly size: number;
  /** Runs the code that draws it. Returns the value where it is used. */
  readonly use: () => Promise<Uint8Array> | Uint8Array;
}

/** Personalizes a blank card; returns what was kept, and what the card was sent. */
async function personalized(request: Request) {
  const register = new KeptRegister();
  const client = new CardClient(new Link(new Line(blankCard())));
  const sent: { unlockKey?: Buffer; key?: Buffer; pin?: Buffer; challenge?: Buffer } = {};
  const store = client.storeData.bind(client);
  client.storeData = (record, dek) => {
    sent.key = Buffer.from(record.key);
    sent.unlockKey = Buffer.from(record.unlockKey);
    return store(record, dek);
  };
  const prove = client.prove.bind(client);
  client.prove = (pin, challenge) => {
    sent.pin = Buffer.from(pin);
    sent.challenge = Buffer.from(challenge);
    return prove(pin, challenge);
  };
  const plan = await makePlan(request, await client.readStatus(), register);
  await carryOut(plan, request, client, register);
  const kept = register.newest(SERIAL) as CardRecord;
  // One key is in the card and in the register.
  assert.equal(sent.key, kept.key);
  assert.equal(sent.unlockKey, kept.unlockKey);
  return sent as Required<typeof sent>;
}

async function hostChallenge(): Promise<Uint8Array> {
  const card = new FakeCard();
  const heard: Buffer[] = [];
  const write = card._write.bind(card);
  card._write = (chunk, encoding, done) => {
    heard.push(...framesIn(chunk).map(({ payload }) => payload));
    write(chunk, encoding, done);
  };
  await new CardClient(new Link(card)).openChannel(0x33, testKeys());
  const command = heard.find((payload) => payload[1] === Ins.INITIALIZE_UPDATE) as Buffer;
  return command.subarray(5, -1);
}

let files = 0;
const fresh = (name: string) => join(FOLDER, `${++files}-${name}`);

function newExport(secret: Buffer | { passphrase: Buffer }): string {
  const card = { serial: SERIAL, suite: SUITE, pinCheck: "card", tries: 5 } as const;
  return exportPskc([{ ...card, key: pattern(32), unlockKey: pattern(32) }], secret, { unlockKeys: true }).toString();
}

/** The encrypted values of an export: the key of its MACs, the token key, the unlock key. */
function cipherValue(file: string, index: number): Buffer {
  const values = [...file.matchAll(/<xenc:CipherValue>([^<]+)</g)].map(([, text]) => Buffer.from(text ?? "", "base64"));
  assert.is(values.length, 3);
  return values[index] as Buffer;
}

const SEED_KEY = pattern(16, 9);
const vectorOf = (index: number) => () => cipherValue(newExport(SEED_KEY), index).subarray(0, 16);

function macKey(): Uint8Array {
  const value = cipherValue(newExport(SEED_KEY), 0);
  const decipher = createDecipheriv("aes-128-cbc", SEED_KEY, value.subarray(0, 16));
  return Buffer.concat([decipher.update(value.subarray(16)), decipher.final()]);
}

function salt(): Uint8Array {
  const [, text = ""] = /Specified>([^<]+)</.exec(newExport({ passphrase: Buffer.from("a passphrase") })) ?? [];
  return Buffer.from(text, "base64");
}

function masterKey(): Uint8Array {
  const path = fresh("transport.key");
  createTransportKeyFile(path);
  const [digits = ""] = /^[0-9a-f]{32}$/m.exec(readFileSync(path, "utf8")) ?? [];
  return Buffer.from(digits, "hex");
}

function saltOfCustodyKey(): Uint8Array {
  const path = fresh("site.key");
  createCustodyKey(path, "site", {
    passphrase: { passphrase: Buffer.from("a passphrase") },
    cost: { log2n: 4, r: 8, p: 1 },
  });
  const [, text = ""] = / 4 8 1 ([0-9a-f]{32}) /.exec(readFileSync(path, "utf8")) ?? [];
  return Buffer.from(text, "hex");
}

function temporaryName(): Uint8Array {
  let name = "";
  const create = (path: string) => {
    name = path;
    return DISK.create(path);
  };
  createExclusive(fresh("file"), "contents", { ...DISK, create });
  return drawnIn(name);
}

/** The name of a batch of orders, which no file names. */
async function ordersBatchName(): Promise<Uint8Array> {
  const made = await newRegister(fresh("orders.db"));
  try {
    const order = { userName: "Owner", suite: SUITE, pinCheck: "card", tries: 5, pin: Buffer.from("8352") } as const;
    await change(made, (one) => addOrder(one, order));
    const { number } = await openOrdersBatch(made);
    return (await made.engine.read((db) => batchOf(db, number))).name;
  } finally {
    await made.close();
  }
}

const drawnIn = (name: string) => Buffer.from(/\.([0-9a-f]+)\.new$/.exec(name)?.[1] ?? "", "hex");

let opened: Promise<Register> | undefined;

/** One register for all uses, with one card. */
async function register(): Promise<Register> {
  opened ??= newRegister(fresh("desk.db")).then(async (made) => {
    await putCard(made, SERIAL, "active");
    return made;
  });
  return opened;
}

test.after(async () => (await opened)?.close());

async function registerId(): Promise<Uint8Array> {
  const made = await newRegister(fresh("new.db"));
  await made.close();
  return made.id;
}

async function nameOfCopy(): Promise<Uint8Array> {
  const engine = (await openEngine((await register()).engine.where)) as Parameters<typeof copyTo>[0];
  let name = "";
  const { create } = DISK;
  DISK.create = (path) => {
    name = path;
    return create(path);
  };
  try {
    await copyTo(engine, fresh("copy.db"));
    return drawnIn(name);
  } finally {
    DISK.create = create;
    await engine.close();
  }
}

/** A key in a token that records what it encrypts. */
const TOKEN_KEY = {
  name: "key",
  encrypt: (_: unknown, text: Uint8Array) => Buffer.alloc(text.length + 16),
} as unknown as TokenKey;

const suiteOf = (hash: string) => ({ ...REQUEST, suite: `OCRA-1:HOTP-${hash}-8:QN06` });
const SERVER = { ...REQUEST, suite: `${SUITE}-PSHA256`, pinCheck: "server", pin: undefined } as const;
const [PERSONALIZE, PSKC] = ["desk/personalize.ts", "seeds/pskckeys.ts"];

const USES: readonly Use[] = [
  { what: "token key, SHA-1", file: PERSONALIZE, size: 20, use: async () => (await personalized(suiteOf("SHA1"))).key },
  { what: "token key, SHA-256", file: PERSONALIZE, size: 32, use: async () => (await personalized(REQUEST)).key },
  {
    what: "token key, SHA-512",
    file: PERSONALIZE,
    size: 64,
    use: async () => (await personalized(suiteOf("SHA512"))).key,
  },
  { what: "unlock key", file: PERSONALIZE, size: 32, use: async () => (await personalized(REQUEST)).unlockKey },
  {
    what: "challenge of the proof",
    file: PERSONALIZE,
    size: 6,
    use: async () => (await personalized(REQUEST)).challenge,
  },
  {
    what: "PIN of the proof where the site judges it",
    file: PERSONALIZE,
    size: 4,
    use: async () => (await personalized(SERVER)).pin,
  },
  { what: "host challenge", file: "card/cardclient.ts", size: 8, use: hostChallenge },
  { what: "transport master key", file: "files/secretfile.ts", size: 16, use: masterKey },
  { what: "key of an export's MACs", file: PSKC, size: 20, use: macKey },
  { what: "salt of a passphrase", file: PSKC, size: 16, use: salt },
  { what: "initialization vector of the MAC key", file: PSKC, size: 16, use: vectorOf(0) },
  { what: "initialization vector of a token key", file: PSKC, size: 16, use: vectorOf(1) },
  { what: "initialization vector of an unlock key", file: PSKC, size: 16, use: vectorOf(2) },
  {
    what: "key of a register",
    file: "desk/register/custodykeys.ts",
    size: 32,
    use: () => createCustodyKey(fresh("site.key"), "site"),
  },
  { what: "salt of such a key's passphrase", file: "desk/register/custodykeys.ts", size: 16, use: saltOfCustodyKey },
  {
    what: "nonce of a sealed value",
    file: "desk/register/aead.ts",
    size: 12,
    use: () => sealUnder(pattern(32), pattern(20), pattern(4)).subarray(1, 13),
  },
  {
    what: "private key of the desk, or of one box for it",
    file: "desk/register/deskbox.ts",
    size: 32,
    use: () => drawDeskPair().privateKey,
  },
  {
    what: "challenge of a login",
    file: "desk/register/challenges.ts",
    size: 6,
    use: async () => Buffer.from(await change(await register(), (each) => issueChallenge(each, SERIAL))),
  },
  {
    what: "nonce of a key that a token wraps",
    file: "desk/custody/tokenkeys.ts",
    size: 12,
    use: () => new TokenWrapping(TOKEN_KEY).wrap(pattern(32), pattern(4)).subarray(1, 13),
  },
  {
    what: "site key or desk key that a token wraps",
    file: "desk/register/heldkeys.ts",
    size: 32,
    use: () => keyToUse(new TokenWrapping(TOKEN_KEY), "site", pattern(16)).key,
  },
  { what: "number of a request for approval", file: "desk/register/approvals.ts", size: 16, use: requestNumber },
  { what: "PIN of a card of a batch", file: "desk/drawnpin.ts", size: 4, use: drawPin },
  { what: "name of a batch of orders", file: "desk/register/batches.ts", size: 32, use: ordersBatchName },
  { what: "id of a register", file: "desk/register/register.ts", size: 16, use: registerId },
  { what: "name of a copy of a register", file: "desk/register/sqlite.ts", size: 4, use: nameOfCopy },
  { what: "name of a temporary file", file: "files/files.ts", size: 4, use: temporaryName },
];

/** Every place that drew in one of the uses. */
const places = new Set<string>();

for (const { what, file, size, use } of USES) {
  test(`${what}: all ${size} bytes or digits are drawn at random, and no two values are equal`, async () => {
    const values: Buffer[] = [];
    for (let run = 0; run < RUNS; run++) {
      let value = Buffer.alloc(0);
      const draws = await drawsOf(async () => {
        value = Buffer.from(await use());
      });
      assert.is(value.length, size);
      assert.ok(draws.some(isDrawOf(file, value)), `${value.toString("hex")} was not drawn in ${file}`);
      for (const { place } of draws) places.add(place);
      values.push(value);
    }
    assert.is(new Set(values.map(String)).size, RUNS);
    for (let at = 0; at < size; at++)
      assert.ok(new Set(values.map((value) => value[at])).size > 2, `byte ${at} is always the same`);
  });
}

function isDrawOf(file: string, value: Buffer): (draw: Draw) => boolean {
  return (draw) => draw.file === file && draw.value.equals(value);
}

/** Draws for pauses between two attempts, which are not secret. */
const PAUSES = ["desk/register/adapter.ts"];

test("no other place in the host tools draws random values, and none by other means", () => {
  const names = readdirSync(join(ROOT, "host-tools"), { recursive: true, encoding: "utf8" });
  const sources = names.filter((name) => name.endsWith(".ts"));
  assert.ok(sources.length > 40);
  const found: Record<string, number> = {};
  for (const name of sources) {
    const code = readFileSync(join(ROOT, "host-tools", name), "utf8").replaceAll(/^import [^;]*;$/gm, "");
    const uses = [...code.matchAll(new RegExp(`\\b(${DRAWING.join("|")})\\b`, "g"))].length;
    if (uses > 0) found[name.replaceAll("\\", "/")] = uses;
    const other = /Math\.random|randomUUID|getRandomValues|webcrypto|generateKey|randomFill\b|\bprng\b/.exec(code);
    if (!PAUSES.includes(name)) assert.not.ok(other, `${name}: ${other}`);
  }
  const drew: Record<string, number> = {};
  for (const place of places) {
    const [file = ""] = place.split(":");
    drew[file] = (drew[file] ?? 0) + 1;
  }
  assert.equal(drew, found);
});

test.run();
