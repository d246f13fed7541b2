import { Link } from "@tanstack/react-router";
import { useMay } from "../../data/session";
import { countWords } from "../../words/words";
import classes from "./Home.module.css";

/** "3 need you · 1 needs a second person · 412 settled": the numbers that decide what to do next. */
export function Asks({ needYou, needSecond, settled, listed }: { needYou: number; needSecond: number; settled: number; listed: boolean }) {
  const may = useMay("see_conflicts");
  const parts = [
    {
      id: "need-you",
      count: needYou,
      words: needYou === 1 ? "needs you" : "need you",
      tone: needYou > 0 ? "warn" : "none",
      link: may ? (
        <Link to="/work" search={{ status: "open" }}>
          Decide
        </Link>
      ) : null,
    },
    {
      id: "need-second",
      count: needSecond,
      words: needSecond === 1 ? "needs a second person" : "need a second person",
      tone: needSecond > 0 ? "bad" : "none",
      link:
        may && needSecond > 0 ? (
          <Link to="/work" search={{ status: "awaiting_second" }}>
            Look
          </Link>
        ) : null,
    },
    {
      id: "settled",
      count: settled,
      words: "settled for you in the last run",
      tone: "none",
      link:
        settled > 0 || listed ? (
          <button type="button" onClick={() => document.getElementById("settled")?.focus()}>
            Review
          </button>
        ) : null,
    },
  ];
  return (
    <ul className={classes.asks} data-testid="asks">
      {parts.map(({ id, count, words, tone, link }) => (
        <li key={id} data-tone={tone} data-testid={id}>
          <strong>{id === "need-you" ? countWords(count) : count.toLocaleString("en")}</strong>
          <span>{words}</span>
          {link}
        </li>
      ))}
    </ul>
  );
}
