// A fault overwrites keys in the card's memory with known bytes. Nobody can use these bytes as keys.

import { cmac } from "@noble/ciphers/aes.js";
import * as assert from "uvu/assert";
import { Cla, Ins, Level, Sw } from "../../../firmware/wire.js";
import { type Keyset, testKeys } from "../../../host-tools/card/transportkeys.js";
import { Card } from "../../../sim/core/card.js";
import { converse, exchange, personalize } from "../../../sim/session/cardcommands.js";
import { DEMO } from "../../../sim/session/demo.js";
import { compile } from "../../mutants/apply.js";
import { unseenMutants } from "../../mutants/unseen.js";
import { sw } from "../../support/desk.js";
import { fails } from "../../support/fails.js";
import { placesOf } from "../../support/memory.js";
import { OracleHost } from "../../support/scp03oracle.js";
import { module as firmware } from "../../support/serial.js";
import { suite } from "../../support/suite.js";

const overwritten = suite("overwritten keys");

/** Where the transport keys lie in the page in memory (docs/FLASH.md). */
const KEYS_AT = 0x5c;
const ZEROS = new Uint8Array(16);
const KNOWN: Keyset = { ...testKeys(), enc: ZEROS, mac: ZEROS, dek: ZEROS };
const HOST_CHALLENGE = Buffer.alloc(8, 0x11);

/** A personalized card, its memory for writing, and the address of its transport keys. */
function ready(module: WebAssembly.Module): { card: Card; memory: Uint8Array; keysAt: number } {
  const card = new Card(module, { seed: 7 });
  const places = placesOf(card.flash);
  personalize(card, DEMO);
  begin(card, testKeys());
  return { card, memory: new Uint8Array(card.beyond.buffer), keysAt: places.page + KEYS_AT };
}

/** Sends INITIALIZE UPDATE. Returns the host's half of the session. */
function begin(card: Card, keys: Keyset): OracleHost {
  const { data } = exchange(card, { cla: Cla.GP, ins: Ins.INITIALIZE_UPDATE, p1: 0, p2: 0, data: HOST_CHALLENGE });
  return new OracleHost(keys, Level.C_MAC, HOST_CHALLENGE, data.subarray(13, 21));
}

function authenticate(card: Card, host: OracleHost): number {
  return sw(converse(card, host.externalAuthenticate())[0] as Buffer);
}

/** Overwrites these bytes with zeros, at the first place in memory where they are. */
function clear(memory: Uint8Array, bytes: Uint8Array): void {
  const at = Buffer.from(memory).indexOf(bytes);
  assert.ok(at >= 0, "it is in memory");
  memory.fill(0, at, at + bytes.length);
}

function transportKeysOpenNothing(module: WebAssembly.Module): void {
  const { card, memory, keysAt } = ready(module);
  memory.fill(0, keysAt, keysAt + 48);
  assert.is(authenticate(card, begin(card, KNOWN)), Sw.NOT_AUTHENTIC);
  card.setBattery(0);
  card.setBattery(3000);
  assert.is(authenticate(card, begin(card, testKeys())), Sw.DONE, "with power, flash gives the right keys back");
}

function sessionKeysAuthenticateNothing(module: WebAssembly.Module): void {
  const { card, memory } = ready(module);
  const host = begin(card, testKeys());
  assert.is(authenticate(card, host), Sw.DONE);
  clear(memory, host.chaining);
  clear(memory, Buffer.concat([host.enc, host.mac, host.rmac]));
  const header = [Cla.GP_SECURE, Ins.GET_DATA, 0xdf, 0x20, 8];
  const mac = cmac(Uint8Array.from([...ZEROS, ...header]), ZEROS).subarray(0, 8);
  assert.is(sw(converse(card, Uint8Array.from([...header, ...mac]))[0] as Buffer), Sw.WRONG_SECURE_MESSAGING);
}

overwritten("transport keys that differ from those in flash open no channel", () => transportKeysOpenNothing(firmware));

overwritten("overwritten session keys authenticate no command", () => sessionKeysAuthenticateNothing(firmware));

for (const mutant of unseenMutants("overwritten keys")) {
  overwritten(`noticed if it does not hold: ${mutant.breaks}`, async () => {
    const check = (module: WebAssembly.Module) => {
      transportKeysOpenNothing(module);
      sessionKeysAuthenticateNothing(module);
    };
    assert.ok(fails(check, await compile(mutant)), mutant.breaks);
  });
}

overwritten.run();
