import { IconClipboardList, IconHistory, IconPencilCheck, IconStethoscope } from "@tabler/icons-react";
import type { RemoteName } from "../bindings/types";
import { remoteWords } from "../words/words";
import classes from "./shared.module.css";

/** The four columns, always in this order, each with its colour, icon and word. */
const columns = {
  service_now: { word: "ServiceNow now", icon: IconClipboardList },
  last_agreed: { word: "Last agreed", icon: IconHistory },
  ehr: { word: "EHR now", icon: IconStethoscope },
  result: { word: "Result", icon: IconPencilCheck },
} as const;

export type ColumnName = keyof typeof columns;

export function ColumnWord({ column, word }: { column: ColumnName; word?: string }) {
  const { word: usual, icon: Icon } = columns[column];
  return (
    <span className={classes.side} data-side={column}>
      <Icon size={15} aria-hidden="true" />
      {word ?? usual}
    </span>
  );
}

export function RemoteWord({ remote }: { remote: RemoteName }) {
  return <ColumnWord column={remote} word={remoteWords[remote]} />;
}
