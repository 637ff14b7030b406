// What mouse, wheel and fingers mean on the stage: zoom, pan, and pointing at a pixel.

const SLOP = 5; // so far, in CSS pixels, a click or tap may wander
const TWICE = 350; // milliseconds between two taps that belong together

// `on` has: `zoom(factor, x, y)`, `pan(right, down)`, `point(x, y)` for what is passed over, `tap(x, y)`, `twice(x, y)`,
// and `zoomed()`, whether less than all of the picture is seen. All points are the stage's.
export function listen(element, on) {
  const down = new Map(); // where the pointers that are down were seen last
  let wandered = false; // since the first of them came: then it was no tap
  let start = [0, 0];
  let last = { time: -Infinity, x: 0, y: 0 }; // the last tap

  const at = (event) => {
    const box = element.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };
  const ours = (event) => !event.target.closest("[role=slider]");
  const spread = () => {
    const [[x, y], [right, below]] = [...down.values()];
    return { far: Math.hypot(right - x, below - y), x: (x + right) / 2, y: (y + below) / 2 };
  };

  element.addEventListener("pointerdown", (event) => {
    if (!ours(event) || event.button) return;
    if (!down.size) [wandered, start] = [false, at(event)];
    down.set(event.pointerId, at(event));
    if (down.size > 1) wandered = true;
  });

  element.addEventListener("pointermove", (event) => {
    const [x, y] = at(event);
    if (!event.buttons) down.delete(event.pointerId); // released where the stage was not told of it
    if (!down.has(event.pointerId)) {
      if (event.pointerType === "mouse" && ours(event)) on.point(x, y);
      return;
    }
    if (!wandered && Math.hypot(x - start[0], y - start[1]) < SLOP) return;
    wandered = true;
    if (on.zoomed() || down.size > 1) element.setPointerCapture(event.pointerId);
    const [beforeX, beforeY] = down.get(event.pointerId);
    if (down.size === 2) {
      const before = spread();
      down.set(event.pointerId, [x, y]);
      const now = spread();
      on.zoom(now.far / Math.max(1, before.far), before.x, before.y);
      on.pan(now.x - before.x, now.y - before.y);
    } else {
      down.set(event.pointerId, [x, y]);
      if (down.size === 1 && on.zoomed()) on.pan(x - beforeX, y - beforeY);
    }
  });

  element.addEventListener("pointercancel", (event) => down.delete(event.pointerId));
  element.addEventListener("pointerup", (event) => {
    // A finger that stays long is a tap too, of which browsers make no click.
    if (!down.delete(event.pointerId) || down.size || wandered) return;
    const [x, y] = at(event);
    const again = event.timeStamp - last.time < TWICE && Math.hypot(x - last.x, y - last.y) < 30;
    last = again ? { ...last, time: -Infinity } : { time: event.timeStamp, x, y };
    (again ? on.twice : on.tap)(x, y);
  });
  element.addEventListener("click", (event) => {
    if (!event.detail && ours(event)) on.tap(...at(event)); // a screen reader's, without a pointer
  });
  element.addEventListener("contextmenu", (event) => down.size && event.preventDefault()); // of a finger that stays

  // Two fingers are ours: else the browser would scroll with them.
  for (const name of ["touchstart", "touchmove"]) {
    element.addEventListener(name, (event) => event.touches.length > 1 && event.preventDefault(), { passive: false });
  }

  element.addEventListener("wheel", (event) => {
    if (event.deltaY > 0 && !on.zoomed() && !event.ctrlKey) return; // the page may scroll
    event.preventDefault();
    const lines = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 33 : event.deltaMode === WheelEvent.DOM_DELTA_PAGE ? 400 : 1;
    // What a touchpad reports of two fingers comes with Ctrl and in small steps.
    on.zoom(Math.exp(-event.deltaY * lines * (event.ctrlKey ? 0.01 : 0.002)), ...at(event));
  }, { passive: false });
}
