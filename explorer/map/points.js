// The points of the map on WebGL 2: positions go to it once, later one byte of colour and one of emphasis a point.
// They are drawn in an order hashed from their rows, so that no value is painted over another.
const FAINT = 1, MARKED = 2
const EVERY = 0, UNMARKED = 1, ONLY_MARKED = 2

const VERTEX = `#version 300 es
in float x;
in float y;
in uint code;
in uint emphasis;
uniform vec2 centre;
uniform vec2 unit;
uniform float size;
uniform float opacity;
uniform int pass;
uniform sampler2D palette;
flat out vec4 ink;
void main() {
  ink = texelFetch(palette, ivec2(int(code), 0), 0);
  bool marked = (emphasis & 2u) != 0u;
  bool drawn = ink.a > 0.0 && (pass == 0 || marked == (pass == 2));
  float alpha = opacity * ((emphasis & 1u) != 0u ? 0.18 : 1.0);
  ink = vec4(ink.rgb * alpha, alpha);
  gl_Position = drawn ? vec4((vec2(x, y) * 2.0 - 1.0 - centre) * unit, 0.0, 1.0) : vec4(2.0, 2.0, 2.0, 1.0);
  gl_PointSize = size;
}`

const FRAGMENT = `#version 300 es
precision highp float;
uniform float size;
flat in vec4 ink;
out vec4 shown;
void main() {
  float edge = size < 2.5 ? 1.0 : clamp((0.5 - length(gl_PointCoord - 0.5)) * size + 0.5, 0.0, 1.0);
  shown = ink * edge;
}`

class Points {
  constructor(canvas) {
    this.canvas = canvas
    const gl = canvas.getContext("webgl2", { antialias: false, alpha: true })
    if (!gl) throw new Error("this browser has no WebGL 2")
    this.gl = gl
    this.count = 0
    this.colours = []
    this.start()
    canvas.addEventListener("webglcontextlost", (event) => event.preventDefault())
    canvas.addEventListener("webglcontextrestored", () => this.restore())
  }

  start() {
    const gl = this.gl
    const program = gl.createProgram()
    for (const [kind, text] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]]) {
      const shader = gl.createShader(kind)
      gl.shaderSource(shader, text)
      gl.compileShader(shader)
      gl.attachShader(program, shader)
    }
    ["x", "y", "code", "emphasis"].forEach((name, place) => gl.bindAttribLocation(program, place, name))
    gl.linkProgram(program)
    if (!gl.getProgramParameter(program, gl.LINK_STATUS)) throw new Error(gl.getProgramInfoLog(program) || "no shaders")
    gl.useProgram(program)
    this.at = Object.fromEntries(["centre", "unit", "size", "opacity", "pass"].map((name) => [name, gl.getUniformLocation(program, name)]))
    this.buffers = Object.fromEntries(["x", "y", "code", "emphasis"].map((name) => [name, gl.createBuffer()]))
    gl.bindTexture(gl.TEXTURE_2D, gl.createTexture())
    for (const name of [gl.TEXTURE_MIN_FILTER, gl.TEXTURE_MAG_FILTER]) gl.texParameteri(gl.TEXTURE_2D, name, gl.NEAREST)
    gl.enable(gl.BLEND)
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA)
  }

  restore() {
    this.start()
    if (this.count) {
      this.send("x", this.x)
      this.send("y", this.y)
      this.send("code", this.code)
      this.send("emphasis", this.emphasis)
      this.paint(this.colours, this.hidden)
      this.onrestore?.()
    }
  }

  // `buffer`: m uint16 x, m uint16 y, m uint32 rows. `order[j]` is the place in the file of the point drawn as j-th.
  load(buffer) {
    const count = this.count = buffer.byteLength / 8
    const [x, y] = [new Uint16Array(buffer, 0, count), new Uint16Array(buffer, 2 * count, count)]
    const rows = new Uint32Array(buffer, 4 * count, count)
    const keys = Float64Array.from(rows, (row, place) => (Math.imul(row ^ (row >>> 16), 0x9e3779b1) >>> 0) * 2 ** 21 + place)
    this.order = Uint32Array.from(keys.sort(), (key) => key % 2 ** 21)
    this.x = this.permuted(x)
    this.y = this.permuted(y)
    this.rows = this.permuted(rows)
    this.code = new Uint8Array(count)
    this.emphasis = new Uint8Array(count)
    this.marked = false
    this.send("x", this.x)
    this.send("y", this.y)
    this.send("code", this.code)
    this.send("emphasis", this.emphasis)
    this.index()
  }

  permuted(values) {
    const moved = new values.constructor(this.count)
    for (let j = 0; j < this.count; j++) moved[j] = values[this.order[j]]
    return moved
  }

  send(name, values) {
    const { gl } = this
    const place = ["x", "y", "code", "emphasis"].indexOf(name)
    gl.bindBuffer(gl.ARRAY_BUFFER, this.buffers[name])
    gl.bufferData(gl.ARRAY_BUFFER, values, place < 2 ? gl.STATIC_DRAW : gl.DYNAMIC_DRAW)
    gl.enableVertexAttribArray(place)
    if (place < 2) gl.vertexAttribPointer(place, 1, gl.UNSIGNED_SHORT, true, 0, 0)
    else gl.vertexAttribIPointer(place, 1, gl.UNSIGNED_BYTE, 0, 0)
  }

  recolour(code) {
    this.code = code
    this.send("code", code)
  }

  emphasise(faint, marks) {
    this.marked = marks !== null
    for (let j = 0; j < this.count; j++) this.emphasis[j] = (faint?.[j] ? FAINT : 0) | (marks?.[j] ? MARKED : 0)
    this.send("emphasis", this.emphasis)
  }

  // `colours`: hex, one a code; those of the set `hidden` are not drawn and not found.
  paint(colours, hidden) {
    Object.assign(this, { colours, hidden })
    const texels = new Uint8Array(256 * 4)
    colours.forEach((colour, code) => {
      const value = parseInt(colour.slice(1), 16)
      texels.set([value >> 16, (value >> 8) & 255, value & 255, hidden.has(code) ? 0 : 255], 4 * code)
    })
    this.gl.texImage2D(this.gl.TEXTURE_2D, 0, this.gl.RGBA, 256, 1, 0, this.gl.RGBA, this.gl.UNSIGNED_BYTE, texels)
  }

  // `view`: {x, y, unit} the centre of the window in the map's coordinates and pixels a unit of it, in device pixels.
  draw(view, size) {
    const { gl, canvas, at } = this
    gl.viewport(0, 0, canvas.width, canvas.height)
    gl.clearColor(0, 0, 0, 0)
    gl.clear(gl.COLOR_BUFFER_BIT)
    if (!this.count) return
    gl.uniform2f(at.centre, view.x, view.y)
    gl.uniform2f(at.unit, (2 * view.unit) / canvas.width, (2 * view.unit) / canvas.height)
    const pass = (which, opacity, larger) => {
      gl.uniform1i(at.pass, which)
      gl.uniform1f(at.opacity, opacity)
      gl.uniform1f(at.size, size + larger)
      gl.drawArrays(gl.POINTS, 0, this.count)
    }
    if (!this.marked) pass(EVERY, 0.8, 0)
    else {
      pass(UNMARKED, 0.16, 0)
      pass(ONLY_MARKED, 1, 1)
    }
  }

  // A grid of 256 by 256 cells with the points of each, for finding the nearest.
  index() {
    const starts = this.starts = new Uint32Array(65537)
    const cell = (j) => ((this.y[j] >> 8) << 8) | (this.x[j] >> 8)
    for (let j = 0; j < this.count; j++) starts[cell(j) + 1]++
    for (let c = 0; c < 65536; c++) starts[c + 1] += starts[c]
    const next = starts.slice()
    this.held = new Uint32Array(this.count)
    for (let j = 0; j < this.count; j++) this.held[next[cell(j)]++] = j
  }

  // The shown point nearest to (x, y) in the map's coordinates within `radius`, or -1.
  nearest(x, y, radius) {
    const step = (value) => ((value + 1) / 2) * 65535
    const cells = (value) => Math.max(0, Math.min(255, Math.floor(step(value) / 256)))
    const [px, py] = [step(x), step(y)]
    let best = -1, closest = (radius * 32767.5) ** 2
    for (let row = cells(y - radius); row <= cells(y + radius); row++) {
      const [first, last] = [this.starts[row * 256 + cells(x - radius)], this.starts[row * 256 + cells(x + radius) + 1]]
      for (let k = first; k < last; k++) {
        const j = this.held[k]
        const distance = (this.x[j] - px) ** 2 + (this.y[j] - py) ** 2
        if (distance < closest && !this.hidden.has(this.code[j])) [best, closest] = [j, distance]
      }
    }
    return best
  }

  // Which points lie inside a polygon of the map's coordinates, by the even-odd rule.
  inside(polygon) {
    const corners = polygon.map(([x, y]) => [(x + 1) * 32767.5, (y + 1) * 32767.5])
    const [xs, ys] = [corners.map((c) => c[0]), corners.map((c) => c[1])]
    const [left, right, low, high] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)]
    const marks = new Uint8Array(this.count)
    for (let j = 0; j < this.count; j++) {
      const px = this.x[j], py = this.y[j]
      if (px < left || px > right || py < low || py > high) continue
      let odd = 0
      for (let a = 0, b = corners.length - 1; a < corners.length; b = a++) {
        if ((ys[a] > py) !== (ys[b] > py) && px < ((xs[b] - xs[a]) * (py - ys[a])) / (ys[b] - ys[a]) + xs[a]) odd ^= 1
      }
      marks[j] = odd
    }
    return marks
  }

  destroy() {
    this.gl.getExtension("WEBGL_lose_context")?.loseContext()
  }
}
