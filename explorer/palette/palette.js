// The command palette: Ctrl+K opens it, typing narrows it, Enter chooses; other keys choose their command at once.
const MOST = 60 // lines that are shown at a time
const panes = new WeakMap()

const element = (tag, name, text) => {
  const made = document.createElement(tag)
  made.className = name
  made.textContent = text
  return made
}

// How well the words of the query fit: every word must occur, at a word's beginning in the label is best. 0: not at all.
const fit = (command, words) => {
  const label = command.label.toLowerCase()
  const all = `${label} ${command.group} ${command.about}`.toLowerCase()
  let sum = 1
  for (const word of words) {
    if (!all.includes(word)) return 0
    sum += label.startsWith(word) ? 4 : label.includes(` ${word}`) ? 3 : label.includes(word) ? 2 : 0
  }
  return sum
}

const typing = () => {
  let place = document.activeElement
  while (place?.shadowRoot?.activeElement) place = place.shadowRoot.activeElement
  return place?.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(place?.tagName ?? "")
}

class Palette {
  constructor(root) {
    this.open = root.querySelector(".ps-palette-open")
    ;[this.dialog, this.help] = root.querySelectorAll("dialog")
    this.input = this.dialog.querySelector("input")
    this.list = this.dialog.querySelector(".ps-palette-list")
    this.open.onclick = () => this.show()
    this.input.oninput = () => this.narrow()
    this.input.onkeydown = (event) => this.move(event)
    for (const dialog of [this.dialog, this.help]) dialog.onclick = (event) => event.target === dialog && dialog.close()
    this.listener = (event) => this.key(event)
    document.addEventListener("keydown", this.listener, true)
  }

  key(event) {
    if ((event.ctrlKey || event.metaKey) && !event.altKey && event.key.toLowerCase() === "k") {
      event.preventDefault()
      event.stopPropagation()
      if (this.dialog.open) this.dialog.close()
      else this.show()
    } else if (!event.ctrlKey && !event.metaKey && !event.altKey && !typing() && !document.querySelector("dialog[open], [role='dialog']:not(dialog)")) {
      if (event.key === "?") this.explain()
      else {
        const command = this.commands.find((one) => one.key && one.key === event.key)
        if (!command) return
        this.tell("chosen", command.id)
      }
      event.preventDefault()
      event.stopPropagation()
    }
  }

  show() {
    this.help.close()
    this.input.value = ""
    this.narrow()
    if (!this.dialog.open) this.dialog.showModal()
    this.input.focus()
  }

  explain() {
    const keys = [["Ctrl K", "Find or do anything"], ["?", "These shortcuts"], ...this.commands.filter((one) => one.key).map((one) => [one.key, one.label]),
      ["← →", "Move a threshold that has the focus"], ["Shift ← →", "Move it ten steps"], ["↑ ↓", "Move a rule by its handle"]]
    this.help.querySelector("dl").replaceChildren(...keys.flatMap(([key, label]) => {
      const term = document.createElement("dt")
      term.append(element("kbd", "", key))
      return [term, element("dd", "", label)]
    }))
    this.help.showModal()
  }

  narrow() {
    const words = this.input.value.toLowerCase().split(/\s+/).filter(Boolean)
    const fits = this.commands.map((command) => [fit(command, words), command]).filter(([sum]) => sum)
    if (words.length) fits.sort((a, b) => b[0] - a[0])
    this.found = fits.slice(0, MOST).map(([, command]) => command)
    this.at = 0
    let group = null
    this.list.replaceChildren(...this.found.flatMap((command, place) => {
      const item = element("div", "ps-palette-item", "")
      item.role = "option"
      item.id = `ps-palette-${place}`
      item.append(element("span", "ps-palette-label", command.label), element("span", "ps-palette-about", words.length && !command.about ? command.group : command.about))
      if (command.key) item.append(element("kbd", "", command.key))
      item.onclick = () => this.choose(place)
      item.onpointermove = () => this.mark(place, false)
      const head = words.length || command.group === group ? [] : [element("div", "ps-palette-group", command.group)]
      group = command.group
      return [...head, item]
    }))
    if (!this.found.length) this.list.append(element("div", "ps-palette-none", "Nothing of that name. Try fewer letters."))
    this.mark(0)
  }

  mark(place, scroll = true) {
    this.at = place
    for (const item of this.list.querySelectorAll(".ps-palette-item")) {
      const on = item.id === `ps-palette-${place}`
      item.setAttribute("aria-selected", on)
      if (on && scroll) item.scrollIntoView({ block: "nearest" })
    }
    this.input.setAttribute("aria-activedescendant", this.found.length ? `ps-palette-${place}` : "")
  }

  move(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key]
    if (step && this.found.length) this.mark((this.at + step + this.found.length) % this.found.length)
    else if (event.key === "Enter") this.choose(this.at)
    else return
    event.preventDefault()
    event.stopPropagation()
  }

  choose(place) {
    const command = this.found[place]
    if (!command) return
    this.dialog.close()
    this.tell("chosen", command.id)
  }

  destroy() {
    document.removeEventListener("keydown", this.listener, true)
  }
}

export default function ({ data, parentElement, setTriggerValue }) {
  if (!panes.has(parentElement)) panes.set(parentElement, new Palette(parentElement))
  const palette = panes.get(parentElement)
  palette.commands = data.commands
  palette.tell = setTriggerValue
  return () => {
    palette.destroy()
    panes.delete(parentElement)
  }
}
