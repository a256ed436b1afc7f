// The map of a pool. Geometry comes once by URL; a rerun brings only packed masks, so zoom and selection stay.
const maps = new WeakMap()

const WHOLE = { x: -1, y: -1, width: 2, height: 2 }
const hex = (colour) => {
  const [r, g, b] = (colour.match(/[\d.]+/g) ?? [0, 0, 0]).map(Number)
  return [r / 255, g / 255, b / 255, 1]
}

// A renderer of the map's own size that draws at once on its canvas. The library's draws the whole window, into floats
// that it copies, and smooths each pixel four times over, though its points are smooth: a third of a slider step's drawing.
const straight = (createRenderer) => {
  const sheet = document.createElement("canvas")
  sheet.getContext("webgl", { antialias: false, preserveDrawingBuffer: true })
  const renderer = createRenderer({ canvas: sheet })
  const render = (draw, target) => {
    renderer.regl.clear({ color: [0, 0, 0, 0], depth: 1 })
    draw()
    const pen = target.getContext("2d")
    pen.clearRect(0, 0, target.width, target.height)
    pen.drawImage(sheet, 0, 0)
  }
  return Object.create(renderer, { render: { value: render } })
}

class PoolMap {
  constructor(root) {
    this.root = root
    this.box = root.querySelector(".ps-map")
    this.tip = root.querySelector(".ps-map-tip")
    this.message = root.querySelector(".ps-map-message")
    this.captions = new Map()
    this.drawn = { geometry: null, planes: null, colours: null, highlight: null }
    this.lassoed = false
    this.queue = Promise.resolve()
    for (const button of root.querySelectorAll("button")) button.onclick = () => this.use(button.dataset.tool)
    this.resizer = new ResizeObserver(() => this.resize())
    this.resizer.observe(this.box)
  }

  update(data, tell) {
    this.data = data
    this.tell = tell
    this.legend()
    this.root.querySelector(".ps-map-note").textContent = data.note ?? ""
    this.queue = this.queue.then(() => this.draw(data)).catch((error) => {
      this.message.hidden = false
      this.message.textContent = "The map can't be drawn (" + error.message + "). Counts, galleries and lists work without it."
    })
  }

  legend() {
    const place = this.root.querySelector(".ps-map-legend")
    place.replaceChildren(...this.data.legend.map(({ label, colour }) => {
      const entry = document.createElement("span")
      const dot = document.createElement("i")
      dot.style.background = colour
      entry.append(dot, label)
      return entry
    }))
  }

  async start(data) {
    const { default: createScatterplot, createRenderer } = await import(new URL(data.library, document.baseURI).href)
    const canvas = document.createElement("canvas")
    canvas.tabIndex = 0
    canvas.setAttribute("aria-label", "Points of the map; drag to move, scroll to zoom, click to open a pair")
    if (!document.createElement("canvas").getContext("webgl")) throw new Error("this browser has no WebGL")
    this.box.prepend(canvas)
    const { width, height } = this.box.getBoundingClientRect()
    this.renderer = straight(createRenderer)
    this.renderer.resize(width, height)
    this.plot = createScatterplot({
      renderer: this.renderer, canvas, width, height, pointSize: 3, pointSizeSelected: 2, pointOutlineWidth: 1, opacity: 0.75,
      opacityInactiveMax: 1, opacityInactiveScale: 0.28, lassoMinDist: 4, lassoClearEvent: "deselect", colorBy: "category",
      lassoColor: hex(getComputedStyle(this.box).color),
    })
    this.plot.subscribe("pointover", (point) => this.hover(point))
    this.plot.subscribe("pointout", () => this.hover(null))
    this.plot.subscribe("lassoStart", () => { this.lassoing = true; this.hover(null) })
    this.plot.subscribe("lassoEnd", ({ coordinates }) => this.lasso(coordinates))
    this.plot.subscribe("select", ({ points }) => this.select(points))
    this.plot.subscribe("deselect", () => this.deselect())
    this.use("panZoom")
  }

  async draw(data) {
    if (!data.geometry) {
      this.message.hidden = false
      this.message.textContent = data.empty
      return
    }
    if (this.gone) return
    if (!this.plot) await this.start(data)
    const background = getComputedStyle(this.box).backgroundColor
    if (this.drawn.background !== background) {
      this.drawn.background = background
      this.plot.set({ backgroundColor: hex(background) })
    }
    if (this.drawn.under !== data.under || this.drawn.underOn !== background) await this.underlay(data.under, background)
    const fresh = this.drawn.geometry !== data.geometry
    if (fresh) await this.load(data.geometry)
    if (fresh || this.drawn.colours !== String(data.colours)) {
      this.drawn.colours = String(data.colours)
      this.plot.set({ pointColor: data.colours, pointColorActive: data.colours, pointColorHover: data.colours })
      this.drawn.planes = null
    }
    if (this.drawn.planes !== String(data.planes)) {
      this.drawn.planes = String(data.planes)
      const planes = data.planes.map((plane) => Uint8Array.from(atob(plane), (c) => c.charCodeAt(0)))
      for (let i = 0; i < this.points.length; i++) {
        let code = 0
        for (let k = 0; k < planes.length; k++) code |= ((planes[k][i >> 3] >> (7 - (i & 7))) & 1) << k
        this.points[i][2] = code
      }
      await this.plot.draw(this.points, { zDataType: "categorical", spatialIndex: this.index, preventFilterReset: true })
      if (!this.index) {
        this.index = this.plot.get("spatialIndex")
        await this.plot.zoomToArea(WHOLE)
      }
      this.message.hidden = true
      this.box.dataset.drawn = String(Number(this.box.dataset.drawn ?? 0) + 1)
    }
    this.box.dataset.stamp = data.stamp
    if (String(this.drawn.highlight) !== String(data.highlight)) {
      this.drawn.highlight = data.highlight
      this.restore()
    }
  }

  // The density of all pairs; the library draws it without transparency, so it is laid on the background here.
  // A picture that replaces another one goes into the same texture: telling the library of it would draw all twice.
  async underlay(url, background) {
    Object.assign(this.drawn, { under: url, underOn: background, planes: null })
    this.box.dataset.under = url ? String(url.length) : ""
    if (!url) {
      this.plot.set({ backgroundImage: null })
      this.texture?.destroy()
      this.texture = null
      return
    }
    const picture = new Image()
    picture.src = url
    await picture.decode()
    this.sheet ??= document.createElement("canvas")
    this.sheet.width = this.sheet.height = picture.width
    const pen = this.sheet.getContext("2d", { willReadFrequently: true })
    pen.fillStyle = background
    pen.fillRect(0, 0, picture.width, picture.width)
    pen.drawImage(picture, 0, 0)
    const { data, width, height } = pen.getImageData(0, 0, picture.width, picture.width)
    const content = { data: new Uint8Array(data.buffer), width, height, mag: "linear", min: "linear" }
    if (this.texture) {
      this.texture(content)
      return
    }
    this.texture = this.renderer.regl.texture(content)
    this.plot.set({ backgroundImage: this.texture })
  }

  async load(url) {
    const response = await fetch(new URL(url, document.baseURI).href)
    if (!response.ok) throw new Error("its positions are gone; reload the page")
    const buffer = await response.arrayBuffer()
    const count = buffer.byteLength / 8
    const x = new Uint16Array(buffer, 0, count)
    const y = new Uint16Array(buffer, 2 * count, count)
    this.rows = new Uint32Array(buffer, 4 * count, count)
    this.points = Array.from({ length: count }, (_, i) => [x[i] / 32767.5 - 1, y[i] / 32767.5 - 1, 0, 0])
    this.index = undefined
    this.drawn = { ...this.drawn, geometry: url, planes: null, colours: null, highlight: null }
    this.box.dataset.points = String(count)
    this.plot.set({ pointSize: count > 40000 ? 2 : count > 8000 ? 3 : 5 })
  }

  restore() {
    this.plot.select((this.lassoed ? this.inside : this.drawn.highlight) ?? [], { preventEvent: true })
  }

  use(tool) {
    if (!this.plot) return
    if (tool === "fit") this.plot.zoomToArea(WHOLE, { transition: true, transitionDuration: 250 })
    else this.plot.set({ mouseMode: tool })
    if (tool !== "fit") {
      for (const button of this.root.querySelectorAll("button")) button.ariaPressed = String(button.dataset.tool === tool)
    }
  }

  lasso(coordinates) {
    this.lassoing = false
    const every = Math.ceil(coordinates.length / 200)
    const polygon = coordinates.filter((_, i) => i % every === 0).map(([x, y]) => [Number(x.toFixed(4)), Number(y.toFixed(4))])
    this.lassoed = polygon.length > 2
    this.tell.state("lasso", this.lassoed ? polygon : null)
  }

  select(points) {
    if (this.lassoing) this.inside = [...points]
    if (this.lassoing || points.length !== 1) return
    this.tell.trigger("opened", this.rows[points[0]])
    this.restore()
  }

  deselect() {
    if (this.lassoing || !this.lassoed) return
    this.lassoed = false
    this.tell.state("lasso", null)
    this.restore()
  }

  hover(point) {
    clearTimeout(this.timer)
    this.tip.hidden = true
    if (point === null || this.lassoing) return
    this.timer = setTimeout(() => this.describe(point), 60)
  }

  async describe(point) {
    const row = this.rows[point]
    if (!this.captions.has(row)) {
      const response = await fetch(new URL(`${this.data.pairs}/${row}.json`, document.baseURI).href)
      this.captions.set(row, response.ok ? (await response.json()).text : "")
    }
    const place = this.plot.getScreenPosition(point)
    if (!place || this.gone) return
    const picture = document.createElement("img")
    picture.src = `${this.data.thumbs}/${row}.webp`
    picture.alt = ""
    picture.onerror = () => picture.remove()
    const caption = document.createElement("p")
    caption.textContent = this.captions.get(row) || "(no caption)"
    this.tip.replaceChildren(picture, caption)
    this.tip.hidden = false
    const { width, height } = this.box.getBoundingClientRect()
    this.tip.style.left = `${Math.max(4, Math.min(place[0] + 14, width - 200))}px`
    this.tip.style.top = place[1] > height / 2 ? "auto" : `${place[1] + 14}px`
    this.tip.style.bottom = place[1] > height / 2 ? `${height - place[1] + 14}px` : "auto"
  }

  resize() {
    const { width, height } = this.box.getBoundingClientRect()
    if (!this.plot || !width || !height) return
    this.renderer.resize(width, height)
    this.plot.set({ width, height })
  }

  destroy() {
    this.gone = true
    clearTimeout(this.timer)
    this.resizer.disconnect()
    this.queue.then(() => { this.plot?.destroy(); this.renderer?.destroy() })
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
