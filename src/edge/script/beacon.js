// Tells vigie that somebody looks at this page: while it is in view, when they first do something on it, and when they
// leave. It reads nothing of the page and sets nothing in the browser.
// <script src="https://t.example/b.js" data-token="..." async></script>
(() => {
  "use strict";
  const script = document.currentScript || document.querySelector('script[data-token][src*="/b.js"]');
  const token = script && script.dataset.token;
  if (!token) return;
  const url = new URL("b/" + encodeURIComponent(token), script.src).href;
  const EVERY = 30000; // milliseconds between two heartbeats
  let timer = 0;
  let activated = false;

  // As text: browsers send that across origins without asking first.
  const say = (state) => {
    const body = JSON.stringify(activated ? { state, activated } : { state });
    if (navigator.sendBeacon && navigator.sendBeacon(url, body)) return;
    fetch(url, { method: "POST", mode: "no-cors", credentials: "omit", keepalive: true, body }).catch(() => {});
  };
  const visible = () => {
    if (timer || document.visibilityState !== "visible") return;
    say("visible");
    timer = setInterval(say, EVERY, "visible");
  };
  const hidden = () => {
    if (!timer) return;
    clearInterval(timer);
    timer = 0;
    say("hidden");
  };
  // A person has done something here: said once, at once.
  const GESTURES = ["keydown", "mousedown", "pointerup", "touchend"];
  const gesture = (event) => {
    const known = navigator.userActivation;
    if (!(known ? known.hasBeenActive : event.isTrusted)) return;
    activated = true;
    GESTURES.forEach((name) => removeEventListener(name, gesture, true));
    if (timer) say("visible");
  };

  activated = Boolean(navigator.userActivation && navigator.userActivation.hasBeenActive);
  if (!activated) GESTURES.forEach((name) => addEventListener(name, gesture, { capture: true, passive: true }));
  document.addEventListener("visibilitychange", () => (document.visibilityState === "visible" ? visible() : hidden()));
  addEventListener("pageshow", visible);
  addEventListener("pagehide", hidden);
  visible();
})();
