/** A stage of a Dockerfile. */
export interface Stage {
  readonly name?: string;
  /** The image or the earlier stage that the stage starts from. */
  readonly base: string;
  /** The value of `--platform`. */
  readonly platform?: string;
}

const MAY_HAVE_HEREDOC = /^(RUN|COPY|ADD)\s/i;
const HEREDOC = /(?<=\s)<<(-?)(["']?)(\w+)\2(?=\s|$)/g;
/** What makes it uncertain, beside a here-document, which words of an instruction begin one. */
const UNCERTAIN = /<<\S|\$\{|[\\`"']/;

const CONTINUED = /(^|[^\\])\\[ \t]*$/;
const FROM = /^FROM\s+(?:--platform=(\S+)\s+)?([^\s-]\S*)(?:\s+AS\s+(\S+))?$/i;

/**
 * Reads the stages of a Dockerfile, as far as they are certain before the build.
 *
 * Returns undefined for a Dockerfile that is unusual enough to need Docker's own parser. The build checks whatever is not
 * checked here.
 *
 * @see https://docs.docker.com/reference/dockerfile/
 */
export function readStages(text: string): Stage[] | undefined {
  const lines = text.replace(/^\ufeff/, '').split('\n').map((line) => line.replace(/\r+$/, ''));
  if (lines.some((line) => /^\s*#\s*escape\s*=/i.test(line))) {
    return undefined;
  }
  const stages: Stage[] = [];
  for (let next = 0; next < lines.length;) {
    const { instruction, end } = instructionAt(lines, next);
    const afterHeredocs = MAY_HAVE_HEREDOC.test(instruction) ? skipHeredocs(lines, end, instruction) : end;
    if (afterHeredocs === undefined || /^ONBUILD\s.*<</i.test(instruction)) {
      return undefined;
    }
    next = afterHeredocs;
    if (/^FROM(\s|$)/i.test(instruction)) {
      const [found, platform, base, name] = FROM.exec(instruction) ?? [];
      if (!found || /["'\\`]/.test(found)) {
        return undefined;
      }
      stages.push({ base, name: name?.toLowerCase(), platform });
    }
  }
  return stages;
}

/** The stage that `docker build --target` selects: the last one with that name, or the last one without a target. */
export function findStage(stages: Stage[], target?: string): Stage | undefined {
  return [...stages].reverse().find((stage) => target === undefined || stage.name === target.toLowerCase());
}

/** The platform that a stage requires, itself or through the earlier stage that it starts from; undefined if not certain. */
export function pinnedPlatform(stages: Stage[], stage: Stage): string | undefined {
  const earlier = stages.slice(0, stages.indexOf(stage)).reverse().find(({ name }) => name === stage.base.toLowerCase());
  if (earlier) {
    return pinnedPlatform(stages, earlier);
  }
  return isImage(stage.base) && !stage.platform?.includes('$') ? stage.platform : undefined;
}

/** Whether a base that names no stage is an image. Names of stages contain no ':', '/' or '@', whatever variables are in them. */
function isImage(base: string): boolean {
  const literal = base.replace(/\$(\w+|\{\w+\})/g, '');
  return base !== 'scratch' && !literal.includes('$') && (literal === base || /[:/@]/.test(literal));
}

/** The instruction that begins at a line, with its continuation lines joined, and the line after it. */
function instructionAt(lines: string[], start: number): { instruction: string; end: number } {
  let line = lines[start].replace(/^\s*#.*/, '');
  let end = start + 1;
  while (CONTINUED.test(line) && end < lines.length) {
    const isComment = /^\s*(#|$)/.test(lines[end]);
    line = isComment ? line : line.replace(CONTINUED, '$1') + lines[end];
    end += 1;
  }
  return { instruction: line.replace(CONTINUED, '$1').trim(), end };
}

/** The line after the here-documents of an instruction; undefined if it is not certain where they end. */
function skipHeredocs(lines: string[], start: number, instruction: string): number | undefined {
  if (!/<<\S/.test(instruction)) {
    return start;
  }
  const heredocs = [...instruction.matchAll(HEREDOC)];
  if (UNCERTAIN.test(instruction.replace(HEREDOC, ''))) {
    return undefined;
  }
  let end = start;
  for (const [, dash, , terminator] of heredocs) {
    const last = lines.findIndex((line, i) => i >= end && (dash ? line.replace(/^\t+/, '') : line) === terminator);
    if (last < 0) {
      return undefined;
    }
    end = last + 1;
  }
  return end;
}
