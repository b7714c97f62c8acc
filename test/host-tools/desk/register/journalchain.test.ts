// The chain of the journal: MACs and heads computed independently by hand; then every entry changed, removed, moved or cut
// off, one at a time.

import { createHash, createPublicKey, verify } from "node:crypto";
import * as assert from "uvu/assert";
import {
  ChainCheck,
  type Entry,
  type EntryContent,
  FIRST_ACTION,
  type Finding,
  isSignedBy,
  JournalKey,
  type Known,
  type Position,
} from "../../../../host-tools/desk/register/journalchain.js";
import { hmac, lengthPrefixed, spoiled } from "../../../support/byhand.js";
import { pattern } from "../../../support/pattern.js";
import { suite } from "../../../support/suite.js";

const test = suite("journalchain");

const KEY = pattern(32, 1);
const REGISTER = pattern(16, 2);
const COUNT = 12;
const AT = 1_795_867_200_000;

const key = new JournalKey(KEY, REGISTER);

function contentOf(number: number): EntryContent {
  const [serial, from, to, reason] =
    number % 2 ? ["IB3000123", "seeded", "shipped", "by post"] : [null, null, null, null];
  const action = number === 1 ? FIRST_ACTION : "card ship";
  const detail = JSON.stringify({ number });
  return { number, at: AT + number, actor: "anna", action, serial, from, to, reason, detail } as EntryContent;
}

/** The MACs, computed by hand. */
function chained(contents: readonly EntryContent[]): Entry[] {
  let mac: Uint8Array = createHash("sha256").update(lengthPrefixed("dsc journal start", REGISTER)).digest();
  return contents.map((entry) => {
    const { number, at, actor, action, serial, from, to, reason, detail } = entry;
    mac = hmac(KEY, mac, lengthPrefixed(`${number}`, `${at}`, actor, action, serial, from, to, reason, detail));
    return { ...entry, mac };
  });
}

const JOURNAL = chained(Array.from({ length: COUNT }, (_, at) => contentOf(at + 1)));
const LAST = JOURNAL.at(-1) as Entry;

function check(entries: readonly Entry[], known: Known = { position: LAST }, by: JournalKey | undefined = key) {
  const chain = new ChainCheck(by, known);
  for (const entry of entries) chain.take(entry);
  return chain.end();
}

function whatOf(findings: readonly Finding[]): string[] {
  return findings.map(({ number, what }) => `${number} ${what}`);
}

test("a journal made by hand is right, and so is every part from its start", () => {
  for (let count = 1; count <= COUNT; count++) {
    const part = JOURNAL.slice(0, count);
    assert.equal(check(part, { position: part.at(-1), head: { ...LAST, ...part.at(-1), register: REGISTER } }), {
      count,
      findings: [],
    });
  }
});

test("the MACs are those computed by hand", () => {
  let position: Position = key.start();
  for (const entry of JOURNAL) {
    assert.equal(key.macOf(position.mac, entry), entry.mac);
    position = entry;
  }
});

test("a changed character in any part of any entry is found there and nowhere else", () => {
  const others: Partial<Entry>[] = [
    { at: AT },
    { actor: "bert" },
    { action: "card lost" },
    { serial: "IB3000124" },
    { from: "blank" },
    { to: "lost" },
    { reason: "" },
    { detail: "{}" },
  ];
  let tried = 0;
  for (const entry of JOURNAL)
    for (const change of [...others, { mac: spoiled(entry.mac, 0) } as Partial<Entry>]) {
      const changed = JOURNAL.map((any) => (any === entry ? { ...entry, ...change } : any));
      const expected = [`${entry.number} changed`];
      if (entry.number === 1 && change.action !== undefined) expected.unshift("1 start");
      if (entry === LAST && change.mac) expected.push(`${COUNT} end`);
      assert.equal(whatOf(check(changed).findings).sort(), expected.sort(), JSON.stringify(change));
      tried++;
    }
  assert.is(tried, COUNT * 9);
});

test("moving characters from one field to the next is a change", () => {
  const [, , third] = JOURNAL as [Entry, Entry, Entry];
  const changed = { ...third, actor: `${third.actor}c`, action: third.action.slice(1) };
  assert.equal(whatOf(check(JOURNAL.with(2, changed)).findings), ["3 changed"]);
});

test("a missing run of entries is found, wherever it was", () => {
  for (let from = 0; from < COUNT; from++)
    for (let to = from + 1; to <= COUNT; to++) {
      const { findings } = check(JOURNAL.filter((_, at) => at < from || at >= to));
      const [first] = findings;
      const what = from === 0 && to === COUNT ? ["start", "end"] : [to === COUNT ? "end" : "missing"];
      assert.equal(
        findings.map((finding) => finding.what),
        what,
      );
      assert.is(first?.number, from + 1);
    }
});

test("two exchanged entries are found as moved", () => {
  for (let a = 0; a < COUNT; a++)
    for (let b = a + 1; b < COUNT; b++) {
      const [one, other] = [JOURNAL[a] as Entry, JOURNAL[b] as Entry];
      const swapped = JOURNAL.with(a, { ...other, number: a + 1 }).with(b, { ...one, number: b + 1 });
      const { findings } = check(swapped);
      const moved = findings.filter(({ what }) => what === "moved");
      assert.equal(
        moved.map(({ message }) => message),
        [`entry ${a + 1} is entry ${b + 1}, moved`, `entry ${b + 1} is entry ${a + 1}, moved`],
      );
      assert.equal(
        findings.filter(({ what }) => what === "changed"),
        [],
      );
    }
});

test("a journal begun anew from a later entry lacks its start", () => {
  const anew = chained(JOURNAL.slice(4).map((entry, at) => ({ ...entry, number: at + 1 })));
  assert.equal(whatOf(check(anew, { position: anew.at(-1) }).findings), ["1 start"]);
});

test("a saved head shows that entries were cut off together with the position", () => {
  const part = JOURNAL.slice(0, 5);
  const head = { ...LAST, register: REGISTER };
  assert.equal(check(part, { position: part.at(-1) }).findings, []);
  for (const by of [key, undefined])
    assert.equal(whatOf(check(part, { position: part.at(-1), head }, by).findings), [`${COUNT} head`]);
});

test("a saved head shows that a journal was written anew, also without the journal key", () => {
  const anew = chained(JOURNAL.map((entry) => (entry.number === 7 ? { ...entry, actor: "bert" } : entry)));
  const head = { ...LAST, register: REGISTER };
  assert.equal(check(anew, { position: anew.at(-1) }).findings, []);
  for (const by of [key, undefined])
    assert.equal(whatOf(check(anew, { position: anew.at(-1), head }, by).findings), [`${COUNT} head`]);
});

test("an entry beyond the register's position is found", () => {
  const more = chained([...JOURNAL, contentOf(COUNT + 1)]);
  assert.equal(whatOf(check(more).findings), [`${COUNT + 1} end`]);
});

test("a journal of another register or under another key is wrong from its first entry", () => {
  for (const other of [new JournalKey(KEY, spoiled(REGISTER, 0)), new JournalKey(spoiled(KEY, 0), REGISTER)]) {
    const [first] = check(JOURNAL, {}, other).findings;
    assert.is(first && `${first.number} ${first.what}`, "1 changed");
  }
});

test("the register's position is under a MAC", () => {
  const mac = key.positionMac(LAST);
  assert.equal(mac, hmac(KEY, lengthPrefixed("dsc journal position", REGISTER, `${COUNT}`, LAST.mac)));
  assert.ok(key.vouchesFor(LAST, mac));
  assert.not(key.vouchesFor({ ...LAST, number: COUNT - 1 }, mac));
  assert.not(key.vouchesFor({ ...LAST, mac: spoiled(LAST.mac, 1) }, mac));
  assert.not(key.vouchesFor(LAST, spoiled(mac, 0)));
});

test("a head is signed with Ed25519, with the HMAC of `head` as the seed, and the signature covers all of it", () => {
  const head = key.signHead(LAST, AT);
  // The private key of RFC 8410 around the seed.
  const seed = hmac(KEY, "head");
  const pkcs8 = Buffer.concat([Buffer.from("302e020100300506032b657004220420", "hex"), seed]);
  const publicKey = createPublicKey({ key: pkcs8ToPem(pkcs8), format: "pem" });
  const content = lengthPrefixed("dsc journal head", REGISTER, `${COUNT}`, LAST.mac, `${AT}`);
  assert.ok(verify(null, content, publicKey, head.signature));
  assert.ok(isSignedBy(key.publicKey, head));
  const changes = [
    { number: COUNT - 1 },
    { at: AT + 1 },
    { mac: spoiled(LAST.mac, 0) },
    { register: spoiled(REGISTER, 0) },
    { signature: spoiled(head.signature, 0) },
    { signature: Buffer.alloc(0) },
  ];
  for (const change of changes) assert.not(isSignedBy(key.publicKey, { ...head, ...change }), JSON.stringify(change));
  assert.not(isSignedBy(new JournalKey(spoiled(KEY, 3), REGISTER).publicKey, head));
});

function pkcs8ToPem(der: Buffer): string {
  return `-----BEGIN PRIVATE KEY-----\n${der.toString("base64")}\n-----END PRIVATE KEY-----\n`;
}

test("a wholly wrong journal is reported in a bounded number of lines", () => {
  const many = Array.from({ length: 3000 }, (_, at) => ({ ...contentOf(at + 1), mac: pattern(32, at) }));
  const { count, findings } = check(many, {});
  assert.is(count, 3000);
  assert.is(findings.length, 1000);
});

test.run();
