import { useParams } from "@tanstack/react-router";
import { useRead } from "../../data/useRead";
import { Visit } from "../visit/Visit";

/** One appointment. */
export function AppointmentScreen() {
  const { appointmentId: id } = useParams({ from: "/appointments/$appointmentId" });
  return <Visit kind="appointment" id={id} page={useRead("appointments.get", { id })} />;
}
