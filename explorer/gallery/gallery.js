// A gallery: images by URL, captions as text. A click tells the row of the pair; the box at its corner, Ctrl or Shift
// with a click, or the key x select it.
const galleries = new WeakMap()

const image = (row, caption, thumbs, frame) => {
  const made = document.createElement("img")
  made.src = `${thumbs}/${row}.webp`
  made.alt = caption
  made.loading = "lazy"
  made.decoding = "async"
  made.onerror = () => frame.replaceChildren("no image")
  return made
}

const tile = ({ row, caption, fact, state, title, image: pictured }, thumbs) => {
  const whole = document.createElement("div")
  whole.className = "ps-tile"
  whole.role = "listitem"
  const button = document.createElement("button")
  button.type = "button"
  button.dataset.row = row
  if (state) button.dataset.state = state
  button.title = title
  const frame = document.createElement("span")
  frame.className = "ps-image"
  frame.append(pictured ? image(row, caption, thumbs, frame) : "no image")
  const text = document.createElement("span")
  text.className = "ps-caption"
  text.textContent = caption || "(no caption)"
  button.append(frame, text)
  if (fact) {
    const line = document.createElement("span")
    line.className = "ps-fact"
    line.textContent = fact
    button.append(line)
  }
  whole.append(button)
  return whole
}

class Gallery {
  constructor(root) {
    this.grid = root.querySelector(".ps-gallery")
    this.button = root.querySelector(".ps-more")
    this.selected = new Set()
    this.button.onclick = () => this.wantMore()
    this.sight = new IntersectionObserver((seen) => this.data?.more === "scroll" && seen.some((one) => one.isIntersecting) && this.wantMore(), { rootMargin: "300px" })
    this.sight.observe(this.button)
  }

  update(data, trigger, state) {
    Object.assign(this, { data, trigger, state })
    const { grid } = this
    grid.setAttribute("aria-label", data.label)
    grid.style.gridTemplateColumns = data.size ? `repeat(auto-fill, minmax(min(${data.size}px, 100%), 1fr))` : `repeat(${data.columns}, minmax(0, 1fr))`
    grid.style.setProperty("--ps-kept", data.kept)
    grid.style.setProperty("--ps-dropped", data.dropped)
    const rows = new Set(data.pairs.map((pair) => pair.row))
    this.selected = new Set([...this.selected].filter((row) => rows.has(row)))
    const old = new Map([...grid.children].map((child) => [child.dataset.about, child]))
    grid.replaceChildren(...data.pairs.map((pair, place) => {
      const about = JSON.stringify(pair)
      const child = old.get(about) ?? tile(pair, data.thumbs)
      child.dataset.about = about
      this.equip(child, pair.row, place)
      return child
    }))
    this.button.hidden = !data.more
    if (this.asked !== data.pairs.length) this.asked = null
    this.mark()
    this.sight.unobserve(this.button) // observed anew, it tells whether it is in sight now
    this.sight.observe(this.button)
  }

  equip(child, row, place) {
    const button = child.querySelector("button")
    if (this.data.veiled && !button.dataset.veil) button.dataset.veil = "on"
    if (this.data.selectable && !child.querySelector(".ps-pick")) {
      const box = document.createElement("input")
      box.type = "checkbox"
      box.className = "ps-pick"
      box.setAttribute("aria-label", `Select ${button.querySelector(".ps-caption").textContent.slice(0, 60)}`)
      child.append(box)
    }
    const box = child.querySelector(".ps-pick")
    if (box) box.onclick = (event) => this.pick(row, place, event.shiftKey)
    button.onclick = (event) => {
      if (button.dataset.veil === "on") button.dataset.veil = "off"
      else if (this.data.selectable && (event.ctrlKey || event.metaKey || event.shiftKey)) this.pick(row, place, event.shiftKey)
      else this.trigger("opened", row)
    }
    button.onkeydown = (event) => {
      const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key]
      if (step) this.grid.children[place + step]?.querySelector("button").focus()
      else if (event.key === "x" && this.data.selectable) this.pick(row, place, false)
      else return
      event.preventDefault()
    }
  }

  // Turns the selection of one pair, or, with Shift, selects all from the one that was picked last.
  pick(row, place, range) {
    const rows = this.data.pairs.map((pair) => pair.row)
    if (range && this.last !== undefined) rows.slice(Math.min(this.last, place), Math.max(this.last, place) + 1).forEach((one) => this.selected.add(one))
    else if (!this.selected.delete(row)) this.selected.add(row)
    this.last = place
    this.mark()
    clearTimeout(this.telling)
    this.telling = setTimeout(() => this.state("selected", [...this.selected]), 150)
  }

  mark() {
    this.grid.toggleAttribute("data-some", this.selected.size > 0)
    for (const box of this.grid.querySelectorAll(".ps-pick")) box.checked = this.selected.has(Number(box.parentElement.querySelector("button").dataset.row))
  }

  wantMore() {
    const length = this.data.pairs.length
    if (this.asked === length) return
    this.asked = length
    this.trigger("more", length)
  }

  destroy() {
    clearTimeout(this.telling)
    this.sight.disconnect()
  }
}

export default function ({ data, parentElement, setTriggerValue, setStateValue }) {
  if (!galleries.has(parentElement)) galleries.set(parentElement, new Gallery(parentElement))
  const gallery = galleries.get(parentElement)
  gallery.update(data, setTriggerValue, setStateValue)
  return () => {
    gallery.destroy()
    galleries.delete(parentElement)
  }
}
