import { defineBackend } from '@aws-amplify/backend';
import { Agent } from './agent/resource';

const backend = defineBackend({});
const agent = new Agent(backend.createStack('agent'), 'Agent');
backend.addOutput({ custom: { agentRuntimeArn: agent.runtime.agentRuntimeArn } });
