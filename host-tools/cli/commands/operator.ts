// `dsc operator`: manages who may act at the desk.

import type { Command } from "commander";
import { isTokenUri } from "../../desk/custody/uri.js";
import type { OperatorRow } from "../../desk/register/operators.js";
import { UsageError } from "../../files/errors.js";
import { listing, showList } from "../lists.js";
import { show } from "../output.js";
import { askPassphrase } from "../prompt.js";
import { REGISTER_HELP, type RegisterOptions, registerOptions, withRegister } from "../registeroptions.js";
import type { SecretFileOptions } from "../secretoptions.js";
import { createInToken, signerInToken, TOKEN_HELP } from "../tokens.js";
import { printing, refuseStdout, sharedFilesOption } from "./options.js";

interface AddOptions extends RegisterOptions {
  publicKey?: string;
}

const NEW_NOTES = `
FILE contains the private key (Ed25519), which only its owner may read. The printed public key is not secret: give it to
the operator who enrols others.
${TOKEN_HELP}
A key that is drawn in a token never leaves it.`;
const ADD_NOTES = `
The first operator must enrol with their own key. From then on each command that changes the register or exports keys
needs an operator: --operator NAME --operator-key FILE (or DSC_OPERATOR and DSC_OPERATOR_KEY). From the second operator
on, another operator has to approve each enrolment and removal (dsc approve).
A name and a key can be enrolled only once: a removed operator needs another name and a new key to return.
${REGISTER_HELP}`;

const COLUMNS = ["name", "publicKey", "added", "removed"] as const;

export function register(program: Command): void {
  const draw = printing("new", "draw the key pair of an operator", ["dsc operator new anna.key --passphrase"])
    .argument("<file>", "the new file, or a pkcs11: URI; never overwritten")
    .option("--passphrase", "encrypt the key with a passphrase, which is asked for")
    .addOption(sharedFilesOption())
    .addHelpText("after", NEW_NOTES)
    .action(runNew);
  const add = registerOptions(printing("add", "enrol an operator", ADD_EXAMPLES), "journal")
    .argument("<name>", "the operator's name, for the journal")
    .option(
      "--public-key <hex>",
      "the operator's public key, as dsc operator new printed it (not needed for the acting operator)",
    )
    .addHelpText("after", ADD_NOTES)
    .action(runAdd);
  const list = listing(registerOptions(printing("list", "list operators, removed ones too", ["dsc operator list"])))
    .addHelpText("after", REGISTER_HELP)
    .action(runList);
  const remove = registerOptions(
    printing("remove", "withdraw an operator's right to act", ["dsc operator remove anna"]),
    "journal",
  )
    .argument("<name>", "the operator's name")
    .addHelpText("after", REGISTER_HELP)
    .action(runRemove);
  const group = program.command("operator").description("manage who may act at the desk");
  for (const command of [draw, add, list, remove]) group.addCommand(command);
}

const ADD_EXAMPLES = [
  "dsc operator add anna --operator anna --operator-key anna.key",
  "dsc operator add boris --public-key 3d40…660c",
];

interface NewOptions extends SecretFileOptions {
  passphrase?: boolean;
}

async function runNew(file: string, { passphrase, ...options }: NewOptions, command: Command): Promise<void> {
  refuseStdout(file);
  const inToken = isTokenUri(file);
  if (inToken && passphrase)
    throw new UsageError("--passphrase is for a key file; leave it out, since a token has its PIN");
  const key = inToken ? await newInToken(file, options) : await newInFile(file, passphrase === true);
  const publicKey = key.toString("hex");
  const advice = inToken ? "which cannot leave its token" : "keep it to yourself";
  show(command, { file, publicKey }, [
    `${file}: a new operator key${inToken ? "," : ";"} ${advice}`,
    `public key  ${publicKey}`,
  ]);
}

async function newInToken(uri: string, options: SecretFileOptions): Promise<Buffer> {
  await createInToken(uri, "operator", options);
  return (await signerInToken(uri, options)).publicKey;
}

/** Returns the public key. */
async function newInFile(file: string, passphrase: boolean): Promise<Buffer> {
  const [{ createCustodyKey }, { Operator }] = await Promise.all([
    import("../../desk/register/custodykeys.js"),
    import("../../desk/register/operators.js"),
  ]);
  const typed = passphrase ? await askPassphrase("New passphrase of the operator key", true) : undefined;
  const seed = createCustodyKey(file, "operator", typed ? { passphrase: { passphrase: typed } } : {});
  typed?.fill(0);
  const { publicKey } = new Operator("new", seed);
  seed.fill(0);
  return publicKey;
}

async function runAdd(name: string, { publicKey: given, ...options }: AddOptions, command: Command): Promise<void> {
  const [{ enrolOperator }, { checkOperatorName, Operator, publicKeyIn }] = await Promise.all([
    import("../../desk/register/enrolment.js"),
    import("../../desk/register/operators.js"),
  ]);
  checkOperatorName(name);
  const publicKey = given === undefined ? undefined : publicKeyIn(given);
  if (given !== undefined && !publicKey)
    throw new UsageError("--public-key: 64 hexadecimal digits are expected, as dsc operator new prints them");
  const added = await withRegister(options, async (opened) => {
    const { actor } = opened;
    const own = actor instanceof Operator && actor.name === name ? actor.publicKey : undefined;
    const key = publicKey ?? own;
    if (!key) throw new UsageError(`--public-key: the public key of ${name} is needed; give it`);
    await enrolOperator(opened, { name, publicKey: key });
    return key;
  });
  const hex = added.toString("hex");
  show(command, { name, publicKey: hex }, [`${name} is an operator, with the public key ${hex}`]);
}

async function runList(options: RegisterOptions, command: Command): Promise<void> {
  const { listOperators } = await import("../../desk/register/operators.js");
  const operators = await withRegister(options, ({ engine }) => engine.read(listOperators));
  showList(command, "operators", COLUMNS, operators.map(rowOf));
}

function rowOf({ name, public_key, added, removed }: OperatorRow) {
  const time = (at: number | null) => (at === null ? null : new Date(at).toISOString());
  return { name, publicKey: public_key.toString("hex"), added: time(added), removed: time(removed) };
}

async function runRemove(name: string, options: RegisterOptions, command: Command): Promise<void> {
  const { endOperator } = await import("../../desk/register/enrolment.js");
  await withRegister(options, (opened) => endOperator(opened, name));
  show(command, { name }, [`${name} is no longer an operator`]);
}
