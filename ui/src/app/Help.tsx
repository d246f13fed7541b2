import { Modal } from "@mantine/core";
import { useState } from "react";
import { keyWords } from "../keyboard/KeyHint";
import { activeBindings, type KeyBinding } from "../keyboard/registry";
import classes from "./Help.module.css";

/** All keys that act on the screen behind it. */
export function Help({ close }: { close: () => void }) {
  const [groups] = useState(() => {
    const found = new Map<string, KeyBinding[]>();
    for (const binding of activeBindings()) found.set(binding.group, [...(found.get(binding.group) ?? []), binding]);
    return [...found.entries()].reverse();
  });
  return (
    <Modal opened onClose={close} title="Keys on this screen" size="lg" centered closeButtonProps={{ "aria-label": "Close" }} data-testid="help">
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
    </Modal>
  );
}
