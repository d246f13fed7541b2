import type { BrakedRun, ContinueBraked } from "../../bindings/types";
import type { Surroundings } from "./queue";

type Stopped = Omit<BrakedRun, "mayContinue" | "whoCan" | "runUnderWay">;

const HOUR_MS = 3_600_000;

/** A run of the sample clinic that the brake stopped; there is none until somebody asks for it. */
export class SampleBrake {
  private stopped: Stopped | null = null;

  constructor(
    private readonly around: Surroundings,
    private readonly runUnderWay: () => boolean,
    private readonly goOn: () => void,
  ) {}

  stop(change: Partial<Stopped> = {}): void {
    const patients = change.patients ?? 1_412;
    this.stopped = {
      runId: "r0",
      hash: `counted-${patients}`,
      words: `Stopped before the first write: ${patients.toLocaleString("en")} patients would be changed, the limit is 1,000.`,
      counts: [
        { label: "Allergies", serviceNow: 0, ehr: 3, emptied: 3 },
        { label: "Owner's phone", serviceNow: 1_204, ehr: 0, emptied: 0 },
        { label: "Breed", serviceNow: 12, ehr: 161, emptied: 0 },
        { label: "Owner's e-mail", serviceNow: 88, ehr: 0, emptied: 0 },
        { label: "Medical notes", serviceNow: 4, ehr: 9, emptied: 0 },
        { label: "Weight", serviceNow: 0, ehr: 2, emptied: 0 },
        { label: "Patients created there", serviceNow: 0, ehr: 7, emptied: 0 },
      ],
      recounted: null,
      patients,
      writesServiceNow: 1_230,
      writesEhr: 174,
      creates: 7,
      stoppedAtMs: Date.now() - 2 * HOUR_MS,
      maker: null,
      reason: null,
      onePerson: false,
      ...change,
    };
    this.around.changed(["runs", "home"], null);
  }

  view(): BrakedRun | null {
    const { stopped } = this;
    if (!stopped) return null;
    const own = stopped.maker === this.around.person();
    const mayContinue = this.around.may("sync_all") && !own;
    return { ...stopped, mayContinue, whoCan: mayContinue ? null : own ? "another administrator" : "an administrator", runUnderWay: this.runUnderWay() };
  }

  continue({ hash, reason }: ContinueBraked): boolean {
    const { stopped } = this;
    const { fail } = this.around;
    if (!stopped) return fail("invalid", "Nothing waits behind the brake.", "Compare everything again.");
    if (stopped.hash !== hash) return fail("moved", "What the run would write is not what you saw any more.", "Look at what is there now; your choices are kept.");
    if (stopped.maker === null) {
      if (!reason?.trim()) return fail("invalid", "This needs a reason.", "Write why this many changes are right: the second person reads it.", "reason");
      this.stopped = { ...stopped, maker: this.around.person(), reason: reason.trim() };
      this.around.changed(["runs", "home"], null);
      return false;
    }
    if (stopped.maker === this.around.person()) return fail("invalid", "Nobody approves what they made.", "Ask a second person to look at it.");
    this.stopped = null;
    this.goOn();
    return true;
  }
}
