import { Link } from "@tanstack/react-router";
import type { ConflictItem } from "../../bindings/types";
import { SpeciesIcon } from "../../shared/Species";
import { GradeWord } from "../../shared/Status";
import { Ago } from "../../shared/When";

export function CompareTitle({ conflict }: { conflict: ConflictItem }) {
  return (
    <>
      <SpeciesIcon species={conflict.species} size={22} />
      {conflict.patient}
      <GradeWord grade={conflict.grade} />
    </>
  );
}

export function CompareLead({ conflict }: { conflict: ConflictItem }) {
  return (
    <>
      {conflict.why} {conflict.owner} · found <Ago atMs={conflict.openedAtMs} /> ·{" "}
      {conflict.claimedBy !== null && <>{conflict.claimedByMe ? "you work on it" : `${conflict.claimedBy} works on it`} · </>}
      <Link to="/patients/$patientId" params={{ patientId: conflict.patientId }}>
        {conflict.cause === "rule_broken" ? "Appointment's page" : "Patient's page"}
      </Link>
    </>
  );
}
