/** What the reader chose; `system` follows the operating system. */
export type Theme = "system" | "light" | "dark";

const STORED_AS = "doorkey-theme";

function stored(): Theme {
  const value = localStorage.getItem(STORED_AS);
  return value === "light" || value === "dark" ? value : "system";
}

class ThemeChoice {
  #value = $state<Theme>(stored());

  constructor() {
    this.#apply();
  }

  get value(): Theme {
    return this.#value;
  }

  set value(theme: Theme) {
    this.#value = theme;
    if (theme === "system") localStorage.removeItem(STORED_AS);
    else localStorage.setItem(STORED_AS, theme);
    this.#apply();
  }

  #apply(): void {
    if (this.#value === "system") delete document.documentElement.dataset["theme"];
    else document.documentElement.dataset["theme"] = this.#value;
  }
}

export const theme = new ThemeChoice();
