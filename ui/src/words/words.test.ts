import { expect, it } from "vitest";
import { keyWords } from "../keyboard/KeyHint";
import { capitalised, countWords, kindWords, triggerWords, whyAsked } from "./words";

it.each([
  ["cat", "Maine Coon", "Cat, Maine Coon"],
  ["cat", "", "Cat"],
  ["", "", ""],
])("names a kind of animal without stray commas: %s, %s", (species, breed, words) => {
  expect(kindWords(species, breed)).toBe(words);
});

it("puts a capital first and leaves the rest", () => {
  expect(capitalised("dog")).toBe("Dog");
  expect(capitalised("")).toBe("");
});

it("counts to a thousand", () => {
  expect([0, 999, 1000].map(countWords)).toEqual(["0", "999", "1,000+"]);
});

it("calls nothing changed that was never agreed", () => {
  expect(whyAsked("ehr_edited_one_way_field", false)).toMatch(/^It stands only in the EHR/);
  expect(whyAsked("ehr_edited_one_way_field", true)).toMatch(/^The EHR changed it/);
});

it("names triggers and keys as people do", () => {
  expect(triggerWords("start")).toBe("at program start");
  expect(keyWords("pagedown")).toBe("Page Down");
});
