// Keeps the overview as it is now. Without this script the page loads itself again every few seconds.
"use strict";
(() => {
  const now = document.getElementById("now");
  const lost = document.getElementById("lost");
  const reload = 5000;
  let heard = Date.now();
  let pressed = false;
  let waiting = null;
  const show = (html) => {
    // A button must not vanish under a finger, nor the focus from under the keyboard.
    const at = document.activeElement && document.activeElement.id;
    now.innerHTML = html;
    if (at) document.getElementById(at)?.focus();
  };
  const release = () => {
    pressed = false;
    if (waiting !== null) show(waiting);
    waiting = null;
  };
  now.addEventListener("pointerdown", () => { pressed = true; });
  addEventListener("pointerup", () => setTimeout(release, 300));
  addEventListener("pointercancel", release);
  const alive = () => { heard = Date.now(); lost.hidden = true; };
  const open = () => {
    const stream = new EventSource("/live");
    stream.addEventListener("page", (event) => {
      alive();
      if (pressed) waiting = event.data; else show(event.data);
    });
    stream.addEventListener("beat", alive);
    stream.onerror = () => {
      // A refusal ends the stream for good: then loading the page again is the way to see what is new.
      if (stream.readyState === EventSource.CLOSED) setTimeout(() => location.reload(), reload);
    };
  };
  setInterval(() => { lost.hidden = Date.now() - heard < 10000; }, 1000);
  open();
})();
