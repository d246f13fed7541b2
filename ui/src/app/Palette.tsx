import "@mantine/spotlight/styles.css";
import { createSpotlight, Spotlight, type SpotlightActionData } from "@mantine/spotlight";
import { IconSearch } from "@tabler/icons-react";
import { useNavigate } from "@tanstack/react-router";
import { useCallback, useLayoutEffect, useState } from "react";
import { useMay } from "../data/session";
import { useRead } from "../data/useRead";
import { keyWords } from "../keyboard/KeyHint";
import { activeBindings } from "../keyboard/registry";
import { SpeciesIcon } from "../shared/Species";
import { kindWords } from "../words/words";

const [store, spotlight] = createSpotlight();

/** Everything that can be done here, and any patient, by typing a few letters. */
export function Palette({ close }: { close: () => void }) {
  const navigate = useNavigate();
  const [query, setQuery] = useState("");
  const [doable] = useState(() => activeBindings().filter((binding) => !["mod+k", "escape", "j", "k", "arrowdown", "arrowup", "enter"].includes(binding.key)));
  const maySearch = useMay("see_patients");
  const found = useRead("patients.search", { query: query.trim(), status: null, offset: 0, limit: 6 }, { enabled: maySearch && query.trim().length > 1, placeholderData: (before) => before });
  useLayoutEffect(() => spotlight.open(), []);
  // Within the event that opened it: people type on.
  const focus = useCallback((field: HTMLInputElement | null) => field?.focus(), []);

  const wanted = query.trim().toLowerCase();
  const actions: SpotlightActionData[] = doable
    .filter((binding) => `${binding.says} ${binding.group}`.toLowerCase().includes(wanted))
    .map((binding) => ({
      id: binding.key,
      label: binding.group === "Go to" ? `Go to ${binding.says}` : binding.says,
      rightSection: <kbd>{keyWords(binding.key)}</kbd>,
      onClick: () => setTimeout(binding.run, 0),
    }));
  const patients: SpotlightActionData[] =
    wanted.length > 1
      ? (found.data?.rows ?? []).map((row) => ({
          id: `patient-${row.id}`,
          label: row.name,
          description: [kindWords(row.species, row.breed), row.owner].filter(Boolean).join(" · "),
          leftSection: <SpeciesIcon species={row.species} />,
          onClick: () => void navigate({ to: "/patients/$patientId", params: { patientId: row.id } }),
        }))
      : [];

  return (
    <Spotlight
      store={store}
      shortcut={null}
      query={query}
      onQueryChange={setQuery}
      onSpotlightClose={close}
      filter={(_query, all) => all}
      actions={[...actions, ...patients]}
      nothingFound="Nothing of that name. Try an owner, a phone number or a microchip."
      searchProps={{ ref: focus, leftSection: <IconSearch size={16} aria-hidden="true" />, placeholder: "Patient, owner, microchip, or something to do", "aria-label": "Find or do" }}
      scrollable
      maxHeight={420}
      transitionProps={{ duration: 0 }}
      attributes={{ content: { "aria-label": "Find or do", "data-testid": "palette" } }}
      styles={{ actionSection: { opacity: 1 }, actionDescription: { opacity: 1, color: "inherit" } }}
    />
  );
}
