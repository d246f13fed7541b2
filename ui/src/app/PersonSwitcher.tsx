import { Menu } from "@mantine/core";
import { IconCheck, IconChevronDown, IconUser } from "@tabler/icons-react";
import type { Session } from "../bindings/types";
import { useAct } from "../data/useRead";
import { allTags } from "../host/types";
import { notifyDone, notifyFailure } from "../shared/notify";
import { roleWords } from "../words/words";
import classes from "./Shell.module.css";

/** Who is at the desk. Where several people may be chosen (sample data), the choice is here. */
export function PersonSwitcher({ session }: { session: Session }) {
  const change = useAct("session.switch", allTags, (now) => notifyDone(`You are now ${now.person.name}, ${roleWords[now.person.role]}.`));
  const who = (
    <>
      <IconUser size={16} aria-hidden="true" />
      <span>{session.person.name}</span>
      <small>{roleWords[session.person.role]}</small>
    </>
  );
  if (!session.capabilities.includes("switch_person") || session.people.length < 2) {
    return (
      <span className={classes.who} data-testid="person">
        {who}
      </span>
    );
  }
  return (
    <Menu position="bottom-end" width={260} transitionProps={{ duration: 80 }}>
      <Menu.Target>
        <button type="button" className={classes.who} data-testid="person">
          {who}
          <IconChevronDown size={14} aria-hidden="true" />
        </button>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label c="var(--text-2)">Who is at the desk?</Menu.Label>
        {session.people.map((person) => (
          <Menu.Item
            key={person.id}
            rightSection={person.id === session.person.id ? <IconCheck size={14} aria-label="now" /> : null}
            onClick={() => change.mutate({ personId: person.id }, { onError: notifyFailure })}
            data-testid={`person-${person.id}`}
          >
            {person.name} <small style={{ color: "var(--text-2)" }}>{roleWords[person.role]}</small>
          </Menu.Item>
        ))}
      </Menu.Dropdown>
    </Menu>
  );
}
