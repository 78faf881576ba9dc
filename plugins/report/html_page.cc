#include "plugins/report/html.h"
#include "plugins/report/html_text.h"

namespace presswork::summary {

namespace {

constexpr const char* kStyle = R"css(
:root{color-scheme:light dark;--page:#fff;--text:#1f2328;--dim:#57606a;--line:#d0d7de;--panel:#f6f8fa;--accent:#0969da;--good:#1a7f37;--bad:#cf222e;--warn:#9a6700;--heat:#bc4c00;--wash:#ddf4ff}
@media (prefers-color-scheme:dark){:root{--page:#0d1117;--text:#e6edf3;--dim:#9aa4af;--line:#30363d;--panel:#161b22;--accent:#4493f8;--good:#3fb950;--bad:#f85149;--warn:#d29922;--heat:#f0883e;--wash:#0c2d6b}}
*{box-sizing:border-box}
html{scroll-behavior:smooth}
body{margin:0;background:var(--page);color:var(--text);font:16px/1.55 system-ui,-apple-system,"Segoe UI","Noto Sans","Noto Sans CJK TC","PingFang TC","Microsoft JhengHei",Arial,sans-serif}
header,main,footer{max-width:1080px;margin:0 auto;padding:0 20px}
header{padding-top:28px}
h1{font-size:1.75rem;line-height:1.25;margin:0 0 4px;overflow-wrap:anywhere}
h2{font-size:1.25rem;margin:0 0 12px}
h3{font-size:1rem;margin:20px 0 8px}
a{color:var(--accent)}
a.skip{position:absolute;left:-999px}a.skip:focus{left:8px;top:8px;background:var(--page);padding:4px 8px}
.about{color:var(--dim);margin:0}
section{padding:24px 0;border-top:1px solid var(--line)}
nav ul{display:flex;flex-wrap:wrap;gap:4px 18px;list-style:none;padding:0;margin:16px 0 20px;font-size:.9rem}
.cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(170px,1fr));gap:12px;margin:0 0 16px;padding:0}
.card{background:var(--panel);border:1px solid var(--line);border-left:4px solid var(--line);border-radius:6px;padding:10px 14px}
.card dt{color:var(--dim);font-size:.85rem}
.card dd{margin:0;font-size:1.25rem;font-weight:600}
.card dd small{display:block;font-size:.85rem;font-weight:400;color:var(--dim)}
.card.excellent,.card.good{border-left-color:var(--good)}.card.acceptable{border-left-color:var(--warn)}.card.needs_improvement{border-left-color:var(--bad)}
.alert{border:1px solid var(--bad);border-left-width:4px;border-radius:6px;padding:8px 14px;margin:0 0 12px}
.none{color:var(--dim);font-style:italic;margin:0}
.wide{overflow-x:auto;margin:0 0 12px}
.wide:focus-visible,a:focus-visible,summary:focus-visible{outline:2px solid var(--accent);outline-offset:2px}
table{border-collapse:collapse;width:100%;font-size:.9rem}
th,td{text-align:left;vertical-align:top;padding:6px 12px 6px 0;border-bottom:1px solid var(--line)}
th{color:var(--dim);font-weight:600;white-space:nowrap}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
td code{white-space:nowrap}
td.long{min-width:11em;overflow-wrap:break-word}td.long code{white-space:normal}
code{overflow-wrap:anywhere}
code,pre{font:.86em/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace}
pre{background:var(--panel);border:1px solid var(--line);border-radius:6px;padding:10px 14px;white-space:pre-wrap;overflow-wrap:anywhere}
.pass,.fail,.not_run{white-space:nowrap}
.pass{color:var(--good)}.fail{color:var(--bad);font-weight:600}.not_run{color:var(--dim)}
td.heat{position:relative;text-align:right;padding:5px 10px;font-variant-numeric:tabular-nums;border:2px solid var(--page)}
td.heat i{position:absolute;inset:0;background:var(--heat);z-index:0}td.heat span{position:relative}td.heat small{display:block;white-space:nowrap}
figure{margin:0 0 14px;overflow-x:auto}
figcaption{color:var(--dim);font-size:.88rem}
.small{display:grid;grid-template-columns:repeat(auto-fill,minmax(200px,1fr));gap:16px;margin:0 0 14px}
svg{display:block;width:100%;height:auto}
figure>svg{min-width:600px}
svg text{fill:var(--text);font-size:13px}
svg .dim{fill:var(--dim)}svg .strong{font-weight:600}
svg .axis{stroke:var(--dim);stroke-width:1}svg .grid{stroke:var(--line);stroke-width:1}
svg .bar{fill:var(--accent)}svg .bar.good{fill:var(--good)}svg .bar.bad{fill:var(--bad)}svg .bar.pale{fill:var(--dim)}
svg .point{fill:var(--page);stroke:var(--dim);stroke-width:1.6}svg .point.chosen{stroke:var(--accent);stroke-width:3}svg .point.measured{fill:var(--heat);stroke:var(--page)}
svg .front{fill:none;stroke:var(--accent);stroke-width:1.6;stroke-dasharray:5 4}
svg .node{fill:var(--panel);stroke:var(--line);stroke-width:1.4}svg .node.taken{fill:var(--wash);stroke:var(--accent);stroke-width:2}
svg .way{fill:none;stroke:var(--line);stroke-width:1.6;stroke-dasharray:4 4}svg .way.taken{stroke:var(--accent);stroke-width:3;stroke-dasharray:none}
details>summary{cursor:pointer;color:var(--accent);margin-bottom:8px}
footer{padding-top:20px;padding-bottom:40px;color:var(--dim);font-size:.88rem;border-top:1px solid var(--line)}
@media (max-width:600px){body{font-size:15px}header,main,footer{padding-left:14px;padding-right:14px}.cards{grid-template-columns:repeat(2,minmax(0,1fr))}.card dd{font-size:1.05rem}td:first-child{min-width:7em}}
@media print{:root{color-scheme:light;--page:#fff;--text:#000;--dim:#444;--line:#bbb;--panel:#fff;--accent:#0550ae;--good:#116329;--bad:#a40e26;--warn:#7d4e00;--heat:#bc4c00;--wash:#ddf4ff}body{font-size:10.5pt;-webkit-print-color-adjust:exact;print-color-adjust:exact}nav,a.skip{display:none}header,main,footer{max-width:none;padding:0}section{padding:12px 0}figure,.card,tr,pre{break-inside:avoid}h2,h3{break-after:avoid}figure>svg{min-width:0}.wide,figure{overflow:visible}td.long{min-width:8em;overflow-wrap:anywhere}td code{white-space:normal;overflow-wrap:anywhere}}
)css";

}  // namespace

std::string html_page(const std::string& title, const std::string& body, const Phrases& say) {
  return std::string("<!DOCTYPE html>\n<html lang=\"") + say.language() +
         "\">\n<head>\n<meta charset=\"utf-8\"/>\n"
         "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src "
         "'unsafe-inline'\"/>\n"
         "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n<title>" +
         escape(title) + "</title>\n<style>" + kStyle + "</style>\n</head>\n<body>\n" + body +
         "</body>\n</html>\n";
}

}  // namespace presswork::summary
