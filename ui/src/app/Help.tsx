import { useState } from "react";
import { keyWords } from "../keyboard/KeyHint";
import { activeBindings, type KeyBinding } from "../keyboard/registry";
import { Dialog } from "../shared/Dialog";
import classes from "./Help.module.css";

/** All keys that act on the screen behind it. */
export function Help({ close }: { close: () => void }) {
  const [groups] = useState(() => {
    const found = new Map<string, KeyBinding[]>();
    for (const binding of activeBindings()) found.set(binding.group, [...(found.get(binding.group) ?? []), binding]);
    return [...found.entries()].reverse();
  });
  return (
    <Dialog close={close} title="Keys on this screen" size="lg" testId="help">
      <div className={classes.groups}>
        {groups.map(([group, bindings]) => (
          <section key={group}>
            <h2>{group}</h2>
            <dl>
              {bindings.map((binding) => (
                <div key={binding.key}>
                  <dt>
                    <kbd>{keyWords(binding.key)}</kbd>
                  </dt>
                  <dd>{binding.says}</dd>
                </div>
              ))}
            </dl>
          </section>
        ))}
      </div>
      <p className={classes.note}>Keys rest while you type. Single letters can be switched off at the bottom left.</p>
    </Dialog>
  );
}
