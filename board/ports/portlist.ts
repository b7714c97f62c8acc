// The ports to a chip, one per line, by the names of their folders.

export { PORT as microbit } from "./microbit/port.js";
export { PORT as netduino2 } from "./netduino2/port.js";
export { PORT as sifive_e } from "./sifive_e/port.js";
export { PORT as template } from "./template/port.js";
