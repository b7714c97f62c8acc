// `dsc card`: shows the cards in the register, and changes their states by hand.

import { type Command, Option } from "commander";
import type { Card } from "../../desk/register/cards.js";
import type { Change } from "../../desk/register/change.js";
import { RegisterError } from "../../desk/register/errors.js";
import type { Entry } from "../../desk/register/journalchain.js";
import type { Register } from "../../desk/register/register.js";
import type { CardState } from "../../desk/register/schema.js";
import { UsageError } from "../../files/errors.js";
import { Exit } from "../exit.js";
import { listing, plainText, showList, visible } from "../lists.js";
import { columns, show } from "../output.js";
import { REGISTER_HELP, type RegisterOptions, registerOptions, withRegister } from "../registeroptions.js";
import { checkForm, pinFor } from "../responses.js";
import { pinFileOption, refuseStdinTwice } from "../secretoptions.js";
import { printing, serialNumber } from "./options.js";

interface ListOptions extends RegisterOptions {
  state?: CardState;
  user?: string;
}

interface CardOptions extends RegisterOptions {
  serial: string;
}

interface MoveOptions extends CardOptions {
  reason?: string;
  arrives?: string;
}

interface AnswerOptions extends CardOptions {
  challenge: string;
  response: string;
  pinFile?: string;
}

/** A change of state that needs no proof. */
interface Move {
  readonly name: string;
  readonly to: CardState;
  readonly help: string;
}

/** A change of state that needs a right response of the card. */
interface Proof extends Move {
  readonly from: CardState;
}

const STATES: readonly CardState[] = ["pending", "seeded", "shipped", "active", "lost", "returned", "retired"];
const COLUMNS = [
  "serial",
  "state",
  "suite",
  "pinCheck",
  "tries",
  "user",
  "order",
  "cardId",
  "keyset",
  "arrives",
  "changed",
] as const;
const HISTORY = ["number", "at", "actor", "action", "from", "to", "reason", "detail"] as const;

const SHIP: Move = { name: "ship", to: "shipped", help: "record that a card was shipped" };
const MOVES: readonly Move[] = [
  { name: "lost", to: "lost", help: "report a card lost, stolen or broken: it is refused from now on" },
  { name: "return", to: "returned", help: "record that a card came back" },
  { name: "retire", to: "retired", help: "take a card out of use" },
];
const PROOFS: readonly Proof[] = [
  { name: "activate", from: "shipped", to: "active", help: "activate a shipped card with one right response" },
  { name: "found", from: "lost", to: "active", help: "return a lost card to use with one right response" },
];

const LIFE = `
A card is pending, seeded, shipped, active, and then lost, returned or retired. Each change is an entry of the
journal. A change that is not allowed in the card's state is refused.
${REGISTER_HELP}`;

export function register(program: Command): void {
  const card = program.command("card").description("the cards in the register");
  const list = listing(registerOptions(printing("list", "list cards", ["dsc card list --state shipped --csv"])))
    .addOption(new Option("--state <state>", "only cards in this state").choices(STATES))
    .option("--user <name>", "only cards of this user name", plainText)
    .addHelpText("after", REGISTER_HELP)
    .action(runList);
  const one = about(printing("show", "show the register's record of a card", [example("show")])).action(runShow);
  const history = listing(about(printing("history", "show the history of a card", [example("history")]))).action(
    runHistory,
  );
  const ship = about(printing(SHIP.name, SHIP.help, [`${example("ship")} --arrives 2026-12-04`]), "journal")
    .requiredOption("--arrives <date>", "the expected day of arrival: YYYY-MM-DD", date)
    .option("--reason <text>", "the reason, for the journal", plainText)
    .action((options: MoveOptions, command: Command) => runMove(SHIP, options, command));
  for (const command of [list, one, history, ship, ...MOVES.map(moving), ...PROOFS.map(proving)])
    card.addCommand(command);
}

function moving(move: Move): Command {
  return about(printing(move.name, move.help, [`${example(move.name)} --reason "…"`]), "journal")
    .option("--reason <text>", "the reason, for the journal", plainText)
    .action((options: MoveOptions, command: Command) => runMove(move, options, command));
}

function proving(proof: Proof): Command {
  const examples = [`${example(proof.name)} --challenge 012345 --response 01234567`];
  return about(printing(proof.name, proof.help, examples), "site", "desk", "journal")
    .requiredOption("--challenge <digits>", "the challenge that was shown (dsc challenge), leading zeros included")
    .requiredOption("--response <digits>", "the response that was typed, leading zeros included")
    .addOption(pinFileOption())
    .action((options: AnswerOptions, command: Command) => runProof(proof, options, command));
}

function about(command: Command, ...kinds: Parameters<typeof registerOptions>[1][]): Command {
  return registerOptions(command, ...kinds)
    .requiredOption("--serial <serial>", "the card's serial number", serialNumber)
    .addHelpText("after", LIFE);
}

function example(name: string): string {
  return `dsc card ${name} --serial IB3000123`;
}

async function runList(options: ListOptions, command: Command): Promise<void> {
  const { listCards } = await import("../../desk/register/cards.js");
  const filter = { state: options.state, userName: options.user };
  const cards = await withRegister(options, ({ engine }) => engine.read((db) => listCards(db, filter)));
  showList(command, "cards", COLUMNS, cards.map(rowOf));
}

/** A card as people and programs see it. */
function rowOf(card: Card) {
  return {
    serial: card.serial,
    state: card.state,
    suite: card.suite,
    pinCheck: card.pin_check,
    tries: card.tries,
    user: card.user_name,
    order: card.order_number,
    cardId: card.card_id,
    keyset: card.keyset,
    arrives: card.arrives,
    changed: new Date(card.changed).toISOString(),
  };
}

async function runShow(options: CardOptions, command: Command): Promise<void> {
  const { cardOf } = await import("../../desk/register/cards.js");
  const card = rowOf(await withRegister(options, ({ engine }) => engine.read((db) => cardOf(db, options.serial))));
  const rows = Object.entries(card).map(([name, value]) => [name, visible(value)] as const);
  show(command, card, columns(rows));
}

async function runHistory(options: CardOptions, command: Command): Promise<void> {
  const { cardOf } = await import("../../desk/register/cards.js");
  const { readEntries } = await import("../../desk/register/journal.js");
  const { serial } = options;
  const entries = await withRegister(options, ({ engine }) =>
    engine.read(async (db) => {
      await cardOf(db, serial);
      return readEntries(db, { serial });
    }),
  );
  showList(command, "entries", HISTORY, entries.map(entryOf));
}

function entryOf({ at, mac: _mac, signature: _signature, serial: _serial, ...entry }: Entry) {
  return { ...entry, at: new Date(at).toISOString() };
}

async function runMove({ name, to }: Move, options: MoveOptions, command: Command): Promise<void> {
  const { change } = await import("../../desk/register/change.js");
  const { moveCard } = await import("../../desk/register/cards.js");
  const { serial, reason, arrives } = options;
  const move = { serial, to, action: `card ${name}`, reason, ...(arrives !== undefined && { detail: { arrives } }) };
  await withRegister(options, (opened) =>
    change(opened, async (each) => {
      if (arrives !== undefined) refusePast(arrives, each.at);
      const card = await moveCard(each, move);
      if (arrives !== undefined) await shipped(each, card, arrives);
    }),
  );
  show(command, { serial, state: to }, [`${serial} is ${to}`]);
}

/** `at`: ms since 1970. A day is a day in UTC, as for the activation of a card that has arrived. */
function refusePast(arrives: string, at: number): void {
  const today = new Date(at).toISOString().slice(0, arrives.length);
  if (arrives < today) throw new UsageError(`--arrives: ${arrives} is past; today is ${today} (UTC)`);
}

/** Marks the card's order as shipped too, unless it already is. */
async function shipped(change: Change, { serial, order_number }: Card, arrives: string): Promise<void> {
  await change.db.updateTable("cards").set({ arrives }).where("serial", "=", serial).execute();
  if (order_number === null) return;
  const { moveOrder, orderOf } = await import("../../desk/register/orders.js");
  const { state } = await orderOf(change.db, order_number);
  if (state === "seeded") await moveOrder(change, order_number, "shipped", { action: "card ship", serial });
}

async function runProof(proof: Proof, options: AnswerOptions, command: Command): Promise<void> {
  refuseStdinTwice(options.pinFile, options.siteKey, options.deskKey, options.journalKey, options.operatorKey);
  const { serial } = options;
  const accepted = await withRegister(options, (opened) => prove(opened, proof, options));
  const said = accepted ? `${serial} is ${proof.to}` : "refused: the response is wrong, or its challenge is not open";
  show(command, { serial, accepted }, [said]);
  if (!accepted) process.exitCode = Exit.FAILED;
}

async function prove(opened: Register, { name, from, to }: Proof, options: AnswerOptions): Promise<boolean> {
  const { cardOf, moveCard } = await import("../../desk/register/cards.js");
  const { acceptOnce } = await import("../../site/registerverify.js");
  const { serial, challenge, response } = options;
  const card = await opened.engine.read((db) => cardOf(db, serial));
  // Checked before the response, so that no challenge is spent.
  if (card.state !== from)
    throw new RegisterError(`${serial} is ${card.state}: dsc card ${name} is for a card that is ${from}`, "state");
  checkForm(card.suite, challenge, response);
  const pin = await pinFor(card.suite, options.pinFile, options);
  try {
    const move = { serial, to, action: `card ${name}` };
    return await acceptOnce(opened, { serial, challenge, response, pin }, [from], (each) => moveCard(each, move));
  } finally {
    pin?.fill(0);
  }
}

function date(text: string): string {
  const time = Date.parse(`${text}T00:00:00Z`);
  if (/^\d{4}-\d\d-\d\d$/.test(text) && new Date(time).toISOString().startsWith(text)) return text;
  throw new UsageError("--arrives: a day is expected, such as 2026-12-04");
}
