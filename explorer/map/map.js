// The map of a pool. Geometry comes once by URL; a rerun brings only packed masks, so zoom and selection stay.
const maps = new WeakMap()
const NEAREST = 0.85, FARTHEST = 80  // zoom limits: 1 shows the whole map
const REACH = 10  // pixels from a point at which it is still meant
const CLICK = 4  // pixels that the pointer may move between press and release of a click
const CORNERS = 200

class PoolMap {
  constructor(root) {
    this.root = root
    this.box = root.querySelector(".ps-map")
    this.tip = root.querySelector(".ps-map-tip")
    this.message = root.querySelector(".ps-map-message")
    this.outline = root.querySelector(".ps-map-lasso path")
    this.ring = root.querySelector(".ps-map-lasso circle")
    this.labels = new Labels(root.querySelector(".ps-map-labels"))
    this.view = { x: 0, y: 0, zoom: 1 }
    this.pairs = new Map()
    this.files = new Map()
    this.drawn = {}
    this.hidden = new Set()
    this.lasso = null
    this.queue = Promise.resolve()
    for (const button of root.querySelectorAll("button[data-tool]")) button.onclick = () => this.use(button.dataset.tool)
    this.select = root.querySelector("select")
    this.select.onchange = () => { this.hidden = new Set(); this.tell.state("legend", null); this.tell.state("colour", this.select.value) }
    this.resizer = new ResizeObserver(() => this.resize())
    this.resizer.observe(this.box)
    this.use("move")
  }

  update(data, tell) {
    this.data = data
    this.tell = tell
    this.choices(data)
    this.root.querySelector(".ps-map-note").textContent = data.note ?? ""
    this.queue = this.queue.then(() => this.show(data)).catch((error) => {
      this.message.hidden = false
      this.message.textContent = "The map can't be drawn (" + error.message + "). Counts, galleries and lists work without it."
    })
  }

  choices({ choices, colour }) {
    if (this.drawn.choices !== JSON.stringify(choices)) {
      this.drawn.choices = JSON.stringify(choices)
      this.select.replaceChildren(...choices.map(([title, values]) => {
        const group = document.createElement("optgroup")
        group.label = title
        group.append(...values.map(([value, label]) => new Option(label, value)))
        return group
      }))
    }
    this.select.value = colour
  }

  legend({ legend, colour }) {
    const place = this.root.querySelector(".ps-map-legend")
    const entries = legend.map(({ label, colour: hue, points }, code) => {
      const entry = document.createElement("button")
      const [dot, name, count] = ["i", "b", "span"].map((kind) => document.createElement(kind))
      dot.style.background = hue
      name.textContent = label
      count.textContent = points.toLocaleString("en")
      entry.type = "button"
      entry.ariaPressed = String(!this.hidden.has(code))
      entry.title = "Click: show this alone. Shift-click: hide or show it."
      entry.append(dot, name, count)
      entry.onclick = (event) => this.toggle(code, event.shiftKey || event.ctrlKey || event.metaKey, legend.length, colour)
      return entry
    })
    place.replaceChildren(...(this.data.codes ? entries : entries.reverse()))  // states: kept first, dropped last
  }

  // A click shows one entry alone, and the same click again all; with Shift it hides or shows just this one.
  toggle(code, one, count, colour) {
    const all = Array.from({ length: count }, (_, other) => other)
    const alone = this.hidden.size === count - 1 && !this.hidden.has(code)
    if (one) this.hidden.has(code) ? this.hidden.delete(code) : this.hidden.add(code)
    else this.hidden = new Set(alone ? [] : all.filter((other) => other !== code))
    if (this.hidden.size === count) this.hidden.clear()
    this.points.paint(this.data.legend.map((entry) => entry.colour), this.hidden)
    this.legend(this.data)
    this.redraw()
    this.tell.state("legend", this.hidden.size ? { colour, shown: all.filter((other) => !this.hidden.has(other)) } : null)
  }

  start() {
    const canvas = this.canvas = document.createElement("canvas")
    canvas.tabIndex = 0
    canvas.setAttribute("role", "img")
    canvas.setAttribute("aria-label", "Points of the map; drag or use the arrow keys to move, scroll or use + and − to zoom, click to open a pair")
    this.points = new Points(canvas)
    this.points.onrestore = () => this.redraw()
    this.box.querySelector(".ps-map-under").after(canvas)
    canvas.onpointerdown = (event) => this.press(event)
    canvas.onpointermove = (event) => this.drag(event)
    canvas.onpointerup = (event) => this.release(event)
    canvas.onpointercancel = () => { this.pressed = null }
    canvas.onpointerleave = () => this.hover(-1)
    canvas.addEventListener("wheel", (event) => this.wheel(event), { passive: false })
    canvas.onkeydown = (event) => this.key(event)
    this.resize()
  }

  async show(data) {
    if (this.gone) return
    if (!this.points) this.start()
    if (this.drawn.geometry !== data.geometry) {
      this.points.load(await this.file(data.geometry, "its positions are gone; reload the page"))
      this.drawn = { choices: this.drawn.choices, geometry: data.geometry }
      this.box.dataset.points = String(this.points.count)
      fetch(new URL(data.regions, document.baseURI).href).then((answer) => (answer.ok ? answer.json() : []))
        .then((found) => { this.labels.set(found); this.box.dataset.labels = String(found.length); this.redraw() }).catch(() => {})
    }
    const codes = data.codes ? await this.codes(data.codes) : null
    if (this.gone) return
    this.underlay(data.under)
    const state = String([data.codes, data.planes])
    if (this.drawn.state !== state || this.drawn.highlight !== String(data.highlight)) {
      Object.assign(this.drawn, { state, highlight: String(data.highlight) })
      const bits = this.bits(data.planes)
      this.points.recolour(codes ?? bits)
      this.faint = codes ? bits.map((bit) => (bit & 1) ^ 1) : null
      this.emphasise()
    }
    this.hidden = new Set(data.hidden)
    this.points.paint(data.legend.map((entry) => entry.colour), this.hidden)
    this.legend(data)
    this.message.hidden = true
    this.render()
    this.box.dataset.drawn = String(Number(this.box.dataset.drawn ?? 0) + 1)
    this.box.dataset.stamp = data.stamp
  }

  async file(url, lost) {
    const answer = await fetch(new URL(url, document.baseURI).href)
    if (!answer.ok) throw new Error(lost)
    return answer.arrayBuffer()
  }

  async codes(url) {
    if (!this.files.has(url)) {
      this.files = new Map([...this.files].slice(-3))
      const bytes = new Uint8Array(await this.file(url, "its colours are gone; choose others"))
      this.files.set(url, this.points.permuted(bytes))
    }
    return this.files.get(url)
  }

  // One byte a point in drawing order: bit k is plane k.
  bits(planes) {
    const { count, order } = this.points
    const code = new Uint8Array(count)
    planes.map((plane) => Uint8Array.from(atob(plane), (c) => c.charCodeAt(0))).forEach((bytes, k) => {
      for (let j = 0; j < count; j++) code[j] |= ((bytes[order[j] >> 3] >> (7 - (order[j] & 7))) & 1) << k
    })
    return code
  }

  // Points of the lasso stand out, else those of the search.
  emphasise() {
    let marks = this.lasso && this.points.inside(this.lasso)
    if (!marks && this.data.highlight.length) {
      const chosen = new Set(this.data.highlight)
      marks = Uint8Array.from(this.points.order, (place) => Number(chosen.has(place)))
    }
    this.points.emphasise(this.faint, marks)
  }

  underlay(url) {
    if (this.drawn.under === url) return
    this.drawn.under = url
    const place = this.box.querySelector(".ps-map-under")
    place.hidden = !url
    place.style.backgroundImage = url ? `url(${url})` : ""
    this.box.dataset.under = url ? String(url.length) : ""
  }

  get unit() { return (Math.min(this.width, this.height) / 2) * this.view.zoom }

  toScreen(x, y) { return [this.width / 2 + (x - this.view.x) * this.unit, this.height / 2 - (y - this.view.y) * this.unit] }

  toMap(x, y) { return [this.view.x + (x - this.width / 2) / this.unit, this.view.y - (y - this.height / 2) / this.unit] }

  redraw() {
    this.frame ??= requestAnimationFrame(() => this.render())
  }

  render() {
    cancelAnimationFrame(this.frame)
    this.frame = null
    if (this.gone || !this.points || !this.width) return
    const { count } = this.points
    const size = (count > 400_000 ? 1 : count > 40_000 ? 2 : count > 8_000 ? 3 : 5) * Math.min(3, this.view.zoom ** 0.4)
    this.points.draw({ x: this.view.x, y: this.view.y, unit: this.unit * this.ratio }, size * this.ratio)
    const [left, top] = this.toScreen(-1, 1)
    Object.assign(this.box.querySelector(".ps-map-under").style, {
      width: `${2 * this.unit}px`, height: `${2 * this.unit}px`, transform: `translate(${left}px, ${top}px)` })
    this.labels.draw((x, y) => this.toScreen(x, y), this.view.zoom, this.width, this.height, this.taken())
    this.trace(this.path ?? this.lasso?.map(([x, y]) => this.toScreen(x, y)), !this.path)
    this.box.dataset.zoom = this.view.zoom.toFixed(3)
  }

  // Where the bar and the legend lie.
  taken() {
    return [".ps-map-bar > *", ".ps-map-legend"].flatMap((name) => [...this.box.querySelectorAll(name)])
      .map((part) => [part.parentElement === this.box ? part.offsetLeft : part.offsetLeft + 8,
        part.parentElement === this.box ? part.offsetTop : part.offsetTop + 8, part.offsetWidth, part.offsetHeight])
      .map(([left, top, width, height]) => [left, top, left + width, top + height])
  }

  trace(corners, closed) {
    const line = corners?.map(([x, y]) => `${x.toFixed(1)} ${y.toFixed(1)}`).join("L")
    this.outline.setAttribute("d", line ? `M${line}${closed ? "Z" : ""}` : "")
  }

  move(x, y, zoom) {
    const limited = (value) => Math.max(-1, Math.min(1, value))
    this.view = { x: limited(x), y: limited(y), zoom: Math.max(NEAREST, Math.min(FARTHEST, zoom)) }
    this.hover(-1)
    this.redraw()
  }

  // Zooms so that the place under (px, py) stays under it.
  zoomAt(px, py, factor) {
    const [x, y] = this.toMap(px, py)
    const zoom = Math.max(NEAREST, Math.min(FARTHEST, this.view.zoom * factor))
    const kept = this.view.zoom / zoom
    this.move(x + (this.view.x - x) * kept, y + (this.view.y - y) * kept, zoom)
  }

  wheel(event) {
    event.preventDefault()
    const pixels = event.deltaY * (event.deltaMode === 1 ? 16 : 1)
    this.zoomAt(event.offsetX, event.offsetY, Math.exp(-Math.max(-240, Math.min(240, pixels)) * 0.0022))
  }

  key(event) {
    const { x, y, zoom } = this.view
    const step = 0.2 / zoom
    const act = {
      ArrowLeft: () => this.move(x - step, y, zoom), ArrowRight: () => this.move(x + step, y, zoom),
      ArrowUp: () => this.move(x, y + step, zoom), ArrowDown: () => this.move(x, y - step, zoom),
      "+": () => this.move(x, y, zoom * 1.4), "=": () => this.move(x, y, zoom * 1.4), "-": () => this.move(x, y, zoom / 1.4),
      0: () => this.use("fit"), Escape: () => this.unlasso(),
    }[event.key]
    if (!act || event.ctrlKey || event.metaKey || event.altKey) return
    event.preventDefault()
    act()
  }

  press(event) {
    if (event.button !== 0) return
    this.canvas.setPointerCapture(event.pointerId)
    this.canvas.focus({ preventScroll: true })
    this.pressed = { at: [event.offsetX, event.offsetY], view: this.view, moved: false }
    this.path = event.shiftKey || this.tool === "lasso" ? [this.pressed.at] : null
    this.hover(-1)
  }

  drag(event) {
    const here = [event.offsetX, event.offsetY]
    if (!this.pressed) return this.hover(this.points.nearest(...this.toMap(...here), REACH / this.unit))
    const [dx, dy] = [here[0] - this.pressed.at[0], here[1] - this.pressed.at[1]]
    this.pressed.moved ||= Math.hypot(dx, dy) > CLICK
    if (this.path) {
      const [x, y] = this.path.at(-1)
      if (Math.hypot(here[0] - x, here[1] - y) < 3) return
      this.path.push(here)
      this.redraw()
    } else if (this.pressed.moved) {
      this.box.classList.add("ps-moving")
      this.move(this.pressed.view.x - dx / this.unit, this.pressed.view.y + dy / this.unit, this.view.zoom)
    }
  }

  release(event) {
    const { pressed, path } = this
    this.pressed = this.path = null
    this.box.classList.remove("ps-moving")
    if (!pressed) return
    if (path && path.length > 2) return this.surround(path)
    if (pressed.moved) return this.redraw()
    const point = this.points.nearest(...this.toMap(event.offsetX, event.offsetY), REACH / this.unit)
    if (point >= 0) this.tell.trigger("opened", this.points.rows[point])
    else this.unlasso()
  }

  surround(path) {
    const every = Math.ceil(path.length / CORNERS)
    this.lasso = path.filter((_, i) => i % every === 0).map(([x, y]) => this.toMap(x, y).map((value) => Number(value.toFixed(4))))
    this.emphasise()
    this.redraw()
    this.tell.state("lasso", this.lasso)
  }

  unlasso() {
    if (!this.lasso) return
    this.lasso = null
    this.emphasise()
    this.redraw()
    this.tell.state("lasso", null)
  }

  use(tool) {
    if (tool === "fit") return this.glide()
    if (tool === "labels") this.labels.shown = !this.labels.shown
    else this.tool = this.box.dataset.tool = tool
    for (const button of this.root.querySelectorAll("button[data-tool]")) {
      if (button.dataset.tool === "labels") button.ariaPressed = String(this.labels.shown)
      else if (button.dataset.tool !== "fit") button.ariaPressed = String(button.dataset.tool === this.tool)
    }
    this.redraw()
  }

  // Back to the whole map in a quarter of a second; at once for who wants no motion.
  glide() {
    const from = this.view, began = performance.now()
    const span = matchMedia("(prefers-reduced-motion: reduce)").matches ? 0 : 250
    const step = (now) => {
      const part = span ? Math.min(1, Math.max(0, now - began) / span) : 1
      const left = (1 - part) ** 2
      this.move(from.x * left, from.y * left, from.zoom ** left)
      if (part < 1 && !this.gone) requestAnimationFrame(step)
    }
    requestAnimationFrame(step)
  }

  hover(point) {
    if (point === this.over) return
    this.over = point
    clearTimeout(this.timer)
    this.tip.hidden = true
    this.ring.style.visibility = "hidden"
    if (point < 0) return
    const place = this.toScreen(this.points.x[point] / 32767.5 - 1, this.points.y[point] / 32767.5 - 1)
    this.ring.setAttribute("cx", place[0])
    this.ring.setAttribute("cy", place[1])
    this.ring.style.visibility = "visible"
    this.timer = setTimeout(() => this.describe(point, place), 60)
  }

  async describe(point, place) {
    const row = this.points.rows[point]
    const url = `${this.data.pairs}/${row}.json${this.data.facts}`
    if (!this.pairs.has(url)) {
      if (this.pairs.size > 500) this.pairs.clear()
      const answer = await fetch(new URL(url, document.baseURI).href)
      this.pairs.set(url, answer.ok ? await answer.json() : {})
    }
    if (this.over !== point || this.gone) return
    const { text, facts = [] } = this.pairs.get(url)
    const image = document.createElement("img")
    image.src = `${this.data.thumbs}/${row}.webp`
    image.alt = ""
    image.onerror = () => image.remove()
    const caption = document.createElement("p")
    caption.textContent = text || "(no caption)"
    const list = document.createElement("dl")
    for (const [name, value] of [...this.state(point), ...facts]) {
      const [term, meaning] = [document.createElement("dt"), document.createElement("dd")]
      term.textContent = name
      meaning.textContent = value
      list.append(term, meaning)
    }
    this.tip.replaceChildren(image, caption, list)
    this.tip.hidden = false
    this.tip.style.left = `${Math.max(4, Math.min(place[0] + 14, this.width - 210))}px`
    this.tip.style.top = place[1] > this.height / 2 ? "auto" : `${place[1] + 14}px`
    this.tip.style.bottom = place[1] > this.height / 2 ? `${this.height - place[1] + 14}px` : "auto"
  }

  // Whether the pair is kept, and what its colour stands for.
  state(point) {
    const colour = this.data.legend[this.points.code[point]]?.label ?? ""
    if (!this.data.codes) return [["state", colour]]
    return [["state", this.faint[point] ? "dropped" : "kept"], [this.select.selectedOptions[0]?.text ?? "colour", colour]]
  }

  resize() {
    const { width, height } = this.box.getBoundingClientRect()
    if (!this.points || !width || !height) return
    this.ratio = window.devicePixelRatio || 1
    Object.assign(this, { width: this.box.clientWidth, height: this.box.clientHeight })
    this.canvas.width = Math.round(this.width * this.ratio)
    this.canvas.height = Math.round(this.height * this.ratio)
    this.render()
  }

  destroy() {
    this.gone = true
    clearTimeout(this.timer)
    cancelAnimationFrame(this.frame)
    this.resizer.disconnect()
    this.queue.then(() => this.points?.destroy())
  }
}

export default function ({ data, parentElement, setStateValue, setTriggerValue }) {
  if (!maps.has(parentElement)) maps.set(parentElement, new PoolMap(parentElement))
  const map = maps.get(parentElement)
  map.update(data, { state: setStateValue, trigger: setTriggerValue })
  return () => {
    map.destroy()
    maps.delete(parentElement)
  }
}
