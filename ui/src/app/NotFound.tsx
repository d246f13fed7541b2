import { Link } from "@tanstack/react-router";
import { Empty } from "../shared/Empty";
import { Failure } from "../shared/Failure";
import { Page } from "../shared/Page";

export function NotFound() {
  return (
    <Page title="There is no such screen" testId="not-found">
      <Empty title="This address leads nowhere">
        <Link to="/">Go to Home</Link>
      </Empty>
    </Page>
  );
}

export function ScreenFailed({ error, reset }: { error: unknown; reset: () => void }) {
  return (
    <Page title="This screen stopped" testId="screen-failed">
      <Failure thrown={error} again={reset} />
    </Page>
  );
}
