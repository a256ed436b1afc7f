// The histogram of one score with its thresholds: each is a line that is dragged or moved by arrow keys, and tells
// Python while it moves.
const SVG = "http://www.w3.org/2000/svg"
const PALE = 0.35 // of the bars of pairs that another rule drops
const FOOT = 32 // pixels under the bars: ticks and the name of the axis
const charts = new WeakMap()

const shape = (tag, attributes, text = "") => {
  const made = document.createElementNS(SVG, tag)
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value)
  if (text) made.textContent = text
  return made
}

const short = (value) => {
  const size = Math.abs(value)
  return size >= 10000 || (size && size < 0.001) ? value.toPrecision(3).replace(/\.?0+(e|$)/, "$1") : Number(value.toPrecision(4)).toLocaleString("en-US", { maximumFractionDigits: 6 })
}

// About `wanted` round numbers from `low` to `high`.
const ticks = (low, high, wanted) => {
  if (!(high > low)) return [low]
  const raw = (high - low) / wanted
  const power = 10 ** Math.floor(Math.log10(raw))
  const step = [1, 2, 5, 10].find((one) => one * power >= raw) * power
  const found = []
  for (let k = Math.ceil(low / step); k * step <= high + step * 1e-9; k++) found.push(k * step)
  return found
}

class Histogram {
  constructor(root) {
    this.plot = root.querySelector(".ps-plot")
    this.svg = root.querySelector("svg")
    this.handles = []
    this.resizer = new ResizeObserver(() => this.data && this.draw())
    this.resizer.observe(this.plot)
  }

  update(data, tell) {
    this.data = data
    this.tell = tell
    if (!this.waiting && !this.next) this.local = null
    while (this.handles.length > data.lines.length) this.handles.pop().remove()
    while (this.handles.length < data.lines.length) this.handles.push(this.handle(this.handles.length))
    this.draw()
  }

  // Where the lines stand: as Python says, but for one that is being moved.
  get lines() {
    return this.data.lines.map(({ value }, i) => (this.local?.line === i ? this.local.value : value))
  }

  handle(i) {
    const line = document.createElement("div")
    line.className = "ps-line"
    line.tabIndex = 0
    line.role = "slider"
    line.onpointerdown = (down) => {
      if (down.button !== 0) return
      down.preventDefault()
      line.focus({ preventScroll: true })
      line.setPointerCapture(down.pointerId)
      line.dataset.held = "yes"
    }
    line.onpointermove = (event) => {
      if (!line.dataset.held) return
      const box = this.plot.getBoundingClientRect()
      this.move(i, this.low + ((event.clientX - box.left) / box.width) * (this.high - this.low))
    }
    line.onpointerup = line.onpointercancel = () => {
      delete line.dataset.held
      if (!this.waiting && !this.next) this.local = null
      this.draw()
    }
    line.onkeydown = (event) => this.key(event, i)
    this.plot.append(line)
    return line
  }

  move(i, value) {
    this.local = { line: i, value: Math.min(this.high, Math.max(this.low, value)) }
    this.next = { line: i, value: this.local.value }
    this.draw()
    this.send()
  }

  // An arrow moves the line the way that it points; of a `top` it is a tenth of a percent more or less that is kept.
  key(event, i) {
    const way = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1 }[event.key]
    const end = { Home: this.low, End: this.high }[event.key]
    if (way === undefined && end === undefined) return
    event.preventDefault()
    event.stopPropagation()
    const { percent, step } = this.data.lines[i]
    const times = event.shiftKey ? 10 : 1
    if (percent === null) this.move(i, end ?? this.lines[i] + way * times * step)
    else {
      const wanted = end === undefined ? (this.local?.percent ?? percent) - way * times * 0.1 : event.key === "Home" ? 100 : 0
      const value = Math.min(100, Math.max(0, Math.round(wanted * 1e6) / 1e6))
      this.local = { percent: value }
      this.next = { slider: i, value }
      this.send()
    }
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
    if (this.waiting || this.handles.some((line) => line.dataset.held)) return
    this.local = null
    this.draw()
  }

  get low() { return this.data.edges[0] }
  get high() { return this.data.edges[this.data.edges.length - 1] }

  draw() {
    const { edges, counts, held, side, kept, dropped, label, lines: about } = this.data
    const width = this.plot.clientWidth
    if (!width) return
    const height = this.plot.clientHeight - FOOT
    const lines = this.lines
    const x = (value) => (this.high > this.low ? ((value - this.low) / (this.high - this.low)) * width : width / 2)
    const most = Math.max(1, ...counts)
    const inside = (value) => (side === "between" ? value >= lines[0] && value <= lines[1] : side === "max" ? value <= lines[0] : value >= lines[0])
    const parts = []
    counts.forEach((count, k) => {
      const left = x(edges[k])
      const right = x(edges[k + 1])
      const is = inside((edges[k] + edges[k + 1]) / 2)
      const own = held ? Math.min(held[k], count) : count
      const bar = (size, fill, opacity) => shape("rect", { x: left, y: height - (size / most) * (height - 4), width: Math.max(0.5, right - left - (right - left > 3 ? 0.6 : 0)), height: (size / most) * (height - 4), fill, opacity })
      const told = shape("title", {}, `${short(edges[k])} to ${short(edges[k + 1])}: ${count.toLocaleString("en-US")} pairs${held ? `, ${own.toLocaleString("en-US")} kept by all rules` : ""}`)
      const whole = bar(count, is ? kept : dropped, held && is ? PALE : 1)
      const hover = shape("rect", { x: left, y: 0, width: Math.max(0.5, right - left), height, fill: "transparent" })
      hover.append(told)
      parts.push(whole, ...(held && own ? [bar(own, kept, 1)] : []), hover)
    })
    parts.push(shape("line", { class: "ps-axis", x1: 0, x2: width, y1: height + 0.5, y2: height + 0.5 }))
    for (const tick of ticks(this.low, this.high, Math.max(2, Math.floor(width / 70)))) {
      const anchor = x(tick) < 12 ? "start" : x(tick) > width - 12 ? "end" : "middle"
      parts.push(shape("text", { x: x(tick), y: height + 14, "text-anchor": anchor }, short(tick)))
    }
    parts.push(shape("text", { x: width, y: height + 27, "text-anchor": "end" }, label), shape("text", { x: 0, y: height + 27 }, `pairs, up to ${most.toLocaleString("en-US")} a bar`))
    this.svg.replaceChildren(...parts)
    this.svg.setAttribute("aria-label", this.data.alt)
    this.handles.forEach((line, i) => {
      line.style.left = `${Math.min(width, Math.max(0, x(lines[i])))}px`
      const { percent, name, text } = about[i]
      const range = percent === null ? [this.low, this.high, lines[i]] : [0, 100, percent]
      ;["valuemin", "valuemax", "valuenow"].forEach((one, k) => line.setAttribute(`aria-${one}`, range[k]))
      line.setAttribute("aria-valuetext", text)
      line.setAttribute("aria-label", name)
      line.title = `${name}: ${text}. Drag it, or use the arrow keys.`
    })
  }

  destroy() {
    clearTimeout(this.waiting)
    this.resizer.disconnect()
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
