/** A stage of a Dockerfile. */
export interface Stage {
  readonly name?: string;
  readonly base: string;
  readonly platform?: string;
}

/**
 * Reads the stages of a Dockerfile: enough to tell a wrong target or platform before anything is deployed. What only a
 * build can tell is left to the build.
 *
 * @see https://docs.docker.com/reference/dockerfile/
 */
export function readStages(text: string, buildArgs: Record<string, string>): Stage[] {
  const stages: Stage[] = [];
  const globals: Record<string, string> = {};
  for (const [instruction, rest] of instructions(text)) {
    if (instruction === 'ARG' && stages.length === 0) {
      for (const word of rest.split(/\s+/)) {
        const [name, value] = word.split(/=(.*)/s);
        globals[name] = buildArgs[name] ?? expand(unquote(value ?? ''), globals);
      }
    } else if (instruction === 'FROM') {
      const words = rest.split(/\s+/);
      const platform = words.find((word) => word.startsWith('--platform='))?.slice('--platform='.length);
      const [base, as, name] = words.filter((word) => !word.startsWith('--'));
      stages.push({
        base: expand(base ?? '', globals),
        name: as?.toLowerCase() === 'as' ? name?.toLowerCase() : undefined,
        platform: platform === undefined ? undefined : expand(unquote(platform), globals),
      });
    }
  }
  return stages;
}

/** The stage that `docker build --target` means: by name or index, the last one without a target. */
export function findStage(stages: Stage[], target?: string): Stage | undefined {
  if (target === undefined) {
    return stages[stages.length - 1];
  }
  return [...stages].reverse().find((stage) => stage.name === target.toLowerCase())
    ?? (/^\d+$/.test(target) ? stages[Number(target)] : undefined);
}

/** The platform that a stage is pinned to, by itself or by the earlier stage that it starts from. */
export function pinnedPlatform(stages: Stage[], stage: Stage): string | undefined {
  const earlier = stages.slice(0, stages.indexOf(stage)).reverse().find((candidate) => candidate.name === stage.base.toLowerCase());
  return earlier ? pinnedPlatform(stages, earlier) : stage.platform;
}

function* instructions(text: string): Generator<[string, string]> {
  const lines = text.replace(/^\ufeff/, '').split(/\r?\n/);
  const escape = /^#\s*escape\s*=\s*`/im.test(lines.slice(0, 5).join('\n')) ? '`' : '\\';
  for (let i = 0; i < lines.length; i++) {
    let line = lines[i].trim();
    if (line === '' || line.startsWith('#')) {
      continue;
    }
    while (line.endsWith(escape) && i + 1 < lines.length) {
      const next = lines[++i].trim();
      line = next === '' || next.startsWith('#') ? line : `${line.slice(0, -1)} ${next}`;
    }
    const [, instruction, rest] = /^(\S+)\s*(.*)$/s.exec(line)!;
    yield [instruction.toUpperCase(), rest.trim()];
    if (/^(RUN|COPY|ADD|ONBUILD)$/i.test(instruction)) {
      for (const [, dash, word] of rest.matchAll(/(?<!\S)\d*<<(-?)([^\s<]+)/g)) {
        const end = lines.findIndex((body, j) => j > i && (dash ? body.replace(/^\t+/, '') : body) === unquote(word));
        i = end < 0 ? i : end;
      }
    }
  }
}

function expand(value: string, args: Record<string, string>): string {
  return value.replace(/\$(?:(\w+)|\{(\w+)(?::?-([^}]*))?\})/g, (whole, plain, braced, fallback) => (
    args[plain ?? braced] || (fallback ?? whole)));
}

function unquote(value: string): string {
  return value.replace(/^(["'])(.*)\1$/s, '$2');
}
