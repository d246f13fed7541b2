import type { FieldView, PatientRow, PatientStatus, Shown } from "../../bindings/types";

export const PATIENTS = 100_000;
export const DAY_MS = 86_400_000;

const names = ["Bella", "Max", "Luna", "Charlie", "Milo", "Nala", "Oscar", "Simba", "Lilly", "Rocky", "Coco", "Balu", "Maja", "Felix", "Paula", "Fritzi"];
const family = ["Okafor", "Lindqvist", "Marsh", "Nguyen", "Bianchi", "Kowalski", "Adeyemi", "Fischer", "O'Neill", "Haddad", "Sato", "Moreau", "Castillo", "Byrne"];
const given = ["Ana", "Peter", "Ingrid", "Samuel", "Chloe", "Tomasz", "Grace", "Hannes", "Niamh", "Omar", "Yuki", "Louis"];
const kinds: [string, string[]][] = [
  ["Dog", ["Labrador Retriever", "Border Collie", "Beagle", "Mixed breed"]],
  ["Cat", ["Domestic Shorthair", "Maine Coon", "Siamese"]],
  ["Rabbit", ["Holland Lop", "Lionhead"]],
  ["Horse", ["Haflinger", "Quarter Horse"]],
  ["Guinea pig", ["American"]],
];

const at = <T>(list: readonly T[], index: number): T => list[index % list.length] as T;

/** A spread, repeatable number for a row: the same row always looks the same. */
const mix = (index: number, salt: number): number => Math.abs(Math.imul(index + 1, 2_654_435_761) ^ Math.imul(salt + 7, 40_503)) >>> 3;

function statusOf(index: number): PatientStatus {
  const roll = mix(index, 9) % 1000;
  if (roll < 4) return "waiting";
  if (roll < 8) return "only_service_now";
  if (roll < 11) return "only_ehr";
  return "agreed";
}

export function syntheticPatient(index: number): PatientRow {
  const [species, breeds] = at(kinds, mix(index, 1) % 9 < 4 ? 0 : mix(index, 1));
  return {
    id: `p${index}`,
    name: at(names, mix(index, 2)),
    species,
    breed: at(breeds, mix(index, 3)),
    owner: `${at(given, mix(index, 4))} ${at(family, mix(index, 5))}`,
    phone: `+1 415 555 ${String(mix(index, 6) % 10_000).padStart(4, "0")}`,
    chip: `9851120${String(mix(index, 7) % 100_000_000).padStart(8, "0")}`,
    born: `${2008 + (mix(index, 8) % 17)}-${String(1 + (mix(index, 10) % 12)).padStart(2, "0")}-${String(1 + (mix(index, 11) % 28)).padStart(2, "0")}`,
    status: statusOf(index),
    deceased: mix(index, 12) % 60 === 0,
    differing: [],
  };
}

export const shown = (text: string, more: Partial<Shown> = {}): Shown => ({
  text,
  detail: null,
  raw: null,
  blank: text === "",
  hidden: false,
  problem: null,
  items: [],
  ...more,
});

export const agreeingField = (field: string, label: string, text: string, more: Partial<FieldView> = {}): FieldView => ({
  field,
  label,
  group: null,
  editor: "text",
  grade: 0,
  serviceNow: shown(text),
  lastAgreed: shown(text),
  ehr: shown(text),
  lastAgreedAtMs: Date.now() - 6 * DAY_MS,
  lastAgreedBy: "Nightly comparison",
  sameBecause: text === "" ? "both_blank" : null,
  why: null,
  rule: null,
  sentence: text === "" ? `${label} is blank in both systems.` : `${label} is the same in both systems.`,
  suggestion: null,
  suggestionReason: null,
  suggestedChoice: null,
  choices: [],
  mayDecide: true,
  whoCan: null,
  ...more,
});

/** All fields of a patient on whom both systems agree. */
export function agreeingFields(row: PatientRow): FieldView[] {
  return [
    agreeingField("patient.allergies", "Allergies", mix(row.phone.length + row.chip.length, 3) % 2 ? "Penicillin" : "", { editor: "substances" }),
    agreeingField("patient.patient_name", "Name", row.name),
    agreeingField("patient.species", "Species", row.species, { editor: "species", serviceNow: shown(row.species, { detail: "SNOMED CT 448771007" }) }),
    agreeingField("patient.breed", "Breed", row.breed, { editor: "breed" }),
    agreeingField("patient.date_of_birth", "Date of birth", row.born, { editor: "date" }),
    agreeingField("patient.gender", "Sex", "Female, spayed", {
      editor: "sex",
      sameBecause: "same_meaning_of_sex",
      serviceNow: shown("Female, spayed", { raw: "female_spayed" }),
      ehr: shown("Female, spayed", { raw: "female + neutered" }),
    }),
    agreeingField("patient.microchip_id", "Microchip", row.chip, { editor: "microchip", sameBecause: "same_chip", ehr: shown(row.chip, { raw: row.chip.replace(/(\d{3})(\d{4})/, "$1 $2 ") }) }),
    agreeingField("patient.owner_name", "Owner", row.owner, { group: "owner" }),
    agreeingField("patient.owner_phone", "Owner's phone", row.phone, {
      group: "owner",
      editor: "phone",
      sameBecause: "phone_format",
      ehr: shown(row.phone, { raw: row.phone.replace("+1 ", "(").replace(" ", ") ") }),
    }),
    agreeingField("patient.owner_email", "Owner's e-mail", `${row.owner.split(" ")[0]?.toLowerCase()}@example.org`, { group: "owner", editor: "email" }),
    agreeingField("patient.medical_notes", "Medical notes", "Nervous in the waiting room.", { editor: "long_text" }),
  ];
}
