import { createHashHistory, createRootRoute, createRoute, createRouter, lazyRouteComponent, type RouterHistory } from "@tanstack/react-router";
import type { Cause, ConflictStatus, DuplicateState, DuplicateTier, PatientStatus, QuarantineStatus, RemoteName } from "../bindings/types";
import { HomeScreen } from "../features/home/HomeScreen";
import { causeWords, conflictStatusWords, duplicateStateWords, duplicateTierWords, patientStatusWords, quarantineStatusWords, remoteWords } from "../words/words";
import { NotFound, ScreenFailed } from "./NotFound";
import { Shell } from "./Shell";

const text = (value: unknown): string | undefined => (typeof value === "string" && value !== "" ? value : undefined);
const oneOf = <T extends string>(words: Record<T, string>, value: unknown): T | undefined => (typeof value === "string" && value in words ? (value as T) : undefined);

/** A day of the calendar, `2026-10-05`. */
const day = (value: unknown): string | undefined => (typeof value === "string" && /^\d{4}-\d\d-\d\d$/.test(value) && !Number.isNaN(Date.parse(value)) ? value : undefined);

/** Leaves out what is not set, so that addresses stay short. */
const given = <T extends object>(search: T): T => Object.fromEntries(Object.entries(search).filter(([, value]) => value !== undefined)) as T;

const root = createRootRoute({ component: Shell, notFoundComponent: NotFound });

const home = createRoute({ getParentRoute: () => root, path: "/", component: HomeScreen });

const patients = createRoute({
  getParentRoute: () => root,
  path: "/patients",
  validateSearch: (search: Record<string, unknown>): { q?: string; status?: PatientStatus } =>
    given({ q: text(search.q) as string, status: oneOf(patientStatusWords, search.status) as PatientStatus }),
  component: lazyRouteComponent(() => import("../features/patients/PatientsScreen"), "PatientsScreen"),
});

const patient = createRoute({
  getParentRoute: () => root,
  path: "/patients/$patientId",
  component: lazyRouteComponent(() => import("../features/patient/PatientScreen"), "PatientScreen"),
});

export interface WorkSearch {
  text?: string;
  grade?: number;
  field?: string;
  cause?: Cause;
  status?: ConflictStatus;
  group?: boolean;
}

interface CalendarSearch {
  day?: string;
  span?: "week";
  clinician?: string;
}

const appointments = createRoute({
  getParentRoute: () => root,
  path: "/appointments",
  validateSearch: (search: Record<string, unknown>): CalendarSearch =>
    given({
      day: day(search.day) as string,
      span: (search.span === "week" ? "week" : undefined) as "week",
      clinician: (typeof search.clinician === "string" ? search.clinician : undefined) as string,
    }),
  component: lazyRouteComponent(() => import("../features/appointments/AppointmentsScreen"), "AppointmentsScreen"),
});

const appointment = createRoute({
  getParentRoute: () => root,
  path: "/appointments/$appointmentId",
  component: lazyRouteComponent(() => import("../features/appointments/AppointmentScreen"), "AppointmentScreen"),
});

const treatments = createRoute({
  getParentRoute: () => root,
  path: "/treatments",
  validateSearch: (search: Record<string, unknown>): { week?: string; status?: PatientStatus } =>
    given({ week: day(search.week) as string, status: oneOf(patientStatusWords, search.status) as PatientStatus }),
  component: lazyRouteComponent(() => import("../features/treatments/TreatmentsScreen"), "TreatmentsScreen"),
});

const treatment = createRoute({
  getParentRoute: () => root,
  path: "/treatments/$treatmentId",
  component: lazyRouteComponent(() => import("../features/treatments/TreatmentScreen"), "TreatmentScreen"),
});

const work = createRoute({
  getParentRoute: () => root,
  path: "/work",
  validateSearch: (search: Record<string, unknown>): WorkSearch =>
    given({
      text: text(search.text) as string,
      grade: search.grade === 3 || search.grade === 4 ? search.grade : (undefined as unknown as number),
      field: text(search.field) as string,
      cause: oneOf(causeWords, search.cause) as Cause,
      status: oneOf(conflictStatusWords, search.status) as ConflictStatus,
      group: (search.group === true ? true : undefined) as boolean,
    }),
  component: lazyRouteComponent(() => import("../features/work/WorkScreen"), "WorkScreen"),
});

export interface DuplicatesSearch {
  text?: string;
  tier?: DuplicateTier;
  state?: DuplicateState;
}

const duplicates = createRoute({
  getParentRoute: () => root,
  path: "/duplicates",
  validateSearch: (search: Record<string, unknown>): DuplicatesSearch =>
    given({ text: text(search.text) as string, tier: oneOf(duplicateTierWords, search.tier) as DuplicateTier, state: oneOf(duplicateStateWords, search.state) as DuplicateState }),
  component: lazyRouteComponent(() => import("../features/duplicates/DuplicatesScreen"), "DuplicatesScreen"),
});

const duplicate = createRoute({
  getParentRoute: () => root,
  path: "/duplicates/$duplicateId",
  component: lazyRouteComponent(() => import("../features/duplicates/DuplicateScreen"), "DuplicateScreen"),
});

const compare = createRoute({
  getParentRoute: () => root,
  path: "/work/$conflictId",
  validateSearch: (search: Record<string, unknown>): { moved?: boolean } => (search.moved === true ? { moved: true } : {}),
  component: lazyRouteComponent(() => import("../features/compare/CompareScreen"), "CompareScreen"),
});

const plan = createRoute({
  getParentRoute: () => root,
  path: "/plans/$planId",
  component: lazyRouteComponent(() => import("../features/plan/PlanScreen"), "PlanScreen"),
});

const receipts = createRoute({
  getParentRoute: () => root,
  path: "/receipts",
  validateSearch: (search: Record<string, unknown>): { patient?: string; plan?: string } => given({ patient: text(search.patient) as string, plan: text(search.plan) as string }),
  component: lazyRouteComponent(() => import("../features/receipts/ReceiptsScreen"), "ReceiptsScreen"),
});

const reconciliation = createRoute({
  getParentRoute: () => root,
  path: "/reconciliation",
  component: lazyRouteComponent(() => import("../features/reconciliation/ReconciliationScreen"), "ReconciliationScreen"),
});

/** The spans that a report is made of. */
export const reportSpans = { day: "Day", week: "Week", month: "Month" } as const;

const reportOfDays = createRoute({
  getParentRoute: () => root,
  path: "/reconciliation/days",
  validateSearch: (search: Record<string, unknown>): { day?: string; span?: keyof typeof reportSpans } =>
    given({ day: day(search.day) as string, span: oneOf(reportSpans, search.span) as keyof typeof reportSpans }),
  component: lazyRouteComponent(() => import("../features/reconciliation/DaysScreen"), "DaysScreen"),
});

const reportOfRun = createRoute({
  getParentRoute: () => root,
  path: "/reconciliation/$runId",
  component: lazyRouteComponent(() => import("../features/reconciliation/RunScreen"), "RunScreen"),
});

/** What the queue can be narrowed to: a state, or several that mean the same to people. */
export const queueStates = { waiting: "Waiting", trying: "Trying", parked: "Needs an edit", done: "Done", cancelled: "Cancelled" } as const;

export interface QueueSearch {
  state?: keyof typeof queueStates;
  remote?: RemoteName;
  cause?: string;
  patient?: string;
  group?: boolean;
}

const queue = createRoute({
  getParentRoute: () => root,
  path: "/queue",
  validateSearch: (search: Record<string, unknown>): QueueSearch =>
    given({
      state: oneOf(queueStates, search.state) as keyof typeof queueStates,
      remote: oneOf(remoteWords, search.remote) as RemoteName,
      cause: text(search.cause) as string,
      patient: text(search.patient) as string,
      group: (search.group === true ? true : undefined) as boolean,
    }),
  component: lazyRouteComponent(() => import("../features/queue/QueueScreen"), "QueueScreen"),
});

const operation = createRoute({
  getParentRoute: () => root,
  path: "/queue/$operationId",
  validateSearch: (search: Record<string, unknown>): { edit?: boolean } => (search.edit === true ? { edit: true } : {}),
  component: lazyRouteComponent(() => import("../features/queue/OperationScreen"), "OperationScreen"),
});

export interface UnreadableSearch {
  status?: QuarantineStatus;
  remote?: RemoteName;
  cause?: string;
  group?: boolean;
}

const unreadable = createRoute({
  getParentRoute: () => root,
  path: "/queue/unreadable",
  validateSearch: (search: Record<string, unknown>): UnreadableSearch =>
    given({
      status: oneOf(quarantineStatusWords, search.status) as QuarantineStatus,
      remote: oneOf(remoteWords, search.remote) as RemoteName,
      cause: text(search.cause) as string,
      group: (search.group === true ? true : undefined) as boolean,
    }),
  component: lazyRouteComponent(() => import("../features/queue/UnreadableScreen"), "UnreadableScreen"),
});

const entry = createRoute({
  getParentRoute: () => root,
  path: "/queue/unreadable/$entryId",
  validateSearch: (search: Record<string, unknown>): { edit?: boolean } => (search.edit === true ? { edit: true } : {}),
  component: lazyRouteComponent(() => import("../features/queue/EntryScreen"), "EntryScreen"),
});

const routeTree = root.addChildren([
  home,
  patients,
  patient,
  appointments,
  appointment,
  treatments,
  treatment,
  work,
  duplicates,
  duplicate,
  compare,
  plan,
  receipts,
  reconciliation,
  reportOfDays,
  reportOfRun,
  queue,
  operation,
  unreadable,
  entry,
]);

export function newRouter(history: RouterHistory = createHashHistory()) {
  return createRouter({ routeTree, history, defaultPreload: "intent", defaultPendingMs: 150, defaultErrorComponent: ScreenFailed, defaultNotFoundComponent: NotFound });
}

export type Router = ReturnType<typeof newRouter>;

declare module "@tanstack/react-router" {
  interface Register {
    router: Router;
  }
}
