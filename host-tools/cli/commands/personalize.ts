// `dsc personalize`: seeds one card. desk/personalize.ts has the steps and their order. Many cards (--batch, --orders):
// personalizebatch.ts.

import { hostname } from "node:os";
import { type Command, Option } from "commander";
import { Limit } from "../../../firmware/wire.js";
import type { CardClient, CardStatus } from "../../card/cardclient.js";
import { type Master, wipeMaster } from "../../card/transportkeys.js";
import type { KeyRegister } from "../../desk/keyregister.js";
import { carryOut } from "../../desk/personalize.js";
import { describePlan, lacksPin, makePlan, type Plan, type Step, wipePlan } from "../../desk/plan.js";
import type { Register } from "../../desk/register/register.js";
import type { SeedingDesk } from "../../desk/register/seedingdesk.js";
import type { Request } from "../../desk/request.js";
import { isWeakPin } from "../../desk/weakpin.js";
import { PortError, UsageError } from "../../files/errors.js";
import { leaves } from "../../files/interruption.js";
import { readKey, readPin, type SecretOptions } from "../../files/secretfile.js";
import { paperOptions } from "../batchpapers.js";
import { Exit, exitCodeOf } from "../exit.js";
import { withGone } from "../gone.js";
import { readMaster } from "../masterkey.js";
import { show, warn } from "../output.js";
import { startBar } from "../progress.js";
import { askPin } from "../prompt.js";
import { REGISTER_HELP, type RegisterOptions, registerOptions, withRegister } from "../registeroptions.js";
import { pinFileOption, readSecret, refuseStdinTwice } from "../secretoptions.js";
import {
  type CardOptions,
  portsOption,
  printing,
  serialNumber,
  suiteOf,
  traceOption,
  transportOption,
  wholeNumber,
  withCard,
} from "./options.js";

interface Options extends CardOptions, RegisterOptions {
  batch?: string;
  orders?: boolean;
  again?: boolean;
  replace?: boolean;
  report?: string;
  labels?: string;
  pinLetters?: string;
  serial?: string;
  next?: boolean;
  order?: number;
  suite?: string;
  pinFile?: string;
  pinCheck?: "card" | "server";
  tries: number;
  keyFile?: string;
  transport?: string;
  transportOld?: string;
  reseed?: boolean;
  dryRun?: boolean;
  allowWeakPin?: boolean;
  allowDevelopment?: boolean;
}

const SUITE = "OCRA-1:HOTP-SHA256-8:QN06";
const SERVER_SUITE = `${SUITE}-PSHA256`;
const DEFAULT_TRIES = 5;
const PIN_UNUSED = "--pin-file is not used: with this suite the server checks the PIN, and the card keeps none";
const AGAIN = "run the command again with the same arguments to finish";

/** The steps as they are shown while they run. */
const STEPS: Record<Step, string> = {
  channel: "secure channel",
  keep: "keys are kept",
  store: "keys into the card",
  prove: "proof",
  rotate: "transport keys",
  finish: "end of personalization",
  mark: "kept as done",
};

const EXAMPLES = [
  "dsc personalize --port /dev/ttyACM0 --serial IB3000123 --transport transport.key --register desk.db \\",
  "    --site-key site.key --desk-key desk.key --journal-key journal.key",
  "dsc personalize --port /dev/ttyACM0 --next --transport transport.key --dry-run",
];
const NOTES = `${REGISTER_HELP}

The keys are in the register, bound to the card, before they are sent to it. After an interruption run the command again
with the same arguments to finish. Without --pin-file the PIN is asked for twice.`;

export function register(program: Command): void {
  const command = printing("personalize", "put keys and a PIN into a card, or into many", EXAMPLES)
    .addOption(portsOption("the serial port of the card; with --batch and --orders several (default there: all)"))
    .addOption(traceOption())
    .option("--serial <serial>", "the serial number on its back, such as IB3000123", serialNumber)
    .option("--next", "take the serial number that is pending on this card, otherwise the next one")
    .addOption(
      new Option("--order <n>", "seed the card of this order, with its PIN").argParser(
        wholeNumber(1, Number.MAX_SAFE_INTEGER),
      ),
    )
    .option("--batch <file>", "seed the cards of a list (CSV), one after another, at all ports at once")
    .option("--orders", "seed the cards of all placed orders, likewise")
    .option("--again", "seed a finished list again, with other cards")
    .option("--replace", "give other cards the rows of cards that failed or did not come back")
    .option("--report <dir>", "write the report of the batch into this folder")
    .option("--suite <suite>", `the OCRA suite of the card (default: ${SUITE})`)
    .addOption(pinFileOption())
    .addOption(new Option("--pin-check <who>", "who checks the PIN (default: as the suite says)").choices(CHECKS))
    .option(
      "--tries <n>",
      `wrong PINs in a row that lock the card, ${Limit.LEAST_TRIES} to ${Limit.MOST_TRIES}`,
      wholeNumber(Limit.LEAST_TRIES, Limit.MOST_TRIES),
      DEFAULT_TRIES,
    )
    .option("--key-file <file>", "the key that the site already has, in hexadecimal (default: drawn)")
    .addOption(transportOption())
    .option("--transport-old <file>", "the card has transport keys of its own, from this master key")
    .option("--reseed", "accept a personalized card or another card: it gets new keys and this serial number")
    .option("--allow-weak-pin", "accept a PIN that is easy to guess")
    .option("--allow-development", "accept a development image, which anybody at its contacts can read and erase")
    .option("--dry-run", "print the plan as JSON, and do nothing");
  withGone(command, "--pskc", "--pskc-key", "--append");
  paperOptions(registerOptions(command, "site", "desk", "journal"))
    .addHelpText("after", NOTES)
    .action(runGiven);
  program.addCommand(command);
}

const CHECKS = ["card", "server"] as const;

/** The options as commander gives them, with every --port. */
type Given = Omit<Options, "port"> & { readonly port?: readonly string[] };

async function runGiven(given: Given, command: Command): Promise<void> {
  const { port: ports = [], ...options } = given;
  if (options.batch !== undefined || options.orders) return runMany({ ...options, ports }, command);
  for (const [name, value] of Object.entries(forMany(options)))
    if (value !== undefined) throw new UsageError(`${name}: give it with --batch or --orders`);
  const [port, ...others] = ports;
  if (port === undefined) throw new UsageError("no port is named; give --port");
  if (others.length > 0) throw new UsageError("--port: give one port; several are for --batch and --orders");
  return run({ ...options, port }, command);
}

function forMany({ again, replace, report, labels, pinLetters }: Omit<Options, "port">) {
  return {
    "--again": again,
    "--replace": replace,
    "--report": report,
    "--labels": labels,
    "--pin-letters": pinLetters,
  };
}

async function runMany(options: Omit<Options, "port"> & { readonly ports: readonly string[] }, command: Command) {
  for (const [name, value] of Object.entries(forOne(options)))
    if (value !== undefined) throw new UsageError(`${name} is for one card; leave it out with --batch and --orders`);
  const { deskKey, siteKey, journalKey, operatorKey, transport, transportOld } = options;
  refuseStdinTwice(siteKey, deskKey, journalKey, operatorKey, transport, transportOld);
  const { runBatchCommand } = await import("./personalizebatch.js");
  const { suite, tries } = settingsOf(options);
  await runBatchCommand({ ...options, suite, serverSuite: SERVER_SUITE, tries }, command);
}

function forOne({ serial, next, order, pinFile, keyFile, reseed, trace }: Omit<Options, "port">) {
  return {
    ...{ "--serial": serial, "--next": next, "--order": order, "--pin-file": pinFile, "--key-file": keyFile },
    ...{ "--reseed": reseed, "--trace": trace },
  };
}

async function run(options: Options, command: Command): Promise<void> {
  refuseManyNumbers(options);
  refuseStdinTwice(...secretFilesOf(options));
  const secrets = new Secrets();
  try {
    await withRegister(options, (register) => seed(options, command, secrets, register));
  } finally {
    secrets.wipe();
  }
}

async function seed(options: Options, command: Command, secrets: Secrets, register: Register): Promise<void> {
  const [{ SeedingDesk }, { claimantAt }] = await Promise.all([
    import("../../desk/register/seedingdesk.js"),
    import("../../desk/register/claims.js"),
  ]);
  const { bench } = claimantAt(hostname(), options.port);
  const desk = secrets.keep(new SeedingDesk(register, bench));
  const wanted = await wantedOf(options, desk, secrets);
  await withCard(options, async (card) => {
    const serial = await serialOf(options, desk, await card.readStatus());
    const work = async () => {
      const planned = await planFor(card, { ...wanted, serial }, desk, options, secrets);
      await personalize(card, planned, desk, options, command);
    };
    await (options.dryRun ? work() : desk.holding(serial, work));
  });
}

function refuseManyNumbers({ serial, next, order }: Options): void {
  const given = [serial, next, order].filter((option) => option !== undefined).length;
  if (given !== 1) throw new UsageError("give one of --serial, --next and --order");
}

function secretFilesOf(options: Options) {
  const { siteKey, deskKey, journalKey, operatorKey, keyFile, transport, transportOld, pinFile } = options;
  return [siteKey, deskKey, journalKey, operatorKey, keyFile, transport, transportOld, pinFile];
}

/** The serial number. For --next and --order the card may determine it. */
async function serialOf(options: Options, desk: SeedingDesk, status: CardStatus): Promise<string> {
  const { serial, order, dryRun } = options;
  if (serial !== undefined) return serial;
  if (order !== undefined) return dryRun ? desk.plannedSerialOfOrder(order) : desk.serialOfOrder(order);
  const finished = await finishedSerial(options, desk, status);
  if (finished !== undefined) return finished;
  return dryRun ? desk.plannedSerialFor(status.id) : desk.serialFor(status.id);
}

/** With --next: the serial number of a card that an earlier run finished, so that the same command has nothing to do. */
async function finishedSerial({ reseed }: Options, desk: SeedingDesk, { id, life }: CardStatus) {
  return reseed || life !== "personalized" ? undefined : desk.seededOn(id);
}

type Wanted = Omit<Request, "serial">;

async function wantedOf(options: Options, desk: SeedingDesk, secrets: Secrets): Promise<Wanted> {
  if (options.order === undefined) return requestOf(options, settingsOf(options), secrets);
  refuseWithOrder(options);
  const { pin, ...settings } = await desk.order(options.order);
  return { ...(await requestOf(options, settings, secrets)), ...(pin && { pin: secrets.keep(pin) }) };
}

/** Refuses options that the order determines. */
function refuseWithOrder({ suite, pinCheck, pinFile }: Options): void {
  const given = suite !== undefined ? "--suite" : pinCheck !== undefined ? "--pin-check" : undefined;
  const option = given ?? (pinFile === undefined ? undefined : "--pin-file");
  if (option) throw new UsageError(`${option}: the order determines that; leave it out with --order`);
}

interface Planned {
  readonly request: Request;
  readonly plan: Plan;
}

/** The PIN is asked for last, since port, card or register may show that none is needed. */
async function planFor(
  card: CardClient,
  request: Request,
  register: KeyRegister,
  options: Options,
  secrets: Secrets,
): Promise<Planned> {
  const plan = await makePlan(request, await card.readStatus(), register);
  const lacks = lacksPin(plan, request);
  if (lacks && options.order !== undefined) {
    wipePlan(plan);
    throw new UsageError(
      `order ${options.order}: the desk draws its PIN and prints it in a letter; seed it with --orders`,
    );
  }
  if (!options.dryRun) for (const warning of plan.warnings) warn(warning);
  if (options.dryRun || !lacks) return { request, plan };
  wipePlan(plan);
  const pin = secrets.keep(await askPin(true, options.allowWeakPin ? undefined : objectionTo));
  const whole = { ...request, pin };
  // The user may have taken long to type the PIN, and another card may be there by now.
  return { request: whole, plan: await makePlan(whole, await card.readStatus(), register) };
}

function objectionTo(pin: Uint8Array): string | undefined {
  return isWeakPin(pin) ? "This PIN is easy to guess; choose another one." : undefined;
}

async function personalize(
  card: CardClient,
  { request, plan }: Planned,
  register: KeyRegister,
  options: Options,
  command: Command,
): Promise<void> {
  try {
    if (options.dryRun) return showPlan(command, { ...describePlan(request, plan), register: register.name });
    const notes = await withProgress(plan, (onStep) =>
      finishable(plan, onStep, (told) => carryOut(plan, request, card, register, told)),
    );
    for (const note of notes) warn(note);
    const { serial, suite, pinCheck, tries } = request;
    const { action, keyset = null } = plan;
    const result = { port: options.port, serial, action, suite, pinCheck, tries, keyset, register: register.name };
    show(command, { ...result, state: "done" }, [said(request, plan, register)]);
  } finally {
    wipePlan(plan);
  }
}

/** Always printed as JSON. */
function showPlan(command: Command, plan: object): void {
  show(command, plan, [JSON.stringify(plan)]);
}

type OnStep = (step: Step) => void;

/** Carries out the steps. Once the keys are stored, an interruption or a failed port tells the user how to continue. */
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

function said({ serial, pin }: Request, { action }: Plan, { name }: KeyRegister): string {
  const nothing = pin === undefined ? "nothing was done" : "nothing was done, and its PIN was not changed";
  if (action === "nothing") return `${serial} is personalized already, and ${name} has its keys; ${nothing}`;
  return `${serial} is personalized; its keys are in ${name}`;
}

/** Runs `work`, with a bar on a terminal. */
async function withProgress<T>(plan: Plan, work: (onStep: OnStep) => Promise<T>): Promise<T> {
  const longest = "7/7 ".length + Math.max(...Object.values(STEPS).map((step) => step.length));
  const bar = startBar("{value}/{total} {step}", longest, plan.steps.length, { step: "" });
  try {
    return await work((step) => bar?.update(plan.steps.indexOf(step), { step: STEPS[step] }));
  } finally {
    bar?.stop();
  }
}

type Settings = Pick<Request, "suite" | "pinCheck" | "tries">;

/** A suite has P if and only if the server checks the PIN. */
function settingsOf({ suite: given, pinCheck: told, tries }: Pick<Options, "suite" | "pinCheck" | "tries">): Settings {
  const suite = given ?? (told === "server" ? SERVER_SUITE : SUITE);
  const pinCheck = suiteOf(suite).pin ? "server" : "card";
  if (told === "card" && pinCheck === "server")
    throw new UsageError("--pin-check card: this suite has P, for a PIN that the server checks; choose one without P");
  if (told === "server" && pinCheck === "card")
    throw new UsageError(`--pin-check server: a suite with P is needed; choose one such as ${SERVER_SUITE}`);
  return { suite, pinCheck, tries };
}

async function requestOf(options: Options, settings: Settings, secrets: Secrets): Promise<Wanted> {
  const { keyFile, transport, transportOld, pinFile, allowWeakPin, reseed, allowDevelopment } = options;
  if (transportOld !== undefined && transport === undefined)
    throw new UsageError("--transport-old: give the master key of the new transport keys, too (--transport)");
  if (settings.pinCheck === "server" && pinFile !== undefined) warn(PIN_UNUSED);
  const read = async (path: string | undefined, prompt: string, reader: typeof readPin) =>
    path === undefined ? undefined : secrets.keep(await readSecret(path, prompt, options, reader));
  return {
    ...settings,
    reseed,
    allowDevelopment,
    key: await read(keyFile, "Token key in hexadecimal", readKey),
    transport: await readMasterOption(transport, options, secrets),
    transportOld: await readMasterOption(transportOld, options, secrets),
    pin: await read(pinFile, "PIN", allowWeakPin ? readPin : strongPin),
  };
}

async function readMasterOption(
  path: string | undefined,
  options: Options,
  secrets: Secrets,
): Promise<Master | undefined> {
  if (path === undefined) return undefined;
  const master = await readMaster(path, options);
  secrets.keep({ wipe: () => wipeMaster(master) });
  return master;
}

function strongPin(path: string, options?: SecretOptions): Buffer {
  const pin = readPin(path, options);
  if (!isWeakPin(pin)) return pin;
  pin.fill(0);
  throw new UsageError("this PIN is easy to guess; choose another one, or insist with --allow-weak-pin");
}

/** The secrets to wipe at the end. */
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
