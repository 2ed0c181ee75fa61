
// Added by the Jupyter server: what this page asks for and sends carries the server's own token against cross-site requests.
(function () {
  function token() {
    // The cookie of the longest path comes first.
    const found = document.cookie.split("; ").find((cookie) => cookie.startsWith("_xsrf="));
    return found ? found.slice("_xsrf=".length).replace(/^"|"$/g, "") : null;
  }
  const open = XMLHttpRequest.prototype.open;
  XMLHttpRequest.prototype.open = function (method, url, ...rest) {
    open.call(this, method, url, ...(rest.length ? rest : [true]));
    if (token() && new URL(url, document.baseURI).origin === location.origin) {
      this.setRequestHeader("X-XSRFToken", token());
    }
  };
  // Ahead of Spark's own handlers, which send the form of a kill link by a script.
  document.addEventListener("click", function () {
    for (const form of document.querySelectorAll("form[method=post i]")) {
      if (token() && !form.elements.namedItem("_xsrf")) {
        const field = document.createElement("input");
        Object.assign(field, { type: "hidden", name: "_xsrf", value: token() });
        form.append(field);
      }
    }
  }, true);
})();
