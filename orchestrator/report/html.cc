// One page around a drawing: pan, zoom, search, details. No address is ever loaded.
#include <set>

#include "orchestrator/base/json.h"
#include "orchestrator/report/graph.h"
#include "orchestrator/report/svg.h"
#include "orchestrator/report/text.h"

namespace presswork::report {

namespace {

using base::Json;

constexpr const char* kStyle = R"css(
:root{color-scheme:light dark;--page:#fff;--text:#1f2328;--dim:#57606a;--line:#d0d7de;--panel:#f6f8fa;--accent:#0969da}
@media (prefers-color-scheme:dark){:root{--page:#0d1117;--text:#e6edf3;--dim:#9aa4af;--line:#30363d;--panel:#161b22;--accent:#4493f8}}
*{box-sizing:border-box}
html,body{height:100%;margin:0}
body{display:flex;flex-direction:column;background:var(--page);color:var(--text);font:14px/1.45 system-ui,-apple-system,"Segoe UI","Noto Sans",Arial,sans-serif}
header{display:flex;flex-wrap:wrap;gap:6px 18px;align-items:center;padding:10px 16px;border-bottom:1px solid var(--line);background:var(--panel)}
h1{font-size:17px;margin:0}
header p{margin:0;color:var(--dim)}
.tools{margin-left:auto;display:flex;gap:6px}
button,input{font:inherit;color:inherit;background:var(--page);border:1px solid var(--line);border-radius:6px;padding:3px 9px}
input{width:11em}
button:focus-visible,input:focus-visible{outline:2px solid var(--accent);outline-offset:1px}
main{flex:1;position:relative;overflow:hidden;touch-action:none;cursor:grab}
main.moving{cursor:grabbing}
main>svg{position:absolute;left:0;top:0;transform-origin:0 0;overflow:visible}
.node,.loop{outline:none}
.node:hover .box,.node:focus .box{stroke-width:2.4}
.node.far{opacity:.18}
#details{position:absolute;right:12px;top:12px;max-width:min(430px,80%);max-height:calc(100% - 24px);overflow:auto;padding:10px 14px;background:var(--panel);border:1px solid var(--line);border-radius:8px;cursor:auto;box-shadow:0 4px 16px #0003}
#details h2{font-size:14px;margin:0 0 6px;overflow-wrap:anywhere}
#details dl{display:grid;grid-template-columns:max-content 1fr;gap:2px 12px;margin:0}
#details dt{color:var(--dim)}
#details dd{margin:0;overflow-wrap:anywhere}
footer{display:flex;flex-wrap:wrap;gap:4px 16px;padding:6px 16px;border-top:1px solid var(--line);color:var(--dim);font-size:12px}
@media print{header .tools,footer,#details{display:none}main{overflow:visible}}
)css";

constexpr const char* kScript = R"js(
(() => {
  const main = document.querySelector('main'), svg = main.querySelector('svg');
  const facts = JSON.parse(document.getElementById('facts').textContent);
  const panel = document.getElementById('details');
  const width = svg.viewBox.baseVal.width, height = svg.viewBox.baseVal.height;
  let x = 0, y = 0, scale = 1;
  const show = () => { svg.style.transform = `translate(${x}px,${y}px) scale(${scale})`; };
  const fit = () => {
    const fits = Math.min(main.clientWidth / width, main.clientHeight / height);
    scale = Math.min(1.25, Math.max(fits, width > height * 3 || height > width * 3 ? 0.08 : fits));
    x = Math.max(0, (main.clientWidth - width * scale) / 2);
    y = Math.max(0, (main.clientHeight - height * scale) / 2);
    show();
  };
  const zoom = (by, px, py) => {
    const next = Math.min(8, Math.max(0.02, scale * by));
    x = px - (px - x) * next / scale;
    y = py - (py - y) * next / scale;
    scale = next;
    show();
  };
  const middle = by => zoom(by, main.clientWidth / 2, main.clientHeight / 2);
  const centre = group => {
    const box = group.getBBox();
    scale = Math.max(scale, 0.8);
    x = main.clientWidth / 2 - (box.x + box.width / 2) * scale;
    y = main.clientHeight / 2 - (box.y + box.height / 2) * scale;
    show();
  };
  const tell = group => {
    const fact = group && facts[group.id];
    panel.hidden = !fact;
    if (!fact) return;
    panel.replaceChildren();
    panel.appendChild(document.createElement('h2')).textContent = fact.id;
    const list = panel.appendChild(document.createElement('dl'));
    for (const [name, value] of fact.details) {
      list.appendChild(document.createElement('dt')).textContent = name;
      list.appendChild(document.createElement('dd')).textContent = value;
    }
  };
  const groups = [...svg.querySelectorAll('.node,.loop')];
  main.addEventListener('wheel', event => {
    event.preventDefault();
    const at = main.getBoundingClientRect();
    zoom(Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.0016)), event.clientX - at.left, event.clientY - at.top);
  }, {passive: false});
  const fingers = new Map();
  let spread = 0, moved = false;
  main.addEventListener('pointerdown', event => {
    if (panel.contains(event.target)) return;
    fingers.set(event.pointerId, event);
    moved = false;
  });
  main.addEventListener('pointermove', event => {
    const before = fingers.get(event.pointerId);
    if (!before) return;
    fingers.set(event.pointerId, event);
    if (fingers.size === 1) {
      const dx = event.clientX - before.clientX, dy = event.clientY - before.clientY;
      if (!moved && Math.abs(dx) + Math.abs(dy) < 3) { fingers.set(event.pointerId, before); return; }
      if (!moved) main.setPointerCapture(event.pointerId);
      moved = true;
      main.classList.add('moving');
      x += dx; y += dy; show();
    } else {
      const [a, b] = [...fingers.values()], now = Math.hypot(a.clientX - b.clientX, a.clientY - b.clientY);
      const at = main.getBoundingClientRect();
      if (spread) zoom(now / spread, (a.clientX + b.clientX) / 2 - at.left, (a.clientY + b.clientY) / 2 - at.top);
      spread = now;
    }
  });
  for (const end of ['pointerup', 'pointercancel']) main.addEventListener(end, event => {
    fingers.delete(event.pointerId);
    spread = 0;
    main.classList.remove('moving');
  });
  main.addEventListener('click', event => {
    if (moved || panel.contains(event.target)) return;
    tell(event.target.closest('.node,.loop'));
  });
  svg.addEventListener('focusin', event => tell(event.target.closest('.node,.loop')));
  const search = document.getElementById('search');
  const look = go => {
    const word = search.value.trim().toLowerCase();
    const hits = groups.filter(group => {
      const hit = !word || facts[group.id].id.toLowerCase().includes(word) || facts[group.id].state === word;
      group.classList.toggle('far', !hit);
      return hit;
    });
    if (go && word && hits.length) { centre(hits[0]); tell(hits[0]); }
  };
  search.addEventListener('input', () => look(false));
  search.addEventListener('keydown', event => { if (event.key === 'Enter') look(true); });
  document.getElementById('in').onclick = () => middle(1.3);
  document.getElementById('out').onclick = () => middle(1 / 1.3);
  document.getElementById('fit').onclick = fit;
  document.addEventListener('keydown', event => {
    if (event.target === search) return;
    const step = 60, keys = {'+': () => middle(1.3), '=': () => middle(1.3), '-': () => middle(1 / 1.3), '0': fit,
      ArrowLeft: () => { x += step; show(); }, ArrowRight: () => { x -= step; show(); },
      ArrowUp: () => { y += step; show(); }, ArrowDown: () => { y -= step; show(); },
      Escape: () => tell(null), '/': () => search.focus()};
    if (!keys[event.key] || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    keys[event.key]();
  });
  addEventListener('resize', fit);
  fit();
})();
)js";

// In a script element only "</" could end it; "<" is written so that nothing can.
std::string json_in_script(const Json& json) {
  std::string out;
  for (const char c : json.dump(-1, ' ', true, Json::error_handler_t::replace)) {
    if (c == '<') {
      out += "\\u003c";
    } else {
      out += c;
    }
  }
  return out;
}

Json facts_of(const Drawing& drawing) {
  Json facts = Json::object();
  for (std::size_t i = 0; i < drawing.nodes.size(); ++i) {
    const DrawnNode& node = drawing.nodes[i];
    Json details = Json::array();
    const auto add = [&](const std::string& name, const std::string& value) {
      if (!value.empty()) details.push_back({printable(name), printable(value)});
    };
    add("uses", node.uses);
    for (const auto& [name, value] : node.details) add(name, value);
    if (node.critical) add("critical path", "yes");
    facts["n" + std::to_string(i)] = {
        {"id", printable(node.id)}, {"state", node.state}, {"details", std::move(details)}};
  }
  return facts;
}

std::string legend_of(const Drawing& drawing) {
  std::set<std::string> states;
  bool critical = false;
  for (const DrawnNode& node : drawing.nodes) {
    states.insert(node.state);
    critical = critical || node.critical;
  }
  std::string text;
  const auto add = [&](const std::string& item) { text += "<span>" + item + "</span>"; };
  const std::pair<const char*, const char*> signs[] = {
      {"succeeded", "✓"}, {"cached", "●"},    {"running", "▶"}, {"failed", "✗"},
      {"timed_out", "✗"}, {"cancelled", "■"}, {"skipped", "–"}, {"pending", "○"}};
  for (const auto& [state, sign] : signs) {
    if (states.contains(state)) add(std::string(sign) + " " + state);
  }
  if (critical) add("orange: the critical path, the longest chain of work");
  add("solid: artifacts and branches; dashed: metrics and order");
  add("drag to move, wheel to zoom, 0 to fit, / to search");
  return text;
}

}  // namespace

std::string to_html(const Drawing& drawing) {
  const std::string title = xml_text(one_line(drawing.title));
  return "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
         "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n"
         "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src "
         "'unsafe-inline'; "
         "script-src 'unsafe-inline'\">\n<title>" +
         title + "</title>\n<style>" + kStyle + "</style>\n</head>\n<body>\n<header><h1>" + title +
         "</h1><p>" + xml_text(one_line(drawing.subtitle)) +
         "</p><div class=\"tools\"><input id=\"search\" type=\"search\" placeholder=\"Find a stage\" "
         "aria-label=\"Find a stage\"><button id=\"out\" aria-label=\"Smaller\">−</button><button id=\"in\" "
         "aria-label=\"Larger\">+</button><button id=\"fit\">Fit</button></div></header>\n<main>\n" +
         bare_svg(drawing) + "<aside id=\"details\" aria-live=\"polite\" hidden></aside>\n</main>\n<footer>" +
         legend_of(drawing) + "</footer>\n<script type=\"application/json\" id=\"facts\">" +
         json_in_script(facts_of(drawing)) + "</script>\n<script>" + kScript +
         "</script>\n</body>\n</html>\n";
}

}  // namespace presswork::report
