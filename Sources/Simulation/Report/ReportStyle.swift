/// How the pages look. Categorical colours follow Paul Tol's "bright" and "muted" schemes ("Colour
/// schemes", SRON/EPS/TN/09-002), which readers with a colour-vision deficiency tell apart; whatever
/// has a colour also has a word, a shape or a hatching.
enum ReportStyle {
    static let sheet: StaticString = """
        :root {
            --paper: #f6f7f9; --card: #ffffff; --ink: #1c2430; --soft: #5a6675; --rule: #dde2e8;
            --lane: #f3f5f8; --good: #1a7340; --bad: #b3261e; --warn: #8a5300; --expect: #3b55a8;
            --line: #2b5fa4; --spread: #2b5fa4; --lag: #e08a1e; --first: #c9731a;
            --quorum: #3b76bd; --moving: #11203a; --halo: #ffffff;
            --outage: #7a8494; --hardship: #c98a10;
            --c0: #4477aa; --c1: #ee8833; --c2: #228833; --c3: #aa3377; --c4: #66ccee;
            --c5: #ccbb44; --c6: #332288; --c7: #a0a6ae;
            --on0: #ffffff; --on1: #111111; --on2: #ffffff; --on3: #ffffff; --on4: #111111;
            --on5: #111111; --on6: #ffffff; --on7: #111111;
            --s0: #dbe8f5; --s1: #b5d0ea; --s2: #6fa3d4; --s3: #2f6aa8; --s4: #0b2748;
        }
        @media (prefers-color-scheme: dark) {
            :root {
                --paper: #12161c; --card: #1a2028; --ink: #e4e9f0; --soft: #9aa7b8;
                --rule: #313a46; --lane: #1f2630; --good: #67cf90; --bad: #ff8a80;
                --warn: #f0b95a; --expect: #9db4ff; --line: #7fb2ee; --spread: #7fb2ee;
                --lag: #f0a040; --first: #f0a35a; --quorum: #74a9e6; --moving: #ffffff;
                --halo: #1a2028; --outage: #98a3b3; --hardship: #e0a83a;
                --c0: #5b92c9; --c1: #f29a4e; --c2: #43a456; --c3: #cf62a0; --c4: #7fd6f2;
                --c5: #d8c95c; --c6: #8f83e0; --c7: #8b939e;
                --on0: #111111; --on2: #111111; --on3: #111111; --on6: #111111;
                --s0: #22344a; --s1: #31547c; --s2: #4c86c2; --s3: #8fc0f0; --s4: #e8f3ff;
            }
        }
        * { box-sizing: border-box; }
        html { color-scheme: light dark; }
        body {
            margin: 0; background: var(--paper); color: var(--ink);
            font: 14px/1.5 system-ui, "Segoe UI", Roboto, "DejaVu Sans", sans-serif;
        }
        main { max-width: 1400px; margin: 0 auto; padding: 20px 20px 48px; }
        header.head, section, dl.figures div {
            background: var(--card); border: 1px solid var(--rule); border-radius: 8px;
        }
        header.head { padding: 18px 22px; border-left: 6px solid var(--soft); }
        section { padding: 14px 22px 18px; margin-top: 16px; }
        h1 { font-size: 21px; line-height: 1.25; margin: 0; overflow-wrap: anywhere; }
        h2 { font-size: 15px; margin: 2px 0 8px; }
        p { margin: 4px 0; }
        .none { color: var(--soft); font-style: italic; }
        .strong { font-weight: 600; }
        .story { max-width: 75ch; margin: 12px 0 0; }
        .passed { --state: var(--good); }
        .expected { --state: var(--expect); }
        .violation, .unmet { --state: var(--bad); }
        .stall { --state: var(--warn); }
        header.head { border-left-color: var(--state, var(--soft)); }
        .head .title { font-size: 17px; font-weight: 650; color: var(--state); margin: 3px 0 0; }
        .verdict { display: flex; gap: 16px; align-items: flex-start; }
        .verdict p { color: var(--soft); }
        .symbol {
            flex: none; width: 44px; height: 44px; padding: 9px; border-radius: 50%;
            background: var(--state); overflow: visible;
        }
        .symbol path {
            fill: none; stroke: var(--card); stroke-width: 3.4; stroke-linecap: round;
            stroke-linejoin: round;
        }
        dl { margin: 0; }
        dt { color: var(--soft); font-size: 12px; }
        dd { margin: 0; overflow-wrap: anywhere; }
        .facts {
            display: grid; gap: 8px 24px; margin-top: 14px;
            grid-template-columns: repeat(auto-fit, minmax(150px, 1fr));
        }
        .facts .wide { grid-column: span 2; }
        .figures {
            display: grid; gap: 10px; margin-top: 16px;
            grid-template-columns: repeat(auto-fill, minmax(150px, 1fr));
        }
        .figures div { padding: 8px 14px 10px; }
        .figures dd { font-size: 18px; font-weight: 600; font-variant-numeric: tabular-nums; }
        .command {
            display: flex; align-items: center; gap: 10px; margin-top: 14px; padding: 6px 6px 6px 12px;
            background: var(--lane); border: 1px solid var(--rule); border-radius: 6px;
        }
        .command .label { flex: none; color: var(--soft); font-size: 12px; }
        code, pre { font: 12.5px/1.5 ui-monospace, "DejaVu Sans Mono", Menlo, monospace; }
        .command code { flex: 1; overflow-wrap: anywhere; user-select: all; }
        button {
            font: inherit; font-size: 12.5px; color: var(--ink); background: var(--card);
            border: 1px solid var(--rule); border-radius: 5px; padding: 3px 10px; cursor: pointer;
        }
        button:hover { border-color: var(--soft); }
        html:not(.live) button.copy, html:not(.live) .zoom { display: none; }
        .bar { display: flex; justify-content: space-between; align-items: center; gap: 12px; }
        .zoom { display: flex; align-items: center; gap: 6px; }
        .zoom output { min-width: 34px; text-align: center; color: var(--soft); }
        .expectations { list-style: none; margin: 0; padding: 0; }
        .expectations li { display: flex; gap: 12px; padding: 3px 0; }
        .expectations strong { flex: none; width: 160px; white-space: nowrap; }
        .good strong, .good .outcome { color: var(--good); }
        .bad strong, .bad .outcome { color: var(--bad); }
        .unseen .outcome, .note { color: var(--soft); }
        .note { font-size: 12.5px; }
        .table { overflow-x: auto; }
        table { border-collapse: collapse; width: 100%; }
        th, td {
            text-align: left; vertical-align: top; padding: 6px 14px 6px 0; font-weight: 400;
            border-top: 1px solid var(--rule);
        }
        thead th { color: var(--soft); font-size: 12px; border-top: 0; }
        tbody th { font-weight: 600; }
        th.number, td.number { text-align: right; font-variant-numeric: tabular-nums; }
        .outcome { white-space: nowrap; font-weight: 600; }
        .unseen .outcome { font-weight: 400; font-style: italic; }
        .found td { border-top: 0; padding-top: 0; }
        .found ol { list-style: none; margin: 0; padding: 4px 0 4px 14px;
            border-left: 3px solid var(--bad); }
        .found li { display: flex; flex-wrap: wrap; gap: 2px 14px; padding: 2px 0; }
        .found li strong { color: var(--bad); white-space: nowrap; }
        .found .when { font-variant-numeric: tabular-nums; white-space: nowrap; }
        .found .who { font-weight: 600; }
        .found li span:last-child { flex: 1 1 320px; overflow-wrap: anywhere; }
        .runs .state { white-space: nowrap; color: var(--state); font-weight: 600; }
        .runs .symbol { width: 20px; height: 20px; padding: 4px; margin-right: 8px;
            vertical-align: -5px; }
        .runs td, .runs th { white-space: nowrap; }
        .runs .note { white-space: normal; font-weight: 400; }
        a { color: var(--line); }
        details { border-top: 1px solid var(--rule); padding: 5px 0; }
        summary { cursor: pointer; }
        pre { margin: 6px 0; padding: 10px 12px; background: var(--lane); border-radius: 6px;
            overflow-x: auto; }
        .legend {
            display: flex; flex-wrap: wrap; gap: 2px 16px; list-style: none; margin: 4px 0;
            padding: 0; font-size: 12px; color: var(--soft);
        }
        .legend li { display: flex; align-items: center; gap: 6px; }
        .swatch { width: 16px; height: 11px; border-radius: 2px; display: inline-block; }
        .swatch.outage {
            background: repeating-linear-gradient(135deg, var(--outage) 0 1.5px, transparent 0 5px);
            outline: 1px solid var(--outage); }
        .swatch.hardship {
            background: repeating-linear-gradient(45deg, var(--hardship) 0 1.5px, transparent 0 5px);
            outline: 1px solid var(--hardship); }
        .swatch.lag { opacity: 0.55; background: var(--lag); }
        .swatch.sample-line { height: 2px; background: var(--line); }
        .swatch.sample-moving { height: 2.5px; background: var(--moving); }
        .swatch.sample-percentile { height: 0; border-top: 2px dashed var(--soft); }
        .swatch.round { width: 8px; height: 8px; border-radius: 50%; background: var(--quorum); }
        .swatch.square { width: 7px; height: 7px; border-radius: 0; background: var(--first); }
        .diamond { color: var(--bad); }
        .panel { display: flex; }
        .panel + .panel { margin-top: 10px; }
        .labels { flex: none; overflow: hidden; }
        .scroll { flex: 1; min-width: 0; overflow-x: auto; overflow-y: hidden; outline-offset: 2px; }
        .plot { display: block; }
        .patterns { position: absolute; }
        svg text { font-size: 11px; fill: var(--soft); }
        svg .strong { fill: var(--ink); }
        svg .bad { fill: var(--bad); font-weight: 600; }
        svg .dense { font-size: 9.5px; }
        svg .middle, svg .onleader { text-anchor: middle; }
        svg .end { text-anchor: end; }
        .tick { font-variant-numeric: tabular-nums; }
        svg .onleader { font-weight: 600; }
        .caption { fill: var(--ink); }
        svg .tag { fill: var(--bad); font-weight: 700; }
        .caption, .tag { paint-order: stroke; stroke: var(--card); stroke-width: 3px;
            stroke-linejoin: round; }
        .lane { fill: none; }
        .lane.odd { fill: var(--lane); }
        .grid { stroke: var(--rule); stroke-width: 1; vector-effect: non-scaling-stroke; fill: none; }
        .fine { display: none; }
        .zoomed .fine { display: inline; }
        path.fine { stroke-dasharray: 2 3; }
        .line { fill: none; stroke: var(--line); stroke-width: 1.6;
            vector-effect: non-scaling-stroke; stroke-linejoin: round; }
        .spread { fill: var(--spread); fill-opacity: 0.18; }
        .lag { fill: var(--lag); fill-opacity: 0.45; }
        .outage-ground { fill: var(--outage); fill-opacity: 0.13; }
        .outage-hatch { stroke: var(--outage); stroke-opacity: 0.4; stroke-width: 1.2; fill: none; }
        .hardship-ground { fill: var(--hardship); fill-opacity: 0.10; }
        .hardship-hatch { stroke: var(--hardship); stroke-opacity: 0.26; stroke-width: 1.2;
            fill: none; }
        rect.outage { fill: url(#outage-pattern); }
        rect.hardship { fill: url(#hardship-pattern); }
        rect.key.outage { stroke: var(--outage); stroke-opacity: 0.8; }
        rect.key.hardship { stroke: var(--hardship); stroke-opacity: 0.8; }
        .dots { fill: none; stroke-width: 5.5; stroke-opacity: 0.8;
            vector-effect: non-scaling-stroke; }
        .dots.first { stroke: var(--first); stroke-linecap: square; stroke-width: 3.6; }
        .quorum { stroke: var(--quorum); stroke-linecap: round; }
        .dots.many { stroke-width: 3.6; stroke-opacity: 0.55; }
        .dots.many.first { stroke-width: 2.4; }
        .percentile { stroke: var(--soft); stroke-width: 1.2; stroke-dasharray: 5 4; fill: none;
            vector-effect: non-scaling-stroke; }
        .moving, .halo { fill: none; stroke-linejoin: round; stroke-linecap: round;
            vector-effect: non-scaling-stroke; }
        .moving { stroke: var(--moving); stroke-width: 2; }
        .halo { stroke: var(--halo); stroke-width: 4.5; stroke-opacity: 0.8; }
        line.finding { stroke: var(--bad); stroke-width: 1; stroke-dasharray: 3 3; }
        .mark { overflow: visible; }
        .mark path { fill: var(--bad); stroke: var(--card); stroke-width: 1.5; }
        .cursor { stroke: var(--soft); stroke-width: 1; visibility: hidden; pointer-events: none; }
        .hovering .cursor { visibility: visible; }
        .shade0 { fill: var(--s0); background: var(--s0); }
        .shade1 { fill: var(--s1); background: var(--s1); }
        .shade2 { fill: var(--s2); background: var(--s2); }
        .shade3 { fill: var(--s3); background: var(--s3); }
        .shade4 { fill: var(--s4); background: var(--s4); }
        .c0 { fill: var(--c0); background: var(--c0); }
        .c1 { fill: var(--c1); background: var(--c1); }
        .c2 { fill: var(--c2); background: var(--c2); }
        .c3 { fill: var(--c3); background: var(--c3); }
        .c4 { fill: var(--c4); background: var(--c4); }
        .c5 { fill: var(--c5); background: var(--c5); }
        .c6 { fill: var(--c6); background: var(--c6); }
        .c7 { fill: var(--c7); background: var(--c7); }
        svg .onleader.c0 { fill: var(--on0); } svg .onleader.c1 { fill: var(--on1); }
        svg .onleader.c2 { fill: var(--on2); } svg .onleader.c3 { fill: var(--on3); }
        svg .onleader.c4 { fill: var(--on4); } svg .onleader.c5 { fill: var(--on5); }
        svg .onleader.c6 { fill: var(--on6); } svg .onleader.c7 { fill: var(--on7); }
        #readout {
            position: fixed; z-index: 2; pointer-events: none; padding: 5px 10px; font-size: 12.5px;
            background: var(--ink); color: var(--card); border-radius: 5px; white-space: pre-line;
            max-width: 340px;
        }
        #readout[hidden] { display: none; }
        .spark { display: block; }
        @media (max-width: 900px) {
            main { padding: 12px 12px 32px; }
            section { padding: 12px 14px 14px; }
            header.head { padding: 14px 16px; }
            .expectations li { flex-wrap: wrap; gap: 0 12px; }
        }
        @media (max-width: 420px) { .facts .wide { grid-column: auto; } }
        @media print {
            button.copy, .zoom { display: none; }
            section { break-inside: avoid-page; }
        }
        """
}
