// An I2C bus as a write-only device sees it: edges of SCL and SDA become starts, bytes and stops (UM10204, section
// 3.1). A breach of the bus's rules throws.

/** The master broke a rule of the bus. */
export class I2cError extends Error {
  override name = "I2cError";
}

export interface I2cDevice {
  /** A transaction begins. */
  start(): void;
  /** A byte arrived; the first is the address. */
  byte(value: number): void;
  stop(): void;
}

const ACKNOWLEDGE = 9;

export class I2cBus {
  readonly #device: I2cDevice;
  /** The lines are pulled up. */
  #scl = true;
  #sda = true;
  #busy = false;
  /** Clocks since the last byte, and the bits received in them. */
  #clocks = 0;
  #bits = 0;

  constructor(device: I2cDevice) {
    this.#device = device;
  }

  scl(high: boolean): void {
    if (high === this.#scl) return;
    this.#scl = high;
    if (high) this.#clock();
    else if (this.#clocks === ACKNOWLEDGE) this.#complete();
  }

  sda(high: boolean): void {
    if (high === this.#sda) return;
    this.#sda = high;
    if (!this.#scl) return;
    // SCL rose for this edge as for a bit, except at a start on an idle bus.
    if (this.#busy && this.#clocks > 1) throw new I2cError(`SDA moved in bit ${this.#clocks}, with SCL high`);
    this.#clocks = 0;
    this.#bits = 0;
    if (high && !this.#busy) throw new I2cError("a stop without a start");
    this.#busy = !high;
    if (high) this.#device.stop();
    else this.#device.start();
  }

  /** The master was reset and released both lines, perhaps inside a transaction. */
  masterReset(): void {
    this.#scl = true;
    this.#sda = true;
    this.#busy = false;
    this.#clocks = 0;
    this.#bits = 0;
  }

  #clock(): void {
    if (!this.#busy) return;
    this.#clocks++;
    this.#bits = (this.#bits << 1) | Number(this.#sda);
  }

  /** The device acknowledges in the ninth clock, so the master must have released SDA. */
  #complete(): void {
    if ((this.#bits & 1) === 0) throw new I2cError("SDA is held low in the clock of the acknowledgement");
    const value = this.#bits >> 1;
    this.#clocks = 0;
    this.#bits = 0;
    this.#device.byte(value);
  }
}
