/** A stage of a Dockerfile; what only a build can tell is undefined. */
export interface Stage {
  readonly name?: string;
  readonly base?: string;
  readonly platform?: string;
}

/** Values of arguments by name; undefined where only a build knows them. */
type Arguments = Map<string, string | undefined>;

/** What Docker predefines for FROM; undefined where it depends on the machine or on Docker's version. */
const PREDEFINED: Record<string, string | undefined> = {
  TARGETPLATFORM: 'linux/arm64',
  TARGETOS: 'linux',
  TARGETARCH: 'arm64',
  TARGETVARIANT: undefined,
  TARGETOSVERSION: undefined,
  TARGETSTAGE: undefined,
  BUILDPLATFORM: undefined,
  BUILDOS: undefined,
  BUILDARCH: undefined,
  BUILDVARIANT: undefined,
  BUILDOSVERSION: undefined,
};
const WORD = /(?:"(?:\\.|[^"\\])*"|'[^']*'|\\.|[^\s"'\\])+/gs;

/**
 * Reads the stages of a Dockerfile as BuildKit does: enough to tell a wrong target or platform before anything is
 * deployed. What only a build can tell is left to the build.
 *
 * @see https://docs.docker.com/reference/dockerfile/
 */
export function readStages(text: string, buildArgs: Record<string, string>): Stage[] {
  const stages: Stage[] = [];
  const given = new Map(Object.entries(buildArgs));
  const globals: Arguments = new Map(Object.entries(PREDEFINED).map(([name, value]) => [name, given.get(name) ?? value]));
  for (const { instruction, rest } of instructions(text)) {
    if (instruction === 'ARG' && stages.length === 0) {
      declare(globals, rest, given);
    } else if (instruction === 'FROM') {
      const [flags, [base, as, name]] = flagsAndWords(rest);
      const platform = flags.find((flag) => flag.startsWith('--platform='))?.slice('--platform='.length);
      stages.push({
        base: expand(base ?? '', globals),
        name: as?.toLowerCase() === 'as' ? name?.toLowerCase() : undefined,
        platform: platform && expand(platform, globals),
      });
    }
  }
  return stages;
}

/** The stage that `docker build --target` means: the last one of that name, or the last one without a target. */
export function findStage(stages: Stage[], target?: string): Stage | undefined {
  return [...stages].reverse().find((stage) => target === undefined || stage.name === target.toLowerCase());
}

/** The platform that a stage is pinned to, by itself or by the earlier stage that it starts from; `scratch` has none. */
export function pinnedPlatform(stages: Stage[], stage: Stage): string | undefined {
  if (stage.base === undefined) {
    return undefined;
  }
  const earlier = stages.slice(0, stages.indexOf(stage)).reverse().find((candidate) => candidate.name === stage.base!.toLowerCase());
  return earlier ? pinnedPlatform(stages, earlier) : stage.base === 'scratch' ? undefined : stage.platform;
}

function* instructions(text: string): Generator<{ instruction: string; rest: string }> {
  const lines = text.replace(/^\ufeff/, '').split('\n').map((line) => line.replace(/\r+$/, ''));
  const continuation = escapeCharacter(lines) === '`' ? /(^|[^`])`[ \t]*$/ : /(^|[^\\])\\[ \t]*$/;
  for (let i = 0; i < lines.length; i++) {
    let line = lines[i].trimStart().replace(/^#.*/, '');
    let continued = continuation.test(line);
    line = line.replace(continuation, '$1');
    while (continued && ++i < lines.length) {
      const next = lines[i];
      if (!/^\s*(#|$)/.test(next)) {
        continued = continuation.test(next);
        line += next.replace(continuation, '$1');
      }
    }
    const [, instruction, rest] = /^(\S+)\s*(.*)$/s.exec(line.trim()) ?? [];
    if (instruction) {
      yield { instruction: instruction.toUpperCase(), rest };
      i = endOfHeredocs(lines, i, line);
    }
  }
}

/** The character that continues a line: a backslash, unless one of the directives before all else says otherwise. */
function escapeCharacter(lines: string[]): string | undefined {
  for (const line of lines) {
    const [, name, value] = /^\s*#\s*([a-z][a-z0-9]*)\s*=\s*(.+?)\s*$/i.exec(line) ?? [];
    if (name?.toLowerCase() === 'escape') {
      return value;
    }
    if (!['syntax', 'check'].includes(name?.toLowerCase())) {
      return undefined;
    }
  }
  return undefined;
}

/** The line at which the here-documents of an instruction end. */
function endOfHeredocs(lines: string[], start: number, instruction: string): number {
  let last = start;
  if (/^\s*(ONBUILD\s+)?(RUN|COPY|ADD)\s/i.test(instruction)) {
    for (const [word] of instruction.matchAll(WORD)) {
      const [, dash, quoted] = /^\d*<<(-?)([^<]+)$/s.exec(word) ?? [];
      if (quoted !== undefined) {
        const found = lines.findIndex((line, i) => i > last && (dash ? line.replace(/^\t+/, '') : line) === unquote(quoted));
        last = found < 0 ? last : found;
      }
    }
  }
  return last;
}

function declare(globals: Arguments, rest: string, given: Arguments): void {
  for (const [word] of rest.matchAll(WORD)) {
    const [name, value] = word.split(/=(.*)/s);
    globals.set(name, given.get(name) ?? (value === undefined ? globals.get(name) : expand(value, globals)));
  }
}

function flagsAndWords(rest: string): [string[], string[]] {
  const words = [...rest.matchAll(WORD)].map(([word]) => word);
  const first = words.findIndex((word) => !word.startsWith('--'));
  return [words.slice(0, first).map(unquote), words.slice(first)];
}

/** The value with its variables replaced and its quotes removed; undefined when that takes more than is known here. */
function expand(value: string, globals: Arguments): string | undefined {
  let known = true;
  const expanded = value.replace(/'([^']*)'|"|\$(?:(\w+)|\{(\w+)(?:(:?[-+])([^}$"'\\`]*))?\})?|[\\`]/g,
    (piece, literal, plain, braced, operator, word) => {
      const name = plain ?? braced;
      if (name === undefined) {
        known = known && !/^[$\\`]/.test(piece);
        return literal ?? '';
      }
      const current = globals.get(name);
      const undecided = globals.has(name) ? current === undefined || (current === '' && /^[-+]/.test(operator)) : operator === undefined;
      known = known && !undecided;
      return operator === undefined ? current : operator.endsWith('+') === !!current ? word : current ?? '';
    });
  return known && expanded !== '' ? expanded : undefined;
}

function unquote(value: string): string {
  return value.replace(/\\(.)|["']/gs, '$1');
}
