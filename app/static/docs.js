"use strict";
// Swagger UI for /docs. All addresses are relative, so that the page works behind a path prefix.

// Swagger UI's own filter looks at the names of the families alone; people look for an op.
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

window.addEventListener("load", () => {
  window.ui = SwaggerUIBundle({
    url: "openapi.json",
    dom_id: "#swagger-ui",
    presets: [SwaggerUIBundle.presets.apis],
    plugins: [() => ({ fn: { opsFilter: matching } })],
    layout: "BaseLayout",
    deepLinking: true,
    docExpansion: "none",
    filter: true,
    tryItOutEnabled: true,
    displayRequestDuration: true,
    defaultModelsExpandDepth: 0,
    defaultModelExpandDepth: 2,
    validatorUrl: null,
    onComplete: () => {
      document.querySelector(".operation-filter-input").placeholder = "Find an op or a family";
    },
  });
  document.getElementById("waiting").remove();
});
