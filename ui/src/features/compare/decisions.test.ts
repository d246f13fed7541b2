import { describe, expect, it } from "vitest";
import type { CompareView, FieldView } from "../../bindings/types";
import { fakeHost } from "../../host/fake";
import { shown } from "../../host/fake/patients";
import { choose, halfDecidedGroups, inGroups, movedSince, resultOf, stillValid, takeSuggestions } from "./decisions";

const viewOf = (id: string): CompareView => fakeHost(0).clinic.commands["conflicts.get"]({ id });
const owner = viewOf("c-owner");
const field = (name: string): FieldView => {
  const found = owner.fields.find((one) => one.field === name);
  if (!found) throw new Error(name);
  return found;
};
const phone = field("patient.owner_phone");
const email = field("patient.owner_email");
const breed = field("patient.breed");

describe("choosing", () => {
  it("takes a side for the whole group, and for nothing else", () => {
    const next = choose(owner.fields, new Map(), phone, "take_ehr");
    expect([...next.keys()].sort()).toEqual(["patient.owner_email", "patient.owner_phone"]);
    expect(next.get("patient.owner_email")?.choice).toBe("take_ehr");
  });

  it("writes an own value into one field only", () => {
    const next = choose(owner.fields, new Map(), phone, "own", "415 555 0100");
    expect([...next.keys()]).toEqual(["patient.owner_phone"]);
  });

  it("never drags along a field that the person may not decide", () => {
    const fields = owner.fields.map((one) => (one.field === email.field ? { ...one, mayDecide: false } : one));
    expect(choose(fields, new Map(), phone, "take_ehr").has(email.field)).toBe(false);
  });

  it("names what is missing from a half-decided group", () => {
    const next = choose(owner.fields, new Map(), phone, "own", "415 555 0100");
    expect(halfDecidedGroups(owner.fields, next)).toEqual([["Owner's e-mail"]]);
    expect(halfDecidedGroups(owner.fields, choose(owner.fields, next, email, "take_ehr"))).toEqual([]);
  });

  it("keeps grouped fields together", () => {
    expect(inGroups([phone, breed, email]).map((block) => block.length)).toEqual([2, 1]);
  });
});

describe("suggestions", () => {
  it("are taken only for fields not decided yet", () => {
    const decided = choose(owner.fields, new Map(), breed, "take_ehr");
    expect(takeSuggestions(owner.fields, decided).taken).toBe(0);
    const { choices, taken } = takeSuggestions(owner.fields, new Map());
    expect(taken).toBe(1);
    expect(choices.get("patient.breed")?.choice).toBe("take_service_now");
  });
});

describe("the result", () => {
  const allergies = { ...breed, serviceNow: shown("Chicken", { items: ["Chicken"] }), ehr: shown("Chicken, Penicillin", { items: ["Chicken", "Penicillin"] }) };
  it.each([
    ["take_service_now", "Chicken"],
    ["take_ehr", "Chicken, Penicillin"],
    ["keep_both", "Chicken, Penicillin"],
  ] as const)("%s gives %s", (choice, text) => {
    expect(resultOf(allergies, { field: allergies.field, choice, own: null }, null)?.text).toBe(text);
  });
  it("is nothing while nothing is decided or the field stays open", () => {
    expect(resultOf(allergies, undefined, null)).toBeNull();
    expect(resultOf(allergies, { field: allergies.field, choice: "leave_open", own: null }, null)).toBeNull();
  });
});

describe("what moved", () => {
  const now: CompareView = { ...owner, fingerprint: "other", fields: owner.fields.map((one) => (one.field === breed.field ? { ...one, ehr: shown("Poodle") } : one)) };

  it("is named with its side, before and after", () => {
    expect(movedSince(owner, now)).toEqual([{ field: "patient.breed", label: "Breed", changes: [{ side: "ehr", before: breed.ehr, after: shown("Poodle") }] }]);
    expect(movedSince(owner, owner)).toEqual([]);
  });

  it("includes a field that agreed before and is asked about now", () => {
    const name = { ...breed, field: "patient.patient_name", label: "Name", serviceNow: shown("Bella"), lastAgreed: shown("Bella"), ehr: shown("Bello") };
    const changes = movedSince(owner, { ...owner, fields: [...owner.fields, name] });
    expect(changes.map((one) => one.field)).toEqual(["patient.patient_name"]);
    expect(changes[0]?.changes.map((one) => one.side)).toEqual(["ehr"]);
  });

  it("loses its choice while every other choice is kept", () => {
    const earlier = [
      { field: breed.field, choice: "take_ehr" as const, own: null },
      { field: phone.field, choice: "own" as const, own: "415 555 0100" },
      { field: "patient.gone", choice: "take_ehr" as const, own: null },
    ];
    expect([...stillValid(now, earlier, movedSince(owner, now)).keys()]).toEqual([phone.field]);
  });
});
