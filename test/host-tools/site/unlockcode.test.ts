// Unlock codes with the register, on both engines: the same lock code gets the same answer, each one is in the journal, and
// a card that is lost or out of use gets none.

import * as assert from "uvu/assert";
import { change } from "../../../host-tools/desk/register/change.js";
import { readEntries } from "../../../host-tools/desk/register/journal.js";
import { bindKeys } from "../../../host-tools/desk/register/keys.js";
import type { Register } from "../../../host-tools/desk/register/register.js";
import { UsageError } from "../../../host-tools/files/errors.js";
import { ocra } from "../../../host-tools/seeds/ocra.js";
import { checkLockCode, giveUnlockCode } from "../../../host-tools/site/unlockcode.js";
import { keysFor, onEachEngine, refusalOf } from "../../support/openregister.js";
import { suite } from "../../support/suite.js";

const test = suite("unlockcode");

const SERIAL = "IB3000123";
const LOCK_CODE = "01234567";

const give = (register: Register, serial = SERIAL) =>
  change(register, (each) => giveUnlockCode(each, serial, LOCK_CODE));

onEachEngine(
  test,
  "the same lock code gets the same unlock code, and each request makes an entry",
  async ({ register, card }) => {
    await card(SERIAL, "active");
    const keys = keysFor();
    await change(register, (each) => bindKeys(each, { serial: SERIAL, cardId: "00112233445566aa", ...keys }));
    const expected = ocra("OCRA-1:HOTP-SHA256-8:QN08", keys.unlockKey, { challenge: LOCK_CODE });
    assert.is(await give(register), expected);
    assert.is(await give(register), expected);
    const entries = await register.engine.read((db) => readEntries(db, { serial: SERIAL }));
    assert.equal(
      entries.map(({ action, detail }) => action + detail),
      Array(2).fill(`unlock{"lockCode":"${LOCK_CODE}"}`),
    );
  },
);

onEachEngine(
  test,
  "a card that is lost, out of use or without a key gets no unlock code",
  async ({ register, card }) => {
    for (const [at, state] of (["pending", "lost", "returned", "retired"] as const).entries()) {
      await card(`IB300000${at}`, state);
      const { reason, message } = await refusalOf(give(register, `IB300000${at}`));
      assert.is(reason, "state");
      assert.match(message, new RegExp(`is ${state}: it gets no unlock code$`));
    }
    await card(SERIAL, "active");
    for (const serial of [SERIAL, "IB3999999"]) assert.is((await refusalOf(give(register, serial))).reason, "unknown");
    assert.is((await register.engine.read((db) => readEntries(db))).length, 1);
  },
);

test("a lock code that no card can show is refused", () => {
  for (const text of ["", "1234567", "123456789", "1234567a", "00000000", "00000016", "12345680"])
    assert.throws(
      () => checkLockCode(text),
      (error: unknown) => error instanceof UsageError,
      text,
    );
  for (const text of ["00000001", "00000015", "12345678"]) checkLockCode(text);
});

test.run();
