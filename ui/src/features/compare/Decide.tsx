import { Button } from "@mantine/core";
import { IconAlertCircle, IconUsers } from "@tabler/icons-react";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { type ReactNode, useCallback, useState } from "react";
import type { CompareView, Shown } from "../../bindings/types";
import { useAct } from "../../data/useRead";
import { KeyButton } from "../../keyboard/KeyButton";
import { useKeys } from "../../keyboard/useKeys";
import { announce } from "../../shared/announce";
import { notifyFailure } from "../../shared/notify";
import { Page } from "../../shared/Page";
import { plural } from "../../words/words";
import { Agreeing } from "./Agreeing";
import { ColumnHeads } from "./ColumnHeads";
import classes from "./Compare.module.css";
import { CompareLead, CompareTitle } from "./CompareHead";
import { ConflictActions } from "./ConflictActions";
import { halfDecidedGroups, inGroups, isDecided } from "./decisions";
import { FieldRow } from "./FieldRow";
import { MovedNotice } from "./MovedNotice";
import { PlanBar } from "./PlanBar";
import { useDecisions } from "./useDecisions";

export type OwnState = { ok: boolean; shown: Shown | null };

export function Decide({ view, back }: { view: CompareView; back: ReactNode }) {
  const navigate = useNavigate();
  const search = useSearch({ from: "/work/$conflictId" });
  const { conflict } = view;
  const decisions = useDecisions(view);
  const { choices, moved, seeAll } = decisions;
  const [at, setAt] = useState(0);
  const [why, setWhy] = useState(false);
  const [own, setOwn] = useState<ReadonlyMap<string, OwnState>>(new Map());
  const waiting = conflict.status !== "open";

  const movedNames = new Set(moved.map((one) => one.field));
  const fields = inGroups(view.fields).flat();
  const listed = seeAll ? fields : fields.filter((field) => movedNames.has(field.field));
  const blocks = inGroups(listed);
  const current = listed[Math.min(at, listed.length - 1)];

  const make = useAct("plans.make", ["plans"], (plan) => void navigate({ to: "/plans/$planId", params: { planId: plan.id } }));
  const busy = make.isPending || waiting;

  const focusRow = (index: number) => {
    const next = (index + listed.length) % Math.max(1, listed.length);
    setAt(next);
    const field = listed[next];
    if (field) document.getElementById(`row-${field.field}`)?.focus();
  };
  const pick = (choice: Parameters<typeof decisions.decide>[1]) => {
    if (!current || busy) return;
    if (!current.mayDecide) return announce(`${current.label}: you may not decide this.${current.whoCan ? ` Ask: ${current.whoCan}.` : ""}`);
    if (!current.choices.includes(choice)) return announce(`${current.label}: this is not on offer.`);
    decisions.decide(current, choice, choice === "own" ? (choices.get(current.field)?.own ?? "") : undefined);
    // After the field is drawn, and before the next key.
    if (choice === "own") queueMicrotask(() => document.getElementById(`own-${current.field}`)?.focus());
  };
  const keys: [string, string, Parameters<typeof pick>[0]][] = [
    ["1", "Take ServiceNow", "take_service_now"],
    ["2", "Take last agreed", "take_last_agreed"],
    ["3", "Take EHR", "take_ehr"],
    ["4", "Write own value", "own"],
    ["5", "Keep both", "keep_both"],
    ["0", "Leave open", "leave_open"],
  ];
  useKeys([
    ...[
      ["n", "j", "arrowdown"],
      ["p", "k", "arrowup"],
    ].flatMap((names, back) => names.map((key) => ({ key, says: back ? "Difference before" : "Next difference", group: "Compare", run: () => focusRow(at + (back ? -1 : 1)) }))),
    ...keys.map(([key, says, choice]) => ({ key, says, group: "This difference", run: () => pick(choice) })),
  ]);

  const decided = view.fields.filter((field) => isDecided(choices.get(field.field)));
  const half = halfDecidedGroups(view.fields, choices);
  const wrongOwn = decided.filter((field) => choices.get(field.field)?.choice === "own" && own.get(field.field)?.ok !== true);
  const whoCan = [...new Set(view.fields.map((field) => field.whoCan).filter(Boolean))].join("; or ");
  const lacking = view.fields.every((field) => !field.mayDecide)
    ? `You may decide nothing here.${whoCan && ` Ask: ${whoCan}.`}`
    : decided.length === 0
      ? "Decide at least one field first."
      : half.length > 0
        ? `These move together, decide them as well: ${half.flat().join(", ")}.`
        : wrongOwn.length > 0
          ? `${wrongOwn.map((field) => field.label).join(", ")}: your own value is not right yet.`
          : null;
  const plan = () => {
    if (busy) return;
    if (lacking) return announce(lacking);
    make.mutate(
      { conflictId: conflict.id, fingerprint: view.fingerprint, choices: [...choices.values()], reason: decisions.reason.trim() || null },
      {
        onError: (failure, _request, _result, context) => {
          if (failure.error.code === "moved") void context.client.invalidateQueries({ queryKey: ["conflict"] });
          else notifyFailure(failure);
        },
      },
    );
  };
  const reportOwn = useCallback(
    (field: string, state: OwnState) => setOwn((before) => (before.get(field)?.ok === state.ok && before.get(field)?.shown?.text === state.shown?.text ? before : new Map(before).set(field, state))),
    [],
  );
  const suggestions = view.fields.filter((field) => field.suggestion && !choices.has(field.field) && field.mayDecide).length;

  return (
    <Page
      testId="compare"
      title={<CompareTitle conflict={conflict} />}
      lead={<CompareLead conflict={conflict} />}
      actions={
        <>
          {back}
          <ConflictActions conflict={conflict} busy={busy} />
          <KeyButton shortcut="w" says={why ? "Hide why" : "Why"} group="Compare" run={() => setWhy(!why)} data-testid="why" />
          {view.fields.some((field) => field.suggestion) && (
            <KeyButton shortcut="a" says="Accept suggestions" group="Compare" disabled={busy || suggestions === 0} run={decisions.acceptSuggestions} data-testid="accept-suggestions" />
          )}
        </>
      }
    >
      {waiting && (
        <div className={classes.notice} data-tone="result" data-testid="waiting-second">
          <IconUsers size={20} aria-hidden="true" />
          <div>
            <strong>
              {conflict.status === "awaiting_second"
                ? "A decision is made and waits for a second person."
                : conflict.waits
                  ? "A decision is made and approved; it is not written yet."
                  : "The decision is being written."}
            </strong>
            {conflict.waits && <p data-testid="conflict-waits">{conflict.waits}</p>}
            <p>{conflict.waits ? "To decide anew, withdraw the plan first." : "Nothing can be changed here meanwhile."}</p>
          </div>
          <KeyButton shortcut="v" says="Open the plan" group="Compare" variant="filled" run={() => void navigate({ to: "/plans/$planId", params: { planId: conflict.id } })} data-testid="open-plan" />
        </div>
      )}
      {conflict.cause === "overwritten" && (
        <div className={classes.notice} data-tone="warn" data-testid="overwritten">
          <IconAlertCircle size={20} aria-hidden="true" />
          <div>
            <strong>Somebody’s change may be gone</strong>
            <p>{conflict.why}</p>
          </div>
        </div>
      )}
      {moved.length > 0 && <MovedNotice moved={moved} kept={decided.filter((field) => !movedNames.has(field.field)).length} seeAll={seeAll} />}
      {moved.length === 0 && search.moved && (
        <div className={classes.notice} data-tone="warn" role="alert" data-testid="moved-notice">
          <IconAlertCircle size={20} aria-hidden="true" />
          <div>
            <strong>Something moved since the plan was made. Nothing was written.</strong>
            <p>These are the values of this moment; your draft is kept.</p>
          </div>
        </div>
      )}
      <div className={classes.table} data-testid="compare-table">
        <ColumnHeads view={view} />
        {blocks.map((block) => (
          <div key={block[0]?.field} className={classes.block} data-group={block.length > 1 || undefined}>
            {block.length > 1 && <p className={classes.together}>These move together: taking a side takes it for all of them.</p>}
            {block.map((field) => (
              <FieldRow
                key={field.field}
                field={field}
                choice={choices.get(field.field)}
                current={field.field === current?.field}
                busy={busy}
                why={why}
                decide={(choice, text) => decisions.decide(field, choice, text)}
                enter={() => setAt(listed.indexOf(field))}
                reportOwn={reportOwn}
              />
            ))}
          </div>
        ))}
      </div>
      {!seeAll && listed.length < fields.length && (
        <Button variant="subtle" size="xs" onClick={decisions.showAll} data-testid="show-all" className={classes.rest}>
          Show the other {fields.length - listed.length === 1 ? "difference" : plural(fields.length - listed.length, "difference")}, with your work kept
        </Button>
      )}
      <Agreeing fields={view.agreeing} />
      {!waiting && (
        <PlanBar
          decided={decided.length}
          total={view.fields.length}
          grade={Math.max(0, ...decided.map((field) => field.grade))}
          saved={decisions.saved}
          reason={decisions.reason}
          setReason={decisions.setReason}
          lacking={lacking}
          plan={plan}
          busy={make.isPending}
        />
      )}
    </Page>
  );
}
