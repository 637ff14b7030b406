// What the page does beyond HTML: pictures open large in a viewer, and what a mouse finds by hovering is found by a tap
// and by keys, too. Without it pictures open by their links (":target" in the style), and titles are the browser's own.
"use strict";

(() => {
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];

  function make(kind, properties = {}, ...children) {
    const element = Object.assign(document.createElement(kind), properties);
    element.append(...children);
    return element;
  }

  document.documentElement.classList.add("scripted");
  const frames = all("a.frame");
  if (frames.length) openPictures();
  showTips();

  function openPictures() {
    const stage = make("div", { className: "frame" });
    const caption = make("b");
    const position = make("span", { className: "muted" });
    const button = (text, name, act) => {
      const made = make("button", { type: "button", textContent: text, onclick: act });
      made.setAttribute("aria-label", name);
      return made;
    };
    const dialog = make(
      "dialog",
      { className: "viewer" },
      stage,
      make("p", { className: "line" }, caption, position),
      make(
        "div",
        { className: "buttons" },
        button("\u2039", "Previous picture", () => show(shown - 1)),
        button("\u203a", "Next picture", () => show(shown + 1)),
        button("\u00d7", "Close", () => dialog.close()),
      ),
    );
    caption.setAttribute("aria-live", "polite");
    document.body.append(dialog);
    let shown = 0;
    let touched = null; // where a finger came down

    function show(number) {
      shown = (number + frames.length) % frames.length;
      const picture = frames[shown];
      stage.replaceChildren(...[...picture.childNodes].map((one) => one.cloneNode(true)));
      dialog.style.cssText = picture.parentNode.style.cssText;
      caption.textContent = stage.querySelector("img").alt;
      position.textContent = `${shown + 1} of ${frames.length}`;
      dialog.setAttribute("aria-label", caption.textContent);
      if (!dialog.open) dialog.showModal();
    }

    frames.forEach((frame, number) => {
      frame.addEventListener("click", (event) => {
        event.preventDefault();
        show(number);
      });
    });
    dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
    dialog.addEventListener("close", () => frames[shown].focus());
    dialog.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (!step) return;
      event.preventDefault();
      show(shown + step);
    });
    dialog.addEventListener("touchstart", (event) => {
      // Two fingers enlarge, and of what is enlarged one finger shows another piece.
      touched = event.touches.length === 1 && visualViewport.scale < 1.1 ? event.touches[0].clientX : null;
    }, { passive: true });
    dialog.addEventListener("touchend", (event) => {
      const moved = touched === null ? 0 : event.changedTouches[0].clientX - touched;
      if (Math.abs(moved) > 50) show(shown - Math.sign(moved));
      touched = null;
    });
    // The address of an opened picture, as it is without the script.
    const asked = frames.findIndex((frame) => frame.hash === location.hash);
    if (asked >= 0) {
      history.replaceState(null, "", location.pathname + location.search);
      show(asked);
    }
  }

  function showTips() {
    const REACH = 22; // pixels beside a small mark that still count as tapping it
    const tip = make("div", { className: "tip" });
    tip.setAttribute("role", "status");
    document.body.append(tip);
    let current = null;

    // The browser's own titles would cover these.
    for (const title of all("svg title")) {
      title.parentNode.dataset.tip = title.textContent;
      title.remove();
    }
    const charts = all("svg").filter((svg) => svg.querySelector("[data-tip]"));
    for (const svg of charts) {
      svg.setAttribute("tabindex", "0");
      svg.setAttribute("aria-description", "The arrow keys go from one figure to the next.");
    }
    const names = all(".named[title]");
    for (const name of names) {
      name.dataset.tip = name.title;
      name.removeAttribute("title");
    }
    const isCut = (name) => name.lastElementChild.scrollWidth > name.lastElementChild.clientWidth;
    function findCut() {
      for (const name of names) isCut(name) ? (name.tabIndex = 0) : name.removeAttribute("tabindex");
    }
    findCut();
    addEventListener("resize", findCut);

    function show(spot) {
      if (spot === current) return;
      current?.classList.remove("pointed");
      current = spot;
      tip.textContent = spot ? spot.dataset.tip : "";
      tip.classList.toggle("shown", Boolean(spot));
      spot?.classList.add("pointed");
      place();
    }

    function place() {
      if (!current) return;
      const box = current.getBoundingClientRect();
      if (box.bottom < 0 || box.top > innerHeight) {
        show(null);
        return;
      }
      const { offsetWidth: width, offsetHeight: height } = tip;
      const left = box.left + box.width / 2 - width / 2;
      tip.style.left = `${Math.max(8, Math.min(left, document.documentElement.clientWidth - width - 8))}px`;
      tip.style.top = `${box.top - height - 8 < 8 ? box.bottom + 8 : box.top - height - 8}px`;
    }

    function spotAt(event, reach) {
      const spot = event.target.closest?.("[data-tip]");
      if (spot) return spot.matches(".named") && !isCut(spot) ? null : spot;
      const svg = event.target.closest?.("svg.plot");
      return svg ? nearest(all("[data-tip]", svg), event.clientX, event.clientY, reach) : null;
    }

    function nearest(spots, x, y, reach) {
      let best = null;
      for (const spot of spots) {
        const [left, top] = middle(spot);
        const distance = Math.hypot(left - x, top - y);
        if (distance < reach) [best, reach] = [spot, distance];
      }
      return best;
    }

    function middle(spot) {
      const box = spot.getBoundingClientRect();
      return [box.left + box.width / 2, box.top + box.height / 2];
    }

    // The next one in the direction of a key, rather one straight ahead than one aside.
    function beside(spots, from, key) {
      const [x, y] = middle(from);
      const across = key === "ArrowLeft" || key === "ArrowRight";
      const sign = key === "ArrowLeft" || key === "ArrowUp" ? -1 : 1;
      let best = from;
      let least = Infinity;
      for (const spot of spots) {
        const [left, top] = middle(spot);
        const ahead = sign * (across ? left - x : top - y);
        const far = ahead + 3 * Math.abs(across ? top - y : left - x);
        if (ahead > 0.5 && far < least) [best, least] = [spot, far];
      }
      return best;
    }

    let mouse = "";
    document.addEventListener("pointermove", (event) => {
      // A page that scrolls under a mouse at rest is no wish of the mouse's.
      if (event.pointerType !== "mouse" || mouse === (mouse = `${event.clientX} ${event.clientY}`)) return;
      show(spotAt(event, REACH / 2));
    });
    document.addEventListener("click", (event) => show(spotAt(event, REACH)));
    document.addEventListener("focusin", (event) => {
      const { target } = event;
      if (!target.matches(":focus-visible")) return;
      if (charts.includes(target)) show(target.querySelector("[data-tip]"));
      else show(target.matches(".named[data-tip]") ? target : null);
    });
    document.addEventListener("focusout", () => show(null));
    document.addEventListener("keydown", (event) => {
      if (event.key === "Escape") show(null);
      if (!event.key.startsWith("Arrow") || !charts.includes(event.target)) return;
      event.preventDefault();
      const spots = all("[data-tip]", event.target);
      const next = spots.includes(current) ? beside(spots, current, event.key) : spots[0];
      next.scrollIntoView({ block: "nearest", inline: "nearest" });
      show(next);
    });
    addEventListener("scroll", place, { capture: true, passive: true });
  }
})();
