import { Button } from "@mantine/core";
import { IconAlertTriangle } from "@tabler/icons-react";
import { asCallFailed } from "../host/types";
import classes from "./shared.module.css";

/** An error in place: what is wrong, where, and the way out. */
export function Failure({ thrown, again }: { thrown: unknown; again?: () => void }) {
  const { message, wayOut } = asCallFailed(thrown).error;
  return (
    <div className={classes.failure} role="alert" data-testid="failure">
      <IconAlertTriangle aria-hidden="true" size={20} />
      <div>
        <strong>{message}</strong>
        <p>{wayOut}</p>
        {again && (
          <Button size="xs" variant="default" onClick={again}>
            Try again
          </Button>
        )}
      </div>
    </div>
  );
}
