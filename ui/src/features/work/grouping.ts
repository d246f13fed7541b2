import type { ConflictItem } from "../../bindings/types";

export type WorkRow = { kind: "conflict"; id: string; item: ConflictItem; inGroup: boolean } | { kind: "group"; id: string; key: string; items: ConflictItem[]; open: boolean };

export const groupKey = (item: ConflictItem): string => `${item.cause}|${[...item.fields].sort().join(",")}|${item.grade}`;

/** Rows as listed: alike ones behind one heading that opens, in the order of their first member. */
export function workRows(items: ConflictItem[], grouped: boolean, open: ReadonlySet<string>): WorkRow[] {
  const alone = (item: ConflictItem, inGroup: boolean): WorkRow => ({ kind: "conflict", id: item.id, item, inGroup });
  if (!grouped) return items.map((item) => alone(item, false));
  const groups = new Map<string, ConflictItem[]>();
  for (const item of items) {
    const key = groupKey(item);
    const group = groups.get(key);
    if (group) group.push(item);
    else groups.set(key, [item]);
  }
  return [...groups.entries()].flatMap(([key, members]): WorkRow[] => {
    const [only] = members;
    if (members.length === 1 && only) return [alone(only, false)];
    const isOpen = open.has(key);
    return [{ kind: "group", id: `group ${key}`, key, items: members, open: isOpen }, ...(isOpen ? members.map((item) => alone(item, true)) : [])];
  });
}

const ROW_PX = 72;
/** On a narrow window the values stand below. */
const STACKED_PX = { values: 140, none: 104 };
const GROUP_PX = 42;

export function workRowPx(row: WorkRow, narrow: boolean): number {
  if (row.kind === "group") return GROUP_PX;
  if (!narrow) return ROW_PX;
  return row.item.serviceNowShort !== null && row.item.ehrShort !== null ? STACKED_PX.values : STACKED_PX.none;
}
