// `dsc order`: manages orders of cards. The PIN is encrypted to the desk at once.

import { type Command, Option } from "commander";
import { Limit } from "../../../firmware/wire.js";
import type { NewOrder, Order } from "../../desk/register/orders.js";
import type { OrderState } from "../../desk/register/schema.js";
import { isWeakPin } from "../../desk/weakpin.js";
import { UsageError } from "../../files/errors.js";
import { readPin } from "../../files/secretfile.js";
import { listing, plainText, showList } from "../lists.js";
import { show } from "../output.js";
import { askPin } from "../prompt.js";
import { REGISTER_HELP, type RegisterOptions, registerOptions, withRegister } from "../registeroptions.js";
import { pinFileOption, readSecret, refuseStdinTwice } from "../secretoptions.js";
import { printing, suiteOf, wholeNumber } from "./options.js";

interface AddOptions extends RegisterOptions {
  user?: string;
  again?: number;
  reason?: string;
  suite?: string;
  pinCheck?: "card" | "server";
  tries: number;
  pinFile?: string;
  drawPin?: boolean;
}

interface CancelOptions extends RegisterOptions {
  order: number;
  reason?: string;
}

const SUITE = "OCRA-1:HOTP-SHA256-8:QN06";
const SERVER_SUITE = `${SUITE}-PSHA256`;
const DEFAULT_TRIES = 5;
const STATES: readonly OrderState[] = ["placed", "claimed", "seeded", "shipped", "done", "cancelled"];
const COLUMNS = ["order", "user", "state", "serial", "suite", "pinCheck", "tries", "pin", "placed", "changed"] as const;
const WEAK = "this PIN is easy to guess; choose another one";
const MOST_ORDERS = Number.MAX_SAFE_INTEGER;

const ADD_EXAMPLES = ["dsc order add --user j.doe", 'dsc order add --again 17 --reason "its screen is broken"'];
const ADD_NOTES = `
Without --pin-file the PIN is asked for twice. It is encrypted at once, so that only the desk key opens it, and is
erased when the card is seeded. The site key (without a site: the desk key) authenticates the key that it is
encrypted to.

--again places an order again whose card was damaged at the desk: that card is retired, and the order gets another.
Its PIN was erased when the card was seeded, so it is asked for again.
${REGISTER_HELP}`;

export function register(program: Command): void {
  const order = program.command("order").description("manage orders of cards");
  const add = registerOptions(printing("add", "order a card for a user", ADD_EXAMPLES), "site", "desk", "journal")
    .option("--user <name>", "the user name that the card is for", plainText)
    .addOption(
      new Option("--again <n>", "place this order again, whose card was damaged").argParser(
        wholeNumber(1, MOST_ORDERS),
      ),
    )
    .option("--reason <text>", "with --again: the reason, for the journal", plainText)
    .option("--suite <suite>", `the OCRA suite of the card (default: ${SUITE})`)
    .addOption(
      new Option("--pin-check <who>", "who checks the PIN (default: as the suite says)").choices(["card", "server"]),
    )
    .option(
      "--tries <n>",
      `wrong PINs in a row that lock the card, ${Limit.LEAST_TRIES} to ${Limit.MOST_TRIES}`,
      wholeNumber(Limit.LEAST_TRIES, Limit.MOST_TRIES),
      DEFAULT_TRIES,
    )
    .addOption(pinFileOption())
    .option("--draw-pin", "let the desk draw the PIN")
    .addHelpText("after", ADD_NOTES)
    .action(runAdd);
  const list = listing(registerOptions(printing("list", "list orders", ["dsc order list --state placed --json"])))
    .addOption(new Option("--state <state>", "only orders in this state").choices(STATES))
    .addHelpText("after", REGISTER_HELP)
    .action(runList);
  const cancel = registerOptions(printing("cancel", "cancel an order", ["dsc order cancel --order 17"]), "journal")
    .requiredOption("--order <n>", "the number of the order", wholeNumber(1, MOST_ORDERS))
    .option("--reason <text>", "the reason, for the journal", plainText)
    .addHelpText("after", REGISTER_HELP)
    .action(runCancel);
  for (const command of [add, list, cancel]) order.addCommand(command);
}

async function runAdd(options: AddOptions, command: Command): Promise<void> {
  const { pinFile, siteKey, deskKey, journalKey, operatorKey, user, again, reason } = options;
  if ((user === undefined) === (again === undefined)) throw new UsageError("give one of --user and --again");
  if (reason !== undefined && again === undefined) throw new UsageError("--reason needs --again; leave it out");
  refuseStdinTwice(pinFile, siteKey, deskKey, journalKey, operatorKey);
  if (again !== undefined) return runAgain(again, options, command);
  const settings = settingsOf(options, user as string);
  const pin = await pinOf(options, settings);
  try {
    const { change } = await import("../../desk/register/change.js");
    const { addOrder } = await import("../../desk/register/orders.js");
    const number = await withRegister(options, (opened) =>
      change(opened, (each) => addOrder(each, { ...settings, pin })),
    );
    show(command, { order: number, user }, [`order ${number} is placed`]);
  } finally {
    pin?.fill(0);
  }
}

/** Places an order again. It keeps its PIN only if its card was not seeded yet. */
async function runAgain(number: number, options: AddOptions, command: Command): Promise<void> {
  refuseWithAgain(command);
  const { change } = await import("../../desk/register/change.js");
  const { orderOf, placeAgain } = await import("../../desk/register/orders.js");
  const user = await withRegister(options, async (opened) => {
    const order = await opened.engine.read((db) => orderOf(db, number));
    const keepsPin = order.pin !== null && options.pinFile === undefined && !options.drawPin;
    const pin = keepsPin ? undefined : await pinOf(options, { pinCheck: order.pin_check });
    try {
      await change(opened, (each) => placeAgain(each, number, { pin, reason: options.reason }));
    } finally {
      pin?.fill(0);
    }
    return order.user_name;
  });
  show(command, { order: number, user }, [`order ${number} is placed again`]);
}

/** Options that the order determines. */
function refuseWithAgain(command: Command): void {
  for (const name of ["suite", "pinCheck", "tries"])
    if (command.getOptionValueSource(name) === "cli")
      throw new UsageError("--again: the order already has its suite, tries and PIN check; leave those out");
}

function settingsOf({ suite, pinCheck, tries }: AddOptions, userName: string): NewOrder {
  const name = suite ?? (pinCheck === "server" ? SERVER_SUITE : SUITE);
  const byServer = suiteOf(name).pin !== undefined;
  const said = byServer ? "server" : "card";
  if (pinCheck !== undefined && pinCheck !== said)
    throw new UsageError(`--pin-check ${pinCheck} and --suite ${name} contradict each other; leave one out`);
  return { userName, suite: name, pinCheck: said, tries };
}

/** The PIN as ASCII; undefined if the desk draws it, or the card keeps none. Wipe it after use. */
async function pinOf(options: AddOptions, { pinCheck }: Pick<NewOrder, "pinCheck">): Promise<Buffer | undefined> {
  const { pinFile, drawPin } = options;
  if (pinCheck === "server" && pinFile !== undefined)
    throw new UsageError(
      "--pin-file: with this suite the server checks the PIN, and the card keeps none; leave it out",
    );
  if (drawPin && pinFile !== undefined) throw new UsageError("give one of --draw-pin and --pin-file");
  if (pinCheck === "server" || drawPin) return undefined;
  if (pinFile === undefined) return askPin(true, (typed) => (isWeakPin(typed) ? WEAK : undefined));
  const pin = await readSecret(pinFile, "PIN", options, readPin);
  if (!isWeakPin(pin)) return pin;
  pin.fill(0);
  throw new UsageError(`--pin-file: ${WEAK}`);
}

async function runList(options: RegisterOptions & { state?: OrderState }, command: Command): Promise<void> {
  const { listOrders } = await import("../../desk/register/orders.js");
  const orders = await withRegister(options, ({ engine }) => engine.read((db) => listOrders(db, options.state)));
  showList(command, "orders", COLUMNS, orders.map(rowOf));
}

/** An order as people and programs see it: whether there is a PIN, but not the PIN. */
function rowOf(order: Order) {
  return {
    order: order.number,
    user: order.user_name,
    state: order.state,
    serial: order.serial,
    suite: order.suite,
    pinCheck: order.pin_check,
    tries: order.tries,
    pin: order.pin ? "encrypted" : "none",
    placed: new Date(order.placed).toISOString(),
    changed: new Date(order.changed).toISOString(),
  };
}

async function runCancel(options: CancelOptions, command: Command): Promise<void> {
  const { change } = await import("../../desk/register/change.js");
  const { cancelOrder } = await import("../../desk/register/orders.js");
  const { order, reason } = options;
  await withRegister(options, (opened) => change(opened, (each) => cancelOrder(each, order, reason)));
  show(command, { order, state: "cancelled" }, [`order ${order} is cancelled`]);
}
