// The front panel on channel 1.

import * as assert from "uvu/assert";
import { encodeFrame } from "../../../host-tools/card/frame.js";
import { demo } from "../../support/serial.js";
import { suite } from "../../support/suite.js";

const panel = suite("front panel");

panel("the front panel sends nothing until it is asked, then every screen", () => {
  const card = demo();
  card.hold("press");
  assert.is(card.takeSent().length, 0);
  card.receive(encodeFrame(1, new Uint8Array()));
  const text = () => Buffer.from(card.takeSent()).toString("latin1");
  assert.match(text(), /PIN> {4}/);
  card.receive(encodeFrame(1, Uint8Array.of(4, 1)));
  card.wait(80);
  card.receive(encodeFrame(1, Uint8Array.of(4, 0)));
  card.wait(40);
  assert.match(text(), /PIN>\* {3}/);
});

panel.run();
