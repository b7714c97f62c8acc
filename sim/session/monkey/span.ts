// Models of a card whose time is not known to the millisecond: what it may have done by now.
//
// An event reaches such a card between two moments: when it was sent, and when an answer showed that it had arrived. So
// there is a model for the first moment, one for the last, and one for each moment in between at which the card does
// something.

import { NEVER } from "../../../firmware/wire.js";
import type { Model } from "../../core/model/model.js";

/** The most moments in one span: more than a card has in a minute. */
const MOST_MOMENTS = 16;

/** Between two moments on the host's clock, in ms. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

/** Every model that the card may be after an event in that span. */
export function within(models: readonly Model[], span: Span, act: (model: Model) => void = () => {}): Model[] {
  return fewest(models.flatMap((model) => momentsOf(model, span).map((moment) => later(model, moment, act))));
}

/** The first and the last moment, and those at which the card does something by itself. */
function momentsOf(model: Model, { from, to }: Span): number[] {
  const first = Math.max(from, model.now);
  const moments = [first];
  const trial = later(model, first);
  while (trial.due !== NEVER && trial.now + trial.due <= to && moments.length < MOST_MOMENTS) {
    trial.wait(trial.due);
    moments.push(trial.now);
  }
  return to > first ? [...moments, to] : moments;
}

function later(model: Model, moment: number, act: (model: Model) => void = () => {}): Model {
  const copy = model.copy();
  copy.wait(Math.max(0, moment - copy.now));
  act(copy);
  return copy;
}

/** Keeps the earliest and the latest of the models that differ only in the time of the next event. */
function fewest(models: readonly Model[]): Model[] {
  const alike = new Map<string, { first: Model; last: Model }>();
  for (const model of models) {
    const stamp = stampOf(model);
    const known = alike.get(stamp) ?? { first: model, last: model };
    const { first, last } = known;
    alike.set(stamp, {
      first: next(model) < next(first) ? model : first,
      last: next(model) > next(last) ? model : last,
    });
  }
  return [...alike.values()].flatMap(({ first, last }) => (first === last ? [first] : [first, last]));
}

function next({ now, due }: Model): number {
  return now + due;
}

/** All of a model except its times. */
function stampOf({ kept, ram }: Model): string {
  const { contacts, deadline, frameAt, ...rest } = ram;
  const { closed, down, moved, active } = contacts;
  const moving = moved.map((at) => at !== undefined);
  return JSON.stringify([kept, rest, closed, down, moving, active && [active.key, active.held]]);
}
