/// What a page gains where scripts run: copying a command, a read-out under the pointer, and zooming.
/// It holds no less-than sign and no ampersand, so that the page stays well-formed XML, and asks
/// nothing of the network.
enum ReportScript {
    static let text: StaticString = """
        (() => {
        'use strict';
        const root = document.documentElement;
        root.classList.add('live');

        function copyBySelection(code) {
            const range = document.createRange();
            range.selectNodeContents(code);
            const selection = getSelection();
            selection.removeAllRanges();
            selection.addRange(range);
            return document.execCommand('copy');
        }
        for (const button of document.querySelectorAll('button.copy')) {
            button.addEventListener('click', async () => {
                const code = button.parentElement.querySelector('code');
                let done = false;
                try {
                    await navigator.clipboard.writeText(code.textContent);
                    done = true;
                } catch {
                    done = copyBySelection(code);
                }
                button.textContent = done ? 'Copied' : 'Select it';
                setTimeout(() => { button.textContent = 'Copy'; }, 1500);
            });
        }

        // Zooming makes all plots wider; their scrolled places follow each other.
        const scrolls = [...document.querySelectorAll('.scroll')];
        let zoom = 1;
        function setZoom(wanted, at) {
            const next = Math.min(64, Math.max(1, wanted));
            const first = scrolls[0];
            if (!first) return;
            const part = at === undefined ? 0.5 : at;
            const middle = (first.scrollLeft + part * first.clientWidth) / first.scrollWidth;
            zoom = next;
            root.classList.toggle('zoomed', zoom >= 4);
            for (const plot of document.querySelectorAll('.plot')) {
                plot.setAttribute('width', zoom * 100 + '%');
            }
            first.scrollLeft = middle * first.scrollWidth - part * first.clientWidth;
            for (const output of document.querySelectorAll('.zoom output')) {
                output.textContent = zoom + '×';
            }
        }
        for (const button of document.querySelectorAll('[data-zoom]')) {
            button.addEventListener('click', () => setZoom(zoom * Number(button.dataset.zoom)));
        }
        for (const scroll of scrolls) {
            scroll.addEventListener('scroll', () => {
                for (const other of scrolls) {
                    if (Math.abs(other.scrollLeft - scroll.scrollLeft) > 1) {
                        other.scrollLeft = scroll.scrollLeft;
                    }
                }
            });
            scroll.addEventListener('wheel', event => {
                if (!event.ctrlKey) return;
                event.preventDefault();
                const box = scroll.getBoundingClientRect();
                const at = (event.clientX - box.left) / box.width;
                setZoom(event.deltaY > 0 ? zoom / 2 : zoom * 2, at);
            }, { passive: false });
        }

        // The read-out.
        const readout = document.getElementById('readout');
        const plots = [...document.querySelectorAll('.plot')];
        const lanes = [...document.querySelectorAll('[data-lane]')].map(group => {
            let bin = 0, height = 0, leader = -1;
            const changes = group.dataset.s.split(';').filter(text => text).map(text => {
                const parts = text.split(',').map(Number);
                bin += parts[0];
                height += parts[1];
                if (parts.length > 2) leader = parts[2];
                return { bin, height, leader };
            });
            return {
                name: group.dataset.lane, top: Number(group.dataset.y),
                height: Number(group.dataset.h), bins: Number(group.dataset.bins), changes,
            };
        });
        function stateAt(lane, part) {
            const bin = Math.floor(part * lane.bins);
            let low = 0, high = lane.changes.length;
            while (high > low) {
                const middle = (low + high) >> 1;
                if (lane.changes[middle].bin > bin) high = middle; else low = middle + 1;
            }
            return low > 0 ? lane.changes[low - 1] : null;
        }
        function highestAt(part) {
            return Math.max(0, ...lanes.map(lane => stateAt(lane, part)).map(s => s ? s.height : 0));
        }
        function nodeName(index) { return lanes[index] ? lanes[index].name : 'node ' + index; }
        function duration(micros) {
            return micros >= 1e6 ? (micros / 1e6).toFixed(2) + ' s' : (micros / 1e3).toFixed(1) + ' ms';
        }
        const blocks = new Map();
        function blocksOf(plot) {
            if (!blocks.has(plot)) {
                blocks.set(plot, plot.dataset.values.split(';').map(text => text.split(',').map(Number)));
            }
            return blocks.get(plot);
        }
        function describe(plot, part, y) {
            if (plot.dataset.kind === 'timeline') {
                const highest = highestAt(part);
                const lane = lanes.find(lane => y >= lane.top ? lane.top + lane.height > y : false);
                if (!lane) return 'highest final: ' + highest;
                const state = stateAt(lane, part);
                if (!state) return lane.name + ': nothing yet';
                const lag = highest - state.height;
                return lane.name + ': height ' + state.height + (lag > 0 ? ', ' + lag + ' behind' : '')
                    + '\\nleader: ' + nodeName(state.leader);
            }
            if (plot.dataset.kind === 'rate') {
                const [bin, unit, list] = plot.dataset.values.split('|');
                const value = list.split(';')[Math.floor(part * Number(plot.dataset.end) / Number(bin))];
                return value === undefined ? '' : value + ' ' + unit;
            }
            let nearest = null;
            for (const block of blocksOf(plot)) {
                const distance = Math.abs(block[0] - part * 10000);
                if (!nearest || Math.abs(nearest[0] - part * 10000) > distance) nearest = block;
            }
            if (!nearest) return '';
            return 'block ' + nearest[1] + ', ' + nearest[4] + ' transactions\\nfirst node '
                + duration(nearest[2]) + ', quorum ' + duration(nearest[3]);
        }
        for (const plot of plots) {
            plot.addEventListener('pointermove', event => {
                const box = plot.getBoundingClientRect();
                const part = Math.min(1, Math.max(0, (event.clientX - box.left) / box.width));
                root.classList.add('hovering');
                for (const cursor of document.querySelectorAll('.cursor')) {
                    cursor.setAttribute('x1', part * 100 + '%');
                    cursor.setAttribute('x2', part * 100 + '%');
                }
                const seconds = (part * Number(plot.dataset.end) / 1e9).toFixed(3) + ' s';
                const text = describe(plot, part, event.clientY - box.top);
                readout.textContent = text ? seconds + '\\n' + text : seconds;
                readout.hidden = false;
                const size = readout.getBoundingClientRect();
                const right = event.clientX + 16 + size.width > innerWidth;
                readout.style.left = (event.clientX + (right ? -16 - size.width : 16)) + 'px';
                readout.style.top = Math.min(event.clientY + 16, innerHeight - size.height - 4) + 'px';
            });
            plot.addEventListener('pointerleave', () => {
                root.classList.remove('hovering');
                readout.hidden = true;
            });
        }
        })();
        """
}
