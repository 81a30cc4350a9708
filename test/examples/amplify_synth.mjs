// What Amplify's deployer does with an app: its file is the argument, its context is in CDK_CONTEXT_JSON, its output folder in CDK_OUTDIR.
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { tsImport } from 'tsx/esm/api';

await tsImport(pathToFileURL(path.resolve(process.argv[2])).toString(), import.meta.url);
process.emit('message', 'amplifySynth', undefined);
