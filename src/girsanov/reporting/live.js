"use strict";
// Moves what depends on the number of steps, and adds the buttons that copy and enlarge. All
// values and words come from the page; the only arithmetic here is where a value lies in pixels.
(() => {
  const all = (query, root = document) => [...root.querySelectorAll(query)];
  const put = (query, text, root = document) => {
    for (const e of all(query, root)) e.textContent = text;
  };
  const set = (e, attributes) => {
    for (const [k, v] of Object.entries(attributes)) e.setAttribute(k, v);
  };
  const px = (v) => v.toFixed(1).replace(/\.0$/, "");
  const line = (points) => "M" + points.map(([a, b]) => `${a.toFixed(1)} ${b.toFixed(1)}`).join("L");
  const dots = (points) => points.map(([a, b]) => `M${a.toFixed(1)} ${b.toFixed(1)}h0`).join("");
  // low, high (of logarithms on a log axis), their pixels, and 1 for a log axis
  const axisOf = (text) => {
    const [low, high, start, end, log] = text.split(" ").map(Number);
    return (v) => {
      const f = log ? Math.log(Math.max(v, 1e-300)) : v;
      return start + ((end - start) * (Math.min(Math.max(f, low), high) - low)) / (high - low);
    };
  };
  const axes = (figure) => [axisOf(figure.dataset.x), axisOf(figure.dataset.y)];
  const bottomTop = (figure) => figure.dataset.y.split(" ").slice(2, 4).map(Number);

  function ledger(figure, plan) {
    const [start, end] = figure.dataset.x.split(" ").map(Number);
    const x = (v) => start + ((end - start) * Math.min(v, plan.reach)) / plan.reach;
    const ticks = figure.querySelector(".ticks");
    const bottom = Number(ticks.dataset.bottom);
    ticks.replaceChildren(
      ...plan.ticks[figure.dataset.size].flatMap(([value, label]) => {
        const [rule, text] = ["path", "text"].map((tag) =>
          document.createElementNS(figure.namespaceURI, tag),
        );
        set(rule, { d: `M${x(value).toFixed(1)} 4V${bottom.toFixed(1)}`, class: "rule" });
        set(text, { x: px(x(value)), y: px(bottom + 18), class: value > 0 ? "mid tick" : "tick" });
        text.textContent = label;
        return [rule, text];
      }),
    );
    all(".row", figure).forEach((row, k) => {
      const [begin, known, low, high, open] = plan.bars[k];
      const [x0, x1, m] = [x(begin), x(begin + known), Number(row.dataset.y) + 11];
      const free = open ? end - x1 : 0;
      set(row.querySelector(".open"), { x: px(x1), width: px(free) });
      set(row.querySelector(".bar"), { x: px(x0), width: px(Math.max(1.5, x1 - x0)) });
      let d = "";
      if (low !== null) {
        const [a, b] = [x(begin + low).toFixed(1), x(begin + high).toFixed(1)];
        d = `M${a} ${m.toFixed(1)}H${b}M${a} ${(m - 4).toFixed(1)}v8M${b} ${(m - 4).toFixed(1)}v8`;
      }
      for (const e of all(".halo, .whisker", row)) e.setAttribute("d", d);
      put(".over", free > 115 ? "unknown beyond" : "", row);
      put(".value", plan.nats[k], row);
    });
  }

  function curve(figure, plan, measured) {
    const [x, y] = axes(figure);
    const [noise, value] = measured;
    const at = (n) => {
      let k = noise.findIndex((v) => v <= n * (1 + 1e-4));
      if (k < 0) k = noise.length - 1;
      if (k === 0) return value[0];
      const part = Math.log(noise[k - 1] / n) / Math.log(noise[k - 1] / noise[k]);
      return value[k - 1] + (value[k] - value[k - 1]) * Math.min(Math.max(part, 0), 1);
    };
    const top = bottomTop(figure)[0] + 5;
    const rug = plan.noise.map((n) => `M${x(n).toFixed(1)} ${top.toFixed(1)}v6`).join("");
    figure.querySelector(".rug").setAttribute("d", rug);
    const points = plan.noise.map((n) => [x(n), y(at(n))]);
    figure.querySelector(".dots").setAttribute("d", dots(points));
  }

  function certified(figure, plan) {
    const [x, y] = axes(figure);
    const points = plan.noise.map((n, k) => [x(n), y(plan.tv[k])]);
    figure.querySelector(".line").setAttribute("d", line(points));
    figure.querySelector(".dots").setAttribute("d", dots(points));
    put("desc", plan.said, figure);
  }

  function total(figure, plan) {
    const [x, y] = axes(figure);
    const [bottom, top] = bottomTop(figure);
    const [a, b] = [x(plan.steps), y(plan.cost)];
    const mark = figure.querySelector(".mark");
    const left = a - Number(figure.dataset.x.split(" ")[2]) > 70;
    mark.querySelector("path").setAttribute("d", `M${a.toFixed(1)} ${bottom.toFixed(1)}V${top.toFixed(1)}`);
    set(mark.querySelector("circle"), { cx: px(a), cy: px(b) });
    const text = mark.querySelector("text");
    set(text, { x: px(a + (left ? -8 : 8)), class: left ? "end name over" : "name over" });
    text.textContent = plan.words;
  }

  function show(content, k) {
    const plan = content.plans[k];
    const own = k === content.given;
    put("[data-live=sentence]", plan.sentence);
    put("[data-live=graded]", plan.graded);
    for (const e of all("[data-grade]")) {
      e.dataset.grade = e.textContent = plan.grade;
      e.hidden = !plan.grade;
    }
    put("[data-live=steps]", plan.words);
    put("[data-live=count]", String(plan.steps));
    put("[data-live=share]", plan.share);
    put("[data-live=certificate]", plan.certificate);
    plan.cards.forEach(([value, interval], j) => {
      put(`[data-live=card-${j}]`, value);
      put(`[data-live=range-${j}]`, interval);
    });
    plan.values.forEach((value, j) => {
      put(`[data-live=value-${j}]`, value);
      put(`[data-live=interval-${j}]`, plan.intervals[j]);
      put(`[data-live=note-${j}]`, plan.notes[j]);
    });
    for (const e of all("[data-given]")) e.hidden = !own;
    for (const e of all("[data-moved]")) e.hidden = own;
    const draw = { ledger, tv: certified, total, curve: (f, p) => curve(f, p, content.curve) };
    for (const [name, by] of Object.entries(draw)) {
      for (const figure of all(`svg[data-live=${name}]`)) by(figure, plan);
    }
  }

  function slide(content) {
    const input = document.getElementById("steps");
    const go = (k) => {
      input.value = k;
      input.setAttribute("aria-valuetext", content.plans[k].words);
      show(content, k);
    };
    input.max = content.plans.length - 1;
    input.value = content.given;
    input.setAttribute("aria-valuetext", content.plans[content.given].words);
    input.addEventListener("input", () => go(Number(input.value)));
    document.getElementById("back").addEventListener("click", () => go(content.given));
    document.getElementById("control").hidden = false;
  }

  async function copy(text, button, pre) {
    let said = "Copied";
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      getSelection().selectAllChildren(pre);
      said = document.execCommand("copy") ? "Copied" : "Selected: copy it with the keyboard";
    }
    button.textContent = said;
    setTimeout(() => (button.textContent = "Copy"), 2000);
  }

  function buttons() {
    for (const pre of all("pre[data-copy]")) {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "copy";
      button.textContent = "Copy";
      button.setAttribute("aria-label", `Copy: ${pre.dataset.copy}`);
      button.addEventListener("click", () => copy(pre.textContent.trim(), button, pre));
      pre.before(button);
    }
    for (const figure of all(".grids figure")) {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "zoom";
      button.textContent = "Enlarge";
      button.setAttribute("aria-pressed", "false");
      button.addEventListener("click", () => {
        const large = figure.parentElement.classList.toggle("large");
        for (const b of all(".zoom")) {
          b.textContent = large ? "Side by side" : "Enlarge";
          b.setAttribute("aria-pressed", String(large));
        }
      });
      figure.append(button);
    }
  }

  buttons();
  const island = document.getElementById("plans");
  if (island) slide(JSON.parse(island.textContent));
})();
