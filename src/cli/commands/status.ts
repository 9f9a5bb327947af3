import { resolve } from "node:path";
import { Command, Option } from "commander";
import { ask } from "../../daemon/client.ts";
import type { Health, Status } from "../../daemon/protocol.ts";
import { PinDirectory } from "../../dataplane/pins.ts";
import { UnumError } from "../../errors.ts";
import type { Context } from "../context.ts";
import { DEFAULT_SOCKET, examples, jsonOption, pinDirOption, say } from "../context.ts";
import { count, json } from "../render.ts";

interface StatusOptions {
  readonly pinDir: string;
  readonly socket?: string;
  readonly json?: boolean;
}

const ANSWER_MS = 5000;
/** Exit status when the maps are not what the source says. */
const BEHIND = 1;

function lines({
  version,
  pid,
  startedAt,
  state,
  source,
  applied,
  failure,
  pinDir,
  lagSeconds,
  drained,
  liveness,
}: Status): string[] {
  const text = [`daemon ${version}, process ${pid} since ${startedAt}, pinned at ${pinDir}`, `source ${source.name}`];
  if (source.revision !== undefined) text.push(`source revision ${source.revision}, read ${source.readAt}`);
  if (source.error !== undefined) text.push(`source error: ${source.error.message} [${source.error.code}]`);
  if (source.keptOut.count > 0) {
    text.push(`${count(source.keptOut.count, "object is", "objects are")} kept out:`);
    text.push(...source.keptOut.first.map((line) => `  ${line.replaceAll("\n", "\n    ")}`));
  }
  text.push(applied === undefined ? "nothing applied yet" : `maps show ${applied.revision}, since ${applied.at}`);
  text.push(lagSeconds > 0 ? `${state}, behind for ${lagSeconds.toFixed(1)} s` : state);
  if (failure !== undefined) {
    text.push(
      `${failure.revision === undefined ? "upkeep" : `revision ${failure.revision}`}, ${count(failure.attempts, "try", "tries")}: ${failure.message} [${failure.code}]`,
    );
    if (failure.remedy !== undefined) text.push(`  ${failure.remedy}`);
  }
  if (drained.length > 0) text.push(`drained: ${drained.join(", ")}`);
  text.push(...livenessLines(liveness));
  return text;
}

function livenessLines({ sessions, up, drained, down, stale, allSilent, troubles }: Status["liveness"]): string[] {
  const text = [...troubles];
  if (sessions === 0) return text;
  const out = drained > 0 ? `, ${drained} administratively down` : "";
  text.push(`${count(sessions, "BFD session")}, ${up} up${out}; ${count(stale, "endpoint")} stale`);
  if (allSilent) text.push("every endpoint that ever answered is silent: they are used all the same");
  for (const { endpoint, address, state, diagnostic, liveness } of down) {
    const why = diagnostic === "none" ? "" : ` (${diagnostic})`;
    text.push(`  ${endpoint} ${address}: session ${state}${why}, endpoint ${liveness}`);
  }
  const more = sessions - up - drained - down.length;
  if (more > 0) text.push(`  and ${more} more`);
  return text;
}

/** `unum status`. */
export function statusCommand(context: Context): Command {
  return new Command("status")
    .description("what the daemon of a pin directory does; exit status 1 when the maps are not what its source says")
    .addOption(pinDirOption())
    .addOption(new Option("--socket <path>", "the daemon's socket (default: that of the daemon of --pin-dir)"))
    .addOption(jsonOption())
    .addHelpText("after", examples("unum status", "unum status --json | jq -r .source.revision"))
    .action(async (options: StatusOptions) => {
      const path = options.socket ?? new PinDirectory(options.pinDir).readDaemonSocket() ?? DEFAULT_SOCKET;
      const status: Status = await ask(path, { command: "status" }, ANSWER_MS);
      if (options.socket === undefined && status.pinDir !== resolve(options.pinDir)) {
        throw new UnumError(
          "DAEMON_SILENT",
          `ask the daemon of ${options.pinDir}: there is none; ${path} is that of ${status.pinDir}`,
          {
            remedy: "name its directory with --pin-dir, or start one: unum run",
          },
        );
      }
      const health: Health = await ask(path, { command: "health" }, ANSWER_MS);
      if (options.json === true) json(context, { ...plain(status), ...plain(health) });
      else for (const line of lines(status)) say(context, line);
      const behind = status.failure !== undefined || status.source.error !== undefined || status.applied === undefined;
      if (behind) context.setExit(BEHIND);
    });
}

/** An answer without the word that it is one. */
function plain(answer: object): object {
  const { ok: _, ...rest } = answer as { ok?: boolean };
  return rest;
}
