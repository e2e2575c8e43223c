// The front of a run: hover, choose axes, filter by size, choose a network. Everything that a reader has set
// is kept in the fragment of the address, so that a reload or a newer page in place of <main> changes nothing.
"use strict";

const evocnn = (() => {
  const SVG = "http://www.w3.org/2000/svg";
  const REACH = 16; // pixels from the pointer to a dot
  const MARGIN = { left: 64, right: 14, top: 12, bottom: 48 };
  const state = { x: null, y: null, xlog: null, ylog: null, least: null, most: null, network: null };
  let data = null; // columns of the candidates
  let drawn = null; // what stands where: {x, y, dots: [{index, x, y}]}
  let rows = null; // ticket -> index of its column
  let observer = null;

  const byId = (id) => document.getElementById(id);
  const metric = (name) => data.metrics.find((one) => one.name === name);
  const isMember = (ticket) => data.members.includes(ticket);
  const shown = (value) =>
    value === null || value === undefined ? "not measured" : value.toLocaleString("en", { maximumSignificantDigits: 4 });

  function element(name, attributes = {}, ...children) {
    const made = name.startsWith("svg:") ? document.createElementNS(SVG, name.slice(4)) : document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.append(...children); // texts become text nodes: nothing is read as markup
    return made;
  }

  // ---------------------------------------------------------------- what is kept in the address

  function recall() {
    const kept = new URLSearchParams(location.hash.slice(1));
    if (!location.hash.includes("=")) return;
    for (const key of Object.keys(state)) state[key] = kept.get(key);
    state.network = state.network === null ? null : Number(state.network);
  }

  function keep() {
    const kept = Object.entries(state).filter(([, value]) => value !== null);
    history.replaceState(null, "", `#${new URLSearchParams(kept)}`);
  }

  function settled() {
    const [x, y] = ["x", "y"].map((side, n) => metric(state[side])?.name ?? data.axes[n]);
    const isLog = (side, name) => (state[`${side}log`] === null ? metric(name).log : state[`${side}log`] === "1");
    return { x, y, xlog: isLog("x", x), ylog: isLog("y", y) };
  }

  // ---------------------------------------------------------------- scales

  function extent(values, log) {
    const good = values.filter((value) => value !== null && (!log || value > 0));
    if (!good.length) return log ? [1, 10] : [0, 1];
    let low = good.reduce((a, b) => Math.min(a, b));
    let high = good.reduce((a, b) => Math.max(a, b));
    if (low === high) [low, high] = log ? [low / 2, high * 2] : [low - (Math.abs(low) / 10 || 1), high + (Math.abs(high) / 10 || 1)];
    const rim = 0.04; // so that no marker is cut
    if (!log) return [low - rim * (high - low), high + rim * (high - low)];
    const factor = (high / low) ** rim;
    return [low / factor, high * factor];
  }

  function scale([low, high], log, from, to) {
    const bend = log ? Math.log10 : (value) => value;
    const [a, b] = [bend(low), bend(high)];
    return (value) => from + ((to - from) * (bend(value) - a)) / (b - a);
  }

  function ticks([low, high], log, most) {
    if (log && high / low >= 4) {
      const found = [];
      for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high); power += 1) {
        for (const head of [1, 2, 5]) found.push(head * 10 ** power);
      }
      const inside = found.filter((value) => value >= low && value <= high);
      const round = inside.filter((value) => Number.isInteger(Math.round(1e6 * Math.log10(value)) / 1e6));
      return inside.length > most && round.length > 1 ? round : inside;
    }
    const rough = (high - low) / most;
    const power = 10 ** Math.floor(Math.log10(rough));
    const step = power * [1, 2, 5, 10].find((head) => head * power >= rough);
    const found = [];
    for (let n = Math.ceil(low / step); n * step <= high; n += 1) found.push(Number((n * step).toPrecision(12)));
    return found;
  }

  // ---------------------------------------------------------------- filter by size

  function sizes() {
    const values = data.values.parameters?.filter((value) => value > 0);
    return values?.length ? [values.reduce((a, b) => Math.min(a, b)), values.reduce((a, b) => Math.max(a, b))] : null;
  }

  function sizeAt(share) {
    const [low, high] = sizes();
    if (share <= 0) return low;
    if (share >= 100) return high;
    return Math.round(low * (high / low) ** (share / 100));
  }

  function isKept(index) {
    const size = data.values.parameters?.[index];
    return (state.least === null || size >= sizeAt(state.least)) && (state.most === null || size <= sizeAt(state.most));
  }

  // ---------------------------------------------------------------- drawing

  function draw() {
    const plot = byId("plot");
    const [width, height] = [plot.clientWidth, plot.clientHeight];
    if (!width || !data.tickets.length) return;
    const { x, y, xlog, ylog } = settled();
    const [xs, ys] = [data.values[x], data.values[y]];
    const kept = data.tickets.map((_, index) => index).filter((index) => isKept(index) && at(index));
    function at(index) {
      return xs[index] !== null && ys[index] !== null && (!xlog || xs[index] > 0) && (!ylog || ys[index] > 0);
    }
    const tested = y === "validation_accuracy" ? data.tests : {};
    const also = kept.map((index) => tested[data.tickets[index]]?.[0]).filter((value) => value !== undefined);
    const [across, up] = [
      extent(kept.map((index) => xs[index]), xlog),
      extent([...kept.map((index) => ys[index]), ...also], ylog),
    ];
    const toX = scale(across, xlog, MARGIN.left, width - MARGIN.right);
    const toY = scale(up, ylog, height - MARGIN.bottom, MARGIN.top);
    drawn = kept.map((index) => ({ index, x: toX(xs[index]), y: toY(ys[index]) }));
    drawCloud(plot.querySelector("canvas"), width, height);
    const svg = plot.querySelector("svg");
    const focused = svg.contains(document.activeElement) ? document.activeElement.dataset.ticket : null;
    svg.replaceChildren(
      ...axes(width, height, { x, y, xlog, ylog, across, up, toX, toY }),
      ...stairs(x, y),
      ...members({ x, y, toX, toY, tested, width, height }),
      ...mark(),
    );
    if (focused !== null) svg.querySelector(`[data-ticket="${focused}"]`)?.focus();
    byId("said").textContent = drawn.length === data.tickets.length
      ? `${shown(drawn.length)} candidates are shown.`
      : `${shown(drawn.length)} of ${shown(data.tickets.length)} candidates are shown.`;
  }

  function drawCloud(canvas, width, height) {
    const sharp = window.devicePixelRatio || 1;
    canvas.width = width * sharp;
    canvas.height = height * sharp;
    const pen = canvas.getContext("2d");
    pen.scale(sharp, sharp);
    const colours = getComputedStyle(document.documentElement);
    const radius = drawn.length > 3000 ? 2 : 3;
    pen.strokeStyle = colours.getPropertyValue("--grey");
    pen.fillStyle = colours.getPropertyValue("--dark");
    pen.globalAlpha = drawn.length > 3000 ? 0.45 : 0.65;
    for (const isFull of [0, 1]) {
      for (const { index, x, y } of drawn) {
        if (data.full[index] !== isFull) continue;
        pen.beginPath();
        pen.arc(x, y, radius, 0, 2 * Math.PI);
        if (isFull) pen.fill(); else pen.stroke();
      }
    }
  }

  function axes(width, height, { x, y, xlog, ylog, across, up, toX, toY }) {
    const [left, right, top, bottom] = [MARGIN.left, width - MARGIN.right, MARGIN.top, height - MARGIN.bottom];
    const parts = [];
    for (const value of ticks(across, xlog, width / 90)) {
      const place = toX(value);
      parts.push(element("svg:path", { class: "grid", d: `M${place} ${top}V${bottom}` }));
      parts.push(element("svg:text", { x: place, y: bottom + 16, "text-anchor": "middle" }, shown(value)));
    }
    for (const value of ticks(up, ylog, 7)) {
      const place = toY(value);
      parts.push(element("svg:path", { class: "grid", d: `M${left} ${place}H${right}` }));
      parts.push(element("svg:text", { x: left - 6, y: place + 4, "text-anchor": "end" }, shown(value)));
    }
    const named = (name, log) => `${metric(name).label}${log ? " (log scale)" : ""}`;
    parts.push(element("svg:rect", { class: "frame", x: left, y: top, width: right - left, height: bottom - top }));
    parts.push(element("svg:text", { class: "name", x: (left + right) / 2, y: height - 10, "text-anchor": "middle" }, named(x, xlog)));
    const turned = { class: "name", transform: `translate(13 ${(top + bottom) / 2}) rotate(-90)`, "text-anchor": "middle" };
    parts.push(element("svg:text", turned, named(y, ylog)));
    return parts;
  }

  const frontDots = () => drawn.filter(({ index }) => isMember(data.tickets[index])).sort((a, b) => a.x - b.x);

  function stairs(x, y) {
    // The best value of a wanted metric that the front reached from left to right.
    const weight = metric(y).weight;
    const dots = frontDots();
    if (!weight || !metric(x).weight || !dots.length) return [];
    const best = weight > 0 ? Math.min : Math.max; // in pixels, which grow downwards
    let [path, height] = ["", null];
    for (const dot of metric(x).weight > 0 ? dots.toReversed() : dots) {
      const next = height === null ? dot.y : best(height, dot.y);
      path += height === null ? `M${dot.x} ${dot.y}` : `H${dot.x}V${next}`;
      height = next;
    }
    return [element("svg:path", { class: "stairs", d: path })];
  }

  function members({ x, y, toX, toY, tested, width, height }) {
    const inX = (place) => Math.min(Math.max(place, MARGIN.left), width - MARGIN.right);
    const inY = (place) => Math.min(Math.max(place, MARGIN.top), height - MARGIN.bottom);
    return frontDots().map((dot, order) => {
      const ticket = data.tickets[dot.index];
      const parts = [];
      const half = data.intervals[ticket] ?? {};
      const [cx, cy] = [data.values[x][dot.index], data.values[y][dot.index]];
      if (half[y]) {
        const [a, b] = [cy - half[y], cy + half[y]].map((value) => inY(Number.isFinite(toY(value)) ? toY(value) : height));
        parts.push(element("svg:path", { class: "interval", d: `M${dot.x} ${a}V${b}M${dot.x - 4} ${a}h8M${dot.x - 4} ${b}h8` }));
      }
      if (half[x]) {
        const [a, b] = [cx - half[x], cx + half[x]].map((value) => inX(Number.isFinite(toX(value)) ? toX(value) : 0));
        parts.push(element("svg:path", { class: "interval", d: `M${a} ${dot.y}H${b}M${a} ${dot.y - 4}v8M${b} ${dot.y - 4}v8` }));
      }
      if (tested[ticket]) {
        const place = toY(tested[ticket][0]);
        parts.push(element("svg:path", { class: "test", d: `M${dot.x} ${dot.y}V${place}M${dot.x - 5} ${place - 5}h10v10h-10z` }));
      }
      parts.push(element("svg:circle", { class: "front", cx: dot.x, cy: dot.y, r: 5.5 }));
      if (ticket === data.knee) {
        parts.push(element("svg:path", { class: "knee", d: `M${dot.x} ${dot.y - 11}l11 11-11 11-11-11z` }));
      }
      const tab = order === 0 ? 0 : -1; // one stop for Tab; the arrow keys do the rest
      return element(
        "svg:a",
        { href: `#network-${ticket}`, "data-ticket": ticket, tabindex: tab, "aria-label": described(dot.index).join(", ") },
        ...parts,
      );
    });
  }

  function mark() {
    const dot = drawn.find(({ index }) => data.tickets[index] === state.network);
    return dot ? [element("svg:circle", { class: "chosen", cx: dot.x, cy: dot.y, r: 10 })] : [];
  }

  // ---------------------------------------------------------------- pointing

  function described(index) {
    const { x, y } = settled();
    const ticket = data.tickets[index];
    const kind = ticket === data.knee ? ", the knee" : isMember(ticket) ? ", on the front" : data.full[index] ? "" : ", not trained in full";
    const wanted = data.metrics.filter((one) => one.weight || one.name === x || one.name === y);
    const half = data.intervals[ticket] ?? {};
    const lines = wanted.map(({ name, label }) => {
      const beside = half[name] ? ` ± ${shown(half[name])} (95 %)` : "";
      return `${label} ${shown(data.values[name][index])}${beside}`;
    });
    if (data.tests[ticket]) lines.push(`test accuracy ${shown(data.tests[ticket][0])}`);
    return [`network ${ticket}${kind}`, ...lines];
  }

  function tell(dot) {
    const tip = byId("tip");
    tip.hidden = !dot;
    if (!dot) return;
    const [head, ...lines] = described(dot.index);
    tip.replaceChildren(element("b", {}, head), ...lines.map((line) => element("div", {}, line)), element("code", {}, data.texts[dot.index]));
    const plot = byId("plot");
    const [width, height] = [tip.offsetWidth, tip.offsetHeight];
    const right = dot.x + 14 + width <= plot.clientWidth;
    tip.style.left = `${Math.max(0, right ? dot.x + 14 : dot.x - 14 - width)}px`;
    tip.style.top = `${Math.max(0, Math.min(dot.y + 12, plot.clientHeight - height))}px`;
  }

  function nearest(event) {
    const box = byId("plot").getBoundingClientRect();
    const [x, y] = [event.clientX - box.left, event.clientY - box.top];
    let [found, least] = [null, REACH ** 2];
    for (const dot of drawn ?? []) {
      const isOnFront = isMember(data.tickets[dot.index]);
      const distance = (dot.x - x) ** 2 + (dot.y - y) ** 2 - (isOnFront ? 25 : 0); // they lie on top, and are larger
      if (distance < least) [found, least] = [dot, distance];
    }
    return found;
  }

  // ---------------------------------------------------------------- choosing a network

  function choose(ticket) {
    state.network = ticket;
    keep();
    showNetwork();
    draw();
    byId("said").textContent = `Network ${ticket} is chosen; it is shown below the table.`;
  }

  function showNetwork() {
    const wanted = state.network ?? data.knee;
    const chosen = byId(`network-${wanted}`);
    for (const article of document.querySelectorAll("article.network")) article.hidden = article !== chosen;
    if (chosen) chosen.querySelector("details").open = true;
    const brief = byId("candidate");
    brief.hidden = chosen !== null || !rows.has(wanted);
    if (!brief.hidden) brief.replaceChildren(...candidate(rows.get(wanted)));
    for (const row of document.querySelectorAll("#members tbody tr")) {
      row.classList.toggle("is-chosen", row.querySelector(`a[href="#network-${wanted}"]`) !== null);
    }
  }

  function candidate(index) {
    const ticket = data.tickets[index];
    const fact = (name, value) => element("div", {}, element("dt", {}, name), element("dd", {}, value));
    const parents = data.parents[index];
    const made = parents.length
      ? `made of ${parents.join(", ")} by ${data.operators[index].join(", ")}`
      : data.operators[index].join(", ") || "drawn anew, or continued from its first rung";
    const standing = isMember(ticket) ? "on the front" : `not on the front; ${data.full[index] ? "trained in full" : "not trained in full, with the figures that it had last"}`;
    return [
      element("h3", {}, `Network ${ticket}`),
      element("p", {}, `${standing}; ${made}.`),
      element("p", {}, element("code", {}, data.texts[index])),
      element("dl", { class: "facts" }, ...data.metrics.map(({ name, label }) => fact(label, shown(data.values[name][index])))),
      element("dl", { class: "commands" }, ...Object.entries(data.commands).map(([verb, command]) =>
        element("div", {}, element("dt", {}, verb === "show" ? "All that is known of it" : "Train it in full, then test it once"), element("dd", {}, element("code", {}, command.replace(/TICKET$/, ticket)))))),
    ];
  }

  // ---------------------------------------------------------------- controls

  function fill() {
    const controls = byId("controls").elements;
    const now = settled();
    for (const side of ["x", "y"]) {
      controls[side].replaceChildren(...data.metrics.map(({ name, label }) => element("option", { value: name }, label)));
      controls[side].value = now[side];
      controls[`${side}log`].checked = now[`${side}log`];
    }
    byId("sizes").hidden = sizes() === null;
    if (sizes() === null) return;
    for (const [end, fallback] of [["least", 0], ["most", 100]]) {
      controls[end].value = state[end] ?? fallback;
      controls[`${end}shown`].value = sizeAt(Number(controls[end].value)).toLocaleString("en");
    }
  }

  function set({ target }) {
    const { name, value, type } = target;
    state[name] = type === "checkbox" ? (target.checked ? "1" : "0") : value;
    if (name === "x" || name === "y") state[`${name}log`] = null; // each metric has a scale of its own
    if ((name === "least" && value === "0") || (name === "most" && value === "100")) state[name] = null;
    if (name === "least" && state.most !== null && Number(value) > Number(state.most)) state.most = value;
    if (name === "most" && state.least !== null && Number(value) < Number(state.least)) state.least = value;
    keep();
    fill();
    draw();
    tell(null);
  }

  function walk(event) {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    const links = [...byId("plot").querySelectorAll("svg a")];
    const here = links.indexOf(document.activeElement);
    if (!step || here < 0) return;
    event.preventDefault();
    links[Math.min(Math.max(here + step, 0), links.length - 1)].focus();
  }

  function start() {
    const source = byId("cloud");
    if (!source) return;
    data = JSON.parse(source.textContent);
    rows = new Map(data.tickets.map((ticket, index) => [ticket, index]));
    drawn = [];
    document.documentElement.classList.toggle("scripted", data.tickets.length > 0);
    recall();
    fill();
    showNetwork();
    byId("controls").addEventListener("input", set);
    const svg = byId("plot").querySelector("svg");
    svg.addEventListener("pointermove", (event) => tell(nearest(event)));
    svg.addEventListener("pointerleave", () => tell(null));
    svg.addEventListener("click", (event) => {
      const dot = event.detail ? nearest(event) : null; // 0: a key, which the link below takes
      if (!dot) return;
      event.preventDefault();
      event.stopPropagation();
      choose(data.tickets[dot.index]);
    });
    svg.addEventListener("keydown", walk);
    svg.addEventListener("focusin", ({ target }) => {
      const index = rows.get(Number(target.closest("a")?.dataset.ticket));
      tell(drawn.find((dot) => dot.index === index));
    });
    svg.addEventListener("focusout", () => tell(null));
    observer?.disconnect();
    observer = new ResizeObserver(draw); // draws at once, too
    observer.observe(byId("plot"));
  }

  document.addEventListener("click", (event) => {
    const link = event.target.closest?.('main a[href^="#network-"]');
    if (!link) return;
    event.preventDefault();
    choose(Number(link.getAttribute("href").slice("#network-".length)));
    if (!link.dataset.ticket) byId("network").scrollIntoView();
  });
  window.addEventListener("hashchange", () => {
    if (!location.hash.includes("=") || !data) return;
    recall();
    fill();
    showNetwork();
    draw();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => data && draw());
  return { start };
})();

window.evocnn = evocnn;
evocnn.start();
