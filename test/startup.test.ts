// What the programs load before they do any work, because a desk starts `dsc` hundreds of times a day. Modules are
// counted, since times depend on the machine; `npm run bench` measures times.

import { join } from "node:path";
import * as assert from "uvu/assert";
import { loadedBy } from "./support/loaded.js";
import { newRegister } from "./support/openregister.js";
import { scratchFolder } from "./support/scratch.js";
import { DSC, LAUNCHER } from "./support/simprocess.js";
import { ON_WINDOWS, suiteUnless } from "./support/skipping.js";

const test = suiteUnless(ON_WINDOWS, "start of the programs");

/** Modules that only some commands need. */
const SELDOM: readonly string[] = [
  ...["@lydell/node-pty", "@xmldom/xmldom", "blessed", "bwip-js", "cli-progress", "fastify", "fontkit", "kysely"],
  ...["libsql", "pdfkit", "pg", "pkcs11js", "serialport", "typebox"],
];
/** A file costs about a millisecond, so hundreds of them are the time that a command takes. */
const FEW = 60;

const seldom = (packages: readonly string[]) => packages.filter((name) => SELDOM.includes(name));
/** Error classes are always loaded, because main.ts reports them all. */
const within = (room: string, modules: readonly string[]) =>
  modules.filter((name) => name.startsWith(room) && !name.endsWith("/errors.ts"));

test("dsc --version loads no command and no register", () => {
  const { modules, packages, files } = loadedBy(DSC, "--version");
  assert.ok(modules.includes("host-tools/cli/main.ts"));
  for (const room of ["host-tools/cli/commands/", "host-tools/desk/register/", "host-tools/flashing/"])
    assert.equal(within(room, modules), [], room);
  assert.equal(packages, ["commander"]);
  assert.ok(files.length < FEW, `${files.length} files`);
});

test("a command loads itself and no other command", () => {
  const { modules, packages } = loadedBy(DSC, "ocra", "--help");
  const commands = ["ocra.ts", "options.ts"].map((name) => `host-tools/cli/commands/${name}`);
  assert.equal(within("host-tools/cli/commands/", modules), commands);
  assert.equal(within("host-tools/desk/register/", modules), []);
  assert.equal(seldom(packages), []);
});

test("a command that only reads a register loads few files", async () => {
  const register = join(scratchFolder(), "desk.db");
  await (await newRegister(register)).close();
  const { packages, files } = loadedBy(DSC, "card", "list", "--register", register);
  assert.equal(seldom(packages), ["kysely", "libsql"]);
  assert.ok(files.length < 2 * FEW, `${files.length} files`);
});

test("dsc-sim --headless loads no terminal, no server and no port", () => {
  const { modules, packages, files } = loadedBy(LAUNCHER, "--headless");
  assert.ok(modules.includes("sim/core/card.ts"));
  for (const room of ["sim/terminal/", "sim/api/server.ts", "host-tools/desk/", "host-tools/cli/"])
    assert.equal(within(room, modules), [], room);
  assert.equal(seldom(packages), []);
  assert.ok(files.length < FEW, `${files.length} files`);
});

test.run();
