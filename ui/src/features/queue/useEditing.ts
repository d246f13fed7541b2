import { useState } from "react";

/**
 * Whether the edit form stands. The address follows, so that the way back leads here again; the form does not wait for
 * it, because what is typed right after the key belongs into the form.
 */
export function useEditing(inAddress: boolean, follow: (on: boolean) => void): [boolean, (on: boolean) => void] {
  const [chosen, setChosen] = useState<boolean | null>(null);
  const set = (on: boolean) => {
    setChosen(on);
    follow(on);
  };
  return [chosen ?? inAddress, set];
}
