// Cards written by earlier firmware run with the current one: each turns on in its state, works, and plays its
// recording.
//
// test/frozen/README.md says how they were made. The expectations are in this file or come from an independent program, not
// from the recordings.

import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { ROOT } from "../../host-tools/files/project.js";
import { Card } from "../../sim/core/card.js";
import { Flash } from "../../sim/core/flash.js";
import { exchange } from "../../sim/session/cardcommands.js";
import { DEMO } from "../../sim/session/demo.js";
import { enter, expected, MODULE, unlockCodeOf } from "../support/cards.js";
import { scratchFolder } from "../support/scratch.js";
import { dscSim } from "../support/simprocess.js";
import { suite } from "../support/suite.js";

const frozen = suite("frozen");

const FOLDER = join(ROOT, "test", "frozen");
const RELEASES = readdirSync(FOLDER, { withFileTypes: true }).filter(({ name }) => /^\d/.test(name));
const SCRATCH = scratchFolder();

/** What each card is: its screen after power-on, the first seven bytes of its status (DF20), and lines of `inspect`. */
const CARDS = {
  blank: { screen: "NO KEY", status: "01000000000001", lines: ["life            blank"] },
  seeded: { screen: "NO KEY", status: "02000105050501", lines: ["life            seeded", DEMO.serial] },
  personalized: {
    screen: "PIN>",
    status: "03000105040501",
    lines: ["life            personalized", DEMO.serial, DEMO.suite, "slots: 1 spent"],
  },
  locked: {
    screen: "LOCKED",
    status: "03010105000501",
    lines: ["life            personalized", "lock code       prepared", "PIN wrap        zeroed", "slots: 5 spent"],
  },
} as const;
type Name = keyof typeof CARDS;

frozen("there is the first release and a later one, each with all four cards", () => {
  const names = Object.keys(CARDS).flatMap((name) => [`${name}.dsc`, `${name}.hex`]);
  assert.ok(RELEASES.some(({ name }) => name === "0.2.0"));
  assert.ok(RELEASES.length >= 2);
  for (const { name } of RELEASES) assert.equal(readdirSync(join(FOLDER, name)).sort(), [...names].sort(), name);
});

for (const { name: release } of RELEASES) {
  for (const [name, { screen, status, lines }] of Object.entries(CARDS)) {
    const image = () => imageOf(release, name as Name);

    frozen(`${release}, ${name}: the card turns on in its state`, () => {
      const card = cardFrom(image());
      card.hold("press");
      assert.is(card.display, screen);
      const { data } = exchange(card, { cla: 0x80, ins: 0xca, p1: 0xdf, p2: 0x20, le: 256 });
      assert.is(data.subarray(0, 7).toString("hex"), status);
    });

    frozen(`${release}, ${name}: dsc-sim inspect reads it`, () => {
      const file = join(SCRATCH, `${release}-${name}.flash`);
      writeFileSync(file, image(), { mode: 0o600 });
      const { code, stdout, stderr } = dscSim(["inspect", file]);
      assert.is(code, 0, stderr);
      for (const line of [", current", ...lines]) assert.ok(stdout.includes(line), `${line}\n${stdout}`);
    });
  }

  frozen(`${release}: the recordings replay`, () => {
    const folder = join(SCRATCH, release);
    mkdirSync(folder);
    const records = Object.keys(CARDS).map((name) => {
      writeFileSync(join(folder, `${name}.dsc.flash`), imageOf(release, name as Name), { mode: 0o600 });
      const record = join(folder, `${name}.dsc`);
      writeFileSync(record, readFileSync(join(FOLDER, release, `${name}.dsc`)));
      return record;
    });
    const { code, stdout } = dscSim(["run", ...records]);
    assert.is(code, 0, stdout);
    assert.is(stdout.match(/^ok /gm)?.length, records.length);
  });

  frozen(`${release}, personalized: the right PIN opens the card, and its response fits its key`, () => {
    const card = cardFrom(imageOf(release, "personalized"));
    card.hold("press");
    enter(card, DEMO.pin);
    enter(card, "123456");
    assert.is(card.display, expected("123456"));
  });

  frozen(`${release}, locked: the card shows its lock code, and the matching unlock code opens it`, () => {
    const card = cardFrom(imageOf(release, "locked"));
    card.hold("press");
    card.press("ok");
    assert.match(card.display, /^[0-9]{8}$/);
    const code = unlockCodeOf(card.display);
    card.press("ok");
    enter(card, code);
    assert.is(card.display, "NEW>");
  });
}

/** The flash of a frozen card. */
function imageOf(release: string, name: Name): Buffer {
  return Buffer.from(readFileSync(join(FOLDER, release, `${name}.hex`), "utf8").replace(/\s/g, ""), "hex");
}

/** A card that is off, with this flash and today's firmware. */
function cardFrom(image: Uint8Array): Card {
  return new Card(MODULE, { flash: new Flash(image) });
}

frozen.run();
