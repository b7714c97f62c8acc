// `dsc batch`: the batches of the register, and their papers.

import type { Command } from "commander";
import { type PaperOptions, paperLines, paperOptions, refusePapers, writePapers } from "../batchpapers.js";
import { type ListRow, listing, showList, visible } from "../lists.js";
import { columns, show } from "../output.js";
import { REGISTER_HELP, type RegisterOptions, registerOptions, withRegister } from "../registeroptions.js";
import { printing, wholeNumber } from "./options.js";

interface BatchOptions extends RegisterOptions {
  batch: number;
}

interface ReportOptions extends BatchOptions, PaperOptions {}

interface CloseOptions extends BatchOptions {
  unfinished?: boolean;
  withoutLetters?: boolean;
}

const LIST = ["batch", "source", "state", "done", "failed", "pending", "opened"] as const;
const CARDS = [...(["line", "serial", "user", "order", "state", "cardId", "pin", "why"] as const)] as const;

const CLOSE_NOTES = `
Closing erases the PINs of the batch. It is refused while the PIN of a finished card is in no letters file on the disk,
and while a card is not done.
${REGISTER_HELP}`;
const REPORT_NOTES = `
DIR gets batch-N.json, batch-N-cards.csv, batch-N-ports.csv, and batch-N-head.json, the signed head of the journal for
dsc journal verify --head. Without DIR the report is printed. Papers can be written as often as needed until the batch
is closed.
${REGISTER_HELP}`;

export function register(program: Command): void {
  const list = listing(registerOptions(printing("list", "list batches", ["dsc batch list"])))
    .addHelpText("after", REGISTER_HELP)
    .action(runList);
  const one = listing(about(printing("show", "show the cards of a batch", ["dsc batch show --batch 7 --csv"])))
    .addHelpText("after", REGISTER_HELP)
    .action(runShow);
  const close = about(printing("close", "close a batch and erase its PINs", ["dsc batch close --batch 7"]), "journal")
    .option("--unfinished", "close it although cards are not done")
    .option("--without-letters", "close it although PINs are in no letter; they are lost")
    .addHelpText("after", CLOSE_NOTES)
    .action(runClose);
  const examples = ["dsc batch report report/ --batch 7", "dsc batch report --batch 7 --pin-letters letters.pdf"];
  const report = paperOptions(
    about(printing("report", "write the report of a batch, and its papers", examples), "desk", "journal"),
  )
    .argument("[dir]", "the folder for the report")
    .addHelpText("after", REPORT_NOTES)
    .action(runReport);
  const group = program.command("batch").description("batches of cards, their reports and papers");
  for (const command of [list, one, close, report]) group.addCommand(command);
}

function about(command: Command, ...kinds: Parameters<typeof registerOptions>[1][]): Command {
  return registerOptions(command, ...kinds).requiredOption(
    "--batch <n>",
    "the number of the batch",
    wholeNumber(1, Number.MAX_SAFE_INTEGER),
  );
}

async function runList(options: RegisterOptions, command: Command): Promise<void> {
  const { countRows, listBatches } = await import("../../desk/register/batches.js");
  const { stateOf } = await import("../../desk/batch/report.js");
  const rows = await withRegister(options, ({ engine }) =>
    engine.read(async (db) => {
      const batches = await listBatches(db);
      const shown: ListRow[] = [];
      for (const batch of batches) {
        const { number, source, opened } = batch;
        const counts = await countRows(db, number);
        const at = new Date(opened).toISOString();
        shown.push({ batch: number, source, state: stateOf(batch), ...counts, opened: at });
      }
      return shown;
    }),
  );
  showList(command, "batches", LIST, rows);
}

async function runShow(options: BatchOptions, command: Command): Promise<void> {
  const { batchOf, rowsOf } = await import("../../desk/register/batches.js");
  const rows = await withRegister(options, ({ engine }) =>
    engine.read(async (db) => {
      await batchOf(db, options.batch);
      return rowsOf(db, options.batch);
    }),
  );
  const shown = rows.map((row) => ({
    ...{ line: row.line, serial: row.serial, user: row.user_name, order: row.order_number, state: row.state },
    ...{ cardId: row.card_id, pin: row.pin === null ? "none" : row.lettered ? "in a letter" : "kept", why: row.why },
  }));
  showList(command, "cards", CARDS, shown);
}

async function runClose(options: CloseOptions, command: Command): Promise<void> {
  const { closeBatch } = await import("../../desk/register/batches.js");
  const { batch, unfinished = false, withoutLetters = false } = options;
  const counts = await withRegister(options, (opened) => closeBatch(opened, batch, { unfinished, withoutLetters }));
  show(command, { batch, state: "closed", ...counts }, [`batch ${batch} is closed; its PINs are erased`]);
}

async function runReport(folder: string | undefined, options: ReportOptions, command: Command): Promise<void> {
  const { reportOf } = await import("../../desk/batch/report.js");
  const { batch } = options;
  await refusePapers(options);
  await withRegister(options, async (opened) => {
    const papers = await writePapers(opened, batch, options, folder);
    const report = await reportOf(opened, batch);
    const { state, done, failed, pending, unlettered, ports } = report;
    const lines = [
      ...columns([
        ["batch", String(batch)],
        ["state", state],
        ["done", String(done)],
        ["failed", String(failed)],
        ["pending", String(pending)],
        ["PINs in no letter", String(unlettered)],
      ]),
      ...ports.map(
        ({ bench, done, failed, secondsPerCard, yield: share }) =>
          `${visible(bench)}: ${done} done, ${failed} failed, ${secondsPerCard ?? "-"} s a card, yield ${Math.round(100 * share)} %`,
      ),
      ...paperLines(papers),
    ];
    const { labels, letters, report: files } = papers;
    show(
      command,
      { ...report, files: { labels: labels ?? null, letters: letters ?? null, report: files ?? [] } },
      lines,
    );
  });
}
