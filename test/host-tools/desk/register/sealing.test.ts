// Values sealed by the site key and the desk key: computed independently by hand, and bound to their place.

import * as assert from "uvu/assert";
import { custodyTag, type Place, Sealer } from "../../../../host-tools/desk/register/sealing.js";
import { hkdf, hmac, lengthPrefixed, seal, spoiled, unseal } from "../../../support/byhand.js";
import { pattern } from "../../../support/pattern.js";
import { suite } from "../../../support/suite.js";

const test = suite("sealing");

const KEY = pattern(32, 1);
const REGISTER = pattern(16, 2);
const PLACE: Place = { serial: "IB3000123", cardId: "0123456789abcdef", field: "token", version: 1 };
const VALUE = pattern(32, 3);

const sealer = new Sealer(KEY, REGISTER);
const subkey = (use: string) => hkdf(KEY, REGISTER, `dsc register ${use}`);

function associated({ serial, cardId, field, version }: Place): Buffer {
  return lengthPrefixed(REGISTER, serial, cardId ?? "none", field, `${version}`);
}

test("a value is sealed under the subkey of its use, with its place as associated data", () => {
  for (const place of [PLACE, { ...PLACE, cardId: null }, { ...PLACE, field: "unlock", version: 12 }]) {
    assert.equal(unseal(subkey("seal"), sealer.seal(VALUE, place), associated(place)), VALUE);
    assert.equal(sealer.open(seal(subkey("seal"), pattern(12), VALUE, associated(place)), place), VALUE);
  }
});

test("a value moved to another place does not open", () => {
  const sealed = sealer.seal(VALUE, PLACE);
  const others: Partial<Place>[] = [
    { serial: "IB3000124" },
    { cardId: "0123456789abcdee" },
    { cardId: null },
    { field: "unlock" },
    { version: 2 },
    // The same characters, divided otherwise.
    { serial: "IB30001230", cardId: "123456789abcdef" },
  ];
  for (const other of others) assert.is(sealer.open(sealed, { ...PLACE, ...other }), undefined, JSON.stringify(other));
  assert.is(new Sealer(KEY, spoiled(REGISTER, 0)).open(sealed, PLACE), undefined);
  assert.is(new Sealer(spoiled(KEY, 0), REGISTER).open(sealed, PLACE), undefined);
  assert.equal(new Sealer(KEY, REGISTER).open(sealed, PLACE), VALUE);
});

test("a fingerprint is equal only for the same key in the same field", () => {
  const print = hmac(subkey("fingerprint"), lengthPrefixed("token", VALUE));
  assert.equal(sealer.fingerprint("token", VALUE), print);
  assert.not.equal(sealer.fingerprint("unlock", VALUE), print);
  assert.not.equal(sealer.fingerprint("token", spoiled(VALUE, 31)), print);
  assert.not.equal(new Sealer(KEY, spoiled(REGISTER, 1)).fingerprint("token", VALUE), print);
});

test("a tag is valid for one value of one name", () => {
  const tag = sealer.tagOf("desk-public", VALUE);
  assert.equal(tag, hmac(subkey("tag"), lengthPrefixed("desk-public", VALUE)));
  assert.ok(sealer.vouchesFor("desk-public", VALUE, tag));
  assert.not(sealer.vouchesFor("desk-private", VALUE, tag));
  assert.not(sealer.vouchesFor("desk-public", spoiled(VALUE, 0), tag));
  for (const other of [spoiled(tag, 31), tag.subarray(1), Buffer.alloc(0)])
    assert.not(sealer.vouchesFor("desk-public", VALUE, other));
});

test("a batch file is named by the HMAC of its contents", () => {
  assert.equal(sealer.batchName(VALUE), hmac(subkey("batch"), VALUE));
});

test("a custody key's tag depends on its kind and its register", () => {
  const tag = custodyTag("site", KEY, REGISTER);
  assert.equal(tag, hmac(subkey("tag"), "site"));
  const others = [
    custodyTag("desk", KEY, REGISTER),
    custodyTag("site", spoiled(KEY, 5), REGISTER),
    custodyTag("site", KEY, spoiled(REGISTER, 5)),
  ];
  for (const other of others) assert.not.equal(other, tag);
});

test("the subkeys of the four uses differ from each other and from the key", () => {
  const keys = [KEY, ...["seal", "fingerprint", "tag", "batch"].map(subkey)].map((key) => key.toString("hex"));
  assert.is(new Set(keys).size, 5);
});

test("a wiped sealer seals nothing that opens under the key", () => {
  const wiped = new Sealer(KEY, REGISTER);
  wiped.wipe();
  assert.is(sealer.open(wiped.seal(VALUE, PLACE), PLACE), undefined);
});

test("a key or a register id of another length is refused", () => {
  for (const size of [16, 31, 33]) assert.throws(() => new Sealer(pattern(size), REGISTER), /32 bytes/);
  for (const size of [0, 15, 17]) assert.throws(() => new Sealer(KEY, pattern(size)), /16 bytes/);
});

test.run();
