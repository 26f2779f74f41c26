// Looks at the page as it is laid out now, and names what is clipped, overlaps, sticks out or is too small to touch.
// Arguments: whether fingers touch it, and what to call with the faults.
const [touched, done] = arguments;
const faults = new Set();
const SLACK = 1;
const TOUCH_LEAST = 44;

const name = (element) => {
  const text = (element.innerText || element.getAttribute('aria-label') || '').trim().replace(/\s+/g, ' ');
  const kind = typeof element.className === 'string' ? element.className.split(' ')[0] : '';
  return `<${element.localName}${kind ? '.' + kind : ''}> “${text.slice(0, 40)}”`;
};
const isSeen = (element) => element.checkVisibility({ opacityProperty: true, visibilityProperty: true });
// For ears alone: one pixel large.
const isForEars = (element) => {
  for (let at = element; at; at = at.parentElement) {
    const { width, height } = at.getBoundingClientRect();
    if (width <= 1 && height <= 1 && getComputedStyle(at).overflow === 'hidden') return true;
    if (getComputedStyle(at).clipPath !== 'none') return true;
  }
  return false;
};
// What floats over the rest on purpose: the name of the layer that it is in.
const layer = (element) => {
  for (let at = element; at; at = at.parentElement) {
    if (['fixed', 'sticky'].includes(getComputedStyle(at).position)) return at;
    if (at.closest('.person .card') === at) return at;
  }
  return null;
};
// The part of a box that can be seen: what scrolls shows a part of what is in it.
const within = (element, box) => {
  let { left, right, top, bottom } = box;
  for (let at = element.parentElement; at && at !== document.body; at = at.parentElement) {
    const style = getComputedStyle(at);
    if (![style.overflowX, style.overflowY].some((overflow) => ['auto', 'scroll'].includes(overflow))) continue;
    const around = at.getBoundingClientRect();
    left = Math.max(left, around.left);
    right = Math.min(right, around.right);
    top = Math.max(top, around.top);
    bottom = Math.min(bottom, around.bottom);
  }
  return { left, right, top, bottom };
};
const overlap = (one, other) =>
  Math.min(one.right, other.right) - Math.max(one.left, other.left) > SLACK &&
  Math.min(one.bottom, other.bottom) - Math.max(one.top, other.top) > SLACK;

if (document.documentElement.scrollWidth > innerWidth + SLACK) {
  faults.add(`the page scrolls sideways: ${document.documentElement.scrollWidth} in ${innerWidth}`);
}

// Each line of each text.
const lines = [];
const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
for (let text = texts.nextNode(); text; text = texts.nextNode()) {
  const element = text.parentElement;
  if (text.data.trim() === '' || !isSeen(element) || isForEars(element)) continue;
  if (element.closest('.skip:not(:focus), script, noscript, option')) continue;
  const range = document.createRange();
  range.selectNodeContents(text);
  for (const box of range.getClientRects()) {
    if (box.width < 1 || box.height < 1) continue;
    lines.push({ element, box: within(element, box), layer: layer(element) });
    let scrolls = false;
    for (let at = element; at && at !== document.body; at = at.parentElement) {
      const style = getComputedStyle(at);
      const around = at.getBoundingClientRect();
      if (['auto', 'scroll'].includes(style.overflowX) || ['auto', 'scroll'].includes(style.overflowY)) {
        scrolls = true;
        break;
      }
      const clips = (overflow) => overflow === 'hidden' || overflow === 'clip';
      const across = clips(style.overflowX) && (box.left < around.left - SLACK || box.right > around.right + SLACK);
      const down = clips(style.overflowY) && (box.top < around.top - SLACK || box.bottom > around.bottom + SLACK);
      if (across || down) faults.add(`${name(element)} is clipped by ${name(at)}`);
    }
    if (!scrolls && (box.left < -SLACK || box.right > innerWidth + SLACK)) {
      faults.add(`${name(element)} sticks out of the window: ${Math.round(box.left)} to ${Math.round(box.right)}`);
    }
  }
}

// No text lies on another, beside what floats on purpose. A line's box is taller than its letters: a fifth is air.
const letters = ({ box }) => ({
  left: box.left,
  right: box.right,
  top: box.top + (box.bottom - box.top) / 5,
  bottom: box.bottom - (box.bottom - box.top) / 5,
});
for (const [index, one] of lines.entries()) {
  for (const other of lines.slice(index + 1)) {
    if (one.element === other.element || one.layer !== other.layer) continue;
    if (overlap(letters(one), letters(other))) faults.add(`${name(one.element)} and ${name(other.element)} lie on each other`);
  }
}

// Nor does a card or a control on another.
const controls = 'a[href], button, select, summary, input:not([type=radio]), label:has(> input[type=radio])';
const seen = [...document.querySelectorAll(controls)].filter(
  (element) => isSeen(element) && !isForEars(element) && !element.matches('.skip:not(:focus)'),
);
const cards = [...document.querySelectorAll('.card, .barred, [role=slider], table')].filter(isSeen);
const boxes = [...new Set([...seen, ...cards])].map((element) => ({
  element,
  box: within(element, element.getBoundingClientRect()),
  layer: layer(element),
}));
for (const [index, one] of boxes.entries()) {
  for (const other of boxes.slice(index + 1)) {
    if (one.layer !== other.layer || one.element.contains(other.element) || other.element.contains(one.element)) continue;
    if (overlap(one.box, other.box)) faults.add(`${name(one.element)} and ${name(other.element)} overlap`);
  }
}

if (touched) {
  for (const element of seen) {
    const { width, height } = element.getBoundingClientRect();
    if (width < TOUCH_LEAST - 0.5 || height < TOUCH_LEAST - 0.5) {
      faults.add(`${name(element)} is too small to touch: ${Math.round(width)} × ${Math.round(height)}`);
    }
  }
}
done([...faults]);
