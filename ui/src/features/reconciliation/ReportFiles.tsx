import { useState } from "react";
import type { ReportFormat, ReportQuery } from "../../bindings/types";
import { useHost } from "../../host/context";
import { KeyButton } from "../../keyboard/KeyButton";
import { notifyDone, notifyFailure } from "../../shared/notify";

const files = [
  { format: "pdf", says: "PDF", shortcut: "p" },
  { format: "xlsx", says: "Excel", shortcut: "e" },
  { format: "csv", says: "CSV", shortcut: "v" },
] as const satisfies readonly { format: ReportFormat; says: string; shortcut: string }[];

/** The buttons that save a report as a file, each the same figures as the page. */
export function ReportFiles({ report, group, disabled }: { report: ReportQuery; group: string; disabled: boolean }) {
  const host = useHost();
  const [busy, setBusy] = useState<ReportFormat | null>(null);
  const save = async (format: ReportFormat) => {
    setBusy(format);
    try {
      notifyDone(`Report saved: ${await host.save(await host.call("reports.export", { report, format }))}`);
    } catch (thrown) {
      notifyFailure(thrown);
    } finally {
      setBusy(null);
    }
  };
  return files.map(({ format, says, shortcut }) => (
    <KeyButton
      key={format}
      shortcut={shortcut}
      says={says}
      group={group}
      run={() => void save(format)}
      disabled={disabled || (busy !== null && busy !== format)}
      loading={busy === format}
      data-testid={`save-${format}`}
    />
  ));
}
