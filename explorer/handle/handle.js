// The handle of a card: drag it over the others, or press an arrow key; the new place goes to Python.
const start = (handle, down, { index, card }, tell) => {
  const mine = handle.closest(card)
  const cards = [...document.querySelectorAll(card)]
  const boxes = cards.map((one) => one.getBoundingClientRect())
  const place = cards.indexOf(mine)
  if (place < 0) return
  const gap = boxes.length > 1 ? Math.max(0, boxes[1].top - boxes[0].bottom) : 0
  const step = boxes[place].height + gap
  let to = place
  handle.setPointerCapture(down.pointerId)
  mine.classList.add("ps-dragged")
  const move = (event) => {
    const by = event.clientY - down.clientY
    const middle = boxes[place].top + boxes[place].height / 2 + by
    to = boxes.filter((box, other) => other !== place && box.top + box.height / 2 < middle).length
    mine.style.transform = `translateY(${by}px)`
    cards.forEach((one, other) => {
      if (other === place) return
      const shift = other > place && other <= to ? -step : other < place && other >= to ? step : 0
      one.style.transform = shift ? `translateY(${shift}px)` : ""
    })
  }
  const end = (event) => {
    handle.removeEventListener("pointermove", move)
    for (const name of ["pointerup", "pointercancel"]) handle.removeEventListener(name, end)
    mine.classList.remove("ps-dragged")
    for (const one of cards) one.style.transform = ""
    if (event.type === "pointerup" && to !== place) tell("moved", to + index - place)
  }
  handle.addEventListener("pointermove", move)
  for (const name of ["pointerup", "pointercancel"]) handle.addEventListener(name, end)
}

export default function ({ data, parentElement, setTriggerValue }) {
  const handle = parentElement.querySelector(".ps-handle")
  handle.setAttribute("aria-label", data.label)
  handle.title = data.label
  handle.onpointerdown = (event) => {
    if (event.button !== 0 || data.total < 2) return
    event.preventDefault()
    handle.focus()
    start(handle, event, data, setTriggerValue)
  }
  handle.onkeydown = (event) => {
    const to = data.index + ({ ArrowUp: -1, ArrowDown: 1 }[event.key] ?? 0)
    if (to === data.index || to < 0 || to >= data.total) return
    event.preventDefault()
    setTriggerValue("moved", to)
  }
}
