import type { Capability, DuplicateItem, DuplicateList, DuplicateQuery, DuplicateRecord, DuplicateState, DuplicateView } from "../../bindings/types";
import { DAY_MS, shown } from "./patients";

interface Around {
  may: (capability: Capability) => boolean;
  person: () => string;
}

const record = (given: Partial<DuplicateRecord> & Pick<DuplicateRecord, "key" | "name">): DuplicateRecord => ({
  patientId: "pb",
  remote: "ehr",
  species: "dog",
  breed: "Beagle",
  owner: "Amy Chalmers",
  phone: "+1 415 555 0142",
  chip: "",
  born: "2019-05-04",
  status: "agreed",
  ...given,
});

const within = (place: string) =>
  `Both records stand in ${place}, and VetSync merges nothing there: say that they are the same animal, merge them in ${place}, and this entry goes with the next comparison.`;

/** Records of the sample clinic that may be one animal. */
export class SampleDuplicates {
  items: DuplicateItem[];

  constructor(private readonly around: Around) {
    const item = (given: Partial<DuplicateItem> & Pick<DuplicateItem, "id" | "tier" | "points" | "one" | "other">): DuplicateItem => ({
      state: "open",
      forSentences: [],
      againstSentences: [],
      atMs: Date.now() - DAY_MS,
      answeredBy: null,
      reason: null,
      laterUntilMs: null,
      askedAgain: null,
      linkable: true,
      notLinkableBecause: null,
      ...given,
    });
    this.items = [
      item({
        id: "servicenow:9d3850~ehr:pat-31",
        tier: "contradictory",
        points: -15,
        one: record({ key: "9d3850", name: "Max", remote: "service_now", patientId: "pm", chip: "981020000123456" }),
        other: record({ key: "pat-31", name: "Xanthippe", species: "cat", breed: "", owner: "Tom Okafor", phone: "+1 415 555 0199", chip: "981020000123456", patientId: "pn" }),
        forSentences: ["They carry the same microchip number."],
        againstSentences: ["Their names differ.", "They are of different species.", "Their owners' names differ."],
        linkable: false,
        notLinkableBecause: "One of the two is linked already, and a patient has one record in each system: merge the two records of the one system there, or say that they are not the same animal.",
      }),
      item({
        id: "servicenow:77aa01~ehr:pat-40",
        tier: "probable",
        points: 80,
        one: record({ key: "77aa01", name: "Bella", remote: "service_now", status: "only_service_now" }),
        other: record({ key: "pat-40", name: "Bela", status: "only_ehr", patientId: "pn" }),
        forSentences: ["Their names are alike.", "They are of the same species.", "Their owners have the same phone number.", "Their owners' names are alike.", "Their birth dates fit together."],
      }),
      item({
        id: "ehr:pat-50~ehr:pat-51",
        tier: "probable",
        points: 70,
        one: record({ key: "pat-50", name: "Luna" }),
        other: record({ key: "pat-51", name: "Luna", owner: "A. Chalmers", born: "2019", patientId: "pm" }),
        forSentences: ["Their names are alike.", "They are of the same species.", "Their owners have the same phone number."],
        linkable: false,
        notLinkableBecause: within("the EHR"),
      }),
      item({
        id: "servicenow:88bb02~ehr:pat-60",
        tier: "possible",
        points: 30,
        one: record({ key: "88bb02", name: "Charlie", remote: "service_now", chip: "981020000777777", status: "only_service_now" }),
        other: record({ key: "pat-60", name: "Charlie", chip: "956000009876543", status: "only_ehr", patientId: "pn" }),
        forSentences: ["Their names are alike.", "They are of the same species.", "Their owners have the same phone number."],
        againstSentences: ["They carry different microchip numbers (an animal can have two)."],
        askedAgain: "Mara Quinn said “not the same animal” (“brothers”). Since then the microchip changed.",
      }),
    ];
  }

  private isOpen(item: DuplicateItem): boolean {
    return item.state === "open" || (item.state === "later" && (item.laterUntilMs ?? 0) <= Date.now());
  }

  list({ text, tier, state, offset, limit }: DuplicateQuery): DuplicateList {
    const wanted: DuplicateState = state ?? "open";
    const open = this.items.filter((item) => this.isOpen(item));
    const found = this.items.filter(
      (item) =>
        (wanted === "open" ? this.isOpen(item) : item.state === wanted) &&
        (tier === null || item.tier === tier) &&
        [item.one, item.other].some((one) => [one.name, one.owner, one.phone, one.chip].some((word) => word.toLowerCase().includes(text.trim().toLowerCase()))),
    );
    const count = (of: DuplicateItem["tier"]) => open.filter((item) => item.tier === of).length;
    return { items: found.slice(offset, offset + limit), total: found.length, contradictory: count("contradictory"), probable: count("probable"), possible: count("possible") };
  }

  view(id: string): DuplicateView | undefined {
    const item = this.items.find((one) => one.id === id);
    if (!item) return undefined;
    const { one, other } = item;
    const field = (name: string, label: string, left: string, right: string) => ({ field: name, label, one: shown(left), other: shown(right), same: left.toLowerCase() === right.toLowerCase() });
    return {
      item,
      fields: [
        field("patient_name", "Name", one.name, other.name),
        field("species", "Species", one.species, other.species),
        field("breed", "Breed", one.breed, other.breed),
        field("date_of_birth", "Date of birth", one.born, other.born),
        field("microchip_id", "Microchip", one.chip, other.chip),
        field("owner_name", "Owner", one.owner, other.owner),
        field("owner_phone", "Owner's phone", one.phone, other.phone),
      ],
      dependants: [
        { ofOne: true, remote: one.remote, appointments: 4, treatments: 2 },
        { ofOne: false, remote: other.remote, appointments: 1, treatments: 0 },
      ],
      mayAnswer: this.around.may("link_patients"),
      ifSame: item.linkable
        ? `The two records are linked and compared; what differs is settled or asked. Nothing is merged or deleted. Their appointments and treatments follow the link: 4 appointments and 2 treatments on ${one.name}; 1 appointment on ${other.name}.`
        : "It is remembered, and the entry waits until they are merged there.",
      ifDifferent: "It is remembered and not asked again unless a key fact of either changes (name, species, birth date, sex, microchip, owner, phone or e-mail).",
    };
  }

  say(id: string, state: DuplicateState, reason: string, laterUntilMs: number | null = null): DuplicateView | undefined {
    const item = this.items.find((one) => one.id === id);
    if (item) Object.assign(item, { state, reason, laterUntilMs, answeredBy: state === "later" ? null : this.around.person(), askedAgain: null });
    return this.view(id);
  }
}
