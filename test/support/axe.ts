// axe-core in a page, in a world of its own: it shares the page's document, but neither its policy nor its time.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type { CDPSession, Page } from "playwright-core";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
/** Nothing is made for the reports of rules that pass. */
const OPTIONS = { resultTypes: ["violations"], selectors: false };

export class Axe {
  readonly #session: CDPSession;
  readonly #contextId: number;

  private constructor(session: CDPSession, contextId: number) {
    this.#session = session;
    this.#contextId = contextId;
  }

  /** axe in the document that a page shows now. */
  static async in(page: Page): Promise<Axe> {
    const session = await page.context().newCDPSession(page);
    const { frameTree } = await session.send("Page.getFrameTree");
    const world = await session.send("Page.createIsolatedWorld", { frameId: frameTree.frame.id });
    const axe = new Axe(session, world.executionContextId);
    await axe.#evaluate(`${AXE}; undefined`);
    return axe;
  }

  /** What it finds now by some rules, or by all: a text for each rule that is broken. */
  complaints(rules?: readonly string[]): Promise<unknown> {
    const options = { ...OPTIONS, ...(rules && { runOnly: rules }) };
    return this.#evaluate(
      `axe.run(${JSON.stringify(options)}).then(({ violations }) =>
        violations.map(({ id, nodes }) => id + ": " + nodes.map(({ html }) => html).join(" ")))`,
    );
  }

  async #evaluate(expression: string): Promise<unknown> {
    const { result, exceptionDetails } = await this.#session.send("Runtime.evaluate", {
      expression,
      contextId: this.#contextId,
      awaitPromise: true,
      returnByValue: true,
    });
    if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
    return result.value;
  }
}
