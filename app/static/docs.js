"use strict";
// Swagger UI for /docs. All addresses are relative, so that the page works behind a path prefix.

// Swagger UI's own filter looks at the names of the families alone; people look for an op.
const LEAST = 3; // letters before the families open: with fewer, most of all ops would be drawn

function matching(tagged, phrase) {
  const wanted = phrase.trim().toLowerCase();
  const fits = (operation) =>
    operation.get("path").toLowerCase().includes(wanted) ||
    operation.getIn(["operation", "summary"], "").toLowerCase().includes(wanted);
  return tagged
    .map((tag, name) =>
      name.toLowerCase().includes(wanted) ? tag : tag.update("operations", (all) => all.filter(fits))
    )
    .filter((tag) => tag.get("operations").size > 0);
}

function isShown(original) {
  return (state, key, fallback) => {
    const filter = state.get("filter");
    const found = key[0] === "operations-tag" && typeof filter === "string" && filter.trim().length >= LEAST;
    return original(state, key, fallback || (found && filter !== "true"));
  };
}

const filtering = () => ({
  fn: { opsFilter: matching },
  statePlugins: { layout: { wrapSelectors: { isShown } } },
});

// Swagger UI takes minutes to resolve a document of this size as 3.1 and no time as 3.0, whose `nullable` is all
// that this one has otherwise.
function asVersion30(value) {
  if (Array.isArray(value)) return value.map(asVersion30);
  if (value === null || typeof value !== "object") return value;
  const made = Object.fromEntries(
    Object.entries(value).map(([key, each]) => [key, key === "example" ? each : asVersion30(each)])
  );
  if (Array.isArray(made.type)) {
    made.type = made.type.find((each) => each !== "null");
    made.nullable = true;
  }
  if (Array.isArray(made.anyOf)) {
    made.anyOf = made.anyOf.filter((each) => each.type !== "null");
    if (made.anyOf.length === 1) {
      Object.assign(made, made.anyOf[0]);
      delete made.anyOf;
    }
  }
  return made;
}

async function show() {
  const address = new URL("openapi.json", window.location.href);
  const answer = await fetch(address);
  if (!answer.ok) throw new Error(`${answer.status} ${answer.statusText}`);
  const document30 = { ...asVersion30(await answer.json()), openapi: "3.0.4" };
  window.ui = SwaggerUIBundle({
    spec: document30,
    dom_id: "#swagger-ui",
    presets: [SwaggerUIBundle.presets.apis],
    plugins: [filtering],
    layout: "BaseLayout",
    deepLinking: true,
    docExpansion: "none",
    filter: true,
    tryItOutEnabled: true,
    displayRequestDuration: true,
    defaultModelsExpandDepth: 0,
    defaultModelExpandDepth: 2,
    validatorUrl: null,
  });
  window.ui.specActions.updateUrl(address.href); // what the address of the server is relative to
}

const waiting = document.getElementById("waiting");
show().then(
  () => waiting.remove(),
  (error) => { waiting.textContent = `The calls could not be loaded: ${error.message}`; }
);
