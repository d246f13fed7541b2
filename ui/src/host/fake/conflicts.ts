import type { Candidate, Cause, ChoiceKind, ConflictStatus, FieldView, PatientRow, RunsInto, Shown } from "../../bindings/types";
import { agreeingField, DAY_MS, shown } from "./patients";

export interface SampleConflict {
  id: string;
  row: PatientRow;
  cause: Cause;
  status: ConflictStatus;
  why: string;
  openedDaysAgo: number;
  claimedBy: string | null;
  fields: FieldView[];
  candidates: Candidate[];
  /** Appointments of the same clinician at the same time. */
  runsInto?: RunsInto[];
  /** What the EHR says once somebody has looked: makes the first approval find it moved. */
  movesTo: { field: string; ehr: Shown } | null;
}

const both: ChoiceKind[] = ["take_service_now", "take_last_agreed", "take_ehr", "own", "leave_open"];

type Three = [serviceNow: string | Shown, lastAgreed: string | Shown, ehr: string | Shown];

function differing(field: string, label: string, grade: number, values: Three, more: Partial<FieldView>): FieldView {
  const [serviceNow, lastAgreed, ehr] = values.map((value) => (typeof value === "string" ? shown(value) : value)) as [Shown, Shown, Shown];
  return agreeingField(field, label, "", {
    grade,
    serviceNow,
    lastAgreed,
    ehr,
    sameBecause: null,
    why: "both_changed",
    sentence: `${label}: ServiceNow says ${serviceNow.text || "nothing"}, the EHR says ${ehr.text || "nothing"}; last agreed was ${lastAgreed.text || "nothing"}.`,
    choices: both,
    ...more,
  });
}

const patient = (id: string, name: string, species: string, breed: string, owner: string, phone: string, chip: string, born: string): PatientRow => ({
  id,
  name,
  species,
  breed,
  owner,
  phone,
  chip,
  born,
  status: "differs",
  deceased: false,
  differing: [],
});

const substances = (items: string[]): Shown => shown(items.join(", "), { items });

export function sampleConflicts(): SampleConflict[] {
  const bella = patient("pb", "Bella", "Dog", "Labrador Retriever", "Ana Okafor", "+1 415 555 0134", "985112001234567", "2019-04-12");
  const milo = patient("pm", "Milo", "Cat", "Maine Coon", "Hannes Fischer", "+1 415 555 0177", "985112007654321", "2021-09-02");
  const nala = patient("pn", "Nala", "Cat", "Domestic Shorthair", "Grace Adeyemi", "+1 415 555 0108", "985112004444441", "2018-01-30");
  const rocky = patient("pr", "Rocky", "Dog", "Beagle", "Niamh Byrne", "+1 415 555 0191", "985112003939393", "2016-06");
  const coco = patient("pc", "Coco", "Rabbit", "Holland Lop", "Yuki Sato", "+1 415 555 0122", "", "2023-03-11");
  const rest = ["Fritzi", "Paula", "Balu", "Maja", "Oscar", "Felix", "Lilly", "Simba", "Charlie", "Max", "Luna", "Tilda"];
  const list: SampleConflict[] = [
    {
      id: "c-allergy",
      row: milo,
      cause: "fields_differ",
      status: "open",
      why: "An allergy is gone in ServiceNow that the EHR still has.",
      openedDaysAgo: 0.1,
      claimedBy: null,
      candidates: [],
      movesTo: null,
      fields: [
        differing("patient.allergies", "Allergies", 4, [substances(["Chicken"]), substances(["Chicken", "Penicillin"]), substances(["Chicken", "Penicillin"])], {
          editor: "substances",
          why: "allergy_removed_or_reworded",
          choices: [...both.slice(0, 4), "keep_both", "leave_open"],
          sentence: "Penicillin was removed in ServiceNow; the EHR still lists it.",
          suggestion: substances(["Chicken", "Penicillin"]),
          suggestedChoice: "take_ehr",
          suggestionReason: "Keeping an allergy is the safe direction.",
        }),
      ],
    },
    {
      id: "c-owner",
      row: bella,
      cause: "fields_differ",
      status: "open",
      why: "Both systems changed the owner's phone since they last agreed.",
      openedDaysAgo: 0.4,
      claimedBy: null,
      candidates: [],
      movesTo: null,
      fields: [
        differing("patient.owner_phone", "Owner's phone", 3, [shown("+1 415 555 0134", { raw: "415-555-0134" }), "+1 415 555 0199", shown("+1 415 555 0143", { detail: "mobile" })], {
          editor: "phone",
          group: "owner",
        }),
        differing("patient.owner_email", "Owner's e-mail", 3, ["ana.okafor@example.org", "a.okafor@example.org", "a.okafor@example.org"], {
          editor: "email",
          group: "owner",
          why: "group_moves_together",
        }),
        differing(
          "patient.breed",
          "Breed",
          3,
          [shown("Labrador Retriever", { detail: "SNOMED CT 62137007" }), shown("Mixed breed", { detail: "local: MIX" }), shown("Labrador mix", { detail: "no code" })],
          {
            editor: "breed",
            suggestion: shown("Labrador Retriever", { detail: "SNOMED CT 62137007" }),
            suggestedChoice: "take_service_now",
            suggestionReason: "It is the only one of the two with a code.",
          },
        ),
        differing(
          "patient.medical_notes",
          "Medical notes",
          3,
          [
            "Nervous in the waiting room.\nDiet food since March.\nMuzzle for nail trims.",
            "Nervous in the waiting room.\nDiet food since March.",
            "Nervous in the waiting room.\nDiet food since April.\n",
          ],
          { editor: "long_text", why: "merge_conflict" },
        ),
      ],
    },
    {
      id: "c-moves",
      row: nala,
      cause: "fields_differ",
      status: "open",
      why: "Both systems changed the date of birth since they last agreed.",
      openedDaysAgo: 1.2,
      claimedBy: null,
      candidates: [],
      movesTo: { field: "patient.patient_name", ehr: shown("Nahla") },
      fields: [
        differing("patient.date_of_birth", "Date of birth", 3, ["2018-01-30", "2018", "2018-03-01"], { editor: "date" }),
        differing("patient.patient_name", "Name", 3, ["Nala", "Nalla", "Nala B."], {}),
      ],
    },
    {
      id: "c-chip",
      row: rocky,
      cause: "fields_differ",
      status: "awaiting_second",
      why: "The microchip number changed in the EHR.",
      openedDaysAgo: 2,
      claimedBy: "Mara Quinn",
      candidates: [],
      movesTo: null,
      fields: [
        differing("patient.microchip_id", "Microchip", 4, ["985112003939393", "985112003939393", "985112003939339"], {
          editor: "microchip",
          why: "identity_changed",
          sentence: "The microchip was 985112003939393 in both; the EHR now says 985112003939339.",
        }),
      ],
    },
    {
      id: "c-duplicate",
      row: coco,
      cause: "maybe_duplicate",
      status: "open",
      why: "A patient in the EHR looks like this one, but carries no shared number.",
      openedDaysAgo: 3,
      claimedBy: null,
      fields: [],
      movesTo: null,
      candidates: [
        {
          patientId: "p812",
          remote: "ehr",
          name: "Coco",
          owner: "Yuki Satoh",
          species: "Rabbit",
          breed: "Holland Lop",
          born: "2023-03",
          phone: "+1 415 555 0122",
          chip: "",
          forSentences: ["The owner's phone is the same.", "The name is the same.", "Both are rabbits of the breed Holland Lop.", "Born in March 2023 in both."],
          againstSentences: ["The owner's family name is spelt differently: Sato, Satoh."],
          tier: "likely",
          linkable: true,
          notLinkableBecause: null,
        },
        {
          patientId: "p913",
          remote: "ehr",
          name: "Cocoa",
          owner: "Yumi Sato",
          species: "Rabbit",
          breed: "Lionhead",
          born: "2020-11-05",
          phone: "+1 415 555 0555",
          chip: "985112000000913",
          forSentences: ["The names sound alike."],
          againstSentences: ["Born two years apart.", "Different breed.", "Different phone."],
          tier: "weak",
          linkable: false,
          notLinkableBecause: "That patient already has a record in ServiceNow, so the two cannot be linked here: merge them in ServiceNow, or say they are not the same.",
        },
      ],
    },
  ];
  list.push({
    id: "c-double",
    row: coco,
    cause: "rule_broken",
    status: "open",
    why: "Both systems agree on it, and yet it cannot be right. The clinician has another appointment at the same time. Move one of the two, shorten the first, or give one of them to another clinician.",
    openedDaysAgo: 0.2,
    claimedBy: null,
    candidates: [],
    runsInto: [{ id: "v-other", patient: "Coco", when: "Mon 5 Oct 2026, 14:15 to 14:45 (Europe/Berlin)", about: "Vaccination" }],
    movesTo: null,
    fields: [],
  });
  rest.forEach((name, index) => {
    const phone = `+1 415 555 02${String(10 + index)}`;
    list.push({
      id: `c-phone-${index}`,
      row: patient(`px${index}`, name, index % 3 ? "Dog" : "Cat", index % 3 ? "Mixed breed" : "Siamese", "Peter Kowalski", phone, `98511200555${String(1000 + index)}`, "2020-05-01"),
      cause: "fields_differ",
      status: "open",
      why: "The phones never agreed: there is no earlier common value.",
      openedDaysAgo: 4 + index / 8,
      claimedBy: index === 2 ? "Mara Quinn" : null,
      candidates: [],
      movesTo: null,
      fields: [
        differing("patient.owner_phone", "Owner's phone", 3, [phone, shown(""), `+1 415 555 03${String(10 + index)}`], {
          editor: "phone",
          group: "owner",
          why: "never_agreed",
          lastAgreedAtMs: null,
          lastAgreedBy: null,
          choices: both.filter((choice) => choice !== "take_last_agreed"),
        }),
      ],
    });
  });
  for (const conflict of list) conflict.row.differing = conflict.fields.map((field) => field.label);
  return list;
}

export const openedAt = (conflict: SampleConflict): number => Date.now() - conflict.openedDaysAgo * DAY_MS;
