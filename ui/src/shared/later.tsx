import { type ComponentType, lazy, useState } from "react";

/** A part whose code is fetched beside the start of the window; once it is there, it opens within the event itself. */
export function later<Props extends object>(load: () => Promise<ComponentType<Props>>): { Part: ComponentType<Props>; fetch: () => Promise<unknown> } {
  let loaded: ComponentType<Props> | null = null;
  const fetch = async () => {
    loaded ??= await load();
    return { default: loaded };
  };
  const Lazy = lazy(fetch);
  function Part(props: Props) {
    // The same one as long as it stands.
    const [Shown] = useState<ComponentType<Props>>(() => loaded ?? Lazy);
    return <Shown {...props} />;
  }
  return { Part, fetch };
}
