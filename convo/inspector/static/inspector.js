// Countdowns, the slider, and pages that follow a conversation. Without it everything can still be read.
// Pages come as documents, whose scripts never run; no text is ever made into markup here.
"use strict";
(() => {
  const main = document.getElementById("main");
  if (!main) return;
  const ahead = Number(main.dataset.now) - Date.now();
  const written = new WeakMap(); // elements as the server wrote them, before anything here changed them

  const stamp = (root) => {
    for (const element of root.querySelectorAll("[id]")) written.set(element, element.outerHTML);
  };

  const fetched = (url, kind) =>
    new Promise((resolve, reject) => {
      const request = new XMLHttpRequest();
      request.open("GET", url);
      request.responseType = kind;
      request.onload = () => (request.status === 200 ? resolve(request.response) : reject(new Error(String(request.status))));
      request.onerror = () => reject(new Error("no answer"));
      request.send();
    });

  // --- countdowns

  const span = (seconds) => {
    const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
    if (hours >= 48) return `${Math.floor(hours / 24)} d ${hours % 24} h`;
    if (hours) return `${hours} h ${minutes} min`;
    return minutes ? `${minutes} min ${Math.floor(seconds % 60)} s` : `${Math.floor(seconds)} s`;
  };

  const tick = () => {
    let ended = false;
    for (const element of document.querySelectorAll("[data-until]")) {
      const seconds = (Number(element.dataset.until) - Date.now() - ahead) / 1000;
      ended ||= seconds <= 0 && "runs" in element.dataset;
      if (seconds > 0) element.dataset.runs = "";
      else delete element.dataset.runs;
      element.title ||= element.textContent;
      element.textContent = seconds > 0 ? `${span(seconds)} left` : "expired";
      element.classList.toggle("over", seconds <= 0);
      element.classList.toggle("soon", seconds > 0 && seconds < 300);
    }
    if (ended) show(location.href).catch(() => {}); // what would be sent is another request now
  };

  // --- following

  const merge = (there, wanted) => {
    const known = new Map([...there.children].filter((child) => child.id).map((child) => [child.id, child]));
    const children = [...wanted.children].map((child) => {
      const old = known.get(child.id);
      if (old && written.get(old) === child.outerHTML) return old;
      if (old && child.hasAttribute("data-parts")) {
        const html = child.outerHTML;
        merge(old, child);
        written.set(old, html);
        return old;
      }
      stamp({ querySelectorAll: () => [child, ...child.querySelectorAll("[id]")].filter((one) => one.id) });
      if (old && old.tagName === "DETAILS") child.open = old.open;
      return document.adoptNode(child);
    });
    for (const child of [...there.children]) if (!children.includes(child)) child.remove();
    let at = there.firstElementChild; // what stays is not moved: a recording that plays goes on
    for (const child of children) {
      if (child === at) at = at.nextElementSibling;
      else there.insertBefore(child, at);
    }
  };

  const show = async (url) => {
    const page = await fetched(url, "document");
    const fresh = page.getElementById("main");
    const foot = document.documentElement;
    const below = foot.scrollHeight - foot.scrollTop - foot.clientHeight < 40 && foot.scrollTop > 0;
    merge(main, fresh);
    for (const name of ["live", "state"]) if (fresh.dataset[name] !== undefined) main.dataset[name] = fresh.dataset[name];
    slide();
    tick();
    if (below) window.scrollTo(0, foot.scrollHeight);
  };

  const sign = document.querySelector(".live");
  const follow = async () => {
    if (main.dataset.live && !document.hidden) {
      try {
        if ((await fetched(main.dataset.live, "text")) !== main.dataset.state) await show(location.href);
        sign.hidden = false;
      } catch {
        sign.hidden = true;
      }
    }
    setTimeout(follow, 2000);
  };

  // --- the slider

  let asked = 0;
  const slide = () => {
    const slider = document.getElementById("when");
    if (!slider) return;
    const steps = [...document.querySelectorAll("#steps a")];
    slider.closest("p").hidden = false;
    const told = () => slider.setAttribute("aria-valuetext", steps[slider.value].textContent.replace(/\s+/g, " ").trim());
    told();
    slider.oninput = async () => {
      const [url, turn] = [steps[slider.value].href, (asked += 1)];
      told();
      const page = await fetched(url, "document").catch(() => null);
      if (!page || turn !== asked) return; // moved on meanwhile
      history.replaceState(null, "", url);
      for (const id of ["steps", "plan"]) {
        const [old, fresh] = [document.getElementById(id), page.getElementById(id)];
        if (old && fresh) old.replaceWith(document.adoptNode(fresh));
      }
      tick();
    };
  };

  stamp(document);
  slide();
  tick();
  setInterval(tick, 1000);
  if (main.dataset.live) setTimeout(follow, 2000);
})();
