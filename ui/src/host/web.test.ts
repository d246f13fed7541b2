import { afterEach, describe, expect, it, vi } from "vitest";
import type { Event } from "../bindings/types";
import { eventsIn } from "./sse";
import { CallFailed } from "./types";
import { takeToken, webHost } from "./web";

function at(address: string) {
  const replaced: string[] = [];
  const location = { href: address } as Location;
  const history = { replaceState: (_data: unknown, _title: string, url: string) => replaced.push(url) } as unknown as History;
  return { location, history, replaced };
}

afterEach(() => {
  sessionStorage.clear();
  vi.unstubAllGlobals();
});

describe("the token", () => {
  it.each([
    ["http://127.0.0.1:8/?token=abc#/work", "/#/work"],
    ["http://127.0.0.1:8/#token=abc", "/"],
    ["http://127.0.0.1:8/#/work?token=abc", "/#/work"],
    ["http://127.0.0.1:8/?x=1&token=abc", "/?x=1"],
  ])("is taken once out of %s", (address, left) => {
    const { location, history, replaced } = at(address);
    expect(takeToken(location, history, sessionStorage)).toBe("abc");
    expect(replaced).toEqual([left]);
    expect(takeToken({ href: "http://127.0.0.1:8/" } as Location, history, sessionStorage)).toBe("abc");
  });
});

describe("calls", () => {
  it("send the token and the request, and give the answer", async () => {
    const fetched = vi.fn(async (_url: string, _init: RequestInit) => new Response(JSON.stringify({ ok: true }), { status: 200 }));
    vi.stubGlobal("fetch", fetched);
    await expect(webHost(".", "abc").call("home.get", {})).resolves.toEqual({ ok: true });
    const [url, init] = fetched.mock.calls[0] ?? [];
    expect(url).toBe("./api/rpc/home.get");
    expect(init?.headers).toMatchObject({ Authorization: "Bearer abc" });
    expect(init?.body).toBe("{}");
  });

  it.each([
    [409, { code: "moved", message: "m", wayOut: "w", field: null }, "moved"],
    [401, null, "not_allowed"],
    [500, "<html>", "internal"],
  ])("fail with %i as an error that screens can branch on", async (status, body, code) => {
    vi.stubGlobal("fetch", async () => new Response(JSON.stringify(body), { status }));
    const failed = await webHost(".", "abc")
      .call("home.get", {})
      .catch((thrown: unknown) => thrown);
    expect(failed).toBeInstanceOf(CallFailed);
    expect((failed as CallFailed).error.code).toBe(code);
  });

  it("say that VetSync does not answer when nothing listens", async () => {
    vi.stubGlobal("fetch", async () => {
      throw new TypeError("refused");
    });
    await expect(webHost(".", null).call("home.get", {})).rejects.toMatchObject({ error: { code: "offline" } });
  });
});

it("reads events however the stream is cut", async () => {
  const text = ': hello\n\ndata: {"kind":"changed","data":{"tags":["home"],"id":null}}\n\nevent: x\ndata: {"kind":"progress",\ndata: "data":{}}\n\ndata: broken\n\n';
  const bytes = new TextEncoder().encode(text);
  const cuts = [5, 17, 40, 90, bytes.length];
  let from = 0;
  const stream = new ReadableStream<Uint8Array>({
    pull(controller) {
      const to = cuts.shift();
      if (to === undefined) return controller.close();
      controller.enqueue(bytes.slice(from, to));
      from = to;
    },
  });
  const events: Event[] = [];
  for await (const event of eventsIn(stream)) events.push(event);
  expect(events.map((event) => event.kind)).toEqual(["changed", "progress"]);
});
