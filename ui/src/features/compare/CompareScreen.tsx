import { useNavigate, useParams } from "@tanstack/react-router";
import { useEffect } from "react";
import type { Cause } from "../../bindings/types";
import { useRead } from "../../data/useRead";
import { KeyButton } from "../../keyboard/KeyButton";
import { Empty } from "../../shared/Empty";
import { Failure } from "../../shared/Failure";
import { Page } from "../../shared/Page";
import { Waiting } from "../../shared/Waiting";
import { BrokenRule } from "./BrokenRule";
import { Decide } from "./Decide";
import { Duplicate } from "./Duplicate";
import { forgetWork } from "./kept";

/** Questions that are not answered by deciding fields. */
const variants: Partial<Record<Cause, typeof Decide>> = { maybe_duplicate: Duplicate, rule_broken: BrokenRule };

export function CompareScreen() {
  const { conflictId } = useParams({ from: "/work/$conflictId" });
  const navigate = useNavigate();
  const view = useRead("conflicts.get", { id: conflictId }, { staleTime: 0 });
  const gone = view.error?.error.code === "not_found" || view.data?.conflict.status === "closed";
  useEffect(() => {
    if (gone) forgetWork(conflictId);
  }, [gone, conflictId]);
  const back = <KeyButton shortcut="escape" says="Work list" group="Compare" run={() => void navigate({ to: "/work" })} data-testid="back" />;
  if (view.error?.error.code === "not_found") {
    return (
      <Page title="There is no such conflict" testId="compare" actions={back}>
        <Empty title="This address leads to no conflict">It may be mistyped, or from another VetSync. What needs a person is on the work list.</Empty>
      </Page>
    );
  }
  if (gone) {
    return (
      <Page title="This conflict is settled" testId="compare" actions={back}>
        <Empty title="Nothing is left to decide here">Both systems agree now, or somebody else has decided it. The patient's page shows what happened.</Empty>
      </Page>
    );
  }
  if (view.isPending)
    return (
      <Page title="Compare" testId="compare" actions={back}>
        <Waiting what="Reading both systems' values" lines={12} />
      </Page>
    );
  if (!view.data)
    return (
      <Page title="Compare" testId="compare" actions={back}>
        <Failure thrown={view.error} again={() => void view.refetch()} />
      </Page>
    );
  const Variant = variants[view.data.conflict.cause] ?? Decide;
  return <Variant key={`${conflictId} ${view.data.fingerprint}`} view={view.data} back={back} />;
}
