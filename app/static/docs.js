"use strict";
// Swagger UI for /docs. All addresses are relative, so that the page works behind a path prefix.

const MOST_OPEN = 60; // ops of a search that are shown at once
const BEFORE = "x-before"; // steps that an example needs run before it

// Swagger UI's own filter looks at the names of the families alone; people look for an op: by a part of its name, or a
// word of what it does.
function matching(tagged, phrase) {
  const wanted = phrase.trim().toLowerCase();
  const fits = (operation) =>
    operation.get("path").toLowerCase().includes(wanted) ||
    ` ${operation.getIn(["operation", "summary"], "").toLowerCase()}`.includes(` ${wanted}`);
  return tagged
    .map((tag, name) =>
      name.toLowerCase().includes(wanted) ? tag : tag.update("operations", (all) => all.filter(fits))
    )
    .filter((tag) => tag.get("operations").size > 0);
}

// Opens the families in which something was found, if that is not too much to look at. When the search is another, those
// that it opened are closed.
let opened = [];

function openFound(system, phrase) {
  const found = system.specSelectors.taggedOperations(); // what the filter leaves
  const count = found.reduce((sum, tag) => sum + tag.get("operations").size, 0);
  const wanted = phrase && count <= MOST_OPEN ? [...found.keys()] : [];
  const show = (name, shown) => system.layoutActions.show(["operations-tag", name], shown);
  opened.filter((name) => !wanted.includes(name)).forEach((name) => show(name, false));
  wanted.filter((name) => !opened.includes(name)).forEach((name) => show(name, true));
  opened = wanted;
}

const search = {
  fn: { opsFilter: matching },
  statePlugins: {
    layout: {
      wrapActions: {
        updateFilter: (original, system) => (phrase) => {
          const done = original(phrase);
          openFound(system, phrase);
          return done;
        },
      },
    },
  },
};

// The operation that a request is of, and the address of its session.
function operationOf(request) {
  const address = new URL(request.url, document.baseURI);
  const found = address.pathname.match(/^(.*\/v1\/sessions\/[^/]+)\/(.+)$/);
  const paths = window.ui.specSelectors.specJson().get("paths");
  const operation = found && paths.getIn([`/v1/sessions/{session}/${decodeURIComponent(found[2])}`, "post"]);
  return operation ? { operation, session: found[1] } : null;
}

// An example that needs more than the README's tensors has it made just before it is sent. Where that fails (there is
// no such session), the request itself tells why.
async function prepared(request) {
  const found = request.method === "POST" && operationOf(request);
  const steps = found && found.operation.get(BEFORE);
  if (steps) {
    const body = JSON.stringify({ steps: steps.toJS(), return: [] });
    const headers = { ...request.headers };
    delete headers["If-Match"];
    delete headers["Idempotency-Key"];
    await fetch(`${found.session}/run`, { method: "POST", headers, body });
  }
  return request;
}

window.addEventListener("load", () => {
  window.ui = SwaggerUIBundle({
    url: "openapi.json",
    dom_id: "#swagger-ui",
    presets: [SwaggerUIBundle.presets.apis],
    plugins: [() => search],
    layout: "BaseLayout",
    deepLinking: true,
    docExpansion: "none",
    filter: true,
    tryItOutEnabled: true,
    displayRequestDuration: true,
    defaultModelsExpandDepth: -1,
    defaultModelExpandDepth: 2,
    validatorUrl: null,
    requestInterceptor: prepared,
    onComplete: () => {
      document.querySelector(".operation-filter-input").placeholder = "Find an op or a family";
    },
  });
  document.getElementById("waiting").remove();
});
