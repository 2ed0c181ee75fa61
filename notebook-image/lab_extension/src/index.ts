import { sessions } from './sessions/index.js';

export default [sessions];
