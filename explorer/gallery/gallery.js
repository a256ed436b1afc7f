// A gallery: pictures by URL, captions as text. A click tells the row of the pair.
const tile = ({ row, caption, fact, state, title, picture: pictured }, thumbs, opened) => {
  const button = document.createElement("button")
  button.type = "button"
  button.dataset.row = row
  if (state) button.dataset.state = state
  button.title = title
  button.onclick = () => opened(row)
  const frame = document.createElement("span")
  frame.className = "ps-picture"
  if (pictured) {
    const picture = document.createElement("img")
    picture.src = `${thumbs}/${row}.webp`
    picture.alt = caption
    picture.loading = "lazy"
    picture.decoding = "async"
    picture.onerror = () => frame.replaceChildren("no picture")
    frame.append(picture)
  } else {
    frame.append("no picture")
  }
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
  return button
}

export default function ({ data, parentElement, setTriggerValue }) {
  const grid = parentElement.querySelector(".ps-gallery")
  grid.setAttribute("aria-label", data.label)
  grid.style.gridTemplateColumns = `repeat(${data.columns}, minmax(0, 1fr))`
  grid.style.setProperty("--ps-kept", data.kept)
  grid.style.setProperty("--ps-dropped", data.dropped)
  const opened = (row) => setTriggerValue("opened", row)
  const old = new Map([...grid.children].map((child) => [child.dataset.about, child]))
  grid.replaceChildren(...data.pairs.map((pair) => {
    const about = JSON.stringify(pair)
    const child = old.get(about) ?? tile(pair, data.thumbs, opened)
    child.dataset.about = about
    if (data.veiled && !child.dataset.veil) child.dataset.veil = "on"
    child.onclick = () => {
      if (child.dataset.veil === "on") child.dataset.veil = "off"
      else opened(pair.row)
    }
    return child
  }))
}
