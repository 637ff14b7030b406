// The pictures of this visit. They are parsed one after another, the one that is shown first; one that fails says why, and the
// others go on.

import { Trouble, troubleOf } from "./service.js";

export class Pictures {
  // `wanted()` names the models to ask; `work(item, signal)` gets an item's answers; `changed()` is called whenever one has
  // come, failed or begun.
  constructor({ wanted, work, changed }) {
    Object.assign(this, { wanted, work, changed });
    this.items = []; // { file, name, address, answers by model, trouble, most as { name, pixels }, blob, pixels and note once ready to be sent }
    this.shown = null;
    this.active = null; // the one that is being parsed
    this.halted = null; // the Trouble that stopped all of them
    this.control = null;
  }

  add(files) {
    const items = files.map((file) => ({
      file, name: file.name || "picture", address: URL.createObjectURL(file), answers: new Map(), trouble: null, most: [], blob: null, note: "",
    }));
    this.items.push(...items);
    this.halted = null;
    this.shown = items[0];
    this.run();
  }

  select(item) {
    this.shown = item;
    this.changed();
  }

  clear() {
    this.items.forEach((item) => URL.revokeObjectURL(item.address));
    this.items = [];
    this.shown = this.halted = null;
    this.control?.abort();
    this.changed();
  }

  // Go on, with what has failed and is shown as well.
  again() {
    this.halted = null;
    if (this.shown) this.shown.trouble = null;
    this.run();
  }

  // Other models are asked from now on.
  chosen() {
    this.halted = null;
    this.items.forEach((item) => { item.trouble = null; });
    this.control?.abort();
    this.run();
  }

  stop() {
    this.halted = new Trouble("refused", "Stopped before the answer came.");
    this.control?.abort();
  }

  done(item) {
    return this.wanted().every((name) => item.answers.has(name));
  }

  // Whether an item is being parsed, or will be.
  waits(item) {
    return !this.halted && !item.trouble && !this.done(item);
  }

  next() {
    return this.shown && this.waits(this.shown) ? this.shown : this.items.find((item) => this.waits(item));
  }

  async run() {
    this.changed();
    if (this.active) return; // it goes on by itself
    while ((this.active = this.next())) {
      const control = this.control = new AbortController();
      this.changed();
      try {
        await this.work(this.active, control.signal);
      } catch (error) {
        if (error.name === "AbortError") continue; // stopped, or other models are asked
        const trouble = troubleOf(error, "This page failed at this picture.");
        if (trouble.kind === "key" || trouble.kind === "gone") this.halted = trouble; // so would all others
        else this.active.trouble = trouble;
      }
    }
    this.active = this.control = null;
    this.changed();
  }
}
