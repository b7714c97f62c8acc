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
/** The launcher, the check of the build, and a bundle in two or three files. */
const FEWEST = 6;
/** Modules of Node that take as long to load as all else that a start needs. */
const SLOW: readonly string[] = ["child_process", "crypto"];

const seldom = (packages: readonly string[]) => packages.filter((name) => SELDOM.includes(name));
/** Error classes are always loaded, because main.ts reports them all. */
const within = (room: string, modules: readonly string[]) =>
  modules.filter((name) => name.startsWith(room) && !name.endsWith("/errors.ts"));

test("dsc --version loads the command line and its errors, and nothing of cards and keys", () => {
  const { modules, packages, files, builtins } = loadedBy(DSC, "--version");
  assert.ok(modules.includes("host-tools/cli/main.ts"));
  assert.equal(within("host-tools/cli/commands/", modules), []);
  for (const room of ["card", "seeds", "flashing", "desk", "site"].map((name) => `host-tools/${name}/`))
    assert.equal(within(room, modules), [], room);
  assert.equal(packages, ["commander"]);
  assert.ok(builtins.includes("fs"));
  assert.equal(
    builtins.filter((name) => SLOW.includes(name)),
    [],
  );
  assert.ok(files.length <= FEWEST, files.join("\n"));
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

test("dsc-sim --headless loads no terminal, no server, no monkey and no port", () => {
  const { modules, packages, files, builtins } = loadedBy(LAUNCHER, "--headless");
  assert.ok(modules.includes("sim/core/card.ts"));
  for (const room of ["sim/terminal/", "sim/api/server.ts", "sim/session/monkey/", "host-tools/desk/"])
    assert.equal(within(room, modules), [], room);
  assert.equal(seldom(packages), []);
  assert.not.ok(builtins.includes("child_process"));
  assert.ok(files.length <= FEWEST, files.join("\n"));
});

test.run();
