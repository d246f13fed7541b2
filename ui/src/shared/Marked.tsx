import { type Change, diffChars, diffWordsWithSpace } from "diff";

const SHORT = 40;
const ALIKE = 0.6;

/** How many characters two texts begin with alike. */
function sharedStart(one: string[], other: string[]): number {
  const differing = one.findIndex((character, index) => character !== other[index]);
  return differing < 0 ? one.length : differing;
}

const change = (value: string, what: "added" | "removed"): Change => ({ value, added: what === "added", removed: what === "removed", count: value.length });

/** What begins and ends alike is set aside first, so that both texts are marked in the same place. */
function charParts(before: string, after: string): Change[] {
  const [one, other] = [[...before], [...after]];
  const start = sharedStart(one, other);
  const end = sharedStart(one.slice(start).reverse(), other.slice(start).reverse());
  const middle = (text: string[]) => text.slice(start, text.length - end).join("");
  const same = (text: string[]): Change[] => (text.length === 0 ? [] : [{ value: text.join(""), added: false, removed: false, count: text.length }]);
  const [removed, added] = [middle(one), middle(other)];
  // Numbers of one length have fixed places: 93 became 39, no 9 moved past a 3.
  const between = one.length === other.length ? [change(removed, "removed"), change(added, "added")] : diffChars(removed, added);
  return [...same(one.slice(0, start)), ...between, ...same(one.slice(one.length - end))];
}

/** Character by character while the texts resemble each other; otherwise word by word, or the marks are only noise. */
function partsOf(before: string, after: string): Change[] {
  if (before.length < SHORT && after.length < SHORT) {
    const parts = charParts(before, after);
    const same = parts.reduce((sum, part) => sum + (part.added || part.removed ? 0 : part.value.length), 0);
    if (same >= ALIKE * Math.max(before.length, after.length)) return parts;
  }
  return diffWordsWithSpace(before, after);
}

/** Marks, character by character, how `after` differs from `before`. `show` picks which side's text is printed. */
export function Marked({ before, after, show = "both" }: { before: string; after: string; show?: "both" | "before" | "after" }) {
  if (before === after || before === "" || after === "") return <>{show === "before" ? before : after}</>;
  const parts = partsOf(before, after);
  const kept = parts.some((part) => !part.added && !part.removed && part.value.trim() !== "");
  // Where nothing is alike, a mark over the whole says nothing.
  if (!kept && show !== "both") return <>{show === "before" ? before : after}</>;
  let position = 0;
  return (
    <>
      {parts.map((part) => {
        const key = `${position}-${part.value.length}-${part.added ? "a" : part.removed ? "r" : "s"}`;
        position += part.value.length;
        if (part.added) return show === "before" ? null : <ins key={key}>{part.value}</ins>;
        if (part.removed) return show === "after" ? null : <del key={key}>{part.value}</del>;
        return <span key={key}>{part.value}</span>;
      })}
    </>
  );
}
