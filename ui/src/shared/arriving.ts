const typed = "textarea, select, [contenteditable=true], input:not([type=checkbox]):not([type=radio])";

/** Whether a screen that has just come may take the focus: not out of a text field or a dialog, nor from its own parts. */
export function mayTakeFocus(): boolean {
  const held = document.activeElement;
  if (!held || held === document.body || held.tagName === "H1") return true;
  if (held.matches(typed) || held.closest("[role=dialog],[role=menu]")) return false;
  return held.closest("main") === null;
}

/** Puts the focus where the keys of a screen act: on its list, or else on its heading. */
export function focusContent(): void {
  if (!mayTakeFocus()) return;
  const content = document.getElementById("content");
  const place = content?.querySelector<HTMLElement>("[role=listbox],[role=grid]") ?? content?.querySelector<HTMLElement>("h1") ?? content;
  place?.focus({ preventScroll: true });
}
