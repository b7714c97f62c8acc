// A card's life on the chip in QEMU, with the programs that people use: `dsc` personalizes it over the pseudo-terminal,
// `dsc-sim --port` logs in; then it is locked and unlocked, with power cuts in between.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import * as assert from "uvu/assert";
import { ROOT } from "../../host-tools/files/project.js";
import { ocra } from "../../host-tools/seeds/ocra.js";
import { boardTest, developmentImage } from "../support/board.js";
import { press, type } from "../support/keypresses.js";
import { recordIn, registerFiles } from "../support/registerfiles.js";
import { scratchFolder } from "../support/scratch.js";
import { dsc } from "../support/simprocess.js";
import { suite } from "../support/suite.js";
import { shows, TerminalProgram } from "../support/terminal.js";

const life = suite("a card's life on the chip");

const MAIN = join(ROOT, "build", "js", "board", "cli", "qemu.js");
const FOLDER = scratchFolder();
const SERIAL = "IB3000123";
const SUITE = "OCRA-1:HOTP-SHA256-8:QN06";
const PIN = "8352";
const WRONG_PIN = "8888";
const NEW_PIN = "7294";
const CHALLENGE = "673854";
const ENTER = "\r";

const flash = join(FOLDER, "card.bin");
const pinFile = put("pin", `${PIN}\n`);
const transport = join(FOLDER, "transport.key");

function put(name: string, text: string): string {
  const path = join(FOLDER, name);
  writeFileSync(path, text, { mode: 0o600 });
  return path;
}

/** Runs `body` with a battery in the card; its flash stays. */
async function powered<T>(body: (port: string) => Promise<T>): Promise<T> {
  developmentImage();
  const child = spawn(process.execPath, [MAIN, "--flash", flash], { stdio: ["ignore", "pipe", "inherit"] });
  process.once("exit", () => child.kill("SIGKILL"));
  try {
    const [line] = await once(createInterface({ input: child.stdout }), "line");
    return await body(JSON.parse(line).pty);
  } finally {
    child.kill("SIGTERM");
    await once(child, "exit");
  }
}

/** Runs `body` with the front panel of the card at `port`, which is off. */
async function withPanel<T>(port: string, body: (panel: TerminalProgram) => Promise<T>): Promise<T> {
  const panel = TerminalProgram.simulator(["--port", port]);
  try {
    await panel.until(/State +OFF/);
    return await body(panel);
  } finally {
    await panel.close();
  }
}

async function enterPin(panel: TerminalProgram, pin: string, then: string, prompt = "PIN>"): Promise<void> {
  await type(panel, pin, (typed) => prompt + "*".repeat(typed.length));
  await press(panel, ENTER, shows(then));
}

async function run(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await dsc(args);
  assert.is(code, 0, stderr);
  return stdout;
}

async function info(port: string): Promise<Record<string, unknown>> {
  return JSON.parse(await run("info", "--port", port, "--json"));
}

boardTest(
  life,
  ["development"],
  "a card is personalized, used, locked and unlocked, with power cuts in between",
  async () => {
    const register = await registerFiles(FOLDER);
    await run("keys", "new", transport);
    await powered(async (port) => {
      const options = ["--port", port, "--serial", SERIAL, "--pin-file", pinFile, "--tries", "3"];
      await run("personalize", ...options, "--transport", transport, "--allow-development", ...register);
      assert.is((await info(port)).state, "personalized");
    });

    const { key } = await recordIn(join(FOLDER, "register.db"), SERIAL);
    await powered((port) =>
      withPanel(port, async (panel) => {
        await press(panel, "P", shows("PIN>"));
        await enterPin(panel, PIN, "CHALLNG>");
        await type(panel, CHALLENGE, (typed) => typed);
        const [, response] = await press(panel, ENTER, /\[ (\d{8}) \][─-]/);
        assert.is(response, ocra(SUITE, key, { challenge: CHALLENGE }));
        await press(panel, "P", /State +OFF/);
        await press(panel, "P", shows("PIN>"));
        await enterPin(panel, WRONG_PIN, "LEFT 2");
      }),
    );

    const lockCode = await powered((port) =>
      withPanel(port, async (panel) => {
        await press(panel, "P", shows("PIN>"));
        await enterPin(panel, WRONG_PIN, "LEFT 1");
        await panel.until(shows("PIN>"));
        await enterPin(panel, WRONG_PIN, "LOCKED");
        const [, code] = await press(panel, ENTER, /\[ (\d{8}) \][─-]/);
        return code as string;
      }),
    );

    const unlockCode = JSON.parse(
      await run("unlock", "--serial", SERIAL, "--lock-code", lockCode, ...register, "--json"),
    ).unlockCode;
    await powered((port) =>
      withPanel(port, async (panel) => {
        await press(panel, "P", shows("LOCKED"));
        await press(panel, ENTER, shows(lockCode));
        await press(panel, ENTER, shows("UNLOCK>"));
        await type(panel, unlockCode, (typed) => typed);
        await press(panel, ENTER, shows("NEW>"));
        await enterPin(panel, NEW_PIN, "REP>", "NEW>");
        await enterPin(panel, NEW_PIN, "PIN SET", "REP>");
      }),
    );

    await powered((port) =>
      withPanel(port, async (panel) => {
        await press(panel, "P", shows("PIN>"));
        await enterPin(panel, NEW_PIN, "CHALLNG>");
      }),
    );
  },
);

life.run();
