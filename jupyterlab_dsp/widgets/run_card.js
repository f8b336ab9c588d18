// The run card without our extension: plain DOM and SVG, fed by the kernel.
const STYLE = `
.dsp-card { font: 13px sans-serif; border: 1px solid #8886; border-radius: 3px; max-width: 900px; }
.dsp-card header { display: flex; gap: 8px; align-items: baseline; padding: 6px 10px; }
.dsp-card .dsp-muted { opacity: .7; font-size: 12px; }
.dsp-card .dsp-where { margin-left: auto; }
.dsp-card progress { width: calc(100% - 20px); margin: 0 10px; height: 6px; }
.dsp-card .dsp-body { display: flex; gap: 10px; padding: 6px 10px; flex-wrap: wrap; }
.dsp-card figure { margin: 0; }
.dsp-card pre { flex: 1; min-width: 220px; max-height: 130px; overflow: auto; margin: 0; font-size: 11px; white-space: pre-wrap; }
.dsp-card .dsp-problem { color: #d32f2f; padding: 0 10px 6px; white-space: pre-wrap; }
.dsp-card .dsp-problem:empty { display: none; }
`;
const SVG = 'http://www.w3.org/2000/svg';
const WIDTH = 230;
const HEIGHT = 100;

function element(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

function points(series, low, high, first, last) {
  const parts = [];
  let pen = 'M';
  series.x.forEach((x, i) => {
    const y = series.y[i];
    if (y === null || y === undefined) {
      pen = 'M';
      return;
    }
    const left = last > first ? ((x - first) / (last - first)) * (WIDTH - 4) + 2 : WIDTH / 2;
    const top = high > low ? HEIGHT - 3 - ((y - low) / (high - low)) * (HEIGHT - 6) : HEIGHT / 2;
    parts.push(`${pen}${left.toFixed(1)} ${top.toFixed(1)}`);
    pen = 'L';
  });
  return parts.join('');
}

function chart(name, lines) {
  const figure = element('figure');
  figure.append(element('figcaption', 'dsp-muted', lines.length > 1 ? `${name}: — training, - - validation` : name));
  const xs = lines.flatMap(line => line.x);
  const ys = lines.flatMap(line => line.y).filter(y => y !== null);
  const svg = document.createElementNS(SVG, 'svg');
  svg.setAttribute('viewBox', `0 0 ${WIDTH} ${HEIGHT}`);
  svg.setAttribute('width', WIDTH);
  svg.setAttribute('height', HEIGHT);
  svg.setAttribute('role', 'img');
  svg.setAttribute('aria-label', `${name} over ${lines[0].unit}s`);
  for (const line of lines) {
    const path = document.createElementNS(SVG, 'path');
    path.setAttribute('d', points(line, Math.min(...ys), Math.max(...ys), Math.min(...xs), Math.max(...xs)));
    path.setAttribute('fill', 'none');
    path.setAttribute('stroke-width', '1.5');
    const isValidation = line.name.startsWith('val_');
    path.setAttribute('stroke', isValidation ? '#f57c00' : '#1976d2');
    if (isValidation) path.setAttribute('stroke-dasharray', '4 3');
    svg.append(path);
  }
  figure.append(svg);
  return figure;
}

/** Curves of epochs where there are any, else of steps; training and validation of one metric together. */
function charts(series) {
  const epochs = series.filter(one => one.unit === 'epoch');
  const groups = new Map();
  for (const one of epochs.length ? epochs : series) {
    const name = one.name.replace(/^val_/, '');
    groups.set(name, [...(groups.get(name) ?? []), one]);
  }
  return [...groups].slice(0, 3).map(([name, lines]) => chart(name, lines));
}

function render({ model, el }) {
  const style = element('style', '', STYLE);
  const card = element('article', 'dsp-card');
  const header = element('header');
  const title = element('b');
  const about = element('span', 'dsp-muted');
  const where = element('span', 'dsp-where');
  const stop = element('button', '', 'Stop');
  stop.onclick = () => {
    stop.disabled = true;
    model.send({ action: 'stop' });
  };
  header.append(title, about, where, stop);
  const bar = element('progress');
  bar.max = 1;
  const problem = element('div', 'dsp-problem');
  const body = element('div', 'dsp-body');
  const curves = element('div', 'dsp-body');
  const log = element('pre');
  body.append(curves, log);
  card.append(header, bar, problem, body);
  el.append(style, card);

  const draw = () => {
    const run = model.get('run');
    title.textContent = run.name;
    card.setAttribute('aria-label', `Run ${run.id} of ${run.name}`);
    about.textContent = [`run ${run.id}`, run.params].filter(Boolean).join(' · ');
    where.textContent = [run.where, run.metrics, run.stored && `stored as ${run.stored}`].filter(Boolean).join(' · ');
    stop.hidden = run.is_final;
    stop.disabled = run.stopping;
    bar.hidden = run.is_final;
    if (run.share === null) bar.removeAttribute('value');
    else bar.value = run.share;
    problem.textContent = [run.problem, model.get('problem')].filter(Boolean).join('\n');
  };
  const drawCurves = () => curves.replaceChildren(...charts(model.get('series')));
  const drawLog = () => {
    const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 20;
    log.textContent = model.get('log');
    if (atEnd) log.scrollTop = log.scrollHeight;
  };
  model.on('change:run', draw);
  model.on('change:problem', draw);
  model.on('change:series', drawCurves);
  model.on('change:log', drawLog);
  draw();
  drawCurves();
  drawLog();
  return () => {
    model.off('change:run', draw);
    model.off('change:problem', draw);
    model.off('change:series', drawCurves);
    model.off('change:log', drawLog);
  };
}

export default { render };
