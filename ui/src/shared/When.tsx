import { ago, fully, moment } from "../words/time";

export function Ago({ atMs }: { atMs: number }) {
  return (
    <time dateTime={new Date(atMs).toISOString()} title={fully(atMs)}>
      {ago(atMs, Date.now())}
    </time>
  );
}

export function Moment({ atMs }: { atMs: number }) {
  return (
    <time dateTime={new Date(atMs).toISOString()} title={fully(atMs)}>
      {moment(atMs, Date.now())}
    </time>
  );
}
