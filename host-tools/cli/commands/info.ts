// `dsc info`: what a card tells anybody.

import type { Command } from "commander";
import type { CardStatus, SuiteSupport } from "../../card/cardclient.js";
import { coloured, columns, show } from "../output.js";
import { type CardOptions, speaking, withCard } from "./options.js";

const EXAMPLES = ["dsc info --port /dev/ttyACM0", "dsc info --port /dev/ttyACM0 --json"];

export function register(program: Command): void {
  program.addCommand(speaking("info", "show what a card tells about itself", EXAMPLES).action(run));
}

async function run(options: CardOptions, command: Command): Promise<void> {
  const status = await withCard(options, (card) => card.readStatus());
  show(command, resultOf(options.port, status), describe(status));
}

/** For scripts. */
function resultOf(port: string, status: CardStatus): object {
  const { serial, life, kvn, suite, id, kind, ...rest } = status;
  const known = { serial: serial ?? null, id: id ?? null, kind: kind ?? null, state: life, suite: suite ?? null };
  return { port, ...known, keyset: kvn, ...rest };
}

function describe(status: CardStatus): string[] {
  const { serial, firmware, battery } = status;
  return columns([
    ["serial", serial ?? "none yet"],
    ["card id", status.id ?? "none (firmware of the first release)"],
    ["state", describeState(status)],
    ["suite", status.suite ?? "none yet"],
    ["PIN", describePin(status)],
    ["transport keys", describeKeys(status)],
    ["battery", `${battery} mV`],
    ["firmware", `${firmware.version}, ${firmware.hash}`],
    ["runs in", describeKind(status)],
    ["suites", describeSuites(status.suites)],
  ]);
}

function describeState({ life, lock }: CardStatus): string {
  if (lock !== "none") return coloured("red", `${life}, ${lock}`);
  return life === "personalized" ? coloured("green", life) : `${life} (shows NO KEY)`;
}

function describePin({ life, pinCheck, tries, triesLeft, unlockTriesLeft }: CardStatus): string {
  if (life === "blank" || pinCheck === "none") return "none yet";
  if (pinCheck === "server") return "judged by the server";
  return `checked by the card, ${triesLeft} of ${tries} tries left, ${unlockTriesLeft} unlock codes`;
}

function describeKeys({ testKeys, kvn }: CardStatus): string {
  return testKeys ? coloured("yellow", `version ${kvn}, the public test keys`) : `version ${kvn}`;
}

function describeKind({ kind }: CardStatus): string {
  if (kind === undefined) return "not told (firmware of the first release)";
  if (kind === "simulator") return "the simulator";
  const image = `a ${kind} image`;
  return kind === "development" ? coloured("yellow", `${image}: no key belongs on it`) : image;
}

function describeSuites({ hashes, pinHashes, digits, challenge }: SuiteSupport): string {
  const p = pinHashes.length > 0 ? `[-P{${pinHashes.join(",")}}]` : "";
  return `OCRA-1:HOTP-{${hashes.join(",")}}-${digits}:QN${String(challenge).padStart(2, "0")}${p}`;
}
