// `dsc settings`: shows and changes the register's settings.

import type { Command } from "commander";
import type { Register } from "../../desk/register/register.js";
import type { SettingName } from "../../desk/register/settings.js";
import { UsageError } from "../../files/errors.js";
import { columns, show } from "../output.js";
import { REGISTER_HELP, type RegisterOptions, registerOptions, withRegister } from "../registeroptions.js";
import { printing } from "./options.js";

const EXAMPLES = ["dsc settings", "dsc settings serial.first IB3000500 --journal-key journal.key"];

export function register(program: Command): void {
  const command = registerOptions(
    printing("settings", "show the register's settings, or change one", EXAMPLES),
    "journal",
  )
    .argument("[name]", "the setting")
    .argument("[value]", "the new value; needs the journal key")
    .addHelpText("after", REGISTER_HELP)
    .action(run);
  program.addCommand(command);
}

async function run(
  name: string | undefined,
  value: string | undefined,
  options: RegisterOptions,
  command: Command,
): Promise<void> {
  const { isSettingName, SETTINGS } = await import("../../desk/register/settings.js");
  if (name !== undefined && !isSettingName(name))
    throw new UsageError(`unknown setting ${JSON.stringify(name)}; choose one of ${Object.keys(SETTINGS).join(", ")}`);
  const checked = name !== undefined && value !== undefined ? await SETTINGS[name].check(value) : undefined;
  await withRegister(options, async (register) => {
    if (name !== undefined && checked !== undefined) await set(register, name, checked);
    const names = name === undefined ? (Object.keys(SETTINGS) as SettingName[]) : [name];
    const values = await valuesOf(register, names);
    const lines = columns(values.map((setting) => [setting.name, setting.value]));
    if (name !== undefined) show(command, { name, value: values[0]?.value }, [values[0]?.value ?? ""]);
    else show(command, { settings: values }, lines);
  });
}

async function set(register: Register, name: SettingName, value: string): Promise<void> {
  const { changeSetting } = await import("../../desk/register/enrolment.js");
  await changeSetting(register, name, value);
}

async function valuesOf(register: Register, names: readonly SettingName[]) {
  const { SETTINGS, settingOf } = await import("../../desk/register/settings.js");
  return register.engine.read(async (db) => {
    const values: { name: SettingName; value: string; purpose: string }[] = [];
    for (const name of names) values.push({ name, value: await settingOf(db, name), purpose: SETTINGS[name].purpose });
    return values;
  });
}
