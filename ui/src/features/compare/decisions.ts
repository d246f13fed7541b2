import type { ChoiceKind, CompareView, FieldChoice, FieldView, Shown } from "../../bindings/types";

export type Choices = ReadonlyMap<string, FieldChoice>;

/** What changed in a field since the person looked at it. */
export interface Moved {
  field: string;
  label: string;
  changes: { side: "service_now" | "last_agreed" | "ehr"; before: Shown | null; after: Shown | null }[];
}

const sides = [
  ["service_now", "serviceNow"],
  ["last_agreed", "lastAgreed"],
  ["ehr", "ehr"],
] as const;

const same = (a: Shown | undefined, b: Shown | undefined): boolean => a?.text === b?.text && a?.blank === b?.blank && a?.detail === b?.detail && a?.problem === b?.problem;

/** Compares what was seen with what is now asked, field by field; agreeing fields count too. */
export function movedSince(seen: CompareView, now: CompareView): Moved[] {
  const before = new Map([...seen.agreeing, ...seen.fields].map((field) => [field.field, field]));
  const asked = new Set(seen.fields.map((field) => field.field));
  return now.fields.flatMap((field) => {
    const earlier = before.get(field.field);
    const changes = sides.filter(([, key]) => !same(earlier?.[key], field[key])).map(([side, key]) => ({ side, before: earlier?.[key] ?? null, after: field[key] }));
    return changes.length > 0 || !asked.has(field.field) ? [{ field: field.field, label: field.label, changes }] : [];
  });
}

/** Earlier choices that still make sense: the field is still asked, unmoved, and offers the choice. */
export function stillValid(view: CompareView, earlier: readonly FieldChoice[], moved: readonly Moved[]): Choices {
  const gone = new Set(moved.map((one) => one.field));
  const fields = new Map(view.fields.map((field) => [field.field, field]));
  return new Map(
    earlier
      .filter((choice) => {
        const field = fields.get(choice.field);
        return field?.mayDecide && field.choices.includes(choice.choice) && !gone.has(choice.field);
      })
      .map((choice) => [choice.field, choice]),
  );
}

const forWholeGroup: ReadonlySet<ChoiceKind> = new Set(["take_service_now", "take_last_agreed", "take_ehr", "leave_open"]);

/** Sets a choice. Fields of one group move together: taking a side takes it for all of them. */
export function choose(fields: readonly FieldView[], choices: Choices, field: FieldView, choice: ChoiceKind, own: string | null = null): Choices {
  const next = new Map(choices);
  next.set(field.field, { field: field.field, choice, own });
  if (field.group !== null && forWholeGroup.has(choice)) {
    for (const other of fields) {
      if (other.group === field.group && other.mayDecide && other.choices.includes(choice)) next.set(other.field, { field: other.field, choice, own: null });
    }
  }
  return next;
}

/** Takes every suggestion for a field that is not decided yet. Never happens by itself. */
export function takeSuggestions(fields: readonly FieldView[], choices: Choices): { choices: Choices; taken: number } {
  let next = choices;
  let taken = 0;
  for (const field of fields) {
    if (!field.suggestion || !field.suggestedChoice || !field.mayDecide || next.has(field.field)) continue;
    next = choose(fields, next, field, field.suggestedChoice, field.suggestedChoice === "own" ? field.suggestion.text : null);
    taken += 1;
  }
  return { choices: next, taken };
}

export const isDecided = (choice: FieldChoice | undefined): boolean => choice !== undefined && choice.choice !== "leave_open";

/** Groups of which some fields are decided and others are not: the engine would refuse such a plan. */
export function halfDecidedGroups(fields: readonly FieldView[], choices: Choices): string[][] {
  const groups = new Map<string, FieldView[]>();
  for (const field of fields) if (field.group !== null) groups.set(field.group, [...(groups.get(field.group) ?? []), field]);
  return [...groups.values()]
    .filter((members) => {
      const decided = members.filter((field) => isDecided(choices.get(field.field))).length;
      return decided > 0 && decided < members.length;
    })
    .map((members) => members.filter((field) => !isDecided(choices.get(field.field))).map((field) => field.label));
}

/** The value that would be written. Null while nothing is decided. */
export function resultOf(field: FieldView, choice: FieldChoice | undefined, own: Shown | null): Shown | null {
  switch (choice?.choice) {
    case "take_service_now":
      return field.serviceNow;
    case "take_last_agreed":
      return field.lastAgreed;
    case "take_ehr":
      return field.ehr;
    case "own":
      return own;
    case "keep_both": {
      const items = [...new Set([...field.serviceNow.items, ...field.ehr.items])];
      return { text: items.join(", "), detail: null, raw: null, blank: items.length === 0, hidden: false, problem: null, items };
    }
    default:
      return null;
  }
}

/** Grouped fields stand next to each other, in the order of their first member. */
export function inGroups(fields: readonly FieldView[]): FieldView[][] {
  const blocks = new Map<string, FieldView[]>();
  for (const field of fields) {
    const key = field.group === null ? `field ${field.field}` : `group ${field.group}`;
    blocks.set(key, [...(blocks.get(key) ?? []), field]);
  }
  return [...blocks.values()];
}
