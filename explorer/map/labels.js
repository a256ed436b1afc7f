// Names of regions over the points: at each zoom those that fit, larger regions first, never over each other.
const APPEARS = [0, 1.7, 3.6], GOES = [4, 9, Infinity]  // zoom at which the regions of a level come and go

class Labels {
  constructor(place) {
    this.place = place
    this.pen = document.createElement("canvas").getContext("2d")
    this.entries = []
    this.shown = true
  }

  set(regions) {
    this.pen.font = `600 12px ${getComputedStyle(this.place).fontFamily}`
    const ordered = [...regions].sort((a, b) => a.level - b.level || b.points - a.points)
    this.entries = ordered.map((region) => {
      const text = document.createElement("span")
      text.textContent = region.label
      text.title = `${region.points.toLocaleString("en")} points`
      return { ...region, text, half: this.pen.measureText(region.label).width / 2 + 4 }
    })
    this.place.replaceChildren(...this.entries.map((entry) => entry.text))
  }

  // `toScreen(x, y)`: pixels; `taken`: boxes [left, top, right, bottom] that labels keep clear of.
  draw(toScreen, zoom, width, height, taken) {
    const boxes = [...taken]
    const seen = new Set()
    for (const entry of this.entries) {
      const [x, y] = toScreen(entry.x, entry.y)
      const box = [x - entry.half, y - 24, x + entry.half, y - 6]  // above what it names
      const fits = this.shown && zoom >= APPEARS[entry.level] && zoom < GOES[entry.level] && !seen.has(entry.label)
        && box[0] > 2 && box[1] > 2 && box[2] < width - 2 && box[3] < height - 22
        && boxes.every((other) => box[2] < other[0] || box[0] > other[2] || box[3] < other[1] || box[1] > other[3])
      entry.text.hidden = !fits
      if (!fits) continue
      boxes.push(box)
      seen.add(entry.label)
      entry.text.style.transform = `translate(${Math.round(box[0])}px, ${Math.round(box[1])}px)`
    }
  }
}
