// `dsc personalize --batch` and `--orders`: seeds many cards, at several ports at once. desk/batch/portmachine.ts
// defines what happens at a port.

import { statSync } from "node:fs";
import { hostname } from "node:os";
import type { Command } from "commander";
import { Limit } from "../../../firmware/wire.js";
import { listPorts, refuseMissing } from "../../card/port.js";
import { type Master, wipeMaster } from "../../card/transportkeys.js";
import type { RunEnd } from "../../desk/batch/batchrun.js";
import type { ListedCard } from "../../desk/batch/cardlist.js";
import type { OpenedBatch } from "../../desk/register/batches.js";
import type { Register } from "../../desk/register/register.js";
import { counted } from "../../files/counted.js";
import { CheckFailed, PortError, UsageError } from "../../files/errors.js";
import { readWhole } from "../../files/files.js";
import { endsWithin, interruption, leaves } from "../../files/interruption.js";
import { STDIN } from "../../files/secretfile.js";
import { type PaperOptions, paperLines, refusePapers, writePapers } from "../batchpapers.js";
import { benchDisplay, countsInWords } from "../benchdisplay.js";
import { readMaster } from "../masterkey.js";
import { answersInJson, show, warn } from "../output.js";
import { type RegisterOptions, withRegister } from "../registeroptions.js";

export interface BatchOptions extends PaperOptions, RegisterOptions {
  readonly ports: readonly string[];
  readonly batch?: string;
  readonly orders?: boolean;
  readonly again?: boolean;
  readonly replace?: boolean;
  readonly report?: string;
  readonly transport?: string;
  readonly transportOld?: string;
  readonly allowWeakPin?: boolean;
  readonly allowDevelopment?: boolean;
  readonly dryRun?: boolean;
  /** Defaults for a row of the file. */
  readonly suite: string;
  readonly serverSuite: string;
  readonly tries: number;
}

const OTHERS_MAY_READ = 0o077;
/**
 * The longest wait for cards after Ctrl-C (ms): seeding takes two seconds, and a removed card is given up after ten.
 */
const LAST_CARDS = 30_000;
const GOES_ON = "what is done is kept; run the command again with the same arguments to continue";

export async function runBatchCommand(options: BatchOptions, command: Command): Promise<void> {
  refuseOptions(options);
  // During the run a bench waits for a port that is lost, but a mistyped one would never come.
  for (const path of options.ports) await refuseMissing(path);
  const { wipeCardList } = await import("../../desk/batch/cardlist.js");
  const file = options.batch === undefined ? undefined : await readList(options, options.batch);
  try {
    if (options.dryRun) return showList(command, options, file?.cards ?? []);
    await refusePapers(options);
    await withRegister(options, (register) => seedBatch(register, options, file, command));
  } finally {
    wipeCardList(file?.cards ?? []);
    file?.contents.fill(0);
  }
}

function refuseOptions({ batch, orders, again, transport, transportOld, dryRun }: BatchOptions): void {
  if (batch !== undefined && orders) throw new UsageError("give one of --batch and --orders");
  if (batch === STDIN) throw new UsageError("--batch -: a resumed batch reads its list again; give a file name");
  if (orders && again) throw new UsageError("--again: each order is done once; leave it out with --orders");
  if (orders && dryRun)
    throw new UsageError("--dry-run: leave it out with --orders; dsc order list --state placed shows the orders");
  if (transportOld !== undefined && transport === undefined)
    throw new UsageError("--transport-old: give the master key of the new transport keys, too (--transport)");
}

/** The file of a batch, after its checks. */
interface ListFile {
  readonly path: string;
  readonly contents: Buffer;
  readonly cards: readonly ListedCard[];
}

async function readList(options: BatchOptions, path: string): Promise<ListFile> {
  const { LONGEST_LIST, readCardList } = await import("../../desk/batch/cardlist.js");
  const contents = readWhole(path, LONGEST_LIST);
  const { suite, serverSuite, tries, allowWeakPin = false } = options;
  const limits = { leastTries: Limit.LEAST_TRIES, mostTries: Limit.MOST_TRIES };
  const cards = readCardList(path, contents, { suite, serverSuite, tries, ...limits, allowWeakPins: allowWeakPin });
  const hasSecrets = cards.some(({ pin, key }) => pin ?? key);
  if (hasSecrets && process.platform !== "win32" && statSync(path).mode & OTHERS_MAY_READ)
    warn(`${path}: contains PINs or keys, and others may read it; run chmod 600 ${path}`);
  return { path, contents, cards };
}

function showList(command: Command, { batch }: BatchOptions, cards: readonly ListedCard[]): void {
  const count = (has: (card: ListedCard) => unknown) => cards.filter(has).length;
  const given = {
    serials: count(({ serial }) => serial),
    pins: count(({ pin }) => pin),
    keys: count(({ key }) => key),
  };
  const lines = [
    `${batch}: ${counted(cards.length, "card")}; it gives ${counted(given.serials, "serial number")}, ` +
      `${counted(given.pins, "PIN")} and ${counted(given.keys, "key")}`,
  ];
  show(command, { file: batch, cards: cards.length, given }, lines);
}

async function seedBatch(
  register: Register,
  options: BatchOptions,
  file: ListFile | undefined,
  command: Command,
): Promise<void> {
  const keys = await transportKeys(options);
  try {
    if (options.labels !== undefined || options.pinLetters !== undefined) await checkNames(register, file);
    const batch = await openBatch(register, options, file);
    const end = await seedCards(register, options, batch, file?.cards ?? [], keys);
    if (interruption.aborted) return;
    const papers = await writePapers(register, batch.number, options, options.report);
    const { done, failed, pending, here, stopped } = end;
    if (failed + pending === 0)
      await (await import("../../desk/register/batches.js")).finishBatch(register, batch.number);
    const result = { batch: batch.number, resumed: batch.resumed, done, failed, pending, here, stopped, ...papers };
    const said = `batch ${batch.number}: ${countsInWords(end)}`;
    show(command, result, [said, ...paperLines(papers)]);
    leaves(undefined);
    refuseUnfinished(batch.number, end);
  } finally {
    for (const key of Object.values(keys)) wipeMaster(key);
  }
}

/** Unfinished cards also change the exit code. */
function refuseUnfinished(batch: number, { failed, pending, stopped, faultyCards }: RunEnd): void {
  if (pending > 0)
    throw new PortError(
      `batch ${batch}: ${pending} pending, and no port is left (stopped: ${stopped.join(", ") || "none"}); check the ports, ` +
        "then run the command again with the same arguments to continue",
      { hint: stopped.length === 0 ? undefined : STOPPED },
    );
  if (failed > 0)
    throw new CheckFailed(
      `batch ${batch}: ${failed} failed; dsc batch show --batch ${batch} shows why; --replace gives their rows to other cards`,
      { hint: hintFor(failed, faultyCards) },
    );
}

const STOPPED =
  "Look at the contacts of the stopped ports, and at the reasons that were reported for their last cards.";

/** What to do about failed rows, of which `faultyCards` failed because of their cards. */
export function hintFor(failed: number, faultyCards: number): string {
  const cards = "put the failed cards aside";
  const rows = "do what dsc batch show says about the rows";
  const todo = faultyCards === 0 ? [rows] : failed > faultyCards ? [cards, `${rows} without a bad card`] : [cards];
  const [first = ""] = todo;
  return `${first[0]?.toUpperCase()}${todo.join(", ").slice(1)}, then run the command again with --replace.`;
}

async function transportKeys(options: BatchOptions) {
  const read = async (path: string | undefined): Promise<Master | undefined> =>
    path === undefined ? undefined : await readMaster(path, options);
  return { transport: await read(options.transport), transportOld: await read(options.transportOld) };
}

/** A name that cannot be printed is reported before the first card is touched. */
async function checkNames(register: Register, file: ListFile | undefined): Promise<void> {
  const { checkPrintable } = await import("../../desk/batch/printer.js");
  const names = file ? namesIn(file) : await namesOrdered(register);
  await checkPrintable(register, names);
}

function namesIn({ path, cards }: ListFile) {
  return cards.flatMap(({ line, userName: user }) =>
    user === undefined ? [] : [{ what: `${path}: line ${line}`, user }],
  );
}

async function namesOrdered({ engine }: Register) {
  const { listOrders } = await import("../../desk/register/orders.js");
  const orders = await engine.read((db) => listOrders(db, "placed"));
  return orders.map(({ number, user_name: user }) => ({ what: `order ${number}`, user }));
}

async function openBatch(
  register: Register,
  { again, replace }: BatchOptions,
  file: ListFile | undefined,
): Promise<OpenedBatch> {
  const { openFileBatch, openOrdersBatch } = await import("../../desk/register/batches.js");
  const batch = file
    ? await openFileBatch(register, { ...file, again: again === true })
    : await openOrdersBatch(register);
  if (!replace) return batch;
  const [{ replaceCards }, { claimantAt }] = await Promise.all([
    import("../../desk/register/batchrows.js"),
    import("../../desk/register/claims.js"),
  ]);
  await replaceCards(register, batch.number, claimantAt(hostname(), ""));
  return batch;
}

async function seedCards(
  register: Register,
  options: BatchOptions,
  { number }: OpenedBatch,
  cards: readonly ListedCard[],
  keys: Awaited<ReturnType<typeof transportKeys>>,
) {
  const [{ BatchDesk }, { runBatch }] = await Promise.all([
    import("../../desk/batch/batchdesk.js"),
    import("../../desk/batch/batchrun.js"),
  ]);
  const request = { ...keys, allowDevelopment: options.allowDevelopment };
  const desk = new BatchDesk(register, { batch: number, cards, request, host: hostname() });
  const named = options.ports.length > 0;
  const ports = named ? [...new Set(options.ports)] : await listPorts();
  leaves(GOES_ON);
  endsWithin(LAST_CARDS);
  const display = benchDisplay(answersInJson());
  try {
    return await runBatch(desk, { ports, morePorts: named ? undefined : listPorts, signal: interruption }, display);
  } finally {
    display.end();
  }
}
