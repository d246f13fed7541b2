import type { ConflictItem } from "../../bindings/types";

export type WorkRow = { kind: "conflict"; item: ConflictItem; inGroup: boolean } | { kind: "group"; key: string; items: ConflictItem[]; open: boolean };

export const groupKey = (item: ConflictItem): string => `${item.cause}|${[...item.fields].sort().join(",")}|${item.grade}`;

/** Rows as listed: alike ones behind one heading that opens, in the order of their first member. */
export function workRows(items: ConflictItem[], grouped: boolean, open: ReadonlySet<string>): WorkRow[] {
  if (!grouped) return items.map((item) => ({ kind: "conflict", item, inGroup: false }));
  const groups = new Map<string, ConflictItem[]>();
  for (const item of items) {
    const key = groupKey(item);
    const group = groups.get(key);
    if (group) group.push(item);
    else groups.set(key, [item]);
  }
  return [...groups.entries()].flatMap(([key, members]): WorkRow[] => {
    const [only] = members;
    if (members.length === 1 && only) return [{ kind: "conflict", item: only, inGroup: false }];
    const isOpen = open.has(key);
    return [{ kind: "group", key, items: members, open: isOpen }, ...(isOpen ? members.map((item): WorkRow => ({ kind: "conflict", item, inGroup: true })) : [])];
  });
}
