// `dsc approve`: approval by a second operator. Shows the request in words, and signs its hash.

import type { Command } from "commander";
import type { ApprovalRequest, ShownRequest } from "../../desk/register/approvals.js";
import type { Register } from "../../desk/register/register.js";
import { visible } from "../lists.js";
import { columns, show } from "../output.js";
import { askYes, isInteractive } from "../prompt.js";
import { REGISTER_HELP, type RegisterOptions, registerOptions, withRegister } from "../registeroptions.js";
import { printing } from "./options.js";

interface Options extends RegisterOptions {
  yes?: boolean;
}

const EXAMPLES = ["dsc approve 5f1d0c9a77b2e341 --operator boris --operator-key boris.key"];
const NOTES = `
HASH is what the refused command printed. Operators cannot approve their own requests. The whole request is shown before
the question: check the command, the cards and the recipient. The requesting operator then runs the same command again.
It uses the approval once, within 15 minutes of the request, and only if the cards have not changed.
Without a terminal to ask at, nothing is signed unless --yes is given.
${REGISTER_HELP}`;

export function register(program: Command): void {
  const command = registerOptions(printing("approve", "approve the request of another operator", EXAMPLES), "journal")
    .argument("<hash>", "the request: the printed digits of its hash, or the whole hash")
    .option("--yes", "sign without asking")
    .addHelpText("after", NOTES)
    .action(run);
  program.addCommand(command);
}

async function run(hash: string, { yes = false, ...options }: Options, command: Command): Promise<void> {
  await withRegister(options, async (opened) => {
    const shown = await look(opened, hash);
    const lines = describe(shown);
    const isAgreed = yes || (await agree(lines));
    if (isAgreed) await sign(opened, shown);
    const { request } = shown;
    const result = { hash: shown.hash.toString("hex"), request: inJson(request), approved: isAgreed };
    const said = isAgreed
      ? `approved; now ${request.askedBy} has to run dsc ${request.command} again`
      : "not approved; nothing was signed";
    show(command, result, yes ? [...lines, said] : [said]);
  });
}

/** Shows the request on the terminal that asks: stdout may go elsewhere. */
async function agree(lines: readonly string[]): Promise<boolean> {
  if (isInteractive()) process.stderr.write(`${lines.join("\n")}\n`);
  return askYes("Do you approve this?");
}

async function look(opened: Register, hash: string): Promise<ShownRequest> {
  const { changeAtAnyTime } = await import("../../desk/register/change.js");
  const { requestToApprove } = await import("../../desk/register/approvals.js");
  return changeAtAnyTime(opened, (one) => requestToApprove(one, hash));
}

/** A wrong time in the register must not block the approval that corrects it. */
async function sign(opened: Register, { hash, request }: ShownRequest): Promise<void> {
  const [{ change, changeAtAnyTime }, { approve }, { CLOCK_COMMAND }] = await Promise.all([
    import("../../desk/register/change.js"),
    import("../../desk/register/approvals.js"),
    import("../../desk/register/operators.js"),
  ]);
  const begin = request.command === CLOCK_COMMAND ? changeAtAnyTime : change;
  await begin(opened, (one) => approve(one, hash.toString("hex")));
}

function describe({ hash, request }: ShownRequest): string[] {
  const { command, askedBy, cards, recipient, expires, register } = request;
  const given = Object.entries(request.arguments).map(([name, value]) => [name, String(value)] as const);
  const rows: [string, string][] = [
    ["command", `dsc ${command}`],
    ["requested by", askedBy],
    ...given.map(([name, value]): [string, string] => [name, value]),
    ...(recipient ? recipientRows(recipient) : []),
    ["cards", cards.length === 0 ? "none" : String(cards.length)],
    ...cards.map(({ serial, state, keys }): [string, string] => ["", `${serial}, ${state}, key version ${keys}`]),
    ["register", register],
    ["valid until", new Date(expires).toISOString()],
    ["hash", hash.toString("hex")],
  ];
  return columns(rows.map(([name, value]) => [visible(name), visible(value)] as const));
}

function recipientRows({
  pskcKey,
  keyFingerprint,
  certificate,
}: NonNullable<ApprovalRequest["recipient"]>): [string, string][] {
  const key = pskcKey === "passphrase" ? "a passphrase" : `the key with the check value ${pskcKey}`;
  return [
    ["encrypted under", key],
    ...(keyFingerprint === null ? [] : [["fingerprint of that key", keyFingerprint] satisfies [string, string]]),
    ["for the certificate", certificate ?? "none: anybody with that key or passphrase can read them"],
  ];
}

function inJson(request: ApprovalRequest) {
  return { ...request, expires: new Date(request.expires).toISOString() };
}
