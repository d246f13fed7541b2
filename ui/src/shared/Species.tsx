import { IconCat, IconDog, IconFeather, IconFish, IconHorse, IconPaw } from "@tabler/icons-react";

const icons = { dog: IconDog, cat: IconCat, bird: IconFeather, fish: IconFish, horse: IconHorse };

function iconFor(species: string) {
  const word = species.toLowerCase();
  if (/dog|canin|canis/.test(word)) return icons.dog;
  if (/\bcat|felin|felis/.test(word)) return icons.cat;
  if (/bird|avian|parrot|chicken/.test(word)) return icons.bird;
  if (/fish/.test(word)) return icons.fish;
  if (/horse|equin|pony|donkey/.test(word)) return icons.horse;
  return IconPaw;
}

/** Only an ornament: the word stands beside it or in its title. */
export function SpeciesIcon({ species, size = 18 }: { species: string; size?: number }) {
  const Icon = iconFor(species);
  return <Icon size={size} stroke={1.6} aria-hidden="true" />;
}
