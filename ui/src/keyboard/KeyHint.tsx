import classes from "./KeyHint.module.css";
import { useSingleLetters } from "./useKeys";

const isMac = /Mac/.test(navigator.userAgent);

const words: Record<string, string> = {
  mod: isMac ? "⌘" : "Ctrl",
  enter: "↵",
  escape: "Esc",
  arrowdown: "↓",
  arrowup: "↑",
  pagedown: "Page Down",
  pageup: "Page Up",
  home: "Home",
  end: "End",
  space: "Space",
};

export function keyWords(key: string): string {
  return key
    .split(" ")
    .map((part) =>
      part
        .split("+")
        .map((one) => words[one] ?? one.toUpperCase())
        .join(" "),
    )
    .join(" then ");
}

/** Shows a key beside the words of its button; hidden from screen readers, which get `aria-keyshortcuts`. */
export function KeyHint({ shortcut }: { shortcut: string }) {
  const single = useSingleLetters();
  if (!single && (shortcut.length === 1 || shortcut.includes(" "))) return null;
  return (
    <span className={classes.key} aria-hidden="true">
      {shortcut
        .split(" ")
        .map((part) => keyWords(part))
        .join(" ")}
    </span>
  );
}
