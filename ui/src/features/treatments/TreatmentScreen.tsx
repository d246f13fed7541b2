import { useParams } from "@tanstack/react-router";
import { useRead } from "../../data/useRead";
import { Visit } from "../visit/Visit";

/** One treatment. */
export function TreatmentScreen() {
  const { treatmentId: id } = useParams({ from: "/treatments/$treatmentId" });
  return <Visit kind="treatment" id={id} page={useRead("treatments.get", { id })} />;
}
