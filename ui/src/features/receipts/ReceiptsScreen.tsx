import { Button } from "@mantine/core";
import { IconReceipt } from "@tabler/icons-react";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { useEffect, useRef, useState } from "react";
import { useMay } from "../../data/session";
import { useAct, useRead } from "../../data/useRead";
import { KeyButton } from "../../keyboard/KeyButton";
import { mayTakeFocus } from "../../shared/arriving";
import { Empty } from "../../shared/Empty";
import { Failure } from "../../shared/Failure";
import { notifyFailure } from "../../shared/notify";
import { Page } from "../../shared/Page";
import { useListKeys } from "../../shared/useListKeys";
import { Waiting } from "../../shared/Waiting";
import { lowerFirst } from "../../words/words";
import { byPlan } from "./byPlan";
import { ReceiptCard } from "./ReceiptCard";
import { ReceiptRow } from "./ReceiptRow";
import classes from "./Receipts.module.css";

const PAGE = 50;

export function ReceiptsScreen() {
  const { patient, plan } = useSearch({ from: "/receipts" });
  const navigate = useNavigate();
  const mayUndo = useMay("undo");
  const [limit, setLimit] = useState(PAGE);
  const [openPlan, setOpenPlan] = useState<string | null>(plan ?? null);
  const listbox = useRef<HTMLDivElement>(null);
  const list = useRead("receipts.list", { patientId: patient ?? null, planId: plan ?? null, offset: 0, limit }, { placeholderData: (before) => before });
  const undo = useAct("plans.undo", ["plans"], (made) => void navigate({ to: "/plans/$planId", params: { planId: made.id } }));
  const receipts = list.data?.receipts ?? [];
  const groups = byPlan(receipts);
  const { active, setActive } = useListKeys({
    count: groups.length,
    group: "Receipts",
    resetKey: `${patient ?? ""} ${plan ?? ""}`,
    open: (index) => setOpenPlan((before) => (before === groups[index]?.planId ? null : (groups[index]?.planId ?? null))),
    scrollTo: (index) => document.getElementById(`receipt-row-${index}`)?.scrollIntoView({ block: "nearest" }),
  });
  const current = groups[active];
  const shown = groups.find((group) => group.planId === openPlan) ?? current;
  const listed = groups.length > 0;
  useEffect(() => {
    if (listed && mayTakeFocus()) listbox.current?.focus({ preventScroll: true });
  }, [listed]);
  return (
    <Page
      testId="receipts-screen"
      fill
      title="Receipts"
      lead={patient || plan ? <Link to="/receipts">Show all receipts</Link> : "What was written, when, by whom, and whether it arrived."}
      actions={
        mayUndo && (
          <KeyButton
            shortcut="u"
            says="Undo"
            group="Receipts"
            disabled={!shown?.canUndo}
            aria-describedby={shown?.notUndoableBecause ? "not-undoable" : undefined}
            run={() => shown && undo.mutate({ id: shown.planId }, { onError: notifyFailure })}
            loading={undo.isPending}
            data-testid="undo"
          />
        )
      }
    >
      {list.isPending ? (
        <Waiting what="Reading the receipts" lines={8} />
      ) : list.error ? (
        <Failure thrown={list.error} again={() => void list.refetch()} />
      ) : groups.length === 0 ? (
        <Empty title="No receipts yet" icon={<IconReceipt size={28} aria-hidden="true" />}>
          Every write to ServiceNow or the EHR leaves a receipt here: what was sent, what was answered, and what was read back. It can be undone from here.
        </Empty>
      ) : (
        <div className={classes.split}>
          <div className={classes.column}>
            <div ref={listbox} className={classes.list} role="listbox" tabIndex={0} aria-label="Receipts" aria-activedescendant={`receipt-row-${active}`} data-testid="receipt-list">
              {groups.map((group, index) => (
                <ReceiptRow
                  key={group.planId}
                  id={`receipt-row-${index}`}
                  group={group}
                  active={index === active}
                  open={group === shown}
                  choose={() => {
                    setActive(index);
                    setOpenPlan(group.planId);
                  }}
                />
              ))}
            </div>
            {receipts.length >= limit && (
              <Button size="xs" variant="default" onClick={() => setLimit(limit + PAGE)} loading={list.isFetching}>
                Show older receipts
              </Button>
            )}
          </div>
          {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region must be reachable by key */}
          <section className={classes.detail} tabIndex={0} aria-label={`Receipt for ${shown?.patient ?? ""}`}>
            {mayUndo && shown?.notUndoableBecause && (
              <p id="not-undoable" className={classes.who} data-testid="not-undoable">
                Cannot be undone: {lowerFirst(shown.notUndoableBecause)}
              </p>
            )}
            <ol className={classes.cards}>
              {shown?.receipts.map((receipt) => (
                <ReceiptCard key={receipt.operationId} receipt={receipt} />
              ))}
            </ol>
          </section>
        </div>
      )}
    </Page>
  );
}
