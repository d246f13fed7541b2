import { IconAlertTriangle, IconCircleCheck } from "@tabler/icons-react";
import { Link } from "@tanstack/react-router";
import type { ReceiptView } from "../../bindings/types";
import { RemoteWord } from "../../shared/sides";
import { Moment } from "../../shared/When";
import { Changes } from "../plan/Changes";
import classes from "./Receipts.module.css";

/** What one write did: read back and compared, with request and answer. */
export function ReceiptCard({ receipt }: { receipt: ReceiptView }) {
  const Icon = receipt.verified ? IconCircleCheck : IconAlertTriangle;
  return (
    <li className={classes.card} data-side={receipt.remote} data-testid="receipt">
      <div className={classes.head}>
        <RemoteWord remote={receipt.remote} />
        <strong>{receipt.sentence}</strong>
        <span className={classes.verified} data-verified={receipt.verified} data-testid="verified">
          <Icon size={16} aria-hidden="true" />
          {receipt.verified ? "Read back and found as sent" : "Not stored as sent"}
        </span>
      </div>
      <p className={classes.who}>
        <Moment atMs={receipt.atMs} /> · decided by {receipt.maker}
        {receipt.approver && receipt.approver !== receipt.maker && `, approved by ${receipt.approver}`}
        {receipt.versionBefore && receipt.versionAfter && ` · version ${receipt.versionBefore} became ${receipt.versionAfter}`}
        {receipt.reason && ` · “${receipt.reason}”`}
      </p>
      {receipt.discrepancies.map((sentence) => (
        <p key={sentence} className={classes.discrepancy}>
          {sentence}
        </p>
      ))}
      {receipt.undoneBy && (
        <p className={classes.who} data-testid="undone">
          <strong>Undone.</strong>{" "}
          <Link to="/plans/$planId" params={{ planId: receipt.undoneBy }}>
            See the undo
          </Link>
        </p>
      )}
      <Changes changes={receipt.changes} />
      <details className={classes.literal}>
        <summary>Request, answer and what was read back</summary>
        {[
          ["Sent", receipt.request],
          ["Answered", receipt.response],
          ["Read back", receipt.readBack],
        ].map(([word, text]) => (
          <section key={word}>
            <h3>{word}</h3>
            {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region must be reachable by key */}
            <pre tabIndex={0}>{text}</pre>
          </section>
        ))}
      </details>
    </li>
  );
}
