// `dsc completion`: prints the completion script for a shell.

import { Argument, Command } from "commander";
import { completionScript, SHELLS, type Shell } from "../completion.js";

export function register(program: Command): void {
  const command = new Command("completion")
    .description("print the completion script for a shell")
    .addArgument(new Argument("<shell>", "which shell").choices(SHELLS))
    .addHelpText("after", "\nExamples:\n  $ source <(dsc completion bash)\n  $ dsc completion fish | source")
    .action((shell: Shell) => void process.stdout.write(completionScript(program, shell)));
  program.addCommand(command);
}
