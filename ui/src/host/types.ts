import type { Commands } from "../bindings/commands";
import type { ApiError, Event, ReportFile, Tag, TextFile } from "../bindings/types";

export type CommandName = keyof Commands;
export type Request<K extends CommandName> = Commands[K]["request"];
export type Response<K extends CommandName> = Commands[K]["response"];

/** What a person takes out of the console: text, or bytes in base 64. */
type SavedFile = TextFile | ReportFile;

/** The one seam between the console and whatever carries its commands: the window, a browser, or a test. */
export interface Host {
  readonly kind: "window" | "browser" | "sample";
  call<K extends CommandName>(name: K, request: Request<K>): Promise<Response<K>>;
  /** Keeps a file where people look for it; says where. */
  save(file: SavedFile): Promise<string>;
  /** Returns what ends the subscription. */
  subscribe(listener: (event: Event) => void): () => void;
}

/** Every command fails with this and nothing else, so that screens can branch on `code`. */
export class CallFailed extends Error {
  readonly error: ApiError;
  constructor(error: ApiError) {
    super(error.message);
    this.name = "CallFailed";
    this.error = error;
  }
}

function isApiError(value: unknown): value is ApiError {
  return typeof value === "object" && value !== null && "code" in value && "message" in value;
}

/** Turns whatever a transport threw into a `CallFailed`. */
export function asCallFailed(thrown: unknown): CallFailed {
  if (thrown instanceof CallFailed) return thrown;
  if (isApiError(thrown)) return new CallFailed(thrown);
  return new CallFailed({
    code: "internal",
    message: typeof thrown === "string" ? thrown : "The engine did not answer as expected.",
    wayOut: "Try again. If it happens twice, restart VetSync and tell IT what you were doing.",
    field: null,
  });
}

export const allTags: Tag[] = ["home", "patients", "patient", "conflicts", "conflict", "plans", "receipts", "runs", "quarantine", "session", "queue", "remotes", "incidents"];

/** After a gap in the event stream anything may have changed. */
export const everythingChanged: Event = { kind: "changed", data: { tags: allTags, id: null } };
