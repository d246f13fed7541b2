import { Link } from "@tanstack/react-router";
import { useMay } from "../../data/session";
import { useAct, useRead } from "../../data/useRead";
import { KeyButton } from "../../keyboard/KeyButton";
import { notifyFailure } from "../../shared/notify";
import { Moment } from "../../shared/When";
import { newsWords } from "../../words/words";
import classes from "../home/Home.module.css";

const FIRST = 6;

/** What happened to appointments lately, in either system, until somebody says that it was seen. */
export function NewsCard() {
  const { data } = useRead("appointments.news", {}, { enabled: useMay("see_patients") });
  const seen = useAct("appointments.news_seen", ["receipts"]);
  const unread = data?.items.filter((item) => item.unread) ?? [];
  const newest = unread[0];
  if (!newest) return null;
  const shown = unread.slice(0, FIRST);
  return (
    <section className={classes.card} aria-labelledby="news-title" data-testid="news">
      <h2 id="news-title">New and changed appointments</h2>
      <ul className={`${classes.settled} ${classes.news}`}>
        {shown.map((item) => (
          <li key={item.operationId}>
            <Link to="/appointments/$appointmentId" params={{ appointmentId: item.appointmentId }}>
              {newsWords[item.what]}
            </Link>
            <span>{item.sentence}</span>
            <small>
              <Moment atMs={item.atMs} />
            </small>
          </li>
        ))}
      </ul>
      {unread.length > shown.length && <p className={classes.small}>and {(unread.length - shown.length).toLocaleString("en")} more, in the calendar</p>}
      <KeyButton shortcut="m" says="All seen" group="Home" disabled={seen.isPending} run={() => seen.mutate({ untilMs: newest.atMs }, { onError: notifyFailure })} data-testid="news-seen" />
    </section>
  );
}
