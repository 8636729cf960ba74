"use strict";
// The search field of the reading view: it leaves the links whose text fits, in open groups. Without it all are there.
const field = document.querySelector("nav input");
const groups = [...document.querySelectorAll("nav details")].map((group) => [group, [...group.querySelectorAll("li")]]);

field.hidden = false;
field.addEventListener("input", () => {
  const wanted = field.value.trim().toLowerCase();
  for (const [group, links] of groups) {
    const whole = group.querySelector("summary").textContent.toLowerCase().includes(wanted);
    for (const link of links) link.hidden = !whole && !link.textContent.toLowerCase().includes(wanted);
    const any = links.some((link) => !link.hidden);
    group.hidden = !any;
    group.open = any && wanted !== "";
  }
});
