import { diffChars, diffWordsWithSpace } from "diff";

const SHORT = 40;

/** Marks, character by character, how `after` differs from `before`. `show` picks which side's text is printed. */
export function Marked({ before, after, show = "both" }: { before: string; after: string; show?: "both" | "before" | "after" }) {
  if (before === after || before === "" || after === "") return <>{show === "before" ? before : after}</>;
  const parts = before.length < SHORT && after.length < SHORT ? diffChars(before, after) : diffWordsWithSpace(before, after);
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
