// The front panel of a card at the other end of a link of the host tools.

import type { Link } from "../../host-tools/card/link.js";
import { FrontPanel } from "../common/frontpanel.js";
import { REAL_TIME } from "./realtime.js";

export class Panel extends FrontPanel {
  readonly #link: Link;

  constructor(link: Link) {
    const line = {
      onReport: (hear: (report: Uint8Array) => void) => {
        link.onPanel = hear;
      },
      onClosed: (closed: () => void) => {
        link.watchers.push({ closed });
      },
      sendPanel: (payload: Uint8Array) => link.sendPanel(payload),
    };
    super(line, REAL_TIME);
    this.#link = link;
  }

  /** Lets go of the keys, and then of the link. */
  close(): void {
    this.leave();
    this.#link.close();
  }
}
