// `dsc` with a card in ERROR on the line: every command that talks to the card names the error and what to do, and ends
// with exit code 5.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { unreadableFlash } from "../../support/cards.js";
import { registerFiles } from "../../support/registerfiles.js";
import { scratchFolder } from "../../support/scratch.js";
import { dsc, SimProcess } from "../../support/simprocess.js";
import { ON_WINDOWS, suiteUnless } from "../../support/skipping.js";

const test = suiteUnless(ON_WINDOWS, "dsc with a card in ERROR");

test.after(() => SimProcess.killAll());

const FOLDER = scratchFolder();

function put(name: string, contents: string | Uint8Array): string {
  const path = join(FOLDER, name);
  writeFileSync(path, contents, { mode: 0o600 });
  return path;
}

test("info, check, personalize, test, wipe and ports name the error", async () => {
  const sim = await SimProcess.start(join(FOLDER, "port"), "--flash", put("card.bin", unreadableFlash()));
  const given = ["--serial", "IB3000123", "--pin-file", put("pin", "8352\n"), ...(await registerFiles(FOLDER))];
  const register = ["--register", join(FOLDER, "register.db")];
  const commands = [["info"], ["check", ...register], ["personalize", ...given], ["test"], ["wipe", "--yes"]];
  for (const [name = "", ...args] of commands) {
    const ended = await dsc([name, "--port", sim.port, ...args]);
    assert.is(ended.code, 5, `${name}: ${ended.stderr}`);
    assert.match(ended.stderr, /^dsc: .*the card is in ERROR 02: its flash cannot be read; .*replace/m, name);
    assert.is(ended.stdout, "", name);
    const { error } = JSON.parse((await dsc([name, "--port", sim.port, ...args, "--json"])).stdout);
    assert.equal([error.code, error.kind], [5, "card-error"], name);
  }
  const listed = await dsc(["ports", "--port", sim.port]);
  assert.is(listed.code, 0, listed.stderr);
  assert.match(listed.stdout, /ERROR 02/);
  await sim.stop();
});

test.run();
