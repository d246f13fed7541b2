import type {
  Cause,
  ChoiceKind,
  ConflictStatus,
  DuplicateState,
  DuplicateTier,
  Editor,
  ErrorKind,
  MidServerState,
  NewsWhat,
  OperationStatus,
  PatientStatus,
  PlanStatus,
  QuarantineReplayOutcome,
  QuarantineStatus,
  RemoteHealth,
  RemoteName,
  Role,
  RuleName,
  RunStatus,
  SameWhy,
  ScheduleKind,
  VisitStage,
  WhyAsked,
} from "../bindings/types";

/** Every word that stands for an enum, in one place: a receptionist's words, no synonyms. */

export const remoteWords: Record<RemoteName, string> = { service_now: "ServiceNow", ehr: "EHR" };

/** Inside a sentence. */
export const placeWords: Record<RemoteName, string> = { service_now: "ServiceNow", ehr: "the EHR" };

export const roleWords: Record<Role, string> = { front_desk: "Front desk", clinician: "Clinician", it: "IT", admin: "Admin", auditor: "Auditor" };

export const healthWords: Record<RemoteHealth, string> = {
  answering: "answering",
  failing: "failing",
  rate_limited: "rate limited",
  breaker_open: "breaker open",
  paused: "paused",
  sign_in_refused: "sign-in refused",
  never_tried: "not tried yet",
};

export const midServerWords: Record<MidServerState, string> = {
  up: "up",
  not_up: "not up",
  not_validated: "not validated",
  stale: "not heard of",
  missing: "not known",
  hidden: "cannot be watched",
  never_looked: "not looked at yet",
};

export const visitStageWords: Record<VisitStage, string> = {
  requested: "requested",
  booked: "booked",
  present: "here",
  done: "done",
  cancelled: "cancelled",
  no_show: "did not come",
  entered_in_error: "entered in error",
};

export const patientStatusWords: Record<PatientStatus, string> = {
  agreed: "Agreed",
  waiting: "Waiting",
  differs: "Differs",
  only_service_now: "Only in ServiceNow",
  only_ehr: "Only in the EHR",
};

export const newsWords: Record<NewsWhat, string> = {
  new: "New",
  moved: "Moved",
  called_off: "Called off",
  changed: "Changed",
};

export const causeWords: Record<Cause, string> = {
  fields_differ: "Fields differ",
  maybe_duplicate: "Maybe a duplicate",
  not_stored: "Not stored as sent",
  vanished: "Vanished from one system",
  cannot_create: "Cannot be created",
  overwritten: "Somebody’s change may be gone",
  rule_broken: "Breaks a rule",
};

export const duplicateTierWords: Record<DuplicateTier, string> = {
  contradictory: "Contradictory",
  probable: "Probable",
  possible: "Possible",
};

export const duplicateStateWords: Record<DuplicateState, string> = {
  open: "Open",
  later: "Put off",
  different: "Not the same animal",
  to_merge: "To be merged",
  same: "Same animal",
};

export const conflictStatusWords: Record<ConflictStatus, string> = {
  open: "Open",
  awaiting_second: "Needs a second person",
  executing: "Approved, not written yet",
  closed: "Settled",
};

const whyAskedWords: Record<WhyAsked, string> = {
  both_changed: "Both systems changed it since they last agreed.",
  never_agreed: "The systems never agreed on it, so nobody can tell which side changed.",
  identity_changed: "It tells which animal this is. A wrong value would join two animals' records.",
  allergy_removed_or_reworded: "An allergy was removed or reworded. That is never done without two people.",
  blanked: "One system blanked it while the other still has a value.",
  sex_changed: "The sex itself changed, not only whether the animal is neutered.",
  neutering_reversed: "A neutered animal became intact, which cannot happen.",
  ehr_edited_one_way_field: "The EHR changed it, but it only travels from ServiceNow to the EHR.",
  value_unreadable: "One system's value cannot be read as what it should be.",
  group_moves_together: "It belongs to fields that move together, and another of them needs you.",
  merge_conflict: "Both systems changed the same lines.",
  always_asked: "The rules of this hospital always ask about it.",
};

/** Why a person is asked. Nothing was changed where the systems never agreed: the value just stands there. */
export function whyAsked(why: WhyAsked, agreedOnce: boolean): string {
  if (why === "ehr_edited_one_way_field" && !agreedOnce) return "It stands only in the EHR; this field does not flow to ServiceNow by itself.";
  return whyAskedWords[why];
}

export const sameWhyWords: Record<SameWhy, string> = {
  case_or_blanks: "only capitals or blanks differ",
  phone_format: "it is the same phone number, written differently",
  email_case: "e-mail addresses ignore capitals",
  same_concept: "both words mean the same in the code system",
  same_chip: "it is the same chip number, written differently",
  same_set: "it is the same list in another order",
  same_amount: "it is the same amount in another unit",
  same_meaning_of_sex: "both ways of writing mean the same sex and neuter status",
  line_endings: "only line endings differ",
  both_blank: "it is blank in both",
  same_instant: "it is the same moment, written differently",
  same_person: "it is the same person, under each system's own key",
  same_stage: "both mean the same stage of the visit",
};

export const ruleWords: Record<RuleName, string> = {
  one_side_changed: "Only one system had changed it.",
  blank_filled: "It was blank on one side and was filled from the other.",
  allergy_added: "An allergy was added on one side; it spreads to the other.",
  neutering_recorded: "Neutering was recorded on one side.",
  finer_date: "The finer of two matching dates was taken.",
  lines_merged: "The lines of both were joined; none clashed.",
  both_changed_alike: "Both systems made the same change.",
  further_along: "Both systems changed it; the one further along was taken.",
};

export const choiceWords: Record<ChoiceKind, string> = {
  take_service_now: "Take ServiceNow",
  take_last_agreed: "Take last agreed",
  take_ehr: "Take EHR",
  own: "Write own",
  keep_both: "Keep both",
  leave_open: "Leave open",
};

/** The word in the result column: where its value comes from. */
export const resultWords: Record<ChoiceKind, string> = {
  take_service_now: "From ServiceNow",
  take_last_agreed: "As last agreed",
  take_ehr: "From the EHR",
  own: "Your own value",
  keep_both: "Both kept",
  leave_open: "Left open",
};

export const planStatusWords: Record<PlanStatus, string> = {
  draft: "Not approved yet",
  awaiting_second: "Needs a second person",
  awaiting_check: "Approved, waits for a system",
  approved: "Being written",
  done: "Done",
  refused: "Refused",
  superseded: "Out of date",
};

export const operationStatusWords: Record<OperationStatus, string> = {
  waiting: "Waiting",
  running: "Writing now",
  retrying: "Trying again",
  parked: "Set aside, needs IT",
  done: "Done",
  cancelled: "Cancelled",
};

/** Where a write stands, for those who look after the queue. */
export const queueStateWords: Record<OperationStatus, string> = {
  waiting: "Waiting",
  running: "Trying now",
  retrying: "Trying again",
  parked: "Needs an edit",
  done: "Done",
  cancelled: "Cancelled",
};

/** What kind of error a try ended with. */
export const errorKindWords: Record<ErrorKind, string> = {
  unreachable: "No connection",
  ambiguous: "No answer",
  transient: "Busy or failing",
  sign_in: "Sign-in refused",
  moved: "Changed meanwhile",
  not_found: "Not found",
  many: "More than one",
  refused: "Refused",
  protocol: "Unreadable answer",
  interrupted: "VetSync was closed",
};

/** Where something that could not be read stands. */
export const quarantineStatusWords: Record<QuarantineStatus, string> = {
  open: "Unreadable",
  superseded: "Edited",
  replayed: "Worked on again",
  resolved: "Readable since",
  dismissed: "Dismissed",
};

/** What came of working on several again, with their number: "3 are worked on again". */
export const replayOutcomeWords: Record<QuarantineReplayOutcome, (count: number) => string> = {
  accepted: (count) => `${count} ${count === 1 ? "is" : "are"} worked on again`,
  read_again: (count) => `${count} ${count === 1 ? "is" : "are"} read again and ${count === 1 ? "closes" : "close"} when readable`,
  still_unreadable: (count) => `${count} ${count === 1 ? "is" : "are"} no better than before`,
  no_key: (count) => `${count} ${count === 1 ? "names" : "name"} no record and ${count === 1 ? "waits" : "wait"} for the next complete run`,
  closed: (count) => `${count} ${count === 1 ? "was" : "were"} closed meanwhile`,
};

/** What a value of each kind looks like. */
export const valueExamples: Record<Editor, string> = {
  text: "",
  long_text: "",
  species: "Dog",
  breed: "Labrador Retriever",
  date: "2019-04-12, or 2019-04, or 2019",
  sex: "Female, spayed",
  microchip: "15 digits",
  phone: "415 555 0134",
  email: "name@example.org",
  substances: "Penicillin, Chicken",
  quantity: "12.4 kg",
  coded: "",
};

export const runStatusWords: Record<RunStatus, string> = { running: "Running", done: "Done", stopped: "Stopped", failed: "Failed" };

/** A grade as people understand it. */
export function gradeWords(grade: number): string {
  if (grade >= 4) return "Two people";
  if (grade === 3) return "One person";
  return "Settled by rule";
}

/** The engine counts what needs a person up to this many; there may be more. */
const COUNTED = 1_000;

/** "412", or "1,000+" where counting stopped. */
export const countWords = (count: number): string => `${count.toLocaleString("en")}${count === COUNTED ? "+" : ""}`;

/** "Dog" for "dog". */
export const capitalised = (word: string): string => word.charAt(0).toUpperCase() + word.slice(1);

/** "Cat, Maine Coon", or only the species. */
export const kindWords = (species: string, breed: string): string => [capitalised(species), breed].filter(Boolean).join(", ");

const triggers: Record<string, string> = { start: "at program start", manual: "by hand", reconciliation: "daily reconciliation", batch: "scheduled batch", poll: "many changes at once" };

export const scheduleWords: Record<ScheduleKind, string> = { reconciliation: "Daily reconciliation", batch: "Scheduled batch" };

/** "every day" for "Every day". */
export const lowerFirst = (sentence: string): string => sentence.charAt(0).toLowerCase() + sentence.slice(1);

/** What started a run. */
export const triggerWords = (trigger: string): string => triggers[trigger] ?? trigger;

export const plural = (count: number, one: string, many = `${one}s`): string => `${count.toLocaleString("en")} ${count === 1 ? one : many}`;
