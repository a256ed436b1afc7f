// A Plotly histogram of one score with its thresholds: drag a line or a slider, both tell Python while they move.
let library
const plotly = (url) => (library ??= window.Plotly ? Promise.resolve() : import(new URL(url, document.baseURI).href))
const charts = new WeakMap()
const PALE = 0.35 // of the bars of pairs that another rule drops

class Histogram {
  constructor(root) {
    this.plot = root.querySelector(".ps-plot")
    this.sliders = root.querySelector(".ps-sliders")
    this.queue = Promise.resolve()
    this.held = null
    this.resizer = new ResizeObserver(() => this.started && window.Plotly.Plots.resize(this.plot))
    this.resizer.observe(this.plot)
  }

  update(data, tell) {
    this.data = data
    this.tell = tell
    this.controls()
    this.queue = this.queue.then(() => this.draw()).catch(() => { this.plot.textContent = "" })
  }

  controls() {
    const { sliders } = this.data
    while (this.sliders.children.length > sliders.length) this.sliders.lastChild.remove()
    sliders.forEach((slider, i) => {
      let input = this.sliders.children[i]
      if (!input) {
        input = document.createElement("input")
        input.type = "range"
        input.onpointerdown = () => { this.held = input }
        input.onpointerup = () => { this.held = null }
        input.oninput = () => this.moved(i, Number(input.value))
        this.sliders.append(input)
      }
      input.min = slider.low
      input.max = slider.high
      input.step = slider.step
      input.setAttribute("aria-label", slider.label)
      input.setAttribute("aria-valuetext", slider.text)
      input.title = slider.label
      if (this.held !== input && !this.waiting) input.value = slider.value
    })
  }

  moved(i, value) {
    this.next = { slider: i, value }
    this.send()
  }

  // One message at a time is on its way; of those that arise meanwhile only the newest is sent.
  send() {
    if (this.waiting || !this.next) return
    this.waiting = setTimeout(() => this.answered(), 1500)
    this.count = (this.count ?? 0) + 1
    this.tell("moved", { ...this.next, rule: this.data.rule, count: this.count })
    this.next = null
  }

  answered() {
    clearTimeout(this.waiting)
    this.waiting = null
    this.send()
  }

  async draw() {
    await plotly(this.data.library)
    if (this.gone) return
    const { edges, counts, held, lines, side, kept, dropped, alt, unit } = this.data
    const style = getComputedStyle(this.plot)
    const light = (style.color.match(/[\d.]+/g) ?? [0]).slice(0, 3).reduce((sum, part) => sum + Number(part), 0) > 380
    this.sliders.style.colorScheme = light ? "dark" : "light"
    const state = JSON.stringify([edges, counts, held, lines, side, style.color, kept, dropped])
    if (this.state === state) return
    this.state = state
    const middles = counts.map((_, k) => (edges[k] + edges[k + 1]) / 2)
    const inside = (x) => (side === "between" ? x >= lines[0] && x <= lines[1] : side === "max" ? x <= lines[0] : x >= lines[0])
    const bar = { type: "bar", x: middles, width: counts.map((_, k) => edges[k + 1] - edges[k]) }
    const about = (k) => [edges[k], edges[k + 1], counts[k], held ? Math.min(held[k], counts[k]) : null]
    const traces = [{
      ...bar, y: counts, customdata: counts.map((_, k) => about(k)),
      marker: { color: middles.map((x) => (inside(x) ? kept : dropped)), opacity: middles.map((x) => (held && inside(x) ? PALE : 1)), line: { width: 0 } },
      hovertemplate: `%{customdata[0]:.4~g} to %{customdata[1]:.4~g}: %{customdata[2]:,} pairs${held ? ", %{customdata[3]:,} kept by all rules" : ""}<extra></extra>`,
    }]
    if (held) traces.push({ ...bar, y: counts.map((_, k) => about(k)[3]), marker: { color: kept, line: { width: 0 } }, hoverinfo: "skip" })
    const layout = {
      height: 74, margin: { l: 2, r: 2, t: 2, b: 16 }, bargap: 0, barmode: "overlay", showlegend: false, dragmode: false, hovermode: "closest",
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", font: { family: style.fontFamily, size: 10, color: style.color },
      xaxis: { range: [edges[0], edges[edges.length - 1]], fixedrange: true, nticks: 6, showgrid: false, zeroline: false, title: { text: "" } },
      yaxis: { visible: false, fixedrange: true, type: this.data.log ? "log" : "linear" },
      shapes: lines.map((x) => ({ type: "line", x0: x, x1: x, y0: 0, y1: 1, yref: "paper", line: { color: style.color, width: 2.5 } })),
    }
    await window.Plotly.react(this.plot, traces, layout, { displayModeBar: false, edits: { shapePosition: true }, responsive: false })
    this.plot.setAttribute("aria-label", alt + (unit ? `, in ${unit}` : ""))
    if (!this.started) {
      this.started = true
      this.plot.on("plotly_relayout", (change) => {
        const key = Object.keys(change).find((name) => /^shapes\[\d\]\.x0$/.test(name))
        if (!key) return
        this.next = { line: Number(key[7]), value: change[key] }
        this.send()
      })
    }
  }

  destroy() {
    this.gone = true
    clearTimeout(this.waiting)
    this.resizer.disconnect()
    this.queue.then(() => this.started && window.Plotly.purge(this.plot))
  }
}

export default function ({ data, parentElement, setTriggerValue }) {
  if (!charts.has(parentElement)) charts.set(parentElement, new Histogram(parentElement))
  const chart = charts.get(parentElement)
  chart.update(data, setTriggerValue)
  if (chart.waiting && data.answer === chart.count) chart.answered()
  return () => {
    chart.destroy()
    charts.delete(parentElement)
  }
}
