// keepwell's pages live: what the server says has changed is changed here, and nothing else is touched.
// Every page works without this file.

const told = document.getElementById("told");
const connection = document.getElementById("connection");

/** Tell who does not see the page. */
function tell(text) {
  if (text && told.textContent !== text) told.textContent = text;
}

/** An element of this HTML, made for a place beside `near`. */
function make(html, near) {
  const holder = document.createElement("template");
  if (near.namespaceURI === "http://www.w3.org/2000/svg" && near.localName !== "svg") {
    holder.innerHTML = `<svg>${html}</svg>`;
    return holder.content.firstElementChild.firstElementChild;
  }
  holder.innerHTML = html;
  return holder.content.firstElementChild;
}

/** Make `old` the same as `fresh`, and keep nodes that stay: what has the focus or is selected is not replaced. */
function morph(old, fresh) {
  if (old.isEqualNode(fresh)) return;
  if (old.nodeType !== fresh.nodeType || old.nodeName !== fresh.nodeName) return old.replaceWith(fresh);
  if (old.nodeType !== Node.ELEMENT_NODE) return void (old.nodeValue = fresh.nodeValue);
  for (const { name } of [...old.attributes]) {
    if (!fresh.hasAttribute(name) && name !== "open") old.removeAttribute(name);
  }
  for (const { name, value } of fresh.attributes) {
    if (old.getAttribute(name) !== value && name !== "open") old.setAttribute(name, value);
  }
  if (old !== document.activeElement || !("value" in old)) morphChildren(old, fresh);
}

function keyOf(node) {
  return node.nodeType === Node.ELEMENT_NODE ? node.getAttribute("data-key") : null;
}

function morphChildren(old, fresh) {
  const keyed = new Map();
  for (const node of old.childNodes) if (keyOf(node)) keyed.set(keyOf(node), node);
  let at = old.firstChild;
  for (const wanted of [...fresh.childNodes]) {
    const key = keyOf(wanted);
    const known = key ? keyed.get(key) : null;
    if (known) {
      keyed.delete(key);
      if (known === at) at = at.nextSibling;
      else old.insertBefore(known, at);
      morph(known, wanted);
    } else if (at && !key && !keyOf(at)) {
      const next = at.nextSibling;
      morph(at, wanted);
      at = next;
    } else {
      old.insertBefore(wanted, at);
    }
  }
  while (at) {
    const next = at.nextSibling;
    at.remove();
    at = next;
  }
}

/** What a part says aloud: the text of its `data-tell`, when that changes. */
function listenTo(section, change) {
  const before = section.querySelector("[data-tell]")?.dataset.tell;
  change();
  const after = section.querySelector("[data-tell]")?.dataset.tell;
  if (after !== before) tell(after);
}

function take(section, event) {
  listenTo(section, () => {
    if (event.whole !== undefined) {
      const fresh = section.cloneNode(false);
      fresh.innerHTML = event.whole;
      morph(section, fresh);
      return;
    }
    for (const [key, html] of Object.entries(event.pieces)) {
      const old = section.querySelector(`[data-key="${CSS.escape(decode(key))}"]`);
      if (old) morph(old, make(html, old));
    }
  });
  const then = section.querySelector("[data-done]") && section.closest("[data-then]")?.dataset.then;
  if (then) location.assign(then);
}

/** A key as it stands in HTML, as the document has it. */
function decode(text) {
  const holder = document.createElement("textarea");
  holder.innerHTML = text;
  return holder.value;
}

/** One stream for all live parts of the page; it is closed while nobody sees the page. */
function live() {
  const sections = new Map();
  for (const one of document.querySelectorAll("[data-live]")) sections.set(one.dataset.live, one);
  if (!sections.size) return;
  const query = new URLSearchParams([...sections.keys()].map((name) => ["part", name]));
  let source = null;
  let again = 0;
  const say = (state, text) => {
    if (connection.dataset.state === state) return;
    connection.dataset.state = state;
    connection.textContent = text;
  };
  const open = () => {
    clearTimeout(again);
    source = new EventSource(`/live?${query}`);
    source.onopen = () => say("live", "live");
    source.onmessage = (message) => {
      const event = JSON.parse(message.data);
      const section = sections.get(event.part);
      if (section) take(section, event);
    };
    source.onerror = () => {
      say("lost", "connection lost, trying again");
      if (source.readyState === EventSource.CLOSED) again = setTimeout(open, 4000);
    };
  };
  const close = () => (clearTimeout(again), source?.close());
  document.addEventListener("visibilitychange", () => (document.hidden ? close() : (close(), open())));
  addEventListener("pagehide", close);
  addEventListener("pageshow", (event) => event.persisted && open());
  open();
}

/** A link of `keepwell web` carries its code behind the #, which no server is told. */
function signIn() {
  const form = document.getElementById("sign-in");
  const code = location.hash.slice(1);
  if (!form || !code) return;
  history.replaceState(null, "", location.pathname + location.search);
  form.elements.secret.value = code;
  form.submit();
}

/** An element with a class and a text. */
function element(tag, kind, text = "") {
  const made = document.createElement(tag);
  if (kind) made.className = kind;
  made.textContent = text;
  return made;
}

/** The events of an answer that streams, as they come. */
async function* events(answer) {
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const lines = (rest + value).split("\n\n");
    rest = lines.pop();
    for (const line of lines) if (line.startsWith("data: ")) yield JSON.parse(line.slice(6));
  }
}

/** The figures of an answer, as the server says them. */
function figures(told) {
  const list = element("dl", "figures");
  for (const [name, value] of told.figures) list.append(element("dt", "", name), element("dd", "", value));
  return list;
}

/** Who answered. */
function who(told) {
  const line = element("p", "small soft", told.who);
  if (told.request) {
    const link = element("a", "", `request ${told.request}`);
    link.href = `/requests/${encodeURIComponent(told.request)}`;
    line.append(" · ", link);
  }
  return line;
}

/** The playground: questions and answers in turn, each answer as it comes. */
function playground() {
  const form = document.getElementById("ask");
  if (!form) return;
  const turns = document.getElementById("turns");
  const stop = document.getElementById("stop");
  const anew = document.getElementById("anew");
  let before = [];
  let leaving = null;
  const turn = (title, kind) => {
    const made = element("article", `turn ${kind}`);
    made.append(element("h2", "small soft", title));
    turns.append(made);
    return made;
  };
  const answer = async (response, place, said) => {
    let thought = null;
    for await (const one of events(response)) {
      if (one.kind === "text") said.textContent += one.text;
      else if (one.kind === "thought") {
        if (!thought) {
          thought = element("details");
          thought.append(element("summary", "soft", "what it thinks"), element("p", "said"));
          place.insertBefore(thought, said);
        }
        thought.lastChild.textContent += one.text;
      } else if (one.kind === "error") place.append(element("p", "trouble", one.text));
      else place.append(one.kind === "head" ? who(one.told) : figures(one.told));
    }
  };
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (leaving) return;
    const data = new URLSearchParams(new FormData(form));
    data.set("before", JSON.stringify(before));
    turn("You", "mine").append(element("p", "said", data.get("question")));
    const place = turn(data.get("model"), "");
    const said = element("p", "said");
    place.append(said);
    turns.setAttribute("aria-busy", "true");
    leaving = new AbortController();
    stop.hidden = false;
    form.elements.question.value = "";
    try {
      const headers = { accept: "text/event-stream" };
      await answer(await fetch("/playground", { method: "POST", body: data, headers, signal: leaving.signal }), place, said);
      before.push(["user", data.get("question")], ["assistant", said.textContent]);
    } catch (error) {
      place.append(element("p", "trouble", error.name === "AbortError" ? "stopped" : "the connection was lost"));
    }
    leaving = null;
    stop.hidden = true;
    anew.hidden = false;
    turns.removeAttribute("aria-busy");
    form.elements.question.focus();
  });
  stop.addEventListener("click", () => leaving?.abort());
  form.addEventListener("reset", () => {
    before = [];
    turns.replaceChildren();
    anew.hidden = true;
  });
}

signIn();
live();
playground();
