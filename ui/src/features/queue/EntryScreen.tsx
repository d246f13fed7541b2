import { Link, useNavigate, useParams, useSearch } from "@tanstack/react-router";
import type { QuarantineItem, QuarantineView } from "../../bindings/types";
import { useMay } from "../../data/session";
import { useRead } from "../../data/useRead";
import { KeyButton } from "../../keyboard/KeyButton";
import { Failure } from "../../shared/Failure";
import { Page } from "../../shared/Page";
import { Waiting } from "../../shared/Waiting";
import { Moment } from "../../shared/When";
import { plural, quarantineStatusWords } from "../../words/words";
import { EntryEdit } from "./EntryEdit";
import { EntryState, whatItIs } from "./EntryRow";
import classes from "./Operation.module.css";
import { useEditing } from "./useEditing";
import { useEntryActions } from "./useEntryActions";

export function EntryScreen() {
  const { entryId } = useParams({ from: "/queue/unreadable/$entryId" });
  const may = useMay("see_quarantine");
  const view = useRead("quarantine.show", { id: entryId }, { enabled: may });
  if (may && view.isPending)
    return (
      <Page title="Unreadable" testId="entry">
        <Waiting what="Reading the text" lines={10} />
      </Page>
    );
  if (!view.data)
    return (
      <Page title="Unreadable" testId="entry">
        {may ? <Failure thrown={view.error} again={() => void view.refetch()} /> : <p>What cannot be read is looked after by IT or an administrator.</p>}
      </Page>
    );
  return <Entry key={entryId} view={view.data} />;
}

function Texts({ lineage, id }: { lineage: QuarantineItem[]; id: string }) {
  return (
    <section className={classes.card} aria-labelledby="lineage-title">
      <h2 id="lineage-title">Edits</h2>
      {lineage.length < 2 ? (
        <p className={classes.quiet}>It is as it came.</p>
      ) : (
        <ol className={classes.lineage} data-testid="lineage">
          {lineage.map((one, index) => (
            <li key={one.id} aria-current={one.id === id ? "step" : undefined}>
              <strong>{index === 0 ? "As it came" : `Edit ${index}${one.editedBy ? ` by ${one.editedBy}` : ""}`}</strong>
              <small>
                <Moment atMs={one.firstSeenAtMs} />
              </small>
              {one.reason && <p>“{one.reason}”</p>}
              <p className={classes.quiet}>
                {quarantineStatusWords[one.status]}
                {one.id === id ? (
                  " · this one"
                ) : (
                  <>
                    {" · "}
                    <Link to="/queue/unreadable/$entryId" params={{ entryId: one.id }}>
                      open it
                    </Link>
                  </>
                )}
              </p>
            </li>
          ))}
        </ol>
      )}
    </section>
  );
}

function Entry({ view }: { view: QuarantineView }) {
  const { item } = view;
  const navigate = useNavigate();
  const { edit } = useSearch({ from: "/queue/unreadable/$entryId" });
  const mayWork = useMay("work_quarantine");
  const actions = useEntryActions();
  const [asked, setEdit] = useEditing(Boolean(edit), (on) => void navigate({ to: "/queue/unreadable/$entryId", params: { entryId: item.id }, search: on ? { edit: true } : {}, replace: true }));
  const editing = asked && item.canEdit;
  return (
    <Page
      testId="entry"
      title={whatItIs(item)}
      lead={<EntryState item={item} />}
      actions={
        <>
          {!editing && <KeyButton shortcut="escape" says="Back to the list" group="Unreadable" run={() => void navigate({ to: "/queue/unreadable" })} data-testid="back" />}
          {mayWork && (
            <>
              <KeyButton shortcut="d" says="Dismiss" group="Unreadable" disabled={!item.canDismiss || actions.busy} run={() => actions.dismiss(item)} data-testid="dismiss" />
              <KeyButton shortcut="r" says="Replay" group="Unreadable" disabled={!item.canReplay || actions.busy} run={() => actions.replay(item)} data-testid="replay-one" />
              {!editing && (
                <KeyButton
                  shortcut="e"
                  says="Edit"
                  group="Unreadable"
                  variant={item.canEdit ? "filled" : "default"}
                  disabled={!item.canEdit}
                  aria-describedby={item.notEditableBecause ? "not-editable" : undefined}
                  run={() => setEdit(true)}
                  data-testid="edit"
                />
              )}
            </>
          )}
        </>
      }
    >
      {mayWork ? (
        item.notEditableBecause && (
          <p id="not-editable" className={classes.quiet} data-testid="not-editable">
            Cannot be edited here: {item.notEditableBecause}
          </p>
        )
      ) : (
        <p className={classes.quiet} data-testid="who-can">
          To edit, replay or dismiss it, ask IT or an administrator.
        </p>
      )}
      <div className={classes.columns}>
        <div className={classes.stack}>
          {editing ? <EntryEdit view={view} close={() => setEdit(false)} /> : <p className={item.status === "open" ? classes.refusal : classes.quiet}>{item.problem}</p>}
          <section className={classes.card} aria-labelledby="raw-title">
            <h2 id="raw-title">{item.replaces ? "The text as edited" : "The text as it came"}</h2>
            {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region must be reachable by key */}
            <pre className={classes.raw} tabIndex={0} data-testid="raw-text">
              {view.raw === "" ? "(nothing)" : view.raw}
            </pre>
          </section>
        </div>
        <div className={classes.stack}>
          <section className={classes.card} aria-label="Where it belongs">
            <dl className={classes.links}>
              <div>
                <dt>Patient</dt>
                <dd>
                  {item.patientId ? (
                    <Link to="/patients/$patientId" params={{ patientId: item.patientId }}>
                      {item.patient}
                    </Link>
                  ) : (
                    "not known"
                  )}
                </dd>
              </div>
              {item.key && (
                <div>
                  <dt>Record</dt>
                  <dd>{item.key}</dd>
                </div>
              )}
              <div>
                <dt>Seen</dt>
                <dd>
                  <Moment atMs={item.firstSeenAtMs} />
                  {item.times > 1 && (
                    <>
                      , {plural(item.times, "time")}, last <Moment atMs={item.lastSeenAtMs} />
                    </>
                  )}
                </dd>
              </div>
              {item.closedAtMs !== null && (
                <div>
                  <dt>Closed</dt>
                  <dd>
                    <Moment atMs={item.closedAtMs} />
                    {item.closedBy && ` by ${item.closedBy}`}
                  </dd>
                </div>
              )}
              {item.reason && (
                <div>
                  <dt>Reason</dt>
                  <dd>“{item.reason}”</dd>
                </div>
              )}
            </dl>
          </section>
          <Texts lineage={view.lineage} id={item.id} />
        </div>
      </div>
      {actions.dialog}
    </Page>
  );
}
