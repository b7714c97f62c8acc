// Sessions between the page and `dsc-sim`: each replays what the other records, and the page reports the errors of a script.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Page } from "playwright-core";
import * as assert from "uvu/assert";
import { encodeRecord } from "../../../host-tools/card/cardclient.js";
import { testKeys } from "../../../host-tools/card/transportkeys.js";
import { version } from "../../../host-tools/files/project.js";
import { makeDemo } from "../../../sim/core/democard.js";
import { Flash } from "../../../sim/core/flash.js";
import { DEMO, personalizeDemo } from "../../../sim/session/demo.js";
import { COMMANDS } from "../../../sim/session/language/table.js";
import { hashOf } from "../../../sim/session/recordmarks.js";
import { Session } from "../../../sim/session/session.js";
import { personalize } from "../../../sim/web/personalize.js";
import { cardOf, MODULE } from "../../support/cards.js";
import { passTime } from "../../support/pagetime.js";
import { scratchFolder } from "../../support/scratch.js";
import { alsoSharedLater, vectors } from "../../support/sharedvectors.js";
import { dscSim } from "../../support/simprocess.js";
import { ON_WINDOWS } from "../../support/skipping.js";
import { skip } from "../../support/suite.js";
import { TerminalProgram } from "../../support/terminal.js";
import { digitsShown, enter, openCard, script, shows } from "../../support/webcard.js";
import { webSuite } from "../../support/webpage.js";

const { test, inPage } = webSuite("replay in a browser");

const NEW_PIN = "5806";
const FOLDER = scratchFolder();
const HEAD = `# Record of dsc-sim ${version()}, firmware ${hashOf(MODULE)}`;

/** A file for the page. */
interface Given {
  readonly name: string;
  readonly contents: string | Uint8Array;
}

/** Chooses files under "Replay a session". Returns the page's message. */
async function choose(page: Page, ...files: readonly Given[]): Promise<string> {
  const given = files.map(({ name, contents }) => ({ name, mimeType: "", buffer: Buffer.from(contents) }));
  await page.getByLabel("Replay a session").setInputFiles(given);
  const message = page.locator(".message", { hasText: files[0]?.name ?? "" });
  await message.waitFor();
  return (await message.textContent()) as string;
}

/** The result of dropping files on the page. */
interface Dropped {
  /** Whether the page accepted the event before the drop, and showed this. */
  readonly over: readonly [taken: boolean, shown: boolean];
  /** Whether it accepted the drop. */
  readonly taken: boolean;
  /** The page's message afterwards. */
  readonly said: string;
}

/** Drops files on the heading. */
async function drop(page: Page, ...files: readonly Given[]): Promise<Dropped> {
  const given = files.map(({ name, contents }) => [name, Buffer.from(contents).toString("base64")]);
  return page.evaluate(`(async () => {
    const dataTransfer = new DataTransfer();
    for (const [name, contents] of ${JSON.stringify(given)})
      dataTransfer.items.add(new File([Uint8Array.from(atob(contents), (char) => char.charCodeAt(0))], name));
    const send = (type) => {
      const event = new DragEvent(type, { dataTransfer, bubbles: true, cancelable: true });
      document.querySelector("h1").dispatchEvent(event);
      return event.defaultPrevented;
    };
    const over = [send("dragover"), document.documentElement.classList.contains("dropping")];
    const taken = send("drop");
    // The message is empty until the files are read.
    const message = document.querySelector("section:has(#script) .message");
    while (message.textContent === "")
      await new Promise((resolve) => {
        const observer = new MutationObserver(() => {
          observer.disconnect();
          resolve();
        });
        observer.observe(message, { childList: true, characterData: true, subtree: true });
      });
    return { over, taken, said: message.textContent };
  })()`);
}

/** Drops a script, which is replayed. Returns the page's message. */
async function replay(page: Page, ...files: readonly Given[]): Promise<string> {
  return (await drop(page, ...files)).said;
}

function passed(name: string): string {
  return `${name} was played to its end; the card continues from there.`;
}

/** What the page shows beside the line of a failure: the expected and the actual value. */
function details(page: Page): Promise<string[]> {
  return page
    .locator("section", { has: page.getByLabel("Replay a session") })
    .locator("dd")
    .allTextContents();
}

/** Saves the session of the page into the folder; returns the script. */
async function save(page: Page, files: number): Promise<string> {
  const downloads: Promise<void>[] = [];
  const arrived = new Promise<void>((resolve) => {
    page.on("download", (download) => {
      downloads.push(download.saveAs(join(FOLDER, download.suggestedFilename())));
      if (downloads.length === files) resolve();
    });
  });
  await page.getByRole("button", { name: "Save the session" }).click();
  await arrived;
  await Promise.all(downloads);
  page.removeAllListeners("download");
  return readFileSync(join(FOLDER, "session.dsc"), "utf8");
}

test("the page personalizes a demo card like the host tools: the same flash for the same seed", () => {
  const record = encodeRecord(DEMO, testKeys().dek);
  for (const seed of [0, 1, 2, 0xffffffff]) {
    const [ours, theirs] = [new Flash(), new Flash()];
    assert.ok(makeDemo(MODULE, ours, seed, (card) => personalize(card, record)));
    assert.ok(personalizeDemo(MODULE, theirs, seed));
    assert.equal(ours.bytes, theirs.bytes, `seed ${seed}`);
  }
});

test("a card that refuses its personalization is reported with its status word", () => {
  const personalized = cardOf();
  assert.throws(() => personalize(personalized, new Uint8Array(161)), /refused its personalization \(6[0-9a-f]{3}\)/);
});

inPage("a saved session replays under dsc-sim, from a demo card and from a flash file", async (page) => {
  const hand = script(page);
  await openCard(page, hand);
  await enter(hand, "123456");
  const response = await digitsShown(page);
  await page.getByLabel("Battery").selectOption("2300");
  const saved = await save(page, 1);
  assert.is(saved.split("\n")[0], HEAD);
  assert.match(saved, new RegExp(`expect ${response}\\n[^]*battery 2300\\nend\\n$`));
  assert.is(dscSim(["run", "session.dsc"], "", FOLDER).code, 0);
  const buffer = Buffer.from(cardOf({ pin: NEW_PIN }).flash.bytes);
  await page.getByLabel("Open a flash file").setInputFiles({ name: "card.bin", mimeType: "", buffer });
  await page.getByText("The card now has the flash of the file").waitFor();
  await openCard(page, hand, NEW_PIN);
  await save(page, 2);
  assert.is(dscSim(["run", "session.dsc"], "", FOLDER).code, 0);
  assert.equal(readFileSync(join(FOLDER, "session.dsc.flash")), buffer);
});

inPage("a record of the simulator replays in the page, and continues as a record of the page", async (page) => {
  const commands = [
    ...["hold press", "type 1111", "ok", "until PIN> 3000", "type 4071", "cut-at 1 torn", "ok", "battery 3000"],
    ...["hold press", "save on", "type 4071", "ok", "load on", "serial c000e1f0c0", "type 4071", "ok"],
  ];
  writeFileSync(join(FOLDER, "used.bin"), cardOf({ tries: 7 }).flash.bytes);
  const flashFile = (name: string) => ({ name, contents: readFileSync(join(FOLDER, name)) });
  for (const [name, args] of [
    ["demo.dsc", ["--demo", "--seed", "7"]],
    ["used.dsc", ["--flash", "used.bin", "--seed", "8"]],
  ] as const) {
    const { code, lines } = dscSim(["--headless", "--record", name, ...args], `${commands.join("\n")}\n`, FOLDER);
    assert.is(code, 0, lines.join("\n"));
    const files = name === "used.dsc" ? [flashFile(`${name}.flash`)] : [];
    assert.is(await choose(page, flashFile(name), ...files), passed(name));
    await shows(page, (JSON.parse(lines.at(-1) as string) as { display: string }).display);
    await enter(script(page), "123456");
    await digitsShown(page);
    const again = await save(page, 1 + files.length);
    assert.is(again.split("\n")[0], HEAD);
    assert.is(dscSim(["run", "session.dsc"], "", FOLDER).code, 0, again);
  }
});

inPage("a record of a terminal login replays in the page", async (page) => {
  if (ON_WINDOWS !== undefined) return skip(ON_WINDOWS);
  const program = TerminalProgram.simulator(["--demo", "--seed", "9", "--record", join(FOLDER, "terminal.dsc")]);
  let response: string | undefined;
  try {
    await program.until(/State +OFF/);
    program.send("P");
    await program.until(/\[ PIN> \]/);
    program.send(`${DEMO.pin}\r`);
    await program.until(/\[ CHALLNG> \]/);
    program.send("123456\r");
    [, response] = await program.until(/\[ (\d{8}) \]/);
    program.send("q");
    assert.is(await program.exit, 0);
  } finally {
    await program.close();
  }
  const contents = readFileSync(join(FOLDER, "terminal.dsc"));
  assert.is(await choose(page, { name: "terminal.dsc", contents }), passed("terminal.dsc"));
  assert.is(await digitsShown(page), response);
});

inPage("the example of every command runs in the page", async (page) => {
  const flash = { name: "card.bin", contents: cardOf().flash.bytes };
  for (const { names, example } of COMMANDS) {
    const name = `${names[0]}.dsc`;
    assert.is(await replay(page, { name, contents: example.join("\n") }, flash), passed(name), example.join("\n"));
  }
});

inPage("a failing script is reported with its line, what was expected and what was shown", async (page) => {
  const lines = ["# A comment", "demo", "hold press", "", "expect CHALLNG>", "type 4071"];
  const said = await replay(page, { name: "wrong.dsc", contents: lines.join("\r\n") });
  assert.is(said, 'wrong.dsc:5: expect: the display is "PIN>", not "CHALLNG>"');
  assert.equal(await details(page), ["CHALLNG>", "PIN>"]);
  await shows(page, "PIN>");
  await replay(page, { name: "blank.dsc", contents: "demo\nexpect-state PIN\n" });
  assert.equal(await details(page), ["PIN", "OFF"]);
  const cases: [contents: string, says: string][] = [
    ["demo\nhold press\nexpect", 'x.dsc:3: expect: the display is "PIN>", not blank'],
    ["demo\nprod press", "x.dsc:2: unknown command: prod; dsc-sim help lists them"],
    [
      "\nflash my/card.bin",
      "x.dsc:2: flash: the page cannot open files itself; choose card.bin together with the script",
    ],
    [`${HEAD}\nseed 1\ndemo\ndown press`, "x.dsc:4: the record was cut off: its last line is not end"],
    [
      `${HEAD.replace(/\w+$/, "0123456789abcdef")}\nseed 1\nend`,
      `${passed("x.dsc")} (warning: x.dsc was recorded with the firmware 0123456789abcdef, but this is ${hashOf(MODULE)})`,
    ],
  ];
  for (const [contents, says] of cases) assert.is(await replay(page, { name: "x.dsc", contents }), says);
  const noFlash = { name: "card.bin", contents: new Uint8Array(4096) };
  const refused = await replay(page, { name: "y.dsc", contents: "flash card.bin\nshow" }, noFlash);
  assert.is(refused, "y.dsc:1: flash: card.bin is not the flash of a card");
});

inPage("files that are not one script are refused, and the card stays", async (page) => {
  await script(page).hold("press", "PIN>");
  const show = (name: string) => ({ name, mimeType: "", buffer: Buffer.from("show") });
  const flash = { name: "card.bin", mimeType: "", buffer: Buffer.from(cardOf().flash.bytes) };
  for (const files of [[show("a.dsc"), show("b.dsc")], [flash], [show("a.txt"), show("b.txt")]]) {
    await page.getByLabel("Replay a session").setInputFiles(files);
    await page.getByText("Choose one script (.dsc), together with the flash file that it names.").waitFor();
    await replay(page, { name: "between.dsc", contents: "down" });
  }
  await shows(page, "PIN>");
});

inPage("a session dropped anywhere on the page is replayed, with its flash file", async (page) => {
  const contents = "flash card.bin\nhold press\ntype 5806\nok\nexpect CHALLNG>\n";
  const flash = { name: "card.bin", contents: cardOf({ pin: NEW_PIN }).flash.bytes };
  const dropped = await drop(page, { name: "dropped.dsc", contents }, flash);
  assert.equal(dropped, { over: [true, true], taken: true, said: passed("dropped.dsc") });
  await shows(page, "CHALLNG>");
  assert.is(await page.locator("html.dropping").count(), 0);
});

inPage("a session is shown at the card's pace on request, and the rest of it at once", async (page) => {
  const paced = { name: "paced.dsc", contents: "demo\nhold press\ntype 4071\nok\nwait 5000\n" };
  const expected = screensOf(paced.contents);
  assert.equal(
    expected.map(([display]) => display),
    ["PIN>", "PIN>*", "PIN>**", "PIN>***", "PIN>****", "CHALLNG>"],
  );
  await page.getByLabel("At the card's pace").check();
  for (const reducedMotion of ["no-preference", "reduce"] as const) {
    await page.emulateMedia({ reducedMotion });
    assert.is(await replay(page, paced), "Playing paced.dsc.");
    const watched = await watch(page);
    assert.equal(
      watched.screens.map(([display]) => display),
      expected.map(([display]) => display),
    );
    for (const [at, [display, time]] of watched.screens.entries()) {
      const late = time - (expected[at] as Screen)[1];
      assert.ok(late >= 0 && late < DRAWING, `${display} is ${late} ms late`);
    }
    assert.is(watched.said, passed(paced.name));
    assert.equal(watched.keys, reducedMotion === "reduce" ? [] : ["press", "4", "0", "7", "1", "ok"]);
  }
  assert.is(await replay(page, paced), "Playing paced.dsc.");
  await shows(page, "PIN>");
  await page.getByLabel("At the card's pace").uncheck();
  await page.getByText(passed(paced.name)).waitFor();
  await shows(page, "CHALLNG>");
  await enter(script(page), "123456");
  await digitsShown(page);
});

inPage("another card replaces a session that is shown at the card's pace", async (page) => {
  await page.getByLabel("At the card's pace").check();
  const long = { name: "long.dsc", contents: "demo\nhold press\nwait 9000\n" };
  const short = { name: "short.dsc", contents: "demo\nhold press\n" };
  assert.is(await replay(page, long), "Playing long.dsc.");
  await shows(page, "PIN>");
  assert.is(await replay(page, short), "Playing short.dsc.");
  assert.is((await watch(page)).said, passed("short.dsc"));
  assert.is(await replay(page, long), "Playing long.dsc.");
  await shows(page, "PIN>");
  await page.getByRole("button", { name: "New demo card" }).click();
  await shows(page, "");
  await passTime(page, LONGEST);
  await passTime(page, LONGEST);
  await shows(page, "");
  assert.is(await page.locator(".message", { hasText: "long.dsc" }).count(), 0);
});

/** What was seen of a session at the card's pace: screens (no blank ones) with the card's time, lit keys, the outcome. */
interface Seen {
  readonly screens: readonly Screen[];
  readonly keys: readonly string[];
  readonly said: string;
}
type Screen = readonly [display: string, at: number];

/** The steps in which time passes while a session is watched, in ms, and the longest time. */
const STEP = 10;
const LONGEST = 20_000;

/** The time until a screen is seen, in ms: it is drawn in the next frame. */
const DRAWING = 50;

/** The screens of a script, with the card's time. */
function screensOf(contents: string): Screen[] {
  const screens: Screen[] = [];
  const session = new Session({
    module: MODULE,
    seed: 1,
    openFlash: () => new Flash(),
    onStart: (card) => card.watchers.push({ display: (text) => screens.push([text.trimEnd(), card.time]) }),
  });
  for (const line of contents.trimEnd().split("\n")) session.execute(line);
  return screens;
}

/** Lets time pass until the page reports the outcome of a script. Times are rounded up to steps. */
function watch(page: Page): Promise<Seen> {
  return page.evaluate(`(async () => {
    const card = document.querySelector("svg.card");
    const message = document.querySelector("section:has(#script) .message");
    const before = message.textContent;
    const [screens, keys] = [[], []];
    let { display } = card.dataset;
    let lit;
    for (let at = 0; message.textContent === before && at < ${LONGEST}; at += ${STEP}) {
      if (card.dataset.display !== display && (display = card.dataset.display) !== "") screens.push([display, at]);
      const key = card.querySelector(".key.down")?.dataset.key;
      if (key !== lit && key !== undefined) keys.push(key);
      lit = key;
      passTime(${STEP});
      // The page reports the end in a promise.
      await Promise.resolve();
    }
    return { screens, keys, said: message.textContent };
  })()`);
}

inPage("the page computes the responses of the shared vectors", async (page) => {
  await alsoSharedLater("responses in the page", async () => {
    const { groups } = vectors<Vectors>("ocra-card.json");
    const cards = groups.flatMap(({ suite, tests }) => bySettings(suite, tests));
    for (const [at, { settings, tests }] of cards.entries()) {
      const name = `vectors-${at}.dsc`;
      const answers = tests.flatMap(({ Q, R }, n) => [...(n > 0 ? ["ok"] : []), `type ${Q}`, "ok", `expect ${R}`]);
      const contents = ["flash card.bin", "hold press", `type ${settings.pin}`, "ok", ...answers].join("\n");
      const flash = { name: "card.bin", contents: cardOf(settings).flash.bytes };
      assert.is(await replay(page, { name, contents }, flash), passed(name));
    }
    assert.ok(cards.length >= groups.length);
  });
});

interface Vector {
  readonly key: string;
  readonly Q: string;
  readonly R: string;
  readonly pin?: string;
}
interface Vectors {
  readonly groups: readonly { readonly suite: string; readonly tests: readonly Vector[] }[];
}

/** The vectors of a suite by the card that they belong to: one for each key and PIN. */
function bySettings(suite: string, tests: readonly Vector[]) {
  const groups = new Map<string, Vector[]>();
  for (const one of tests) groups.set(`${one.key} ${one.pin}`, [...(groups.get(`${one.key} ${one.pin}`) ?? []), one]);
  return [...groups.values()].map((some) => {
    const { key, pin } = some[0] as Vector;
    const pinCheck = pin === undefined ? ("card" as const) : ("server" as const);
    const settings = { suite, key: Buffer.from(key, "hex"), pin: pin ?? DEMO.pin, pinCheck };
    return { settings, tests: some };
  });
}

test.run();
