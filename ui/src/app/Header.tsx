import { Button } from "@mantine/core";
import { IconSearch } from "@tabler/icons-react";
import type { Session } from "../bindings/types";
import { KeyHint } from "../keyboard/KeyHint";
import { Appearance } from "./Appearance";
import { PersonSwitcher } from "./PersonSwitcher";
import classes from "./Shell.module.css";

export function Header({ session, openPalette }: { session: Session; openPalette: () => void }) {
  return (
    <header className={classes.header} data-testid="header">
      <span className={classes.hospital}>{session.hospital}</span>
      {session.demo && <span className={classes.sample}>Sample data</span>}
      <span className={classes.spring} />
      <Button
        size="xs"
        className={classes.find}
        variant="default"
        leftSection={<IconSearch size={14} aria-hidden="true" />}
        rightSection={
          <span className={classes.findKey}>
            <KeyHint shortcut="mod+k" />
          </span>
        }
        onClick={openPalette}
        aria-keyshortcuts="Control+K"
        data-testid="open-palette"
      >
        Find or do
      </Button>
      <Appearance />
      <PersonSwitcher session={session} />
    </header>
  );
}
