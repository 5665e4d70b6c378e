// Light or dark: as the system says, or as chosen here.

import { button } from "./dom.js";

const KEPT = "mockserver-theme";
const apply = (theme) => {
  if (theme) document.documentElement.dataset.theme = theme;
  else delete document.documentElement.dataset.theme;
};

apply(localStorage.getItem(KEPT));

/** A button that changes to the other one. */
export function themeButton() {
  return button("◐", () => {
    const isDark = document.documentElement.dataset.theme
      ? document.documentElement.dataset.theme === "dark"
      : matchMedia("(prefers-color-scheme: dark)").matches;
    localStorage.setItem(KEPT, isDark ? "light" : "dark");
    apply(localStorage.getItem(KEPT));
  }, { class: "icon", "aria-label": "Change between light and dark" });
}
