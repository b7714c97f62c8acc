// `dsc personalize`: seeds one card. What is to be done, and in which order, stands in desk/personalize.ts.

import { existsSync } from "node:fs";
import { type Command, Option } from "commander";
import { Limit } from "../../../firmware/wire.js";
import type { CardClient } from "../../card/cardclient.js";
import {
  carryOut,
  describePlan,
  makePlan,
  type Plan,
  type Request,
  type Seeds,
  type Step,
  wipePlan,
} from "../../desk/personalize.js";
import { SeedsInFile } from "../../desk/seedsinfile.js";
import { isWeakPin } from "../../desk/weakpin.js";
import { PortError, UsageError } from "../../files/errors.js";
import { leaves } from "../../files/interruption.js";
import {
  readKey,
  readPin,
  readSeedSecret,
  readTransportKey,
  type SecretOptions,
  STDIN,
} from "../../files/secretfile.js";
import { readSeedFile, type SeedSecret } from "../../seeds/pskc.js";
import { Exit, exitCodeOf } from "../exit.js";
import { show, warn } from "../output.js";
import { startBar } from "../progress.js";
import { askPassphrase, askPin, isInteractive } from "../prompt.js";
import { pinFileOption, pskcKeyOption, readSecret, refuseStdinTwice, SEED_SECRET_HELP } from "../secretoptions.js";
import {
  type CardOptions,
  serialNumber,
  sharedFilesOption,
  speaking,
  suiteOf,
  TRANSPORT_PROMPT,
  transportOption,
  wholeNumber,
  withCard,
} from "./options.js";

interface Options extends CardOptions {
  serial: string;
  suite?: string;
  pinFile?: string;
  pinCheck?: "card" | "server";
  tries: number;
  keyFile?: string;
  transport?: string;
  transportOld?: string;
  pskc: string;
  pskcKey?: string;
  append?: boolean;
  reseed?: boolean;
  dryRun?: boolean;
  allowWeakPin?: boolean;
  allowDevelopment?: boolean;
  insecureKeyFile?: boolean;
}

const SUITE = "OCRA-1:HOTP-SHA256-8:QN06";
const SERVER_SUITE = `${SUITE}-PSHA256`;
const DEFAULT_TRIES = 5;
const PIN_UNUSED = "--pin-file is not used: with this suite the site judges the PIN, and the card keeps none";
const AGAIN = "run it again with the same arguments: it finishes";

/** Steps as they are shown while they are done. */
const STEPS: Record<Step, string> = {
  channel: "secure channel",
  keep: "keys into the seed file",
  store: "keys into the card",
  prove: "proof",
  rotate: "transport keys",
  finish: "end of personalization",
  mark: "seed file: done",
};

const EXAMPLES = [
  "dsc personalize --port /dev/ttyACM0 --serial IB3000123 --transport transport.key \\",
  "    --pskc seeds.xml --pskc-key seeds.key",
  "dsc personalize --port /dev/ttyACM0 --serial IB3000124 --transport transport.key \\",
  "    --pskc seeds.xml --pskc-key seeds.key --append --dry-run",
];
const NOTES = `${SEED_SECRET_HELP}

The keys are in the seed file before they leave for the card. After an interruption run it again with the same
arguments: it finishes. A PIN without --pin-file is asked for, twice.`;

export function register(program: Command): void {
  const command = speaking("personalize", "put keys and a PIN into one card", EXAMPLES)
    .requiredOption("--serial <serial>", "the serial number on its back, such as IB3000123", serialNumber)
    .option("--suite <suite>", `how it answers challenges (default: ${SUITE})`)
    .addOption(pinFileOption())
    .addOption(new Option("--pin-check <who>", "who judges the PIN (default: as the suite says)").choices(CHECKS))
    .option(
      "--tries <n>",
      `wrong PINs in a row that lock the card, ${Limit.LEAST_TRIES} to ${Limit.MOST_TRIES}`,
      wholeNumber(Limit.LEAST_TRIES, Limit.MOST_TRIES),
      DEFAULT_TRIES,
    )
    .option("--key-file <file>", "the key that the site already has, in hexadecimal (drawn unless given)")
    .addOption(transportOption())
    .option("--transport-old <file>", "the card has transport keys of its own, from this master key")
    .requiredOption("--pskc <file>", "the seed file that gets the keys; made if missing")
    .addOption(pskcKeyOption())
    .option("--append", "add the card to a seed file that exists")
    .option("--reseed", "take a card that is personalized, or another one's: it gets new keys and this serial number")
    .option("--allow-weak-pin", "take a PIN that is guessed first")
    .option("--allow-development", "take a development image, which anybody at its contacts can read and blank")
    .addOption(sharedFilesOption())
    .option("--dry-run", "print what would be done, as JSON, and do nothing")
    .addHelpText("after", NOTES)
    .action(run);
  program.addCommand(command);
}

const CHECKS = ["card", "server"] as const;

async function run(options: Options, command: Command): Promise<void> {
  const settings = settingsOf(options);
  const { pskcKey, keyFile, transport, transportOld, pinFile } = options;
  refuseStdinTwice(pskcKey, keyFile, transport, transportOld, pinFile);
  if (settings.pinCheck === "server" && pinFile !== undefined) warn(PIN_UNUSED);
  const secrets = new Secrets();
  try {
    const seeds = await openSeeds(options, secrets);
    const request = await requestOf(options, settings, secrets);
    await withCard(options, async (card) => {
      const planned = await planFor(card, request, seeds, options, secrets);
      await personalize(card, planned, seeds, options, command);
    });
  } finally {
    secrets.wipe();
  }
}

interface Planned {
  readonly request: Request;
  readonly plan: Plan;
}

/** The PIN is asked for last: port, card and seed file may say that none is needed. */
async function planFor(
  card: CardClient,
  request: Request,
  seeds: Seeds,
  options: Options,
  secrets: Secrets,
): Promise<Planned> {
  const plan = makePlan(request, await card.readStatus(), seeds);
  if (!options.dryRun) for (const warning of plan.warnings) warn(warning);
  if (options.dryRun || !lacksPin(plan, request)) return { request, plan };
  wipePlan(plan);
  const pin = secrets.keep(await askPin(true, options.allowWeakPin ? undefined : objectionTo));
  const whole = { ...request, pin };
  // Somebody may have thought about it for long: it may be another card by now.
  return { request: whole, plan: makePlan(whole, await card.readStatus(), seeds) };
}

/** Where the server judges the PIN the card keeps none. */
function lacksPin({ action }: Plan, { pinCheck, pin }: Request): boolean {
  return action !== "nothing" && pinCheck === "card" && pin === undefined;
}

function objectionTo(pin: Uint8Array): string | undefined {
  return isWeakPin(pin) ? "This PIN is one of those that are guessed first; take another." : undefined;
}

async function personalize(
  card: CardClient,
  { request, plan }: Planned,
  seeds: Seeds,
  options: Options,
  command: Command,
): Promise<void> {
  try {
    if (options.dryRun) return showPlan(command, describePlan(request, plan, seeds));
    const notes = await withProgress(plan, (onStep) =>
      finishable(plan, onStep, (told) => carryOut(plan, request, card, seeds, told)),
    );
    for (const note of notes) warn(note);
    const { serial, suite, pinCheck, tries } = request;
    const { action, keyset = null } = plan;
    const result = { port: options.port, serial, action, suite, pinCheck, tries, keyset, pskc: seeds.path };
    show(command, { ...result, state: "done" }, [said(request, plan, seeds)]);
  } finally {
    wipePlan(plan);
  }
}

/** In JSON always. */
function showPlan(command: Command, plan: object): void {
  show(command, plan, [JSON.stringify(plan)]);
}

type OnStep = (step: Step) => void;

/** Does the steps. Once the keys are in the file, whoever ends it is told how to go on: Ctrl-C, or a port that fails. */
async function finishable<T>(plan: Plan, onStep: OnStep, work: (onStep: OnStep) => Promise<T>): Promise<T> {
  let kept = false;
  const stepping = (step: Step) => {
    kept ||= plan.record !== undefined || (step !== "channel" && step !== "keep");
    if (kept) leaves(AGAIN);
    onStep(step);
  };
  try {
    const result = await work(stepping);
    leaves(undefined);
    return result;
  } catch (error) {
    if (!kept || exitCodeOf(error) !== Exit.PORT) throw error;
    throw new PortError(`${(error as Error).message}; ${AGAIN}`, { cause: error });
  }
}

function said({ serial, pin }: Request, { action }: Plan, { path }: Seeds): string {
  const nothing = pin === undefined ? "nothing was done" : "nothing was done, and its PIN was not changed";
  if (action === "nothing") return `${serial} is personalized already, and ${path} has its keys; ${nothing}`;
  return `${serial} is personalized; its keys are in ${path}`;
}

/** On a terminal, a bar while it works. */
async function withProgress<T>(plan: Plan, work: (onStep: OnStep) => Promise<T>): Promise<T> {
  const longest = "7/7 ".length + Math.max(...Object.values(STEPS).map((step) => step.length));
  const bar = startBar("{value}/{total} {step}", longest, plan.steps.length, { step: "" });
  try {
    return await work((step) => bar?.update(plan.steps.indexOf(step), { step: STEPS[step] }));
  } finally {
    bar?.stop();
  }
}

type Settings = Pick<Request, "serial" | "suite" | "pinCheck" | "tries">;

/** Suites with P are for a PIN that the server judges, and only those. */
function settingsOf({ serial, suite: given, pinCheck: told, tries, transport, transportOld }: Options): Settings {
  const suite = given ?? (told === "server" ? SERVER_SUITE : SUITE);
  const pinCheck = suiteOf(suite).pin ? "server" : "card";
  if (told === "card" && pinCheck === "server")
    throw new UsageError("--pin-check card: a suite with P is for a PIN that the server judges");
  if (told === "server" && pinCheck === "card")
    throw new UsageError(`--pin-check server: a suite with P is needed, such as ${SERVER_SUITE}`);
  if (transportOld !== undefined && transport === undefined)
    throw new UsageError("--transport-old: give the master key of the new transport keys, too (--transport)");
  return { serial, suite, pinCheck, tries };
}

async function requestOf(options: Options, settings: Settings, secrets: Secrets): Promise<Request> {
  const { keyFile, transport, transportOld, pinFile, allowWeakPin, append, reseed, allowDevelopment } = options;
  const read = async (path: string | undefined, prompt: string, reader: typeof readPin) =>
    path === undefined ? undefined : secrets.keep(await readSecret(path, prompt, options, reader));
  return {
    ...settings,
    append,
    reseed,
    allowDevelopment,
    key: await read(keyFile, "Token key in hexadecimal", readKey),
    transport: await read(transport, TRANSPORT_PROMPT, readTransportKey),
    transportOld: await read(transportOld, TRANSPORT_PROMPT, readTransportKey),
    pin: await read(pinFile, "PIN", allowWeakPin ? readPin : strongPin),
  };
}

function strongPin(path: string, options?: SecretOptions): Buffer {
  const pin = readPin(path, options);
  if (!isWeakPin(pin)) return pin;
  pin.fill(0);
  throw new UsageError("this PIN is one of those that are guessed first; insist with --allow-weak-pin");
}

async function openSeeds(options: Options, secrets: Secrets): Promise<Seeds> {
  const exists = existsSync(options.pskc);
  const secret = await seedSecret(options, !exists);
  secrets.keep("passphrase" in secret ? secret.passphrase : secret);
  const file = exists ? readSeedFile(options.pskc, secret) : undefined;
  return secrets.keep(new SeedsInFile(options.pskc, secret, file, options));
}

async function seedSecret(options: Options, fresh: boolean): Promise<SeedSecret> {
  const prompt = "Key or passphrase of the seed file";
  if (options.pskcKey !== undefined) return readSecret(options.pskcKey, prompt, options, readSeedSecret);
  if (!isInteractive()) throw new UsageError("what opens the seed file is needed; give it with --pskc-key FILE");
  // What is typed is taken as it would be in a file.
  const typed = await askPassphrase(prompt, fresh);
  try {
    return readSeedSecret(STDIN, { contents: typed });
  } finally {
    typed.fill(0);
  }
}

/** Whatever is to be zeroed in the end. */
class Secrets {
  readonly #kept: (Uint8Array | { wipe(): void })[] = [];

  keep<T extends Uint8Array | { wipe(): void }>(secret: T): T {
    this.#kept.push(secret);
    return secret;
  }

  wipe(): void {
    for (const secret of this.#kept) {
      if (secret instanceof Uint8Array) secret.fill(0);
      else secret.wipe();
    }
  }
}
