// `dsc completion`: prints the completion script for a shell.

import { Argument, type Command } from "commander";
import { completionScript, SHELLS, type Shell } from "../../files/completion.js";
import { show } from "../output.js";
import { printing } from "./options.js";

const EXAMPLES = ["source <(dsc completion bash)", "dsc completion fish | source"];

export function register(program: Command): void {
  const command = printing("completion", "print the completion script for a shell", EXAMPLES)
    .addArgument(new Argument("<shell>", "the shell").choices(SHELLS))
    .action((shell: Shell) => {
      const script = completionScript(program, shell);
      show(command, { shell, script }, [script.trimEnd()]);
    });
  program.addCommand(command);
}
