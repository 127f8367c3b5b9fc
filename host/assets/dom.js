// Elements, made and changed. Text only ever becomes text: nothing here reads HTML.

const SVG = "http://www.w3.org/2000/svg";

/** Makes an element. Of the properties, functions are listeners, `class` and what has a hyphen are attributes. */
export function h(tag, properties = {}, ...children) {
  return fill(document.createElement(tag), properties, children);
}

/** The same, of SVG. */
export function s(tag, properties = {}, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(properties)) if (value != null) element.setAttribute(name, value);
  element.append(...children.flat());
  return element;
}

function fill(element, properties, children) {
  for (const [name, value] of Object.entries(properties)) {
    if (value == null || value === false) continue;
    if (typeof value === "function") element.addEventListener(name.replace(/^on/, ""), value);
    else if (name === "class" || name === "for" || name === "list" || name.includes("-")) element.setAttribute(name, value);
    else if (name in element) element[name] = value;
    else element.setAttribute(name, value);
  }
  element.append(...children.flat().filter((child) => child != null && child !== false));
  return element;
}

/** Sets a text, and touches nothing if it is that already. */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** Sets or removes an attribute, likewise. */
export function setAttribute(element, name, value) {
  if (value == null || value === false) {
    if (element.hasAttribute(name)) element.removeAttribute(name);
  } else if (element.getAttribute(name) !== String(value)) element.setAttribute(name, value === true ? "" : value);
}

/** Gives `parent` these children in this order, moving as few of them as a simple walk finds, and keeps the focus. */
export function arrange(parent, children) {
  const focused = parent.contains(document.activeElement) ? document.activeElement : null;
  let at = parent.firstChild;
  for (const child of children) {
    if (child === at) at = at.nextSibling;
    else parent.insertBefore(child, at);
  }
  while (at) {
    const next = at.nextSibling;
    at.remove();
    at = next;
  }
  if (focused && focused !== document.activeElement && parent.contains(focused)) focused.focus({ preventScroll: true });
}

/** Shapes that tell conditions apart without their colours; 16 by 16. */
const SHAPES = {
  healthy: ["M8 1a7 7 0 1 0 0 14A7 7 0 0 0 8 1", "M4.8 8.3l2.2 2.2 4.2-4.8"],
  degraded: ["M8 1.6 15.2 14.4H.8Z", "M8 6v4M8 12.2v.2"],
  unhealthy: ["M5.1 1h5.8L15 5.1v5.8L10.9 15H5.1L1 10.9V5.1Z", "M5.4 5.4l5.2 5.2M10.6 5.4l-5.2 5.2"],
  unknown: ["M8 .6 15.4 8 8 15.4.6 8Z", "M6.4 6.5a1.7 1.7 0 1 1 2.4 1.6c-.6.3-.8.6-.8 1.2M8 11.4v.2"],
  pending: ["M8 1.5a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13", "M8 4.6V8l2.2 1.4"],
  disabled: ["M8 1.5a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13", "M6.3 5.4v5.2M9.7 5.4v5.2"],
  starting: ["M8 1.5a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13", "M8 4.6V8l2.2 1.4"],
  stopping: ["M8 1.5a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13", "M5.8 5.8h4.4v4.4H5.8Z"],
};

/** The sign of a condition. It says nothing by itself: words stand beside it. */
export function sign(condition) {
  const [outer, inner] = [s("path", { class: "outer" }), s("path", { class: "inner" })];
  const element = s("svg", { viewBox: "0 0 16 16", "aria-hidden": "true" }, outer, inner);
  setSign(element, condition);
  return element;
}

export function setSign(element, condition) {
  if (element.dataset.is === condition) return;
  element.dataset.is = condition;
  element.setAttribute("class", `sign ${condition}`);
  const [outer, inner] = SHAPES[condition] ?? SHAPES.unknown;
  element.firstChild.setAttribute("d", outer);
  element.lastChild.setAttribute("d", inner);
}

/** Lets the browser answer whoever uses it, before the work goes on. */
export function breathe() {
  if (globalThis.scheduler?.yield) return scheduler.yield();
  return new Promise((resolve) => setTimeout(resolve));
}
