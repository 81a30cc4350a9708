// The part of the AWS SDK for JavaScript, which AWS Lambda's Node.js has, that deploy-time-build calls.
'use strict';
const { spawnSync } = require('child_process');

class StartBuildCommand {
  constructor(input) {
    this.input = input;
  }
}

class CodeBuildClient {
  async send({ input }) {
    const aws = `${process.env.REHEARSAL_LAUNCHERS}/aws`;
    const { status, stdout, stderr } = spawnSync(aws, ['codebuild', 'start-build', '--cli-input-json', JSON.stringify(input)], { encoding: 'utf8' });
    if (status !== 0) {
      const { __type = stderr, message = stderr } = parse(stderr);
      throw Object.assign(new Error(message), { name: __type });
    }
    return JSON.parse(stdout);
  }
}

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return {};
  }
}

module.exports = { CodeBuildClient, StartBuildCommand };
