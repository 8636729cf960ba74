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

window.addEventListener("load", () => {
  window.ui = SwaggerUIBundle({
    url: "openapi.json",
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
  document.getElementById("waiting").remove();
});
